"""Reading a source with several sessions, at a pace, and on a replica of it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from dr.checks import assertions, chunks, content, heartbeat, schema
from dr.checks.chunks import BLOCK
from dr.checks.digests import hashable
from dr.errors import Unable
from dr.estate import Assertion
from dr.hashing import Hashing, Tier
from dr.lab.engine import standby
from dr.lab.engine.cluster import Cluster
from dr.pace import Pace
from dr.verification import Finding, InstanceBaseline, asked
from tests.checks.conftest import Source, as_owner, entering, hammered
from tests.stories import HandClock


def compared(source: Source, recorded: InstanceBaseline, exact: float = 0.99) -> list[Finding]:
    """Everything that a restore to the baseline's instant is asked."""
    copy = source.restore(recorded.instant)
    try:
        findings, coverage = content.check(entering(copy), recorded, first="postgres")
        findings += schema.check(entering(copy), recorded, first="postgres")
        beat, _ = heartbeat.check(entering(copy)("app"), recorded.instant, recorded, subject="receipts-db")
    finally:
        copy.remove()
    assert coverage.tables_compared == coverage.tables_expected > 0
    assert coverage.exact_fraction is not None
    assert coverage.exact_fraction >= exact
    return [*findings, beat]


def alarms(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.outcome not in ("passed", "not_available")]


def test_however_many_read_they_see_the_same(source: Source) -> None:
    alone, together = (source.capture(seed=7, workers=workers) for workers in (1, 5))
    assert alone.databases.keys() == together.databases.keys()
    for name, database in alone.databases.items():
        assert database.tables == together.databases[name].tables


def test_what_a_worker_may_not_lock_is_read_by_whoever_holds_it(source: Source) -> None:
    """Somebody waits for a table: he would keep a worker waiting, who keeps us reading, which keeps him waiting."""
    waiting = threading.Thread(target=_wanted, args=(source,))

    def when_it_stands(text: str) -> None:
        if "bracket around" in text:
            waiting.start()
            with as_owner(source.cluster) as look:
                soon(lambda: look.execute(_WAITING).fetchone() == (1,))

    recorded = source.capture(say=when_it_stands, workers=4)
    waiting.join()
    assert [one for one in alarms(compared(source, recorded)) if one.check != "heartbeat"] == []


_WAITING = "select count(*) from pg_locks where not granted and mode = 'AccessExclusiveLock'"


def _wanted(source: Source) -> None:
    with as_owner(source.cluster) as owner, owner.transaction():
        owner.execute("lock table accounts in access exclusive mode")


