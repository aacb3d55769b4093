"""Objects of an instant: recorded, restored, compared."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from dr.checks import objects
from dr.errors import Unable
from dr.manifest import BucketBaseline, Content, RestoredObject, Told

T = datetime(2026, 11, 20, 2, 15, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    key: str
    version: str
    modified: datetime
    marker: bool = False
    size: int = 3


def sha(key: str, version: str) -> str:
    return hashlib.sha256(f"{key}@{version}".encode()).hexdigest()


def read(key: str, version: str) -> Content:
    return Content(sha256=sha(key, version), size=3)


def entry(key: str, version: str, seconds: float, *, marker: bool = False) -> Entry:
    return Entry(key, version, T + timedelta(seconds=seconds), marker)


LISTING = [
    entry("a", "a2", -10),
    entry("a", "a1", -100),
    entry("b", "b2", 0),
    entry("b", "b1", -100),
    entry("c", "c2", 0, marker=True),
    entry("c", "c1", -100),
    entry("d", "d2", -3, marker=True),
    entry("d", "d1", -100),
    entry("e", "e1", 4),
]


def recorded() -> BucketBaseline:
    return objects.capture("docs", "bucket", T, LISTING, read)


def restored(*pairs: tuple[str, str]) -> list[RestoredObject]:
    return [RestoredObject(key=key, source_version=version, size=3, sha256=sha(key, version)) for key, version in pairs]


WHOLE = (("a", "a2"), ("a", "a1"), ("b", "b1"), ("b", "b2"), ("c", "c1"), ("d", "d1"))


def test_a_manifest_tells_the_certain_from_the_ambiguous() -> None:
    manifest = recorded()
    assert sorted(manifest.objects) == ["a", "b"]
    assert manifest.objects["a"].recent == {"a1": sha("a", "a1")}
    assert manifest.objects["b"].ambiguous == {"b2": sha("b", "b2")}
    assert manifest.unsettled == {"c": {"c2": "", "c1": sha("c", "c1")}}
    assert manifest.hidden == {"d": {"d1": sha("d", "d1")}}


def test_known_versions_are_not_read_again_and_an_unreadable_one_is_no_manifest() -> None:
    def refuse(key: str, version: str) -> Content:
        raise Unable(f"{key} {version}: access denied")

    known = {(one.key, one.version): read(one.key, one.version) for one in LISTING if not one.marker}
    assert objects.capture("docs", "bucket", T, LISTING, refuse, known=known) == recorded()
    with pytest.raises(Unable, match="access denied"):
        objects.capture("docs", "bucket", T, LISTING, refuse)


def test_a_whole_restore_passes_and_says_what_it_cannot_tell() -> None:
    (finding,), coverage = objects.compare(recorded(), restored(*WHOLE))
    assert finding.outcome == "passed"
    assert "c: whether it stood at that second" in finding.detail
    assert (coverage.objects_expected, coverage.objects_compared) == (2, 2)


@pytest.mark.parametrize(
    ("damage", "subject"),
    [
        (lambda whole: [one for one in whole if one.key != "a"], "bucket/a"),
        (lambda whole: [one for one in whole if one.source_version != "a2"], "bucket/a"),
        (
            lambda whole: [one.model_copy(update={"sha256": "0" * 64}) if one.key == "a" else one for one in whole],
            "bucket/a",
        ),
        (lambda whole: [*whole, *restored(("e", "e1"))], "bucket/e"),
        (lambda whole: [*whole, *restored(("a", ""))], "bucket/a"),
    ],
)
def test_every_damage_is_named(damage: Callable[[list[RestoredObject]], list[RestoredObject]], subject: str) -> None:
    findings, _ = objects.compare(recorded(), damage(restored(*WHOLE)))
    assert [finding.outcome for finding in findings][:2] == ["failed", "failed"]
    assert subject in {finding.subject for finding in findings[1:]}


def test_what_was_archived_at_home_is_neither_compared_nor_missing() -> None:
    def asleep(key: str, version: str) -> Content:
        archived = (key, version) in {("a", "a2"), ("b", "b2")}
        return Content(sha256="", size=0, told=Told(archived=True)) if archived else read(key, version)

    manifest = objects.capture("docs", "bucket", T, LISTING, asleep)
    (told,) = objects.unread(manifest)
    assert told.outcome == "not_available"
    assert told.detail == "1 of 2 objects are archived and were not read, first 'a'"
    left = [one for one in WHOLE if one != ("a", "a2")]
    (summary, note), coverage = objects.compare(manifest, restored(*left), {("a", "a2")})
    assert (summary.outcome, note.outcome) == ("passed", "not_available")
    assert (coverage.objects_expected, coverage.objects_compared) == (1, 1)
    # Where the copy was not archived there is something to restore, and nothing to compare it with.
    (summary, note), coverage = objects.compare(manifest, restored(*WHOLE))
    assert (summary.outcome, note.outcome, coverage.objects_compared) == ("passed", "not_available", 1)
    assert objects.compare(manifest, restored(*left))[0][0].outcome == "failed"


def test_an_empty_manifest_is_an_answer_only_where_the_bucket_was_empty() -> None:
    empty = objects.capture("docs", "bucket", T, [], read)
    assert empty.empty
    assert objects.compare(empty, [])[0][0].outcome == "passed"
    assert (
        objects.compare(recorded().model_copy(update={"objects": {}, "unsettled": {}}), [])[0][0].outcome == "errored"
    )
    assert objects.compare(empty, restored(("x", "x1")))[0][0].outcome == "failed"


def test_what_stands_in_scratch_is_traced_to_its_source() -> None:
    copies = [("a", "a2", "new2"), ("a", "a1", "new1")]
    there = [
        entry("run/a", "new2", 60),
        entry("run/a", "new1", 50),
        entry("run/x", "n", 70),
        entry("run/y", "m", 0, marker=True),
    ]
    found = objects.observe(copies, there, "run/", lambda key, version: Content(sha256=f"{key}@{version}", size=1))
    assert [(one.key, one.source_version, one.sha256) for one in found] == [
        ("a", "a2", "run/a@new2"),
        ("a", "a1", "run/a@new1"),
        ("x", "", "run/x@n"),
    ]


def test_a_copy_that_was_made_twice_is_traced_too_and_other_bytes_never_are() -> None:
    """botocore repeats a request whose answer was lost: of the first copy the map knows nothing."""
    copies = [("a", "a2", "new2"), ("b", "b1", "other")]
    there = [
        entry("run/a", "new2", 61),
        entry("run/a", "unanswered", 60),
        entry("run/a", "damaged", 59),
        entry("run/b", "other", 60),
        entry("run/c", "stray", 60),
    ]
    bytes_ = {"new2": "x", "unanswered": "x", "damaged": "y", "other": "z", "stray": "x"}
    found = objects.observe(copies, there, "run/", lambda _, version: Content(sha256=bytes_[version], size=1))
    assert [(one.key, one.source_version, one.current) for one in found] == [
        ("a", "a2", True),
        ("a", "a2", False),
        ("a", "", False),
        ("b", "b1", True),
        ("c", "", True),
    ]
