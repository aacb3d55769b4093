"""What stood at an instant, told from a listing with one-second times."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as some

from dr.object_versions import standing_at

T = datetime(2026, 11, 20, 2, 15, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    key: str
    version: str
    modified: datetime
    marker: bool = False
    size: int = 1


def entry(version: str, seconds: float, *, marker: bool = False, key: str = "k") -> Entry:
    return Entry(key, version, T + timedelta(seconds=seconds), marker)


def test_the_newest_of_an_earlier_second_is_chosen() -> None:
    (wanted,) = standing_at([entry("v3", 5), entry("v2", -1), entry("v1", -500)], T)
    assert wanted.chosen is not None
    assert wanted.chosen.version == "v2"
    assert wanted.candidates == ()
    # A row committed just before may still name the version that was replaced a second ago.
    assert wanted.versions == ("v2", "v1")
    (old,) = standing_at([entry("v2", -300), entry("v1", -500)], T)
    assert old.versions == ("v2",)


def test_the_second_of_the_instant_is_ambiguous() -> None:
    (wanted,) = standing_at([entry("v3", 0.7), entry("v2", 0), entry("v1", -90)], T)
    assert [found.version for found in wanted.candidates] == ["v3", "v2"]
    assert wanted.versions == ("v3", "v2", "v1")


def test_listing_order_decides_within_one_second() -> None:
    (wanted,) = standing_at([entry("b", -1), entry("a", -1)], T)
    assert wanted.chosen is not None
    assert wanted.chosen.version == "b"


def test_a_deleted_key_is_absent_but_its_last_version_may_be_named() -> None:
    assert standing_at([entry("d", -300, marker=True), entry("v1", -400)], T) == []
    (wanted,) = standing_at([entry("d", -2, marker=True), entry("v1", -400)], T)
    assert wanted.chosen is None
    assert wanted.versions == ("v1",)
    (perhaps,) = standing_at([entry("d", 0, marker=True), entry("v1", -400)], T)
    assert perhaps.chosen is not None
    assert [found.version for found in perhaps.candidates] == ["d"]


def test_what_came_later_is_not_there() -> None:
    assert standing_at([entry("v1", 1)], T) == []


@given(some.lists(some.tuples(some.integers(-200, 200), some.booleans()), max_size=8))
def test_nothing_later_is_ever_wanted_and_the_standing_one_always_is(history: list[tuple[int, bool]]) -> None:
    ordered = sorted(history, key=lambda one: one[0], reverse=True)
    listing = [entry(f"v{number}", at, marker=marker) for number, (at, marker) in enumerate(ordered)]
    found = {version for wanted in standing_at(listing, T) for version in wanted.versions}
    later = {one.version for one in listing if one.modified > T}
    assert not found & later
    earlier = [one for one in listing if one.modified < T]
    if earlier and not earlier[0].marker:
        assert earlier[0].version in found
