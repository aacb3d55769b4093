"""What a bucket's lifecycle rules make of its versions as time goes by: `due` decides, `pass_over` does it.

Days are counted as S3 counts them: so many days after the fact, and then until the next midnight (UTC). What a rule
removes is gone without a trace in any other region: lifecycle actions are never replicated.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from moto.s3.models import FakeBucket, FakeKey

from dr.lab.calendar import Calendar
from dr.lab.front.expiring import Rule
from dr.lab.front.locks import protected
from dr.lab.front.store import Store, Version
from dr.lab.passing import Duty, Event, daily

_DAY = timedelta(days=1)
_TOLD = {"expire": "object expired", "remove": "object version removed", "abort": "upload aborted"}


@dataclass(frozen=True)
class Entry:
    """A version or a delete marker, as the rules see it."""

    key: str
    version_id: str
    marker: bool
    at: datetime
    """When it was written: aware, on the same clock as `now`."""
    size: int = 0
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Action:
    """One thing that is due: `expire` puts a delete marker on top (without versioning: removes), `remove` is for good,
    `abort` ends an upload in parts, whose id stands for the version's."""

    kind: str
    bucket: str
    key: str
    version_id: str


def duty(store: Store, calendar: Calendar) -> Duty:
    """S3 goes over every bucket at midnight."""

    def work(now: datetime) -> Iterator[Event]:
        for one in pass_over(store, now, calendar.reading):
            yield Event(now, _TOLD[one.kind], f"s3://{one.bucket}/{one.key}")

    return daily(calendar, work)


def due(bucket: str, versions: Sequence[Entry], rules: Sequence[Rule], now: datetime) -> list[Action]:
    """What is due for one key, given all of its versions, the newest first. Pure."""
    actions: list[Action] = []
    if not versions:
        return actions
    current, rest = versions[0], versions[1:]
    if current.marker:
        if not rest and any(_marker_is_over(current, rule, now) for rule in rules):
            actions.append(Action("remove", bucket, current.key, current.version_id))
    elif any((over := expires(current, rule)) is not None and over <= now for rule in rules):
        actions.append(Action("expire", bucket, current.key, current.version_id))
    for newer, (version, successor) in enumerate(zip(rest, versions, strict=False)):
        if any(_is_over(version, rule, newer, successor.at, now) for rule in rules):
            actions.append(Action("remove", bucket, version.key, version.version_id))
    return actions


def expires(version: Entry, rule: Rule) -> datetime | None:
    """When a rule makes a current version expire; None when it never does."""
    if not rule.covers(version.key, version.size, dict(version.tags)):
        return None
    return rule.date if rule.date is not None else _after(version.at, rule.days)


def _is_over(version: Entry, rule: Rule, newer: int, since: datetime, now: datetime) -> bool:
    """Whether a noncurrent version has to go: it is noncurrent since its successor was written."""
    if version.marker:
        covered = rule.covers_marker(version.key)
    else:
        covered = rule.covers(version.key, version.size, dict(version.tags))
    over = _after(since, rule.noncurrent_days)
    return covered and over is not None and over <= now and newer >= rule.newer_noncurrent


def _marker_is_over(marker: Entry, rule: Rule, now: datetime) -> bool:
    """Whether a delete marker that is alone has to go. A rule with days does that too, once the marker is so old."""
    over = _after(marker.at, rule.days)
    return rule.covers_marker(marker.key) and (rule.expired_markers or (over is not None and over <= now))


def _after(moment: datetime, days: int | None) -> datetime | None:
    if days is None:
        return None
    passed = moment + days * _DAY
    midnight = passed.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight == passed else midnight + _DAY


def pass_over(store: Store, now: datetime, reading: Callable[[datetime], datetime] = lambda at: at) -> list[Action]:
    """Do everything that is due in every bucket, and say what was done.

    `now` is the time that decides; `reading` says what that clock showed at the (machine) time of a version.
    Versions under a lock stay. Call it once for each simulated day: S3 does it at midnight.
    """
    done: list[Action] = []
    for name, configuration in list(store.expiring.items()):
        with store.lock(name):
            bucket = store.bucket(name)
            if bucket is not None:
                done += _in_bucket(store, bucket, configuration.rules, now, reading)
    return done


def _in_bucket(
    store: Store, bucket: FakeBucket, rules: Sequence[Rule], now: datetime, reading: Callable[[datetime], datetime]
) -> Iterator[Action]:
    for _, versions in store.keys(bucket, ""):
        seen = [entry(store, version, reading) for version in reversed(versions)]
        by_id = {version.version_id: version for version in versions}
        for action in due(bucket.name, seen, rules, now):
            if _do(store, bucket, action, by_id[action.version_id], now):
                yield action
    for upload_id, upload in list(bucket.multiparts.items()):
        begun = reading(store.begun[upload])
        for rule in rules:
            over = _after(begun, rule.abort_days)
            if rule.enabled and upload.key_name.startswith(rule.prefix) and over is not None and over <= now:
                del bucket.multiparts[upload_id]
                yield Action("abort", bucket.name, upload.key_name, upload_id)
                break


def _do(store: Store, bucket: FakeBucket, action: Action, version: Version, now: datetime) -> bool:
    if action.kind == "expire" and bucket.versioning_status is not None:
        store.mark(bucket, action.key)
        return True
    if isinstance(version, FakeKey) and protected(version, now, bypass=False):
        return False
    store.remove(bucket, version)
    return True


def entry(store: Store, version: Version, reading: Callable[[datetime], datetime] = lambda at: at) -> Entry:
    """A version as the rules see it."""
    at = reading(version.last_modified.replace(tzinfo=UTC))
    if not isinstance(version, FakeKey):
        return Entry(version.name, version.version_id, True, at)
    return Entry(version.name, version.version_id, False, at, version.size, tuple(store.tags(version).items()))
