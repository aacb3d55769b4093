"""Comparing content, without a database: what may be tolerated, and what never."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as some

from dr.comparison import compare_content, second_look, total
from dr.schema_comparison import compare_roles, compare_schema
from dr.table_comparison import BLOCKS, MANY, changed, hot_chunk
from dr.verification import (
    Chunk,
    Coverage,
    DatabaseBaseline,
    Finding,
    ObservedDatabase,
    SchemaFingerprint,
    SeenRow,
    SequenceState,
    TableBaseline,
    TableSide,
)
from dr.visibility import Bracket, widened

SHAPE = SchemaFingerprint(objects={"a": "x"}, extensions={"e": "1"}, roles={"r": "super=f"}, sequences={}, settings={})
BEFORE, AT = "100:110:105", "112:120:"
OLD, INSIDE, LATER = 50, 112, 130

Rows = dict[tuple[int, int], tuple[int, int]]
"""(block, offset) -> (digest, writer)"""


def side(rows: Rows) -> TableSide:
    chunks: dict[int, list[int]] = {}
    for (block, _), (digest, _) in rows.items():
        chunks.setdefault(block // BLOCKS, []).append(digest)
    return TableSide(
        filenode=1,
        rows=len(rows),
        bytes=8192,
        chunks={number: Chunk(count=len(one), digest=sum(one) % 2**64) for number, one in chunks.items()},
    )


def seen(rows: Rows, chunk: int) -> list[SeenRow]:
    return [
        SeenRow(block=block, offset=offset, digest=digest, xmin=writer)
        for (block, offset), (digest, writer) in rows.items()
        if block // BLOCKS == chunk
    ]


def judged(
    before: Rows,
    after: Rows,
    restore: Rows,
    *,
    in_doubt: tuple[int, ...] = (),
    tables: Mapping[str, Rows] | None = None,
) -> tuple[list[Finding], Coverage]:
    first, second = side(before), side(after)
    hot = {number: hot_chunk(seen(before, number), seen(after, number)) for number in changed(first, second)}
    baseline = DatabaseBaseline(
        name="app",
        tables={"public.t": TableBaseline(before=first, after=second, hot=hot)},
        before=SHAPE,
        after=SHAPE,
        visible_before=BEFORE,
    )
    there = {"public.t": restore} if tables is None else dict(tables)
    observed = ObservedDatabase(name="app", tables={key: side(rows) for key, rows in there.items()})
    rows = {
        key: {chunk: seen(there[key], chunk) for chunk in chunks}
        for key, chunks in second_look(baseline, observed).items()
    }
    return compare_content(baseline, observed, rows, begun_at=AT, in_doubt=in_doubt)


places = some.tuples(some.integers(0, 3 * BLOCKS), some.integers(1, 5))
digests = some.integers(2**32, 2**64 - 1)
tables = some.dictionaries(places, some.tuples(digests, some.just(OLD)), min_size=1, max_size=30)


@given(tables)
def test_an_identical_restore_is_proven_whole(rows: Rows) -> None:
    (finding,), coverage = judged(rows, rows, rows)
    assert finding.outcome == "passed"
    assert coverage.exact_fraction == 1.0
    assert coverage.tables_compared == coverage.tables_expected == 1


@given(tables, some.data())
def test_any_single_difference_in_a_quiet_table_is_found(rows: Rows, data: some.DataObject) -> None:
    place = data.draw(some.sampled_from(sorted(rows)))
    digest, writer = rows[place]
    other = data.draw(digests.filter(lambda number: number != digest))
    for damaged in (
        {where: row for where, row in rows.items() if where != place},
        rows | {place: (other, writer)},
        rows | {place: (other, LATER)},
        rows | {(place[0], 99): (other, writer)},
        rows | {(place[0], 99): (digest, LATER)},
    ):
        findings, _ = judged(rows, rows, damaged)
        assert [finding.outcome for finding in findings] == ["failed"]
        assert findings[0].subject == "app.public.t"


@given(tables, some.sets(some.integers(0, 29)), some.sets(some.integers(0, 29)), some.data())
def test_whatever_lies_between_the_sides_is_accepted(
    rows: Rows, gone: set[int], fresh: set[int], data: some.DataObject
) -> None:
    """Rows deleted and rows written inside the bracket may or may not be in the restore, and so may fleeting ones."""
    order = sorted(rows)
    deleted = {order[number] for number in gone if number < len(order)}
    written: Rows = {(number, 50): (number * 7919 + 1, INSIDE) for number in fresh}
    fleeting: Rows = {(number, 51): (number * 104729 + 5, INSIDE) for number in fresh}
    after = {place: row for place, row in rows.items() if place not in deleted} | written
    kept = {place: row for place, row in rows.items() if place not in deleted or data.draw(some.booleans())}
    restore = kept | {place: row for place, row in (written | fleeting).items() if data.draw(some.booleans())}
    findings, coverage = judged(rows, after, restore)
    changed = sum(place not in rows or place not in after for place in restore)
    least = min(len(deleted), len(written))
    # Unless so much of it is missing that it may as well be lost: never a failure, but never a pass either.
    lost = least > 0 and (not restore or (least >= MANY and 2 * changed < least))
    assert [finding.outcome for finding in findings] == ["errored" if lost else "passed"]
    assert coverage.exact_fraction is None or coverage.exact_fraction <= 1.0


def test_a_table_that_changed_wholly_inside_the_bracket_and_comes_back_empty_is_not_passed() -> None:
    findings, coverage = judged({(0, 1): (1, OLD)}, {(0, 2): (2, INSIDE)}, {})
    assert [finding.outcome for finding in findings] == ["errored"]
    assert coverage.exact_fraction == 0.0


@given(tables, some.data())
def test_a_row_that_both_sides_have_must_be_there_even_in_a_hot_chunk(rows: Rows, data: some.DataObject) -> None:
    place = data.draw(some.sampled_from(sorted(rows)))
    after = rows | {(place[0], 60): (1, INSIDE)}
    damaged = {where: row for where, row in rows.items() if where != place}
    findings, _ = judged(rows, after, damaged)
    assert [finding.outcome for finding in findings] == ["failed"]
    # While a transaction is in doubt, it may have been the one that deleted it: nobody can tell.
    findings, _ = judged(rows, after, damaged, in_doubt=(111,))
    assert [finding.outcome for finding in findings] == ["errored"]


def test_a_table_missing_and_a_table_too_many() -> None:
    rows: Rows = {(0, 1): (5, OLD)}
    findings, coverage = judged(rows, rows, rows, tables={"public.other": rows})
    assert {finding.subject: finding.outcome for finding in findings} == {
        "app.public.t": "failed",
        "app.public.other": "failed",
    }
    assert coverage.tables_compared == 0 < coverage.tables_expected


def test_a_table_that_came_inside_the_bracket_may_be_absent_or_as_it_came() -> None:
    rows: Rows = {(0, 1): (5, INSIDE)}
    baseline = DatabaseBaseline(
        name="app",
        tables={"public.t": TableBaseline(before=None, after=side(rows), hot={0: hot_chunk([], seen(rows, 0))})},
        before=SHAPE,
        after=SHAPE,
        visible_before=BEFORE,
    )
    absent = compare_content(baseline, ObservedDatabase(name="app", tables={}), {}, begun_at=AT)
    there = ObservedDatabase(name="app", tables={"public.t": side(rows)})
    present = compare_content(baseline, there, {"public.t": {0: seen(rows, 0)}}, begun_at=AT)
    assert [absent[0][0].outcome, present[0][0].outcome] == ["passed", "passed"]


def test_unread_and_damaged_tables_are_never_passed() -> None:
    rows: Rows = {(0, 1): (5, OLD)}
    known = TableBaseline(before=side(rows), after=side(rows))
    names = ("public.a", "public.b", "public.c")
    baseline = DatabaseBaseline(
        name="app",
        tables=dict.fromkeys(names, known) | {"public.d": TableBaseline(before=None, after=None, unread="dropped")},
        excluded={"public.cache": "unlogged"},
        before=SHAPE,
        after=SHAPE,
    )
    observed = ObservedDatabase(
        name="app",
        tables={"public.a": side(rows), "public.d": side(rows)},
        damaged={"public.b": "invalid page"},
        unread={"public.c": "permission denied"},
        excluded={"public.cache": "unlogged"},
    )
    findings, coverage = compare_content(baseline, observed, {})
    assert {finding.subject: finding.outcome for finding in findings} == {
        "app.public.a": "passed",
        "app.public.b": "failed",
        "app.public.c": "errored",
        "app.public.d": "errored",
        "app.public.cache": "not_available",
    }
    assert (coverage.tables_compared, coverage.tables_expected) == (1, 4)


def test_the_whole_is_weighted_by_rows() -> None:
    parts = [
        Coverage(tables_expected=1, tables_compared=1, rows=99, exact_fraction=1.0),
        Coverage(tables_expected=1, tables_compared=1, rows=1, exact_fraction=0.0),
    ]
    assert total(parts).exact_fraction == 0.99
    assert total([]).exact_fraction is None


# --- who wrote inside the bracket ---


def test_writers_are_told_apart() -> None:
    bracket = Bracket("100:110:105", "112:120:")
    assert {number: bracket.wrote(number) for number in (50, 104, 105, 107, 110, 119, 120, 130)} == {
        50: "outside",
        104: "outside",
        105: "inside",
        107: "perhaps",
        110: "inside",
        119: "inside",
        120: "outside",
        130: "outside",
    }
    assert Bracket("100:110:", "112:120:", horizon=115).wrote(115) == "outside"
    assert Bracket("", "").wrote(115) == "outside"


def test_a_replica_does_not_say_who_is_at_work() -> None:
    bracket = Bracket("100:110:", "112:120:")
    assert [bracket.wrote(number) for number in (99, 100, 109, 110)] == ["outside", "perhaps", "perhaps", "inside"]


@given(some.integers(2**33, 2**40), some.integers(-(2**30), 2**30))
def test_a_low_half_is_widened_to_the_number_that_it_came_from(near: int, apart: int) -> None:
    assert widened((near + apart) % 2**32, near) == near + apart


# --- shape ---


def sequence(last: int | None, **more: object) -> SequenceState:
    return SequenceState.model_validate({"last": last, "increment": 1, "cache": 1, "cycles": False} | more)


def sequences(before: SequenceState, after: SequenceState, there: SequenceState) -> list[str]:
    baseline = DatabaseBaseline(
        name="app",
        tables={},
        before=SHAPE.model_copy(update={"sequences": {"public.s": before}}),
        after=SHAPE.model_copy(update={"sequences": {"public.s": after}}),
    )
    found = compare_schema(baseline, SHAPE.model_copy(update={"sequences": {"public.s": there}}))
    return [finding.outcome for finding in found if finding.check == "sequences"]


def test_a_sequence_stands_between_its_sides_or_a_little_ahead() -> None:
    for last in (10, 12, 45):
        assert sequences(sequence(10), sequence(12), sequence(last)) == ["passed"]
    for wrong in (9, 46, None):
        assert sequences(sequence(10), sequence(12), sequence(wrong)) == ["failed", "failed"]
    # What was drawn before the next commit is replayed, and the source was looked at again.
    assert sequences(sequence(10), sequence(12, later=80), sequence(113)) == ["passed"]
    assert sequences(sequence(10), sequence(12, later=80), sequence(114)) == ["failed", "failed"]
    assert sequences(sequence(None), sequence(None, later=3), sequence(1)) == ["passed"]
    down = {"increment": -1}
    assert sequences(sequence(-5, **down), sequence(-6, **down), sequence(-7, **down)) == ["passed"]
    assert sequences(sequence(-5, **down), sequence(-6, **down), sequence(-4, **down)) == ["failed", "failed"]
    assert sequences(sequence(None), sequence(None), sequence(None)) == ["passed"]
    assert sequences(sequence(None), sequence(None), sequence(1)) == ["failed", "failed"]


def test_a_sequence_behind_its_column_fails_unless_the_source_was_so_too() -> None:
    behind = sequence(10, behind="public.t.id")
    assert sequences(sequence(10), sequence(10), behind) == ["failed", "failed"]
    assert sequences(behind, behind, behind) == ["passed"]


def test_shape_and_roles_are_named_where_they_differ() -> None:
    baseline = DatabaseBaseline(name="app", tables={}, before=SHAPE, after=SHAPE)
    assert {f.outcome for f in [*compare_schema(baseline, SHAPE), *compare_roles("db", baseline, SHAPE)]} == {"passed"}
    other = SHAPE.model_copy(update={"objects": {"a": "y", "b": "z"}, "extensions": {}, "roles": {"r": "super=t"}})
    bad = [
        f for f in [*compare_schema(baseline, other), *compare_roles("db", baseline, other)] if f.outcome == "failed"
    ]
    assert [finding.subject for finding in bad] == ["app", "app: a", "app: b", "app", "app: e", "db", "db: r"]
    assert (bad[-1].expected, bad[-1].observed) == ("super=f", "super=t")


def test_a_fingerprint_of_nothing_is_no_pass() -> None:
    empty = SchemaFingerprint(objects={}, extensions={}, roles={}, sequences={}, settings={})
    baseline = DatabaseBaseline(name="app", tables={}, before=empty, after=empty)
    assert [f.outcome for f in compare_schema(baseline, empty)] == ["errored", "errored", "passed"]


def test_a_sequence_near_its_limit_is_a_failure_only_where_the_source_had_room() -> None:
    limit = {"limit": 2**31 - 1, "limited_by": "public.t.id"}
    near, far = sequence(2**31 - 10, **limit), sequence(1000, **limit)
    assert sequences(near, near, near) == ["passed", "passed"]
    assert sequences(far, far, far) == ["passed"]
    # A limit that was narrowed, while the sequence stands where it stood.
    assert sequences(far, far, sequence(1000, limit=1010)) == ["failed", "failed"]
    # What is logged in advance may bring a small one close: the source would be as close after a crash.
    assert sequences(sequence(60, limit=100), sequence(60, limit=100), sequence(92, limit=100)) == ["passed", "passed"]
    # An older baseline knows no limits, and a sequence that starts anew has none.
    assert sequences(sequence(95), sequence(95), sequence(95, limit=100)) == ["passed", "passed"]
    assert sequences(far, far, sequence(1000, limit=1010, cycles=True)) == ["passed"]
    assert sequences(sequence(None, limit=10), sequence(None, limit=10), sequence(None, limit=10)) == ["passed"]


def test_what_is_said_of_a_sequence_near_its_limit() -> None:
    state = sequence(2**31 - 10, limit=2**31 - 1, limited_by="public.t.id")
    shape = SHAPE.model_copy(update={"sequences": {"public.s": state}})
    found = compare_schema(DatabaseBaseline(name="app", tables={}, before=shape, after=shape), shape)
    (told,) = [one for one in found if one.subject == "app: public.s"]
    assert told.observed == "at 2147483638, near 2147483647, the last value of public.t.id"
    assert told.detail == "near its limit at the source too"
