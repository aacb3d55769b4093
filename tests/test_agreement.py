"""Two restores of one instant: whatever one of them has otherwise is found, and nothing else."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dr.agreement import Restored, chunks_of, compare, unread
from dr.estate import SiteName
from dr.hashing import Hashing
from dr.verification import Chunk, ObservedDatabase, TableSide

T = datetime(2026, 11, 20, 2, 14, tzinfo=UTC)
TABLES = {"app": {"public.documents": {0: Chunk(count=3, digest=7), 5: Chunk(count=1, digest=9)}, "public.empty": {}}}
Content = dict[str, dict[str, dict[int, Chunk]]]


def restored(
    databases: Content, site: SiteName = "recovery", run: str = "b", seed: int = 1, at: datetime = T
) -> Restored:
    return Restored(
        asset="receipts-db", run=run, site=site, instant=at, hashing=Hashing(seed=seed), databases=databases
    )


def test_equal_restores_agree_and_say_how_much_that_was() -> None:
    (finding,) = compare(restored(TABLES), [restored(TABLES, "primary", "a")])
    assert finding.outcome == "passed"
    assert finding.observed == "2 tables of 4 rows compared, 0 differ"


@pytest.mark.parametrize(
    "others",
    [
        [],
        [restored(TABLES, "recovery", "a")],
        [restored(TABLES, "primary", "a", seed=2)],
        [restored(TABLES, "primary", "a", at=datetime(2026, 11, 19, tzinfo=UTC))],
    ],
    ids=["none", "same-site", "other-hashes", "other-instant"],
)
def test_nothing_to_compare_with_is_said(others: list[Restored]) -> None:
    (finding,) = compare(restored(TABLES), others)
    assert finding.outcome == "not_available"


def test_of_several_the_newest_counts() -> None:
    old = restored({"app": {"public.documents": {0: Chunk(count=9, digest=9)}}}, "primary", "a")
    assert [one.outcome for one in compare(restored(TABLES, run="c"), [old, restored(TABLES, "primary", "b")])] == [
        "passed"
    ]


def test_two_restores_of_nothing_prove_nothing() -> None:
    (finding,) = compare(restored({"app": {"public.empty": {}}}), [restored({"app": {"public.empty": {}}}, "primary")])
    assert finding.outcome == "errored"


chunks = some.dictionaries(
    some.integers(0, 4), some.builds(Chunk, count=some.integers(1, 5), digest=some.integers(0, 3))
)
databases = some.dictionaries(
    some.sampled_from(["app", "audit"]), some.dictionaries(some.sampled_from(["a", "b"]), chunks), min_size=1
)


@given(databases, databases)
def test_they_agree_only_where_they_are_equal(here: Content, there: Content) -> None:
    findings = compare(restored(here), [restored(there, "primary", "a")])
    flat = [
        {(name, key): each for name, tables in one.items() for key, each in tables.items()} for one in (here, there)
    ]
    if flat[0] != flat[1]:
        assert findings[0].outcome in ("failed", "errored")
        assert findings[0].outcome == "errored" or len(findings) > 1
    else:
        assert findings[0].outcome == ("passed" if any(flat[0].values()) else "errored")


def test_what_is_kept_of_a_reading_is_its_chunks() -> None:
    side = TableSide(filenode=1, rows=3, bytes=8192, chunks={0: Chunk(count=3, digest=7)})
    seen = ObservedDatabase(name="app", tables={"public.t": side}, damaged={"public.u": "x"})
    assert chunks_of([seen]) == {"app": {"public.t": {0: Chunk(count=3, digest=7)}}}


def test_half_a_reading_is_not_compared() -> None:
    whole = ObservedDatabase(name="app", tables={})
    assert unread(["app"], [whole]) is None
    assert unread(["app", "audit"], [whole]) == "database audit"
    assert unread(["app"], [whole.model_copy(update={"unread": {"public.t": "a timeout"}})]) == "app.public.t"
    assert unread(["app"], [whole.model_copy(update={"damaged": {"public.t": "a page"}})]) == "app.public.t"
