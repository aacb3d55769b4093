"""Did everything else that S3 keeps with an object come back: content type, headers, metadata, tags? (L2)

What a restore into scratch changes on purpose is not compared: the key of the recovery region, the storage class,
locks, and a website's redirect, which no copy takes along (S3 API, CopyObject). Tags have no versions: whoever changes
one changes it for every instant. So tags that are gone are told as lost; those that changed or were added are counted.
"""

from collections.abc import Iterable

from dr.manifest import BucketBaseline, RestoredObject, Told
from dr.verification import Finding, Outcome

CHECK = "object_metadata"
SHOWN = 50
"""Findings about single objects; more than these are counted, and named in one."""
_NOT_COPIED = frozenset({"website_redirect"})


def compare(baseline: BucketBaseline, restored: Iterable[RestoredObject]) -> list[Finding]:
    """One finding for the bucket, and one for every object that lost something. `restored` is marked with its seed."""
    there = {(one.key, one.source_version): one.told for one in restored if one.told is not None}
    recorded = {key: one.told for key, one in baseline.objects.items() if one.told is not None}
    if baseline.objects and not recorded:
        detail = f"the manifest of {baseline.schema_} has no metadata, tags or headers: a new backup records them"
        return [_finding("not_available", baseline.bucket, detail=detail)]
    bad: list[Finding] = []
    compared = retagged = 0
    for key, expected in recorded.items():
        found = there.get((key, baseline.objects[key].version))
        if found is None:
            continue  # it is missing, which is for another check to tell
        compared += 1
        lost = _lost(expected, found)
        retagged += expected.tags != found.tags and expected.tags.keys() <= found.tags.keys()
        if lost:
            subject = f"{baseline.bucket}/{key}"
            bad.append(_finding("failed", subject, expected="as recorded", observed="; ".join(lost)))
    outcome: Outcome = "failed" if bad else "passed"
    if not compared:
        outcome = "passed" if baseline.empty else "errored"
    notes = [f"{retagged} have other tags than at the backup: tags have no versions"] if retagged else []
    if left := len(baseline.objects) - compared:
        notes.append(f"{left} of {len(baseline.objects)} objects were not compared")
    summary = _finding(
        outcome,
        baseline.bucket,
        expected=f"metadata, tags and headers of {len(recorded)} objects as recorded",
        observed=f"{compared} compared, {len(bad)} differ",
        detail="; ".join(notes) or ("the bucket was empty at that instant" if baseline.empty else ""),
    )
    if len(bad) > SHOWN:
        more = _finding("failed", f"{baseline.bucket}/...", observed=f"{len(bad) - SHOWN} more objects")
        bad = [*bad[:SHOWN], more]
    return [summary, *bad]


def _lost(expected: Told, found: Told) -> list[str]:
    """What of one object is not as it was, by its names."""
    lost = []
    if expected.content_type != found.content_type:
        lost.append(f"content type {found.content_type or 'gone'}, not {expected.content_type or 'none'}")
    for what, was, now in (
        ("header", _without(expected.headers), _without(found.headers)),
        ("metadata", expected.metadata, found.metadata),
    ):
        lost += [f"{what} {name} gone" for name in sorted(was.keys() - now.keys())]
        lost += [f"{what} {name} too many" for name in sorted(now.keys() - was.keys())]
        lost += [f"{what} {name} changed" for name in sorted(was.keys() & now.keys()) if was[name] != now[name]]
    gone = sorted(expected.tags.keys() - found.tags.keys())
    return lost + [f"tag {name} gone" for name in gone]


def _without(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in _NOT_COPIED}


def _finding(outcome: Outcome, subject: str, *, expected: str = "", observed: str = "", detail: str = "") -> Finding:
    return Finding(
        check=CHECK,
        level="L2",
        outcome=outcome,
        subject=subject,
        expected=expected,
        observed=observed,
        detail=detail,
    )
