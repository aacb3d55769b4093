"""With which states of a bucket rows agree, against a model that tries every second."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as some

from dr.held import HeldKey, HeldVersion, of_listing, read_back, spans
from dr.joint_recovery import Joint, Together, unmet
from dr.manifest import BucketBaseline, ObjectVersion, RestoredObject, Told
from dr.object_versions import RECENT, of_key, standing_at
from dr.resolving import Named, problem

T = datetime(2026, 11, 20, 2, 15, 0, tzinfo=UTC)
SECOND = int(T.timestamp())
AROUND = [ten + off for ten in range(-150, 160, 10) for off in (-1, 0, 1)]
"""Whatever happens here happens at a multiple of ten seconds."""
SAME = {"size": 1, "storage_class": "STANDARD"}
LATE = int(RECENT.total_seconds())


def entry(number: int, at: int, *, marker: bool = False, sha256: str = "", lost: bool = False) -> HeldVersion:
    stored = T + timedelta(seconds=at)
    why = "archived" if lost and not marker else ""
    return HeldVersion.model_validate(
        {"version": f"v{number}", "stored": stored, "marker": marker, "sha256": sha256, "lost": why}
    )


times = some.integers(-14, 14).map(lambda ten: ten * 10)
histories = some.lists(
    some.tuples(times, some.booleans(), some.sampled_from(["", "x", "y"]), some.booleans()),
    max_size=5,
)
references = some.tuples(some.sampled_from([None, "v0", "v1", "v9"]), some.sampled_from([None, "x", "y"]))


def key_of(history: list[tuple[int, bool, str, bool]]) -> HeldKey:
    """As S3 lists it: the newest first. Times need not follow, as that of an upload in parts is when it began."""
    return HeldKey(
        key="k",
        entries=tuple(
            entry(number, at, marker=marker, sha256="" if marker or lost else sha256, lost=lost)
            for number, (at, marker, sha256, lost) in enumerate(history)
        ),
    )


def found_at(line: HeldKey, version: str | None, sha256: str | None, second: int) -> bool:
    """The model: who can have stood on top during this second, or shortly before, and is it what the row names?"""
    for number, one in enumerate(line.entries):
        newer = [int(above.stored.timestamp()) for above in line.entries[:number]]
        gone = min(newer, default=None)
        stored = int(one.stored.timestamp())
        if one.marker or one.lost or (gone is not None and stored > gone) or stored > second:
            continue
        if version not in (None, one.version):
            continue
        if sha256 is not None and one.sha256 != sha256 and not (version and not one.sha256):
            continue
        if gone is None or second <= gone:
            return True
        # The one that came on top first; of two of one second, the one that is listed lower came first.
        above = line.entries[max(at for at, time in enumerate(newer) if time == gone)]
        if (version or sha256) and not above.marker and second <= gone + LATE:
            return True
    return False


@given(histories, references)
def test_spans_are_what_every_second_says(
    history: list[tuple[int, bool, str, bool]], named: tuple[str | None, str | None]
) -> None:
    line = key_of(history)
    pieces = list(spans(line, *named))
    for at in AROUND:
        second = SECOND + at
        covered = any(first <= second and (last is None or second <= last) for first, last in pieces)
        assert covered == found_at(line, *named, second), at


@given(some.lists(some.tuples(histories, references), max_size=6))
def test_together_is_what_every_second_says(
    rows: list[tuple[list[tuple[int, bool, str, bool]], tuple[str | None, str | None]]],
) -> None:
    together = Together(T)
    lines = [(key_of(history), named) for history, named in rows]
    for line, named in lines:
        together.add(spans(line, *named))
    ever = [(line, named) for line, named in lines if list(spans(line, *named))]
    good = [at for at in AROUND if all(found_at(line, *named, SECOND + at) for line, named in ever)]
    later, earlier = together.later(), together.earlier()
    assert together.rows == len(rows)
    assert together.never == len(rows) - len(ever)
    first, last = min((at for at in good if at >= 0), default=None), max((at for at in good if at <= 0), default=None)
    # Beyond what the model tries, nothing changes any more to one side; to the other, before the first, all is empty.
    assert (later and (later - T).total_seconds()) == first or (first is None and later and later > T)
    assert (earlier and (earlier - T).total_seconds()) == last


@given(some.lists(some.tuples(times, some.booleans()), max_size=6), some.booleans())
def test_a_row_of_the_instant_finds_what_was_restored(history: list[tuple[int, bool]], by_version: bool) -> None:
    """The restore and L7 agree on what stood at the instant: whatever is copied is found, unless it was deleted."""
    ordered = sorted(history, key=lambda one: one[0], reverse=True)
    listing = [
        SimpleNamespace(
            key="k",
            version=f"v{n}",
            modified=T + timedelta(seconds=at),
            marker=marker,
            size=1,
            storage_class="STANDARD",
        )
        for n, (at, marker) in enumerate(ordered)
    ]
    wanted = of_key("k", listing, T)
    copied = {one: f"new {one}" for one in reversed(wanted.versions)} if wanted.chosen or wanted.candidates else {}
    line = of_listing(wanted, listing, copied, {})
    top = next(iter(wanted.versions), None)
    line = read_back(
        line,
        [RestoredObject(key="k", source_version=one, size=1, sha256=one, current=one == top) for one in copied],
    )
    if wanted.chosen is not None and copied:
        named = Named("k", wanted.chosen.version, wanted.chosen.version) if by_version else Named("k")
        assert problem(line, named, T) is None
    if not standing_at(listing, T):
        assert problem(line, Named("k"), T) in ("missing", "hidden")


def test_memory_does_not_grow_with_the_gaps() -> None:
    together = Together(T)
    for row in range(3):
        together.add((SECOND + 10 * n + row, SECOND + 10 * n + row + 5) for n in range(-5000, 5000))
    assert together.later() == T + timedelta(seconds=2)
    assert together.earlier() == T - timedelta(seconds=5)
    assert len(together._pieces) <= 1000


def manifest(*objects: tuple[str, str, str]) -> BucketBaseline:
    made = {
        key: ObjectVersion(key=key, version=version, size=1, sha256=sha256, modified=T)
        for key, version, sha256 in objects
    }
    return BucketBaseline(asset="docs", bucket="bucket", instant=T, objects=made)


def test_an_earlier_backup_is_whole_where_each_of_its_versions_stands() -> None:
    then = manifest(("a", "v0", "x"), ("b", "v1", "y"), ("c", "v0", "z"), ("beat", "v0", "b"))
    a = HeldKey(key="a", entries=(entry(0, -500, sha256="x"),))
    b = HeldKey(key="b", entries=(entry(0, -5), entry(1, -500)))
    c = HeldKey(key="c", entries=(entry(0, -500, sha256="z"),))
    cold = HeldKey(key="c", entries=(entry(0, -500, lost=True),))
    bent = HeldKey(key="c", entries=(entry(0, -500, sha256="other"),))
    for lines, left in (([a, b, c], 0), ([a, b], 1), ([a, b, cold], 1), ([a, b, bent], 1), ([], 3)):
        beat = HeldKey(key="beat", entries=(entry(7, -1),))
        assert unmet(then, [*lines, beat], heartbeat="beat") == left
    asleep = then.objects["c"].model_copy(update={"sha256": "", "told": Told(archived=True)})
    archived = then.model_copy(update={"objects": {**then.objects, "c": asleep}})
    for lines, left in (([a, b, cold], 0), ([a, b, bent], 0), ([a, b], 1)):
        assert unmet(archived, [*lines, beat], heartbeat="beat") == left


def test_the_words_say_what_is_known_and_what_is_not() -> None:
    nothing = Joint(instant=T, rows=3, agrees=False, never=3)
    assert "no one state of the bucket" in nothing.words()
    assert "no earlier backup" in nothing.words()
    assert nothing.at is None
    some_rows = nothing.model_copy(update={"never": 1, "bucket_later": T, "backup": T - timedelta(days=1)})
    assert "but for 1 whose object is right in no state of it" in some_rows.words()
    assert "`dr test --at 2026-11-19T02:15:00Z` proves" in some_rows.words()
    assert some_rows.at == T - timedelta(days=1)
