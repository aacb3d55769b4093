"""Damage done to a restore before it is verified: every kind must be found, and named."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from dr import baseline
from dr.checks import content, schema, structure
from dr.clock import SystemClock
from dr.errors import Unable
from dr.lab.engine.backup import duplicate
from dr.lab.engine.cluster import Cluster
from dr.verification import Coverage, Finding, InstanceBaseline, asked
from tests.checks.conftest import Source, as_owner, entering, hammered, login_to

HOSTILE_KEY = '"Böse %s"."odd ""name""; --%s\n☃"'


@dataclass
class Pair:
    recorded: InstanceBaseline
    copy: Cluster

    def content(self) -> tuple[list[Finding], Coverage]:
        return content.check(entering(self.copy), self.recorded, first="postgres")

    def schema(self) -> list[Finding]:
        return schema.check(entering(self.copy), self.recorded, first="postgres")


@pytest.fixture(scope="module")
def restored(source: Source) -> Iterator[Pair]:
    """One restore, stopped: every test damages a copy of its own."""
    recorded = source.capture()
    copy = source.restore(recorded.instant)
    copy.stop()
    yield Pair(recorded, copy)
    copy.remove()


@pytest.fixture
def pair(source: Source, restored: Pair) -> Iterator[Pair]:
    copy = source.copy()
    copy.machine.account.folder(copy.directory)
    duplicate(copy.machine.account, restored.copy.data, copy.data)
    copy.data.chmod(0o700)
    copy.start()
    try:
        yield Pair(restored.recorded, copy)
    finally:
        copy.remove()


def failed(findings: list[Finding]) -> set[str]:
    return {
        finding.subject for finding in findings if finding.outcome != "passed" and finding.outcome != "not_available"
    }


def test_a_quiet_restore_is_proven_to_the_last_row(pair: Pair) -> None:
    findings, coverage = pair.content()
    assert failed(findings) == set()
    assert coverage.exact_fraction == 1.0
    assert coverage.tables_compared == coverage.tables_expected == 12
    assert {f.subject: f.outcome for f in findings}[f"app.{HOSTILE_KEY}"] == "passed"
    unlogged = next(finding for finding in findings if finding.subject == "app.public.cache")
    assert unlogged.outcome == "not_available"
    assert failed(pair.schema()) == set()
    structured = structure.check(entering(pair.copy), first="postgres")
    assert {f.subject: f.outcome for f in structured} | {"postgres": ""} == {
        "app": "passed",
        "audit": "passed",
        "postgres": "",
    }
    # amcheck left nothing behind.
    assert failed(pair.schema()) == set()


def test_every_logical_damage_is_found_and_named(pair: Pair) -> None:
    with as_owner(pair.copy) as owner:
        owner.execute("update accounts set name = name || '!' where id = 31000")
        owner.execute("delete from notes where ctid = '(3,2)'")
        owner.execute("insert into counters values (99, 1)")
        owner.execute("truncate shapes")
        owner.execute("drop table events_rest")
        owner.execute("create table extra (id int)")
        owner.execute("update empty_or_null set text = '' where id = 3")
        owner.execute('update "Böse %s"."odd ""name""; --%s\n☃" set "select" = 0 where "select" = 7')
    with as_owner(pair.copy, "audit") as owner:
        owner.execute("delete from entries where id = 4999")
    findings, coverage = pair.content()
    assert failed(findings) == {
        "app.public.accounts",
        "app.public.notes",
        "app.public.counters",
        "app.public.shapes",
        "app.public.events_rest",
        "app.public.extra",
        "app.public.empty_or_null",
        f"app.{HOSTILE_KEY}",
        "audit.public.entries",
    }
    by_subject = {finding.subject: finding for finding in findings}
    assert all(by_subject[subject].outcome == "failed" for subject in failed(findings))
    assert "blocks" in by_subject["app.public.accounts"].detail
    assert by_subject["app.public.shapes"].observed == "0 rows"
    assert coverage.tables_compared == coverage.tables_expected - 1
    assert "account 31000" not in str(findings)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("public.empty_or_null", "update empty_or_null set moment = '30 days' where id = 1"),
        ("public.shapes", "update shapes set meta = '{\"n\":  1}' where id = 1"),
        ("public.shapes", "update shapes set place = point(1, 1) where id = 2"),
    ],
)
def test_values_that_only_look_equal(pair: Pair, table: str, change: str) -> None:
    with as_owner(pair.copy) as owner:
        owner.execute(change)
    assert failed(pair.content()[0]) == {f"app.{table}"}


def test_one_row_too_many_is_found_although_the_source_is_busy(source: Source) -> None:
    with hammered(source):
        threading.Event().wait(0.5)
        recorded = source.capture()
    copy = source.restore(recorded.instant)
    try:
        with as_owner(copy) as owner:
            owner.execute("insert into accounts (name, balance) values ('nobody', 1)")
            owner.execute("insert into events values (1, '2026-02-02', 'never happened')")
        with as_owner(copy, "audit") as owner:
            owner.execute("insert into entries (what) values ('never happened')")
        findings, _ = content.check(entering(copy), recorded, first="postgres")
    finally:
        copy.remove()
    assert failed(findings) == {"app.public.accounts", "app.public.events_2026", "audit.public.entries"}


def test_a_zeroed_page_and_a_lost_file(pair: Pair) -> None:
    with as_owner(pair.copy) as owner:
        row = owner.execute("select pg_relation_filepath('accounts'), pg_relation_filepath('events_2026')").fetchone()
    assert row is not None
    pair.copy.stop()
    with (pair.copy.data / row[0]).open("r+b") as file:
        file.seek(20 * 8192)
        file.write(bytes(8192))
    (pair.copy.data / row[1]).unlink()
    pair.copy.start()
    findings, _ = pair.content()
    assert failed(findings) == {"app.public.accounts", "app.public.events_2026"}
    lost = next(finding for finding in findings if finding.subject == "app.public.events_2026")
    assert lost.outcome == "failed"
    assert "could not open file" in lost.detail


def test_a_missing_database_and_one_too_many(pair: Pair) -> None:
    with as_owner(pair.copy, "postgres") as owner:
        owner.execute("drop database audit")
        owner.execute("create database other")
    findings, coverage = pair.content()
    assert failed(findings) == {"audit", "other"}
    assert coverage.tables_compared < coverage.tables_expected


def test_shape_roles_and_sequences(pair: Pair) -> None:
    with as_owner(pair.copy) as owner:
        owner.execute("select setval('accounts_id_seq', 10)")
        owner.execute("select nextval('never_used')")
        owner.execute("alter type mood add value 'so so' after 'glad'")
        owner.execute("create or replace function greet(who text) returns text language sql as $$ select 'bye' $$")
        owner.execute("alter table counters drop constraint counters_pkey")
        owner.execute("alter table notes alter body set default 'x'")
        owner.execute("grant select on notes to reader")
        owner.execute("create extension citext")
        owner.execute("alter role reader createdb")
    findings = pair.schema()
    bad = failed(findings)
    assert {
        "app: public.accounts_id_seq",
        "app: public.never_used",
        "app: type public.mood",
        "app: function public.greet(text)",
        "app: constraint counters_pkey on public.counters",
        "app: index public.counters_pkey",
        "app: column public.notes.body",
        "app: table public.notes",
        "app: citext",
        "receipts-db: reader",
    } <= bad
    behind = next(finding for finding in findings if finding.subject == "app: public.accounts_id_seq")
    assert "behind" in behind.observed
    assert "audit" not in bad


def test_a_damaged_index_shows_in_the_structure(pair: Pair) -> None:
    with as_owner(pair.copy) as owner:
        row = owner.execute("select pg_relation_filepath('accounts_pkey')").fetchone()
    assert row is not None
    pair.copy.stop()
    with (pair.copy.data / row[0]).open("r+b") as file:
        file.seek(10 * 8192)
        file.write(bytes(8192))
    pair.copy.start()
    assert failed(pair.content()[0]) == set()
    assert "app.public.accounts_pkey" in failed(structure.check(entering(pair.copy), first="postgres"))


def test_a_baseline_that_is_empty_or_cut_answers_errored(pair: Pair) -> None:
    whole = pair.recorded
    app = whole.databases["app"]
    tables = dict(app.tables)
    del tables["public.notes"]
    side = app.tables["public.accounts"].before
    assert side is not None
    fewer = side.model_copy(update={"chunks": dict(list(side.chunks.items())[:1])})
    lost = app.tables["public.accounts"].model_copy(update={"before": fewer, "after": fewer})
    for databases in (
        {},
        {name: database.model_copy(update={"tables": {}}) for name, database in whole.databases.items()},
        whole.databases | {"app": app.model_copy(update={"tables": tables})},
        whole.databases | {"app": app.model_copy(update={"tables": app.tables | {"public.accounts": lost}})},
        {name: database for name, database in whole.databases.items() if name != "app"},
    ):
        cut = Pair(whole.model_copy(update={"databases": databases}), pair.copy)
        with pytest.raises(Unable, match="baseline"):
            cut.content()
        (finding,) = asked("content", "L4", "receipts-db", lambda cut=cut: cut.content()[0])  # type: ignore[misc]
        assert finding.outcome == "errored"


def test_an_unreadable_table_is_not_recorded_in_silence(source: Source) -> None:
    with pytest.raises(Unable, match="permission denied for table") as caught:
        baseline.capture(
            "receipts-db",
            "db-TEST",
            lambda name: login_to(source.cluster, name, "reader", "reader-password"),
            SystemClock(),
        )
    assert "grant" in str(caught.value)
    assert idle_in_transaction(source) == 0


def idle_in_transaction(source: Source) -> int:
    with source.cluster.connect() as admin:
        row = admin.execute(
            "select count(*) from pg_stat_activity where application_name = 'firedrill' and state like 'idle in%'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_sessions_are_released_at_the_end(source: Source) -> None:
    source.capture()
    assert idle_in_transaction(source) == 0
