"""Is it the right moment? Judged on both sides of the instant."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr.beats import Expected, HeartbeatObject, bounded_by, bracketed, newest_of, object_of, read_object
from dr.checks import heartbeat
from dr.checks.heartbeat import judge
from dr.errors import Unable
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
Sides = tuple[HeartbeatWindow, HeartbeatWindow]


def told(seq: int, after: float, line: str = LINE) -> Expected:
    """What the heartbeat object says of T: beat `seq` came so many seconds after it."""
    beat = Heartbeat(seq=seq, at=T + timedelta(seconds=after), lineage=line)
    return bounded_by(beat, T, "the heartbeat object")


@pytest.mark.parametrize(
    ("seen", "sides", "outcome"),
    [
        (window(900), KNOWN, "passed"),
        (window(900), None, "not_available"),  # nobody knows which number to expect
        (window(900), (window(899, 1.4), window(900)), "passed"),
        (window(899, 1.4), (window(899, 1.4), window(900)), "passed"),
        (window(900), (window(None), window(900)), "passed"),
        (window(899, 1.4), KNOWN, "failed"),  # the source had one more: a commit is lost
        (window(901), KNOWN, "failed"),
        (window(900, after=901), KNOWN, "failed"),  # ends late
        (window(900, after=901), None, "failed"),
        (window(900, gaps=(890,)), KNOWN, "failed"),
        (window(900, gaps=(890,)), None, "failed"),
        (window(900, gaps=(890,)), (window(900, gaps=(890,)), window(900, gaps=(890,))), "passed"),
        (window(900, line=OTHER), KNOWN, "failed"),
        (window(None), KNOWN, "failed"),
        (window(None), (window(None), window(900)), "errored"),
        (window(None), None, "errored"),
        (window(800, 90), None, "errored"),  # the writer was dead, or commits are lost: who knows
        (window(800, 90), (window(800, 90), window(800, 90)), "errored"),
        (window(800, 90), KNOWN, "failed"),
        (window(900, 2.5), None, "errored"),
        (window(900, 2.5), (window(900, 2.5), window(900, 2.5)), "passed"),  # held up at the source itself
        (window(899, 2.5), (window(899, 2.5), window(900, 0.5)), "errored"),
        (window(900, 5.5), (window(900, 5.5), window(900, 5.5)), "errored"),
        (ABSENT, None, "not_available"),
        (ABSENT, (ABSENT, ABSENT), "not_available"),
        (ABSENT, KNOWN, "failed"),
        (window(900), (ABSENT, ABSENT), "not_available"),
    ],
)
def test_judged_from_both_sides(seen: HeartbeatWindow, sides: Sides | None, outcome: str) -> None:
    finding = judge(seen, T, bracketed(*sides) if sides else None, subject="receipts-db")
    assert (finding.outcome, finding.level, finding.check) == (outcome, "L6", "heartbeat")


@pytest.mark.parametrize(
    ("seen", "expected", "outcome"),
    [
        (window(900), told(901, 0.5), "passed"),
        (window(900), told(960, 59.5), "passed"),
        (window(900), told(930, 59.5), "passed"),  # the writer rested in between
        (window(900), told(900, -0.5), "passed"),
        (window(900), told(890, -10.5), "passed"),
        (window(900), told(962, 59.5), "failed"),  # 60 half seconds lie between: 902 had been written by then
        (window(900), told(901, -0.5), "failed"),
        (window(900), told(899, 30.5), "failed"),  # more than the source had even later
        (window(900), told(880, -10.5), "failed"),
        (window(800, 100), told(960, 59.5), "failed"),  # recovery ended early
        (window(800, 100), told(860, 59.5), "errored"),  # as many are missing as the writer may have left out
        (window(900, gaps=(890,)), told(960, 59.5), "failed"),
        (window(900, after=901), told(960, 59.5), "failed"),
        (window(900, line=OTHER), told(960, 59.5), "errored"),  # a new primary since, or another branch
        (window(None), told(960, 59.5), "failed"),
        (ABSENT, told(960, 59.5), "failed"),
    ],
)
def test_the_object_bounds_what_to_expect(seen: HeartbeatWindow, expected: Expected, outcome: str) -> None:
    assert judge(seen, T, expected, subject="receipts-db").outcome == outcome


def test_what_is_missing_is_said_plainly() -> None:
    silent = judge(window(900), T, None, subject="x")
    assert "neither a baseline of this instant nor a heartbeat object says which number" in silent.detail
    assert "0.5 s older" in silent.detail
    assert "only claimed" in judge(ABSENT, T, None, subject="x").detail
    assert judge(window(900), T, told(960, 59.5), subject="x").expected.startswith("beat 900 to 960,")
    assert (
        "the heartbeat object of 2026-11-20T02:15:59.500Z" in judge(window(900), T, told(960, 59.5), subject="x").detail
    )


def test_two_lineages_are_a_split_brain() -> None:
    seen = window(900).model_copy(update={"lineages": (LINE, OTHER)})
    assert judge(seen, T, None, subject="x").outcome == "failed"
    assert judge(seen, T, bracketed(*KNOWN), subject="x").outcome == "failed"
    assert judge(seen, T, bracketed(seen, seen), subject="x").outcome == "passed"


def test_a_new_primary_that_the_object_tells_of_is_none() -> None:
    """Its beats follow the old one's. The other way round, the source went on with the line that ended here."""
    after = window(900, line=OTHER).model_copy(update={"lineages": (LINE, OTHER)})
    assert judge(after, T, told(960, 59.5, OTHER), subject="x").outcome == "passed"
    assert judge(after, T, told(960, 59.5, LINE), subject="x").outcome == "failed"


