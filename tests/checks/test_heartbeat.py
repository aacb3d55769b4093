"""Is it the right moment? Judged on both sides of the instant."""

from datetime import UTC, datetime, timedelta

import pytest

from dr.checks import heartbeat
from dr.checks.heartbeat import judge
from dr.postgres import connect
from dr.verification import Heartbeat, HeartbeatWindow
from tests.checks.conftest import Source, as_owner

T = datetime(2026, 11, 20, 2, 15, 0, tzinfo=UTC)
LINE = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"


def window(
    seq: int | None, age: float = 0.5, *, after: int | None = None, gaps: tuple[int, ...] = (), line: str = LINE
) -> HeartbeatWindow:
    return HeartbeatWindow(
        present=True,
        newest_until=None if seq is None else Heartbeat(seq=seq, at=T - timedelta(seconds=age), lineage=line),
        first_after=None if after is None else Heartbeat(seq=after, at=T + timedelta(seconds=0.5), lineage=line),
        gaps=gaps,
        lineages=(line,),
    )


ABSENT = HeartbeatWindow(present=False)
KNOWN = (window(900), window(900))


@pytest.mark.parametrize(
    ("seen", "expected", "outcome"),
    [
        (window(900), KNOWN, "passed"),
        (window(900), None, "passed"),
        (window(900), (window(899, 1.4), window(900)), "passed"),
        (window(899, 1.4), (window(899, 1.4), window(900)), "passed"),
        (window(899, 1.4), KNOWN, "failed"),  # the source had one more: a commit is lost
        (window(901), KNOWN, "failed"),
        (window(900, after=901), KNOWN, "failed"),  # ends late
        (window(900, after=901), None, "failed"),
        (window(900, gaps=(890,)), KNOWN, "failed"),
        (window(900, gaps=(890,)), None, "failed"),
        (window(900, gaps=(890,)), (window(900, gaps=(890,)), window(900, gaps=(890,))), "passed"),
        (window(900, line=OTHER), KNOWN, "failed"),
        (window(None), KNOWN, "failed"),
        (window(None), None, "errored"),
        (window(800, 90), None, "errored"),  # the writer was dead, or commits are lost: who knows
        (window(800, 90), (window(800, 90), window(800, 90)), "errored"),
        (window(800, 90), KNOWN, "failed"),
        (ABSENT, None, "not_available"),
        (ABSENT, (ABSENT, ABSENT), "not_available"),
        (ABSENT, KNOWN, "failed"),
    ],
)
def test_judged_from_both_sides(
    seen: HeartbeatWindow, expected: tuple[HeartbeatWindow, HeartbeatWindow] | None, outcome: str
) -> None:
    finding = judge(seen, T, expected, subject="receipts-db")
    assert (finding.outcome, finding.level, finding.check) == (outcome, "L6", "heartbeat")


def test_two_lineages_are_a_split_brain() -> None:
    seen = window(900).model_copy(update={"lineages": (LINE, OTHER)})
    assert judge(seen, T, None, subject="x").outcome == "failed"
    assert judge(seen, T, KNOWN, subject="x").outcome == "failed"
    assert judge(seen, T, (seen, seen), subject="x").outcome == "passed"


def test_a_real_table(source: Source) -> None:
    with as_owner(source.cluster, "audit") as owner:
        with connect(source.login("audit")) as session:
            assert heartbeat.observe(session, T) == ABSENT
        owner.execute("create schema firedrill")
        owner.execute(
            "create table firedrill.heartbeat (seq bigint primary key, at timestamptz, lsn pg_lsn, lineage uuid)"
        )
        owner.execute(
            "insert into firedrill.heartbeat select i, %s + make_interval(secs => i - 10.5), '0/0', %s"
            " from generate_series(1, 12) i where i <> 5",
            (T, LINE),
        )
        with connect(source.login("audit")) as session:
            seen = heartbeat.observe(session, T)
        owner.execute("drop schema firedrill cascade")
    assert seen.newest_until == Heartbeat(seq=10, at=T - timedelta(seconds=0.5), lineage=LINE)
    assert seen.first_after is not None
    assert seen.first_after.seq == 11
    assert seen.gaps == (5,)
    assert seen.lineages == (LINE,)
