"""Is the bucket in the other region what the source held at the instant, and can it be read there? (L0)

A listing and a HEAD prove neither bytes nor keys. So, beside what the site's bucket lists of every version, one object
of each prefix and key is really read. Where something is missing, what S3 said of its replication at the backup tells
why. What came on top after the instant is counted: whether it was replicated, only the other region could tell.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime

from dr.held import HeldKey, HeldVersion, standing
from dr.manifest import ARCHIVED, BucketBaseline, Content, ObjectVersion, Retention, Told, fits
from dr.verification import Finding, Outcome

CHECK = "replica"
AT_ONCE = 8
SHOWN = 50
"""Findings about single objects; more than these are counted, and named in one."""
MOST_READ = 200
"""Prefixes and keys of which an object is read; the summary says how many there are."""

Read = Callable[[str, str], Content | str]
"""key, version -> what it holds, or in a word why it cannot be read."""
Retained = Callable[[str, str], Retention]
Wrong = tuple[str, str, str]
"""Key, expected, observed."""


def check(
    baseline: BucketBaseline,
    lines: Iterable[HeldKey],
    read: Read,
    retained: Retained,
    *,
    bucket: str,
    pool: Callable[[int], Executor] = ThreadPoolExecutor,
) -> list[Finding]:
    """One finding for the bucket, and one for each object that is not as it was at home. `lines`: what it lists."""
    left = dict(baseline.objects)
    wrong: list[Wrong] = []
    whole: list[ObjectVersion] = []
    asleep: list[ObjectVersion] = []
    since: Counter[str] = Counter()
    for line in lines:
        expected = left.pop(line.key, None)
        if expected is None:
            wrong += _stray(baseline, line)
            continue
        problem = _of_object(expected, line, baseline.instant)
        if problem is not None:
            wrong.append((line.key, *problem))
            continue
        (asleep if _archived(expected, line) else whole).append(expected)
        if line.entries[0].version not in {expected.version} | expected.ambiguous.keys():
            since["hidden" if line.entries[0].marker else "replaced"] += 1
    wrong += [(key, f"version {one.version}", f"missing: {_why(one.told)}") for key, one in left.items()]
    samples = _samples(whole)
    with pool(AT_ONCE) as threads:
        wrong += [one for one in threads.map(lambda one: _read(one, read), samples[:MOST_READ]) if one]
        locked = [
            one for one in (*whole, *asleep) if one.told and one.told.retention and one.told.retention != Retention()
        ]
        wrong += [one for one in threads.map(lambda one: _kept(one, retained), locked) if one]
    findings = list(_findings(baseline, bucket, wrong, len(whole) + len(asleep), since, len(samples), len(locked)))
    if asleep:
        detail = f"{len(asleep)} objects are archived, here as at home: they stand there, and cannot be read in time"
        findings.append(_finding("not_available", bucket, detail=detail))
    return findings


def _of_object(expected: ObjectVersion, line: HeldKey, instant: datetime) -> tuple[str, str] | None:
    accepted = {expected.version} | expected.ambiguous.keys()
    found = _of_instant(expected, line)
    said = f"version {expected.version}"
    if found is None:
        return said, f"missing: {_why(expected.told)}"
    top = standing(line, instant)
    if top is not None and top.version not in accepted:
        if top.marker:
            return said, "hidden: a delete marker that the source did not have"
        return said, f"another version stands on top: {top.version}"
    if _archived(expected, line):
        return None if expected.archived else ("readable at once", f"archived: {found.storage or 'by its tier'}")
    return ("readable", found.lost) if found.lost else None


def _of_instant(expected: ObjectVersion, line: HeldKey) -> HeldVersion | None:
    accepted = {expected.version} | expected.ambiguous.keys()
    return next((one for one in line.entries if one.version in accepted), None)


def _archived(expected: ObjectVersion, line: HeldKey) -> bool:
    found = _of_instant(expected, line)
    return found is not None and (found.storage in ARCHIVED or found.lost == "archived")


def _why(told: Told | None) -> str:
    """Why a version did not arrive, by what S3 said of it at the backup."""
    if told is None:
        return "the manifest does not say why"
    match told.replication:
        case "FAILED":
            return "its replication has FAILED, and S3 does not try again"
        case "PENDING":
            return "its replication was PENDING at the backup"
        case "COMPLETED":
            return "it had been replicated, and is gone"
        case _ if told.encryption.startswith("aws:kms"):
            return "under a KMS key, which no replication rule covered when it was stored"
        case _:
            return "no replication rule covered it when it was stored"


def _stray(baseline: BucketBaseline, line: HeldKey) -> Iterator[Wrong]:
    """What stands here at the instant under a key that had nothing at home, as far as the manifest knows."""
    top: HeldVersion | None = standing(line, baseline.instant)
    if top is None or top.marker or line.key in baseline.unsettled:
        return
    if line.key in baseline.markers or line.key in baseline.hidden:
        yield line.key, "deleted, as at home", "its delete marker did not arrive"
    else:
        yield line.key, "nothing", f"version {top.version}, which the source did not have"


def _samples(whole: Iterable[ObjectVersion]) -> list[ObjectVersion]:
    """The smallest object that holds anything, of each prefix and key."""
    found: dict[tuple[str, str], ObjectVersion] = {}
    for one in whole:
        group = (one.key.rpartition("/")[0], one.told.kms_key if one.told else "")
        best = found.get(group)
        if best is None or (best.size == 0, best.size) > (one.size == 0, one.size):
            found[group] = one
    return list(found.values())


def _read(one: ObjectVersion, read: Read) -> Wrong | None:
    content = read(one.key, one.version)
    if isinstance(content, str):
        return one.key, "readable", content
    return None if fits(one.sha256, content.sha256) else (one.key, f"sha256 {one.sha256}", f"sha256 {content.sha256}")


def _kept(one: ObjectVersion, retained: Retained) -> Wrong | None:
    was = one.told.retention if one.told and one.told.retention else Retention()
    now = retained(one.key, one.version)
    # A retention may have become longer or stricter since, and one that has ended protects nobody.
    weaker = bool(was.until) and (not now.until or not was.until or now.until < was.until)
    softer = was.mode == "COMPLIANCE" and now.mode != "COMPLIANCE"
    if weaker or softer or (was.hold and not now.hold):
        return one.key, f"locked: {_shown(was)}", f"locked: {_shown(now)}"
    return None


def _shown(lock: Retention) -> str:
    until = f"{lock.mode} until {lock.until:%Y-%m-%d}" if lock.until else "no retention"
    return f"{until}, legal hold" if lock.hold else until


def _findings(
    baseline: BucketBaseline,
    bucket: str,
    wrong: list[Wrong],
    whole: int,
    since: Counter[str],
    samples: int,
    locked: int,
) -> Iterator[Finding]:
    outcome: Outcome = "failed" if wrong else "passed"
    if not baseline.objects and not wrong:
        outcome = "passed" if baseline.empty else "errored"
    read = min(samples, MOST_READ)
    notes = [f"an object of {read} of {samples} prefixes and keys was read", f"{locked} locks looked at"]
    notes += [f"{count} {what} since the instant" for what, count in sorted(since.items())]
    yield _finding(
        outcome,
        bucket,
        f"{len(baseline.objects)} objects as at home",
        f"{whole} stand there, {len(wrong)} problems",
        "; ".join(notes) if baseline.objects else "the bucket was empty at that instant" if baseline.empty else "",
    )
    for key, expected, observed in wrong[:SHOWN]:
        yield _finding("failed", f"{bucket}/{key}", expected, observed)
    if len(wrong) > SHOWN:
        yield _finding("failed", f"{bucket}/...", "", f"{len(wrong) - SHOWN} more objects")
    if baseline.schema_ == "firedrill.objects/1":
        detail = f"{baseline.schema_} says nothing of locks, delete markers, replication and keys"
        yield _finding("not_available", bucket, detail=detail)


def _finding(outcome: Outcome, subject: str, expected: str = "", observed: str = "", detail: str = "") -> Finding:
    return Finding(
        check=CHECK,
        level="L0",
        outcome=outcome,
        subject=subject,
        expected=expected,
        observed=observed,
        detail=detail,
    )
