"""A real cluster without a heartbeat, and the logins of its owner and of a writer that does not exist yet."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dr.heartbeat.install import install, prepare
from dr.lab.engine import roles, tree
from dr.lab.engine.account import Account
from dr.lab.engine.cluster import Cluster, Machine
from dr.lab.engine.tls import Authority
from dr.postgres import Login
from tests.checks.conftest import PASSWORD, as_owner, login_to
from tests.room import public_folder

WRITER = "firedrill_heartbeat"
PASSED_ON = "a-beating-heart"
SECRET = "receipts/heartbeat"


@dataclass
class Source:
    """A cluster, and how to enter it."""

    cluster: Cluster
    home: Path

    def login(self, user: str = WRITER, password: str = PASSED_ON, dbname: str = "app") -> Login:
        return login_to(self.cluster, dbname, user, password)

    @property
    def owner(self) -> Login:
        return self.login("owner", PASSWORD)


@pytest.fixture(scope="session")
def empty() -> Iterator[Source]:
    home = public_folder("heartbeat")
    machine = Machine(tree.plant(home), Account.choose(), Authority.found(home / "tls"), "admin-password")
    cluster = Cluster(machine, home / "source", "source.lab")
    try:
        cluster.create()
        with cluster.connect() as connection:
            roles.create_master(connection, "owner", PASSWORD, "app")
        with as_owner(cluster) as owner:
            owner.execute("create table accounts (id int primary key)")
            owner.execute("create table notices (id int); grant select on notices to public")
            owner.execute("create function lifted() returns int security definer language sql as 'select 1'")
            owner.execute("create function kept() returns int security definer language sql as 'select 1'")
            owner.execute("revoke all on function kept() from public")
        yield Source(cluster, home)
    finally:
        cluster.stop("immediate")
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def source(empty: Source) -> Source:
    """The same with a heartbeat installed, and nobody who writes it."""
    install(prepare("receipts-db", empty.owner, empty.login(), SECRET))
    return empty
