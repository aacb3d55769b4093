"""Is every object of the instant in the restore, with the very bytes that it had? (L2)

The manifest is made at backup time: every object is read and its SHA-256 taken by us, because an ETag is not a digest
of the bytes and S3's own checksums are not always there. After a restore the objects are read and digested again.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime

from dr.manifest import BucketBaseline, Content, ObjectVersion, RestoredObject, fits
from dr.object_versions import Version, hidden_at, standing_at
from dr.verification import Coverage, Finding, Outcome

CHECK = "objects"
AT_ONCE = 8
"""Objects that are read at the same time."""
SHOWN = 50
"""Findings about single objects; more than these are counted, and named in one."""


Read = Callable[[str, str], Content]
"""key, version -> what it holds."""


def capture(
    asset: str,
    bucket: str,
    instant: datetime,
    versions: Iterable[Version],
    read: Read,
    *,
    seed: str = "",
    known: dict[tuple[str, str], Content] | None = None,
    pool: Callable[[int], Executor] = ThreadPoolExecutor,
) -> BucketBaseline:
    """Every object as it stood at the instant, read and digested. `versions` must be listed after that second.

    `known` is what was read for another instant a moment ago: it is added to. What is told of a version is marked with
    `seed`. A version that cannot be read makes the whole manifest Unable: it would be a hole in the evidence.
    """
    listing = list(versions)
    wanted = standing_at(listing, instant)
    pairs = [(one.key, version) for one in wanted for version in one.versions]
    contents = {} if known is None else known
    unread = [pair for pair in pairs if pair not in contents]
    with pool(AT_ONCE) as threads:
        contents |= zip(unread, threads.map(lambda pair: read(*pair), unread), strict=True)
    seen = {pair: contents[pair].sha256 for pair in pairs}
    objects: dict[str, ObjectVersion] = {}
    unsettled: dict[str, dict[str, str]] = {}
    hidden: dict[str, dict[str, str]] = {}
    for one in wanted:
        recent = {entry.version: seen[one.key, entry.version] for entry in one.recent}
        others = {entry.version: "" if entry.marker else seen[one.key, entry.version] for entry in one.candidates}
        if one.chosen is not None and not any(entry.marker for entry in one.candidates):
            objects[one.key] = ObjectVersion(
                key=one.key,
                version=one.chosen.version,
                size=one.chosen.size,
                sha256=seen[one.key, one.chosen.version],
                modified=one.chosen.modified,
                ambiguous=others,
                recent=recent,
                told=contents[one.key, one.chosen.version].told,
            )
            continue
        if one.chosen is not None:
            others[one.chosen.version] = seen[one.key, one.chosen.version]
        if others:
            unsettled[one.key] = others
        if recent:
            hidden[one.key] = recent
    return BucketBaseline(
        asset=asset,
        bucket=bucket,
        instant=instant,
        objects=objects,
        empty=not objects and not unsettled,
        unsettled=unsettled,
        hidden=hidden,
        markers=hidden_at(listing, instant),
        seed=seed,
    )


def unread(baseline: BucketBaseline) -> Iterator[Finding]:
    """What a backup says of objects that nobody could read: no test will compare their bytes."""
    asleep = [key for key, one in baseline.objects.items() if not one.sha256]
    if asleep:
        detail = f"{len(asleep)} of {len(baseline.objects)} objects are archived and were not read, first {asleep[0]!r}"
        yield _not_available(baseline.bucket, detail)


def observe(
    copies: Iterable[tuple[str, str, str]],
    current: Iterable[Version],
    prefix: str,
    read: Read,
    *,
    pool: Callable[[int], Executor] = ThreadPoolExecutor,
) -> list[RestoredObject]:
    """Read back everything below the prefix of a scratch bucket.

    `copies` is the restore's own map: key, the source's version, the version that became of it. `current` lists what
    really stands there, newest first per key; an object of which the map knows nothing, and that holds other bytes than
    what it knows of the key, is reported with an empty source version.
    """
    sources = {(prefix + key, version): (key, source) for key, source, version in copies}
    listed = list(current)
    on_top: dict[str, str] = {}
    for entry in listed:
        on_top.setdefault(entry.key, entry.version)
    there = [entry for entry in listed if not entry.marker]
    with pool(AT_ONCE) as threads:
        contents = list(threads.map(lambda entry: read(entry.key, entry.version), there))
    # botocore itself asks again for a copy whose answer was lost: then two are equal, and the map knows the second.
    repeated = {
        (entry.key, held.sha256): sources[entry.key, entry.version]
        for entry, held in zip(there, contents, strict=True)
        if (entry.key, entry.version) in sources
    }
    found = []
    for entry, held in zip(there, contents, strict=True):
        stray = (entry.key.removeprefix(prefix), "")
        key, source = sources.get((entry.key, entry.version)) or repeated.get((entry.key, held.sha256), stray)
        found.append(
            RestoredObject(
                key=key,
                source_version=source,
                size=held.size,
                sha256=held.sha256,
                current=on_top[entry.key] == entry.version,
                told=held.told,
            )
        )
    return found


def compare(
    baseline: BucketBaseline, restored: Iterable[RestoredObject], archived: Collection[tuple[str, str]] = ()
) -> tuple[list[Finding], Coverage]:
    """One finding for the bucket, and one for every object that is missing, different, or too many.

    `archived`: key and version of what stands in an archive where the restore was made from. What stood in one at home
    too is no loss, and not tested: it does not count among the objects that were to be compared.
    """
    there: dict[str, dict[str, list[RestoredObject]]] = {}
    total = 0
    for found in restored:
        there.setdefault(found.key, {}).setdefault(found.source_version, []).append(found)
        total += found.size
    bad: list[Finding] = []
    compared = 0
    untested: list[str] = []
    for key, expected in baseline.objects.items():
        accepted = {expected.version: expected.sha256} | expected.ambiguous
        found_here = any(version in there.get(key, {}) for version in accepted)
        if expected.archived and not found_here and (key, expected.version) in archived:
            untested.append(key)
            continue
        finding = _judge(baseline.bucket, key, accepted, there.get(key, {}))
        if finding is not None:
            bad.append(finding)
        if expected.sha256 or finding is not None:
            compared += found_here
        else:
            untested.append(key)
    bad += _extras(baseline, there)
    expected_count = len(baseline.objects) - len(untested)
    unsure = [f"{key}: whether it stood at that second" for key in baseline.unsettled]
    unsure += [f"{key}: which of {1 + len(o.ambiguous)} versions" for key, o in baseline.objects.items() if o.ambiguous]
    outcome: Outcome = "failed" if bad else "passed"
    detail = f"a one-second clock cannot tell of {', '.join(unsure[:10])}" if unsure else ""
    if expected_count == 0 and not bad:
        outcome = "passed" if baseline.empty else "errored"
        nothing = "every object is archived" if untested else detail or "the manifest names no object"
        detail = "the bucket was empty at that instant" if baseline.empty else nothing
    summary = Finding(
        check=CHECK,
        level="L2",
        outcome=outcome,
        subject=baseline.bucket,
        expected=f"{expected_count} objects, bytes as recorded",
        observed=f"{compared} compared, {len(bad)} wrong, missing or too many",
        detail=detail,
    )
    coverage = Coverage(objects_expected=expected_count, objects_compared=compared, bytes=total)
    notes = []
    if untested:
        detail = f"{len(untested)} objects are archived at home, and their bytes not compared, first {untested[0]!r}"
        notes.append(_not_available(baseline.bucket, detail))
    return [summary, *_shown(bad, baseline.bucket), *notes], coverage


def _judge(
    bucket: str, key: str, accepted: Mapping[str, str], there: Mapping[str, list[RestoredObject]]
) -> Finding | None:
    for version, sha256 in accepted.items():
        for copy in there.get(version, []):
            if not fits(sha256, copy.sha256):
                return _failed(bucket, key, f"sha256 {sha256}", f"sha256 {copy.sha256}", f"version {version}")
    if any(copy.current for version in accepted for copy in there.get(version, [])):
        return None
    if any(version in there for version in accepted):
        return _failed(
            bucket, key, "found by a plain read", "hidden", "a newer version or a delete marker stands on top"
        )
    standing = f"version {next(iter(accepted))}"
    return _failed(bucket, key, standing, f"only {', '.join(sorted(there))}" if there else "missing", "")


def _extras(baseline: BucketBaseline, there: Mapping[str, Mapping[str, list[RestoredObject]]]) -> list[Finding]:
    found = []
    for key, versions in there.items():
        known: dict[str, str] = dict(baseline.unsettled.get(key, {})) | baseline.hidden.get(key, {})
        if expected := baseline.objects.get(key):
            known |= {expected.version: expected.sha256} | expected.ambiguous | expected.recent
        for version, copies in versions.items():
            if version not in known:
                found.append(
                    _failed(baseline.bucket, key, "nothing", f"version {version or 'unknown'}", "not of that instant")
                )
            elif key not in baseline.objects or version in baseline.objects[key].recent:
                found += [
                    _failed(baseline.bucket, key, f"sha256 {known[version]}", f"sha256 {copy.sha256}", version)
                    for copy in copies
                    if not fits(known[version], copy.sha256)
                ]
    return found


def _not_available(bucket: str, detail: str) -> Finding:
    return Finding(check=CHECK, level="L2", outcome="not_available", subject=bucket, detail=detail)


def _failed(bucket: str, key: str, expected: str, observed: str, detail: str) -> Finding:
    return Finding(
        check=CHECK,
        level="L2",
        outcome="failed",
        subject=f"{bucket}/{key}",
        expected=expected,
        observed=observed,
        detail=detail,
    )


def _shown(bad: list[Finding], bucket: str) -> list[Finding]:
    if len(bad) <= SHOWN:
        return bad
    rest = f"{len(bad) - SHOWN} more objects"
    return [*bad[:SHOWN], _failed(bucket, "...", "", rest, "the first are named above")]
