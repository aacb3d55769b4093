"""A real source with a writer that never rests, and restores of it to an exact second."""

import random
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from dr import baseline
from dr.clock import SystemClock
from dr.lab.engine import archive, backup, recovery, roles, tree
from dr.lab.engine.account import Account
from dr.lab.engine.archive import Archive
from dr.lab.engine.backup import Base
from dr.lab.engine.cluster import Cluster, Machine
from dr.lab.engine.tls import Authority
from dr.postgres import Login
from dr.verification import InstanceBaseline
from tests.room import public_folder

PASSWORD = "correct-horse-battery"
HOSTILE = 'odd "name"; --%s\n☃'

SCHEMA = """
create table accounts (
    id bigint generated always as identity primary key, name text not null, balance numeric not null);
create table counters (id int primary key, n bigint not null) with (fillfactor = 50);
create table notes (body text, other text);
create table shapes (
    id serial primary key, meta json, place point, span interval, doc xml, kinds money, at timestamptz);
create table empty_or_null (id int primary key, text text, number float8, price numeric, moment interval);
create table events (id bigint not null, at date not null, kind text) partition by range (at);
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
create table events_rest partition of events default;
create unlogged table cache (key text primary key, value text, n serial);
create materialized view totals as select count(*) as n from accounts;
create schema "Böse %s";
create table "Böse %s"."odd ""name""; --%s
☃" ("a ""column"" %s" text, "select" int, "größe ☃" text);
create sequence tickets increment 10;
create sequence never_used;
create domain posint as int not null check (value > 0);
create table measures (id int primary key, size posint default 1, at interval);
insert into measures select i, i from generate_series(1, 20) i;
create type mood as enum ('glad', 'sad');
create function greet(who text) returns text language sql as $$ select 'hello ' || who $$;
insert into accounts (name, balance) select 'account ' || i, i * 1.5 from generate_series(1, 60000) i;
insert into counters select i, 0 from generate_series(1, 50) i;
insert into notes select nullif(i % 3, 0)::text, repeat('x', 40) from generate_series(1, 2000) i;
insert into shapes (meta, place, span, doc, kinds, at)
  select json_build_object('n', i), point(i, -i), make_interval(days => i), xmlparse(content '<a>' || i || '</a>'), i,
         now()
    from generate_series(1, 500) i;
insert into events select i, date '2025-12-01' + i % 60, 'kind ' || i % 7 from generate_series(1, 3000) i;
insert into empty_or_null select i, null, 0.0, 1.0, '1 month' from generate_series(1, 10) i;
insert into cache values ('a', 'b');
insert into "Böse %s"."odd ""name""; --%s
☃" select 'v' || i, i, null from generate_series(1, 300) i;
create schema firedrill;
create table firedrill.heartbeat (
    seq bigint primary key, at timestamptz not null, lsn pg_lsn not null, lineage uuid not null);
"""
BEAT = """
insert into firedrill.heartbeat select coalesce(max(seq), 0) + 1, clock_timestamp(), pg_current_wal_lsn(),
 '00000000-0000-4000-8000-000000000001' from firedrill.heartbeat
"""


@dataclass
class Source:
    """A cluster that archives, its newest base backup, and how to enter it."""

    cluster: Cluster
    wal: Archive
    home: Path
    base: Base
    restored: int = field(default=0)

    def login(self, dbname: str) -> Login:
        return login_to(self.cluster, dbname)

    def capture(self, **words: object) -> InstanceBaseline:
        return baseline.capture("receipts-db", "db-TEST", self.login, SystemClock(), **words)  # type: ignore[arg-type]

    def copy(self) -> Cluster:
        self.restored += 1
        return Cluster(self.cluster.machine, self.home / f"copy-{self.restored}", f"copy-{self.restored}.lab")

    def restore(self, instant: datetime) -> Cluster:
        """A physical copy, replayed to an instant."""
        while (reached := archive.advance(self.cluster, self.wal, threading.Event())) is None or reached <= instant:
            threading.Event().wait(0.1)
        copy = self.copy()
        recovery.to_instant(copy, self.base, self.wal, instant)
        return copy


