"""The bracket under fire: physical copies of a source that is hammered, restored to the bracket's instant."""

import threading
from datetime import UTC, datetime

from dr.checks import content, heartbeat, schema
from dr.lab.engine import backup, recovery
from dr.lab.engine.backup import Base
from tests.checks.conftest import Source, as_owner, entering, hammered

ROUNDS = 3


def test_clean_restores_never_raise_an_alarm(source: Source) -> None:
    with hammered(source):
        brackets = [source.capture() for _ in range(ROUNDS)]
    for recorded in brackets:
        copy = source.restore(recorded.instant)
        try:
            findings, coverage = content.check(entering(copy), recorded, first="postgres")
            findings += schema.check(entering(copy), recorded, first="postgres")
            beating, _ = heartbeat.check(entering(copy)("app"), recorded.instant, recorded, subject="receipts-db")
        finally:
            copy.remove()
        assert [f for f in [*findings, beating] if f.outcome not in ("passed", "not_available")] == []
        assert coverage.tables_compared == coverage.tables_expected > 0
        assert coverage.exact_fraction is not None
        assert coverage.exact_fraction >= 0.99
        assert (recorded.opened_after - recorded.opened_before).total_seconds() < 1


def test_a_bracket_around_a_snapshot(source: Source) -> None:
    taken: list[Base] = []

    def take() -> datetime:
        taken.append(backup.take(source.cluster, source.home / "snapshot"))
        return taken[0].newest_transaction

    with hammered(source):
        recorded = source.capture(around=take)
    copy = source.copy()
    recovery.from_base(copy, taken[0])
    try:
        findings, coverage = content.check(entering(copy), recorded, first="postgres")
        findings += schema.check(entering(copy), recorded, first="postgres")
        beating, _ = heartbeat.check(entering(copy)("app"), recorded.instant, recorded, subject="receipts-db")
    finally:
        copy.remove()
    assert recorded.around_snapshot
    assert [f for f in [*findings, beating] if f.outcome not in ("passed", "not_available")] == []
    assert coverage.tables_compared == coverage.tables_expected > 0


def test_a_commit_that_hangs_at_the_instant_is_in_doubt_and_nobody_is_accused(source: Source) -> None:
    """Written and flushed before T, visible to nobody until a replica answers: in the restore, and on neither side."""
    with source.cluster.connect() as admin:
        admin.execute("alter system set synchronous_standby_names = 'nobody'")
        admin.execute("select pg_reload_conf()")
    threading.Event().wait(0.3)
    hanging = [threading.Thread(target=quietly, args=(source, statement)) for statement in HANGING]
    for thread in hanging:
        thread.start()
    try:
        with source.cluster.connect() as admin:
            for _ in range(200):
                row = admin.execute("select count(*) from pg_stat_activity where wait_event = 'SyncRep'").fetchone()
                if row == (len(HANGING),):
                    break
                threading.Event().wait(0.05)
        with as_owner(source.cluster) as idle:
            idle.execute("begin")
            idle.execute("insert into notes values ('idle', 'in a transaction')")
            recorded = source.capture()
            idle.execute("rollback")
    finally:
        with source.cluster.connect() as admin:
            admin.execute("alter system reset synchronous_standby_names")
            admin.execute("select pg_reload_conf()")
        for thread in hanging:
            thread.join()
    # The idle transaction was not waited for, nor doubted.
    assert len(recorded.in_progress) == len(HANGING)
    copy = source.restore(recorded.instant)
    try:
        findings, _ = content.check(entering(copy), recorded, first="postgres")
    finally:
        copy.remove()
    outcomes = {finding.subject: finding.outcome for finding in findings}
    # A row too many is explained; a row that is gone could be a loss, and then again not.
    assert outcomes["app.public.events_2026"] == "passed"
    assert outcomes["app.public.shapes"] == "errored"
    assert "failed" not in outcomes.values()


def test_values_that_are_drawn_after_the_instant_and_before_the_next_commit_are_no_difference(source: Source) -> None:
    """A recovery ends at the first commit after its instant, and replays what was logged until then."""
    with as_owner(source.cluster) as owner:
        owner.execute("begin")

        def when_it_stands(text: str) -> None:
            if "bracket around" in text:
                owner.execute("select nextval('tickets'), nextval('never_used') from generate_series(1, 200)")

        recorded = source.capture(say=when_it_stands)
        owner.execute("commit")
    copy = source.restore(recorded.instant)
    try:
        found = [one for one in schema.check(entering(copy), recorded, first="postgres") if one.check == "sequences"]
    finally:
        copy.remove()
    assert {one.outcome for one in found} == {"passed"}, found


HANGING = (
    "insert into events values (7, '2026-03-03', 'committed before the instant')",
    "delete from shapes where id = 400",
)


def quietly(source: Source, statement: str) -> None:
    with as_owner(source.cluster) as owner:
        owner.execute(statement)


def _truncated(source: Source) -> None:
    with as_owner(source.cluster) as owner:
        owner.execute("truncate empty_or_null")


def _filled_again(source: Source) -> None:
    with as_owner(source.cluster) as owner:
        owner.execute("insert into empty_or_null select i, null, 0.0, 1.0, '1 month' from generate_series(1, 10) i")


def test_a_truncate_waits_until_the_baseline_is_read(source: Source) -> None:
    waiting = threading.Thread(target=_truncated, args=(source,))

    def when_it_stands(text: str) -> None:
        if "bracket around" in text:
            waiting.start()
            threading.Event().wait(0.3)

    recorded = source.capture(say=when_it_stands)
    waiting.join()
    _filled_again(source)
    before = recorded.databases["app"].tables["public.empty_or_null"].before
    assert before is not None
    assert before.rows == 10


def test_what_is_truncated_while_a_snapshot_is_taken_does_not_wait_and_is_not_read(source: Source) -> None:
    """A snapshot may take long: nobody is kept waiting for it, and what could not be read is said."""

    def take() -> datetime:
        _truncated(source)
        return datetime.now(UTC)

    recorded = source.capture(around=take)
    _filled_again(source)
    tables = recorded.databases["app"].tables
    assert tables["public.empty_or_null"].unread
    assert [key for key, table in tables.items() if table.unread] == ["public.empty_or_null"]
