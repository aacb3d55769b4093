"""The bucket in the other region, by what it lists and by what of it can really be read."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dr.checks import replica
from dr.held import HeldKey, HeldVersion
from dr.manifest import BucketBaseline, Content, ObjectVersion, Retention, Told
from dr.verification import Finding

T = datetime(2026, 11, 20, 2, 15, 0, tzinfo=UTC)
KEYS = ("a/1", "a/2", "b/1", "c")
LOCK = Retention(mode="COMPLIANCE", until=T + timedelta(days=30))


def sha(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def expected(key: str, **told: Any) -> ObjectVersion:
    return ObjectVersion(key=key, version="v1", size=len(key), sha256=sha(key), modified=T, told=Told(**told))


def manifest(*objects: ObjectVersion, **more: Any) -> BucketBaseline:
    held = {one.key: one for one in (*map(expected, KEYS), *objects)}
    return BucketBaseline(asset="docs", bucket="home", instant=T, objects=held, **more)


def entry(version: str = "v1", seconds: float = -500, *, marker: bool = False, **more: Any) -> HeldVersion:
    return HeldVersion(version=version, stored=T + timedelta(seconds=seconds), marker=marker, **more)


def line(key: str, *entries: HeldVersion) -> HeldKey:
    return HeldKey(key=key, entries=entries or (entry(storage="STANDARD", copied="new"),))


def read(key: str, version: str) -> Content | str:
    assert version == "v1"
    return Content(sha256=sha(key), size=len(key))


def unlocked(key: str, version: str) -> Retention:
    del key, version
    return Retention()


def check(
    baseline: BucketBaseline,
    *lines: HeldKey,
    read: replica.Read = read,
    retained: replica.Retained = unlocked,
) -> list[Finding]:
    named = {one.key for one in lines}
    whole = [*lines, *(line(key) for key in KEYS if key not in named)]
    return replica.check(baseline, sorted(whole, key=lambda one: one.key), read, retained, bucket="copy")


def test_a_whole_copy_passes_with_its_counts() -> None:
    asked: list[str] = []

    def noting(key: str, version: str) -> Content | str:
        asked.append(key)
        return read(key, version)

    (finding,) = check(manifest(), read=noting)
    assert (finding.outcome, finding.observed) == ("passed", "4 stand there, 0 problems")
    assert finding.detail.startswith("an object of 3 of 3 prefixes and keys was read")
    assert sorted(asked) == ["a/1", "b/1", "c"]


GONE = HeldKey(key="a/1", entries=(entry("v0", -900),))


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"replication": "FAILED"}, "its replication has FAILED, and S3 does not try again"),
        ({"replication": "PENDING"}, "its replication was PENDING at the backup"),
        ({"replication": "COMPLETED"}, "it had been replicated, and is gone"),
        ({"encryption": "aws:kms"}, "under a KMS key, which no replication rule covered when it was stored"),
        ({"encryption": "AES256"}, "no replication rule covered it when it was stored"),
    ],
    ids=["S07 failed", "S07 pending", "removed", "S08", "S01"],
)
def test_what_is_missing_is_told_with_the_reason(told: dict[str, str], why: str) -> None:
    summary, finding = check(manifest(expected("a/1", **told)), GONE)
    assert (summary.outcome, summary.observed) == ("failed", "3 stand there, 1 problems")
    assert (finding.subject, finding.observed) == ("copy/a/1", f"missing: {why}")


@pytest.mark.parametrize(
    ("seen", "observed"),
    [
        (line("a/1", entry("m", -5, marker=True), entry()), "hidden: a delete marker that the source did not have"),
        (line("a/1", entry("old", -5), entry()), "another version stands on top: old"),
        (line("a/1", entry(storage="DEEP_ARCHIVE")), "archived: DEEP_ARCHIVE"),
        (line("a/1", entry(lost="archived")), "archived: by its tier"),
        (line("a/1", entry(lost="undecryptable")), "undecryptable"),
        (line("x"), "version v1, which the source did not have"),
        (line("deleted"), "its delete marker did not arrive"),
    ],
    ids=["S02", "S03", "S11", "S11 tier", "S09", "stray", "S02 at home"],
)
def test_what_stands_wrong_is_told_apart(seen: HeldKey, observed: str) -> None:
    summary, finding = check(manifest(markers={"deleted": "m"}), seen)
    assert summary.outcome == "failed"
    assert (finding.subject, finding.observed) == (f"copy/{seen.key}", observed)


@pytest.mark.parametrize(
    ("answer", "observed"),
    [
        (lambda: "undecryptable", "undecryptable"),
        (lambda: Content(sha256="0" * 64, size=3), f"sha256 {'0' * 64}"),
    ],
    ids=["S09", "S04"],
)
def test_what_only_a_real_read_shows(answer: Callable[[], Content | str], observed: str) -> None:
    summary, finding = check(manifest(), read=lambda key, version: answer() if key == "b/1" else read(key, version))
    assert summary.outcome == "failed"
    assert (finding.subject, finding.observed) == ("copy/b/1", observed)


def test_one_object_is_read_of_each_key_too() -> None:
    two = manifest(expected("a/2", kms_key="one"), expected("b/1", kms_key="one"))
    (finding,) = check(two)
    assert "4 of 4 prefixes and keys" in finding.detail


@pytest.mark.parametrize(
    ("was", "now", "fine"),
    [
        (LOCK, Retention(), False),
        (LOCK, LOCK, True),
        (LOCK, LOCK.model_copy(update={"mode": "GOVERNANCE"}), False),
        (LOCK, LOCK.model_copy(update={"until": T}), False),
        (LOCK, LOCK.model_copy(update={"until": T + timedelta(days=99)}), True),
        (Retention(hold=True), Retention(), False),
        (Retention(hold=True), Retention(hold=True), True),
        (Retention(), Retention(), True),
    ],
)
def test_a_lock_that_did_not_come_along_is_found(was: Retention, now: Retention, fine: bool) -> None:
    """S13."""
    summary, *rest = check(manifest(expected("c", retention=was)), retained=lambda *_: now)
    assert summary.outcome == ("passed" if fine else "failed")
    assert [one.subject for one in rest] == ([] if fine else ["copy/c"])
    assert f"{int(was != Retention())} locks looked at" in summary.detail


def test_what_came_after_the_instant_is_counted_and_no_failure() -> None:
    (finding,) = check(
        manifest(),
        line("a/1", entry("m", 50, marker=True), entry()),
        line("a/2", entry("v2", 50), entry()),
        line("new", entry("v2", 60)),
    )
    assert finding.outcome == "passed"
    assert "1 hidden since the instant; 1 replaced since the instant" in finding.detail


def test_what_a_one_second_clock_cannot_tell_is_no_failure() -> None:
    either = expected("a/1").model_copy(update={"ambiguous": {"v2": "y"}})
    (finding,) = check(
        manifest(either, unsettled={"u": {"v1": ""}}), line("a/1", entry("v2", 0), entry()), line("u", entry("v1", 0))
    )
    assert finding.outcome == "passed"


def test_an_earlier_manifest_says_what_it_cannot_tell() -> None:
    first = manifest(*(expected(key).model_copy(update={"told": None}) for key in KEYS), schema_="firedrill.objects/1")
    passed, left = check(first)
    assert (passed.outcome, left.outcome) == ("passed", "not_available")
    missing = check(first, GONE)
    assert missing[1].observed == "missing: the manifest does not say why"


def test_nothing_looked_at_is_no_pass_and_many_are_counted() -> None:
    none = manifest().model_copy(update={"objects": {}})
    assert replica.check(none, [], read, unlocked, bucket="copy")[0].outcome == "errored"
    empty = none.model_copy(update={"empty": True})
    assert replica.check(empty, [], read, unlocked, bucket="copy")[0].outcome == "passed"
    many = manifest(*(expected(f"m/{n}") for n in range(60)))
    found = check(many)
    assert len(found) == 1 + replica.SHOWN + 1
    assert found[-1].observed == "10 more objects"
