"""The engine under the simulated RDS: a server like RDS's, honest backups, exact recovery."""

import os
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from cryptography import x509

from dr.errors import Refused, Unable
from dr.lab.engine import archive, backup, binaries, recovery, roles, settings, tree
from dr.lab.engine.account import Account
from dr.lab.engine.archive import Archive
from dr.lab.engine.cluster import Cluster, Machine, ServerFailed
from dr.lab.engine.tls import Authority
from tests.room import public_folder

PASSWORD = "correct-horse-battery"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    folder = public_folder("engine")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def machine(home: Path) -> Machine:
    return Machine(tree.plant(home), Account.choose(), Authority.found(home / "tls"), "admin-password")


def host(name: str) -> str:
    return f"{name}.cabcdefghijk.eu-west-1.rds.amazonaws.com"


@pytest.fixture(scope="module")
def source(machine: Machine, home: Path) -> Iterator[Cluster]:
    """A furnished, archiving cluster with a master user and a table of instants."""
    wal = Archive(home / "wal")
    wal.prepare(machine.account)
    cluster = Cluster(machine, home / "source", host("source"), wal.archive_command)
    cluster.create()
    with cluster.connect() as connection:
        roles.create_master(connection, "owner", PASSWORD, "app")
    with as_master(cluster) as master:
        master.execute("create table seen (at timestamptz not null)")
    yield cluster
    cluster.remove()


def as_master(cluster: Cluster, database: str = "app", **words: str) -> psycopg.Connection:
    given = {**psycopg.conninfo.conninfo_to_dict(cluster.address("owner", PASSWORD, database)), **words}
    return psycopg.connect(psycopg.conninfo.make_conninfo(**given), autocommit=True)  # type: ignore[arg-type]


def one(connection: psycopg.Connection, query: str) -> object:
    row = connection.execute(query).fetchone()  # type: ignore[call-overload]
    assert row is not None
    return row[0]


# --- which server ---


def test_the_operators_choice_comes_first_and_must_be_complete(tmp_path: Path) -> None:
    for name in binaries.NEEDED:
        (tmp_path / name).touch()
    assert binaries.find({binaries.VARIABLE: str(tmp_path)}) == tmp_path
    (tmp_path / "initdb").unlink()
    with pytest.raises(Refused, match=r"no complete PostgreSQL server[\s\S]*hint:"):
        binaries.find({binaries.VARIABLE: str(tmp_path)})


def test_debians_newest_major_is_preferred(tmp_path: Path) -> None:
    for major in ("9", "15", "16"):
        (tmp_path / major / "bin").mkdir(parents=True)
        for name in binaries.NEEDED:
            (tmp_path / major / "bin" / name).touch()
    assert binaries.find({"PATH": ""}, debian=tmp_path) == tmp_path / "16" / "bin"


def test_allowed_extensions_become_trusted_and_others_do_not(machine: Machine) -> None:
    controls = {file.stem: file.read_text() for file in machine.tree.programs.parents[3].rglob("*.control")}
    assert "trusted = true" in controls["plpgsql"]
    for name in tree.ALLOWED & controls.keys():
        assert "trusted = true" in controls[name]
    if "file_fdw" in controls:
        assert "trusted" not in controls["file_fdw"]


def test_the_tree_is_planted_once(machine: Machine, home: Path) -> None:
    before = (home / "postgres" / "complete").stat().st_mtime_ns
    assert tree.plant(home).programs == machine.tree.programs
    assert (home / "postgres" / "complete").stat().st_mtime_ns == before


def test_a_private_home_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    with pytest.raises(Refused, match="cannot pass through"):
        Account(uid=65534, gid=65534).require_passage(tmp_path / "closed")


# --- like RDS ---


def test_the_master_is_no_superuser_and_everything_else_is_as_on_rds(source: Cluster) -> None:
    with as_master(source) as master:
        assert one(master, "select rolsuper from pg_roles where rolname = current_user") is False
        assert one(master, "select rolcreatedb and rolcreaterole from pg_roles where rolname = current_user")
        assert one(master, "select pg_has_role(current_user, 'rds_superuser', 'member')")
        assert one(master, "select datdba::regrole::text from pg_database where datname = 'app'") == "owner"
        assert one(master, "show data_checksums") == "on"
        assert one(master, "select ssl from pg_stat_ssl where pid = pg_backend_pid()")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            master.execute("select pg_read_file('postgresql.conf')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            master.execute("alter system set fsync = on")
    with pytest.raises(psycopg.OperationalError, match="rejects connection"):
        as_master(source, "rdsadmin")


def test_only_verified_tls_gets_in(source: Cluster) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"pg_hba|no encryption|without TLS"):
        as_master(source, sslmode="disable")
    with pytest.raises(psycopg.OperationalError, match=r"certificate|does not match"):
        as_master(source, host="elsewhere.example")


def test_extensions_of_the_master_are_usable_in_every_database(source: Cluster) -> None:
    with as_master(source) as master:
        available = {row[0] for row in master.execute("select name from pg_available_extensions")}
        if "amcheck" not in available:
            pytest.skip("this PostgreSQL has no contrib modules")
        master.execute("create extension amcheck")
        master.execute("create index on seen (at)")
        master.execute("select bt_index_check('seen_at_idx', true)")
        assert master.execute("select * from verify_heapam('seen')").fetchall() == []
        master.execute("create database later")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            master.execute("create extension file_fdw")
    with as_master(source, "later") as master:
        master.execute("create extension pg_visibility")
        master.execute("select * from pg_visibility('pg_class')")