def login_to(cluster: Cluster, dbname: str, user: str = "owner", password: str = PASSWORD) -> Login:
    return Login(
        host=cluster.endpoint,
        port=cluster.port,
        user=user,
        password=SecretStr(password),
        dbname=dbname,
        ca=cluster.machine.authority.certificate_file,
        address="127.0.0.1",
    )


def entering(cluster: Cluster) -> Callable[[str], Login]:
    return lambda dbname: login_to(cluster, dbname)


def as_owner(cluster: Cluster, dbname: str = "app") -> psycopg.Connection:
    given = psycopg.conninfo.conninfo_to_dict(cluster.address("owner", PASSWORD, dbname))
    return psycopg.connect(psycopg.conninfo.make_conninfo(**given), autocommit=True)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def source() -> Iterator[Source]:
    home = public_folder("checks")
    machine = Machine(tree.plant(home), Account.choose(), Authority.found(home / "tls"), "admin-password")
    wal = Archive(home / "wal")
    wal.prepare(machine.account)
    cluster = Cluster(machine, home / "source", "source.lab", wal.archive_command)
    try:
        # Without page checksums, as some instances of RDS have been created: damage then shows by content only.
        cluster.create(checksums=False)
        with cluster.connect() as connection:
            roles.create_master(connection, "owner", PASSWORD, "app")
            connection.execute("create role reader login password 'reader-password'")
            connection.execute("grant pg_read_all_stats to reader")
        with as_owner(cluster, "postgres") as owner:
            owner.execute("create database audit")
        with as_owner(cluster) as owner:
            owner.execute(SCHEMA)
            owner.execute("grant select on accounts to reader")
        with as_owner(cluster, "audit") as owner:
            owner.execute("create table entries (id bigint generated always as identity primary key, what text)")
            owner.execute("insert into entries (what) select 'entry ' || i from generate_series(1, 5000) i")
        yield Source(cluster, wal, home, backup.take(cluster, home / "base"))
    finally:
        cluster.stop("immediate")
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def hammered(source: Source) -> Iterator[None]:
    """Write to the source without a pause, and beat at the half second."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def run(work: Callable[[psycopg.Connection], None]) -> None:
        try:
            with as_owner(source.cluster) as connection:
                while not stop.is_set():
                    work(connection)
        except BaseException as problem:  # noqa: BLE001 - it is raised again where the test ends
            failed.append(problem)

    with as_owner(source.cluster) as connection:
        # The first bracket may close before the first half second comes.
        connection.execute(BEAT)
    threads = [threading.Thread(target=run, args=(work,)) for work in (busy(1), busy(2), beat)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failed, failed


def busy(seed: int) -> Callable[[psycopg.Connection], None]:
    dice = random.Random(seed)  # noqa: S311 - reproducible, not secret

    def work(connection: psycopg.Connection) -> None:
        account = dice.randint(1, 60000)
        with connection.transaction():
            connection.execute("update counters set n = n + 1 where id = %s", (dice.randint(1, 50),))
            connection.execute("insert into accounts (name, balance) values (%s, 1)", (f"new {account}",))
            try:
                with connection.transaction():
                    connection.execute("update accounts set balance = balance + 1 where id = %s", (account,))
                    connection.execute("insert into notes values (null, %s)", (str(account),))
                    if dice.random() < 0.1:
                        connection.execute("select 1 / 0")
            except psycopg.errors.DivisionByZero:
                pass  # a savepoint rolled back, as applications do
            if dice.random() < 0.3:
                connection.execute("delete from accounts where id = %s", (dice.randint(1, 60000),))
        if dice.random() < 0.2:
            connection.execute("select nextval('tickets')")
        threading.Event().wait(0.004)

    return work


def beat(connection: psycopg.Connection) -> None:
    row = connection.execute("select extract(epoch from clock_timestamp())::float8").fetchone()
    assert row is not None
    threading.Event().wait((0.5 - row[0]) % 1.0)
    connection.execute(BEAT)
    threading.Event().wait(0.1)
