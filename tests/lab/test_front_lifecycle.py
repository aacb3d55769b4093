"""What lifecycle rules make of versions as a simulated clock goes on: the decision by itself, and the doing of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from moto.s3.models import FakeBucket, s3_backends

from dr.lab.front import lifecycle
from dr.lab.front.expiring import Configuration, Rule
from dr.lab.front.keys import ACCOUNT
from dr.lab.front.lifecycle import Action, Entry, due
from dr.lab.front.locks import Lock
from dr.lab.front.store import Store

START = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def rule(**more: object) -> Rule:
    return Rule(id="r", enabled=True, **more)  # type: ignore[arg-type]


def entry(version: str, day: int, *, marker: bool = False, size: int = 10, **tags: str) -> Entry:
    return Entry("key", version, marker, START + day * DAY, size, tuple(tags.items()))


def done(versions: list[Entry], rules: list[Rule], day: float) -> list[tuple[str, str]]:
    return [(action.kind, action.version_id) for action in due("b", versions, rules, START + day * DAY)]


def test_days_end_at_the_next_midnight() -> None:
    versions, rules = [entry("1", 0)], [rule(days=3)]
    midnight = datetime(2026, 3, 5, tzinfo=UTC)
    assert due("b", versions, rules, midnight - timedelta(seconds=1)) == []
    assert due("b", versions, rules, midnight) == [Action("expire", "b", "key", "1")]
    assert lifecycle.expires(versions[0], rules[0]) == midnight


def test_a_version_is_noncurrent_since_its_successor_was_written() -> None:
    versions = [entry("new", 20), entry("old", 0)]
    assert done(versions, [rule(noncurrent_days=5)], 25) == []
    assert done(versions, [rule(noncurrent_days=5)], 26) == [("remove", "old")]


def test_newer_noncurrent_versions_are_kept_whatever_their_age() -> None:
    versions = [entry(str(number), number) for number in range(5, 0, -1)]
    rules = [rule(noncurrent_days=1, newer_noncurrent=2)]
    assert done(versions, rules, 100) == [("remove", "2"), ("remove", "1")]


def test_a_marker_goes_when_nothing_is_left_under_it() -> None:
    marker = entry("m", 1, marker=True)
    assert done([marker], [rule(expired_markers=True)], 1) == [("remove", "m")]
    assert done([marker, entry("1", 0)], [rule(expired_markers=True)], 50) == []
    assert done([marker], [rule(days=3)], 3) == []
    assert done([marker], [rule(days=3)], 5) == [("remove", "m")]
    assert done([entry("m2", 9, marker=True), marker], [rule(noncurrent_days=1)], 20) == [("remove", "m")]


@pytest.mark.parametrize(
    ("narrow", "covered"),
    [
        ({"prefix": "k"}, True),
        ({"prefix": "other"}, False),
        ({"tags": {"t": "1"}}, True),
        ({"tags": {"t": "2"}}, False),
        ({"larger_than": 9, "smaller_than": 11}, True),
        ({"larger_than": 10}, False),
        ({"smaller_than": 10}, False),
    ],
)
def test_a_rule_is_only_about_what_its_filter_names(narrow: dict[str, object], covered: bool) -> None:
    assert bool(done([entry("1", 0, t="1")], [rule(days=1, **narrow)], 9)) == covered


def test_a_disabled_rule_does_nothing() -> None:
    assert done([entry("1", 0)], [Rule(id="r", enabled=False, days=1)], 99) == []


@pytest.fixture
def bucket() -> Iterator[FakeBucket]:
    """A bucket in this process, with versioning."""
    backend = s3_backends[ACCOUNT]["aws"]
    made = backend.create_bucket("lifecycle-test", "eu-west-1")
    made.versioning_status = "Enabled"
    yield made
    del backend.buckets["lifecycle-test"], s3_backends.bucket_accounts["lifecycle-test"]


def put(bucket: FakeBucket, key: str) -> str:
    return s3_backends[ACCOUNT]["aws"].put_object(bucket.name, key, b"x").version_id


def ids(bucket: FakeBucket, key: str) -> list[str]:
    return [version.version_id for version in bucket.keys.getlist(key, [])]


def test_a_pass_does_what_is_due_and_leaves_what_is_locked(bucket: FakeBucket) -> None:
    store = Store()
    store.created(bucket.name)
    old, new = put(bucket, "key"), put(bucket, "key")
    locked, top = put(bucket, "locked"), put(bucket, "locked")
    version = store.version(bucket.name, "locked", locked)
    later = datetime.now(UTC) + 40 * DAY
    Lock("COMPLIANCE", later + DAY, None).put_on(version)  # type: ignore[arg-type]
    store.expiring[bucket.name] = Configuration((rule(noncurrent_days=30), rule(days=30, prefix="key")), {})
    assert lifecycle.pass_over(store, datetime.now(UTC) + 20 * DAY) == []
    actions = lifecycle.pass_over(store, later)
    assert {(action.kind, action.version_id) for action in actions} == {("expire", new), ("remove", old)}
    assert ids(bucket, "key")[0] == new
    assert store.object(bucket.name, "key") is None, "a delete marker is on top"
    assert ids(bucket, "locked") == [locked, top]
    assert locked in [action.version_id for action in lifecycle.pass_over(store, later + 3 * DAY)]


def test_the_age_of_a_version_is_read_from_the_clock_that_decides(bucket: FakeBucket) -> None:
    """After a leap of the calendar, what is written now is not old already."""
    store = Store()
    store.created(bucket.name)
    leap = 40 * DAY
    put(bucket, "after the leap")
    store.expiring[bucket.name] = Configuration((rule(days=30),), {})
    assert lifecycle.pass_over(store, datetime.now(UTC) + leap, lambda moment: moment + leap) == []
    assert len(lifecycle.pass_over(store, datetime.now(UTC) + leap)) == 1


def test_an_upload_that_nobody_completed_is_given_up(bucket: FakeBucket) -> None:
    store = Store()
    backend = s3_backends[ACCOUNT]["aws"]
    upload = backend.create_multipart_upload(bucket.name, "key", {}, "STANDARD", {}, None, "", "")  # type: ignore[arg-type]
    store.begun[upload] = datetime.now(UTC)
    store.expiring[bucket.name] = Configuration((rule(abort_days=7),), {})
    assert lifecycle.pass_over(store, datetime.now(UTC) + 6 * DAY) == []
    [action] = lifecycle.pass_over(store, datetime.now(UTC) + 9 * DAY)
    assert (action.kind, action.version_id) == ("abort", upload.id)
    assert not bucket.multiparts