def test_a_certificate_names_its_endpoint_only(machine: Machine) -> None:
    name = host("a" * 63)
    certificate = x509.load_pem_x509_certificate(machine.authority.issue(name)[0])
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [name]
    certificate.verify_directly_issued_by(machine.authority.certificate)
    again = Authority.found(machine.authority.certificate_file.parent)
    assert again.certificate == machine.authority.certificate
    assert ssl.create_default_context(cafile=str(machine.authority.certificate_file))


def test_parameter_groups_cannot_move_what_the_lab_stands_on() -> None:
    text = settings.parameters_file({"work_mem": "8MB", "archive_command": "false", "port": "1", "ssl": "off"})
    assert text == "work_mem = '8MB'\n"
    assert settings.quoted("it's \\") == "'it''s \\\\'"


# --- archive ---


def test_the_archive_refuses_to_replace_a_segment_by_other_content(machine: Machine, tmp_path: Path) -> None:
    folder = Archive(tmp_path / "a b'c")
    folder.directory.mkdir()
    (tmp_path / "new").write_text("one")
    command = folder.archive_command.replace("%%", "%").replace("%p", str(tmp_path / "new")).replace("%f", "000001")

    def run() -> int:
        return subprocess.run(["sh", "-c", command], check=False).returncode

    assert run() == 0
    assert run() == 0
    (tmp_path / "new").write_text("two")
    assert run() != 0
    assert (folder.directory / "000001").read_text() == "one"
    assert folder.segments() == ["000001"]
    assert machine.tree.version


def test_the_restorable_time_advances_whoever_else_closes_segments(source: Cluster, home: Path) -> None:
    """A base backup closes the segment that it ends in; so may a master user. None of that holds up an idle server."""
    wal, done = Archive(home / "wal"), threading.Event()

    def closing() -> None:
        with source.connect() as admin:
            while not done.is_set():
                admin.execute("select pg_switch_wal()")

    other = threading.Thread(target=closing)
    other.start()
    try:
        for _ in range(25):
            before, late = datetime.now(UTC).replace(microsecond=0), threading.Event()
            alarm = threading.Timer(20, late.set)
            alarm.start()
            reached = archive.advance(source, wal, late)
            alarm.cancel()
            assert reached is not None, "the segment never came"
            assert reached >= before
    finally:
        done.set()
        other.join()


# --- recovery ---


def test_recovery_is_exact_to_the_second_also_when_nothing_happens(
    source: Cluster, machine: Machine, home: Path
) -> None:
    wal = Archive(home / "wal")
    with as_master(source) as master:
        master.execute("insert into seen values (clock_timestamp())")
    base = backup.take(source, home / "bases" / "1")
    wait_for(base.earliest)
    with as_master(source) as master:
        while datetime.now(UTC) < base.earliest + timedelta(seconds=2.2):
            master.execute("insert into seen values (clock_timestamp())")
            time.sleep(0.02)
        rows = [row[0] for row in master.execute("select at from seen")]
    time.sleep(1.1)
    reached = archive.advance(source, wal, threading.Event())
    assert reached is not None
    assert max(rows) < reached <= datetime.now(UTC)
    for instant in (base.earliest, base.earliest + timedelta(seconds=1), reached):
        copy = Cluster(machine, home / "copy", host("copy"))
        recovery.to_instant(copy, base, wal, instant)
        with as_master(copy) as master:
            restored = [row[0] for row in master.execute("select at from seen")]
            # A row is written before it is committed: the last one may be on either side of the instant.
            assert sorted(restored) == sorted(rows)[: len(restored)]
            assert abs(len(restored) - sum(row <= instant for row in rows)) <= 1
            master.execute("insert into seen values (now())")
        with copy.connect() as admin:
            assert one(admin, "show archive_command") == "true"
            assert one(admin, "show restore_command") == ""
        copy.remove()

    early = base.started.replace(microsecond=0)
    with pytest.raises(Unable, match="choose an older base backup"):
        recovery.to_instant(Cluster(machine, home / "early", host("early")), base, wal, early)
    assert not (home / "early").exists()

    torn = Archive(home / "torn")
    torn.follow(machine.account, wal, base.first_segment)
    (torn.directory / torn.segments()[-1]).unlink()
    broken = Cluster(machine, home / "broken", host("broken"))
    with pytest.raises(ServerFailed, match="recovery"):
        recovery.to_instant(broken, base, torn, reached)
    assert not broken.alive


def test_a_backup_knows_its_newest_transaction(source: Cluster, machine: Machine, home: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        with as_master(source) as master:
            while not stop.is_set():
                master.execute("insert into seen values (clock_timestamp())")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        base = backup.take(source, home / "bases" / "2")
    finally:
        stop.set()
        writer.join()
    copy = Cluster(machine, home / "copy", host("copy"))
    recovery.from_base(copy, base)
    with as_master(copy) as master:
        newest = one(master, "select max(at) from seen")
    copy.remove()
    assert isinstance(newest, datetime)
    assert timedelta() <= base.newest_transaction - newest < timedelta(seconds=0.5)


def test_a_killed_server_is_not_alive_and_starts_again(source: Cluster) -> None:
    pid = source.pid
    assert pid is not None
    # Whoever removes its folder leaves nothing of it in the machine's memory.
    mapped = Path(f"/proc/{pid}/maps").read_text()
    assert "/pg_dynshmem/" in mapped
    assert "/PostgreSQL." not in mapped
    os.kill(pid, 9)
    deadline = time.monotonic() + 10
    while source.alive and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not source.alive
    source.start()
    with as_master(source) as master:
        master.execute("select 1")


def wait_for(moment: datetime) -> None:
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))