def soon(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it did not come true in time")


@contextmanager
def following(source: Source) -> Iterator[Source]:
    """A replica of the source, as something to read from."""
    replica = source.copy()
    standby.follow(replica, source.cluster, "reader")
    standby.change(replica, hot_standby_feedback="on", wal_receiver_status_interval="1s")
    try:
        yield replace(source, cluster=replica)
    finally:
        replica.remove()
        standby.release(source.cluster, "reader")


def test_a_replica_is_read_in_the_place_of_its_source(source: Source) -> None:
    with following(source) as replica:
        with hammered(source):
            recorded = replica.capture()
        # This bracket stays open until something later was replayed, for a second or two: more falls into it.
        assert alarms(compared(source, recorded, exact=0.9)) == []
        assert recorded.in_progress == ()
        assert timedelta(0) < recorded.opened_after - recorded.opened_before < timedelta(seconds=5)

        with as_owner(source.cluster) as owner:
            owner.execute("insert into notes values ('later', 'than the instant')")
        changed = {finding.subject for finding in alarms(compared(source, _moved(recorded), exact=0.0))}
        assert "app.public.notes" in changed


def _moved(recorded: InstanceBaseline) -> InstanceBaseline:
    """The same baseline, said to be of now: a restore to now is not what it describes."""
    now = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    return recorded.model_copy(update={"instant": now})


def test_a_replica_that_does_not_tell_what_it_reads_is_not_read(source: Source) -> None:
    with following(source) as replica:
        standby.change(replica.cluster, hot_standby_feedback="off")
        with pytest.raises(Unable, match="hot_standby_feedback is off"):
            replica.capture()


def test_a_replica_brackets_what_happens_at_its_source(source: Source) -> None:
    with following(source) as replica, hammered(source):

        def take() -> datetime:
            threading.Event().wait(0.5)
            return datetime.now(UTC)

        recorded = replica.capture(around=take)
    assert recorded.opened_before < recorded.instant < recorded.opened_after


def test_no_more_bytes_a_second_than_were_asked_for() -> None:
    clock = HandClock()
    pace = Pace(clock, 1000 * BLOCK)
    begun = clock.monotonic()
    for _ in range(50):
        pace.wait()
        pace.took(100 * BLOCK)
    pace.wait()
    assert clock.monotonic() - begun == pytest.approx(5.0)


def test_a_pause_of_others_is_not_made_up_for() -> None:
    clock = HandClock()
    pace = Pace(clock, 1000)
    clock.sleep(60)
    begun = clock.monotonic()
    for _ in range(3):
        pace.wait()
        pace.took(1000)
    pace.wait()
    assert clock.monotonic() - begun == pytest.approx(3.0)


def test_a_source_is_read_in_pieces_where_it_is_to_be_spared(source: Source) -> None:
    whole, spared = source.capture(seed=7), source.capture(seed=7, rate=400_000_000)
    assert whole.databases["app"].tables == spared.databases["app"].tables


def test_text_hashes_find_what_the_fast_ones_find(source: Source) -> None:
    """And compare across major versions, which is all that they are for: here the restore is said to be of another."""
    with hammered(source):
        recorded = source.capture(tier="canonical")
    assert alarms(compared(source, recorded.model_copy(update={"server_version": 140000}))) == []
    fast = recorded.model_copy(update={"tier": "fast", "server_version": 140000})
    with pytest.raises(Unable, match="PostgreSQL 14"):
        compared(source, fast)


def test_reading_calls_no_function_of_anybody(source: Source) -> None:
    """Whoever made a type may say how it becomes text: the owner's rights are not lent to him."""
    with as_owner(source.cluster) as owner:
        owner.execute("create type odd as (j json)")
        owner.execute(
            "create function spoken(odd) returns text language plpgsql as $$ begin raise 'called'; end $$;"
            "create cast (odd as text) with function spoken(odd);"
            "create function spoken(int) returns bool language plpgsql as $$ begin raise 'called'; end $$;"
            "create domain checked as int;"
            "create table odds (id int, o odd, c checked)"
        )
        owner.execute("insert into odds (id, o) values (1, row('{}'))")
        owner.execute("alter domain checked add check (spoken(value)) not valid")
    try:
        for tier in ("fast", "canonical"):
            tables = source.capture(tier=tier).databases["app"].tables
            assert tables["public.odds"].after is not None
            assert tables["public.odds"].after.rows == 1
    finally:
        with as_owner(source.cluster) as owner:
            owner.execute("drop table odds; drop cast (odd as text); drop domain checked; drop function spoken(int)")
            owner.execute("drop function spoken(odd); drop type odd")


def test_whoever_alters_a_sequence_does_not_wait_for_us(source: Source) -> None:
    held: list[object] = []

    def when_it_stands(text: str) -> None:
        if "bracket around" in text:
            with as_owner(source.cluster) as look:
                held.extend(look.execute("select relation::regclass, mode from pg_locks where relation is not null"))
                look.execute("set lock_timeout = '5s'")
                look.execute("alter sequence never_used cache 2")
                look.execute("alter sequence never_used cache 1")

    source.capture(say=when_it_stands)
    assert held


@pytest.mark.parametrize("tier", ["fast", "canonical"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("null", "''"),
        ("'a' as x, 'b' as y", "'a,b' as x, '' as y"),
        ("'{\"a\": 1}'::json", "'{\"a\":1}'::json"),
        ("1.0::numeric", "1.1::numeric"),
        ("'-0'::float8", "'1e-300'::float8"),
        ("array[null, 'null']", "array['null', null]"),
        ("'\\x00'::bytea", "'\\x'::bytea"),
        ("'1 month'::interval", "'30 days'::interval"),
        ("null::point", "point(0, 0)"),
    ],
)
def test_two_rows_that_differ_are_hashed_differently(source: Source, tier: Tier, before: str, after: str) -> None:
    with as_owner(source.cluster) as owner:
        owner.execute(f"create table one_row as select {before}".encode())
        try:
            seen = []
            for values in (before, after):
                owner.execute("truncate one_row")
                owner.execute(f"insert into one_row select {values}".encode())
                found, _ = chunks.relations(owner, hashable(owner))
                (relation,) = [one for one in found if one.name == "one_row"]
                seen.append(chunks.rows_of(owner, relation, 0, Hashing(seed=1, tier=tier))[0].digest)
        finally:
            owner.execute("drop table one_row")
    assert seen[0] != seen[1]


def judged(copy: Cluster, question: Assertion, recorded: InstanceBaseline) -> Finding:
    return assertions.check(
        entering(copy)("app"),
        question,
        subject="receipts-db",
        recorded=recorded.answers[question.name],
        hashing=recorded.hashing,
    )


def test_the_source_itself_says_what_the_right_answer_is(source: Source) -> None:
    untouched = ["select count(*) from notes", "select id from events order by random()"]
    changed = {
        "select count(*), sum(id) from shapes": "delete from shapes where id = 3",
        "select id, kinds from shapes": "update shapes set kinds = kinds + 1::money where id = 5",
        "select text from empty_or_null": "update empty_or_null set text = '' where id = 3",
    }
    senseless = "select nothing from nowhere"
    questions = [
        Assertion(name=sql, database="receipts-db", sql=sql) for sql in (*untouched, *changed.keys(), senseless)
    ]
    recorded = source.capture(first="app", asking=questions)
    copy = source.restore(recorded.instant)

    def outcomes() -> dict[str, str]:
        found = {
            one.name: asked("assertions", "L8", one.name, partial(lambda one: [judged(copy, one, recorded)], one))
            for one in questions
        }
        return {name: finding.outcome for name, (finding,) in found.items()}

    try:
        assert outcomes() == {**dict.fromkeys((*untouched, *changed), "passed"), senseless: "errored"}
        with as_owner(copy) as owner:
            for change in changed.values():
                owner.execute(change.encode())
        right = {**dict.fromkeys(untouched, "passed"), **dict.fromkeys(changed, "failed"), senseless: "errored"}
        assert outcomes() == right
    finally:
        copy.remove()


def test_an_answer_that_was_never_recorded_is_not_available(source: Source) -> None:
    question = Assertion(name="as the source", database="receipts-db", sql="select 1")
    assert assertions.check(source.login("app"), question, subject="receipts-db").outcome == "not_available"
