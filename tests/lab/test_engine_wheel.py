"""The server of the Python wheel knows no TLS; clients must not notice."""

import importlib.util
import shutil
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dr.lab.engine import backup, binaries, recovery, roles, tree
from dr.lab.engine.account import Account
from dr.lab.engine.cluster import Cluster, Machine
from dr.lab.engine.tls import Authority
from tests.room import public_folder

PASSWORD = "correct-horse-battery"
HOST = "wheel.cabcdefghijk.eu-west-1.rds.amazonaws.com"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    found = importlib.util.find_spec(binaries.WHEEL)
    if found is None or found.origin is None:
        pytest.skip("the wheel is not installed")
    home = public_folder("wheel")
    planted = tree.plant(home, Path(found.origin).parent / "pginstall" / "bin")
    machine = Machine(planted, Account.choose(), Authority.found(home / "tls"), "admin-password")
    made = Cluster(machine, home / "one", HOST)
    made.create()
    with made.connect() as connection:
        roles.create_master(connection, "owner", PASSWORD, "app")
    yield made
    made.remove()
    shutil.rmtree(home)


def test_verified_tls_backup_and_restore(cluster: Cluster) -> None:
    assert not cluster.machine.tree.speaks_tls
    with psycopg.connect(cluster.address("owner", PASSWORD, "app"), autocommit=True) as master:
        assert master.pgconn.ssl_in_use
        master.execute("create table blob as select repeat('x', 1000000) as body")
        assert master.execute("select length(body) from blob").fetchone() == (1000000,)
    base = backup.take(cluster, cluster.directory.parent / "base")
    copy = Cluster(cluster.machine, cluster.directory.parent / "two", HOST.replace("wheel", "copy"))
    recovery.from_base(copy, base)
    with psycopg.connect(copy.address("owner", PASSWORD, "app")) as master:
        assert master.execute("select length(body) from blob").fetchone() == (1000000,)
    copy.remove()


def test_a_new_name_needs_a_new_certificate(cluster: Cluster) -> None:
    cluster.endpoint = HOST.replace("wheel", "renamed")
    with pytest.raises(psycopg.OperationalError, match="does not match"):
        psycopg.connect(cluster.address("owner", PASSWORD, "app"))
    cluster.certify()
    cluster.reload()
    psycopg.connect(cluster.address("owner", PASSWORD, "app")).close()


def test_clients_that_speak_no_tls_or_nonsense_are_turned_away(cluster: Cluster) -> None:
    with pytest.raises(psycopg.OperationalError, match="without TLS"):
        psycopg.connect(host="127.0.0.1", port=cluster.port, user="owner", dbname="app", sslmode="disable")
    for nonsense in (b"GET / HTTP/1.1\r\n\r\n", struct.pack("!II", 8, 80877103) + b"not a handshake", b""):
        with socket.create_connection(("127.0.0.1", cluster.port), timeout=5) as connection:
            connection.sendall(nonsense)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1000):
                pass
    psycopg.connect(cluster.address("owner", PASSWORD, "app")).close()


def test_a_query_can_be_cancelled(cluster: Cluster) -> None:
    with psycopg.connect(cluster.address("owner", PASSWORD, "app")) as master:
        master.cancel_safe()
        assert master.execute("select 1").fetchone() == (1,)