@given(
    written=st.sets(st.integers(0, 40), min_size=1),
    lost=st.sets(st.integers(0, 40), max_size=3),
    moment=st.integers(0, 41),
    known=st.integers(0, 40),
)
def test_against_a_source_that_is_known(written: set[int], lost: set[int], moment: int, known: int) -> None:
    """A restore that lost nothing is never called wrong, whatever the writer left out; a hole always is."""
    start = T - timedelta(seconds=moment)
    beats = [
        Heartbeat(seq=number, at=start + timedelta(seconds=second + 0.5), lineage=LINE)
        for number, second in enumerate(sorted(written), 1)
    ]
    object_ = max((beat for beat in beats if beat.at <= start + timedelta(seconds=known + 1)), default=None, key=_seq)
    until = [beat for beat in beats if beat.at <= T]
    expected = bounded_by(object_, T, "the heartbeat object") if object_ else None
    if until or expected is None:
        assert judge(_window_of(until), T, expected, subject="x").outcome != "failed"
    kept = [beat for number, beat in enumerate(until) if number not in lost or number in (0, len(until) - 1)]
    if len(kept) < len(until):
        assert judge(_window_of(kept), T, expected, subject="x").outcome == "failed"
    if expected and until:
        assert expected.least is not None
        assert expected.least <= until[-1].seq <= expected.most


def _seq(beat: Heartbeat) -> int:
    return beat.seq


def _window_of(beats: list[Heartbeat]) -> HeartbeatWindow:
    numbers = [beat.seq for beat in beats]
    return HeartbeatWindow(
        present=True,
        newest_until=beats[-1] if beats else None,
        gaps=tuple(sorted(set(range(min(numbers), max(numbers))) - set(numbers))) if numbers else (),
        lineages=(LINE,) if beats else (),
    )


def test_the_object_says_what_it_holds() -> None:
    beat, later = (Heartbeat(seq=9, at=T + timedelta(seconds=one), lineage=LINE) for one in (0.5, 7.5))
    read = read_object(object_of({"one": beat, "two": later}))
    assert read == HeartbeatObject(at=later.at, newest=later, beats={"one": beat, "two": later})
    assert newest_of([read], "two", alone=False) == later
    assert newest_of([read], "three", alone=False) is None
    assert newest_of([read], "three", alone=True) == later


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'"at"', b'{"at": 5}', b'{"at": "yesterday"}', b"\xff", b'{"at": ["' * 9, b"[" * 30_000],
)
def test_what_is_no_heartbeat_object_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_object(content)


@pytest.mark.parametrize(
    "more",
    ['"seq": "9"', '"seq": null', '"seq": 9, "lineage": 5', '"beats": {"one": 7}', '"beats": [1]', '"seq": 1e99'],
)
def test_what_else_stands_in_an_object_is_taken_for_nothing(more: str) -> None:
    read = read_object(('{"at": "2026-11-20T02:15:00+00:00", ' + more + "}").encode())
    assert read == HeartbeatObject(at=T)
    assert read_object(b'{"at": "2026-11-20T02:15:00"}') is None


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


TRAP = """
create function trap() returns bigint language plpgsql as $$
    begin raise exception 'executed as %', current_user; end $$;
"""
FORM = "seq bigint, at timestamptz, lsn pg_lsn, lineage uuid"


@pytest.mark.parametrize(
    "planted",
    [
        "create view firedrill.heartbeat as select trap() as seq, now() as at, null::uuid as lineage",
        f"create table firedrill.heartbeat ({FORM}) partition by list (seq)",
        f"grant all on schema firedrill to reader; set role reader; create table firedrill.heartbeat ({FORM})",
        "create type late as enum ('x'); create table firedrill.heartbeat (seq bigint, at late, lineage uuid)",
        f"set role owner; create table firedrill.heartbeat ({FORM}); create policy p on firedrill.heartbeat using"
        " (trap() > 0); alter table firedrill.heartbeat enable row level security, force row level security",
    ],
)
def test_what_only_has_its_name_is_not_read(source: Source, planted: str) -> None:
    """Whoever may create a schema could have his own functions executed by the owner, at each backup."""
    with source.cluster.connect("audit") as admin:
        admin.execute("create schema firedrill authorization owner; set role owner")
        try:
            admin.execute(f"{TRAP} reset role; {planted}".encode())
            with (
                connect(source.login("audit")) as session,
                pytest.raises(Unable, match=r"no heartbeat's table|row-level security"),
            ):
                heartbeat.observe(session, T)
        finally:
            admin.execute("reset role; drop schema firedrill cascade; drop function trap; drop type if exists late")


def test_a_schema_that_may_not_be_entered_stops_nobody(source: Source) -> None:
    with source.cluster.connect("audit") as admin:
        admin.execute("create schema firedrill authorization reader")
        try:
            with connect(source.login("audit")) as session:
                assert heartbeat.observe(session, T) == ABSENT
        finally:
            admin.execute("drop schema firedrill")
