"""Follow every row that names an object to the object that it names, in the restore."""

from collections.abc import Iterator

from dr import facts
from dr.context import Context
from dr.errors import Unable
from dr.held import HeldKey
from dr.joint_recovery import Joint, unmet
from dr.manifest import BucketBaseline
from dr.recovery import Moment, stamp
from dr.runbook import RestoreDatabase, VerifyReferences
from dr.sources import restored_login
from dr.store import verified
from dr.verification import Finding

LOOKS_BACK = 10
"""Earlier backups that are looked at for one whose objects are all whole here."""


def verify_references(step: VerifyReferences, context: Context) -> None:
    """Findings per declared reference and per bucket, and to which instant the two can be recovered together."""
    plan = context.plan
    instances = {one.asset: one.instance for one in plan.steps if isinstance(one, RestoreDatabase)}
    declared = context.application.references
    for asset in dict.fromkeys(reference.bucket for reference in declared):
        of_bucket = [reference for reference in declared if reference.bucket == asset]
        here = [reference for reference in of_bucket if reference.database in plan.databases]
        if not here or asset not in plan.buckets:
            continue
        found, joint = context.ask.references(
            [(restored_login(context, one.database, instances[one.database], step.site), one) for one in here],
            _held(context, asset),
            context.moment(facts.INSTANT),
            bucket=asset,
            heartbeat=context.bucket(asset).heartbeat,
            whole=len(here) == len(of_bucket),
        )
        if not joint.agrees:
            joint = joint.model_copy(update={"backup": _newest_whole(context, asset, joint.instant)})
        context.learn(facts.joint_recovery_of(asset), {**joint.model_dump(mode="json"), "reason": joint.words()})
        context.say(f"{asset}: {joint.words()}")
        for finding in found:
            context.find(plan.application, _with_words(finding, joint) if finding.subject == asset else finding)


def _with_words(finding: Finding, joint: Joint) -> Finding:
    told = f"{finding.detail}; {joint.words()}" if finding.detail else joint.words()
    return finding.model_copy(update={"detail": told})


def _held(context: Context, asset: str) -> Iterator[HeldKey]:
    return map(HeldKey.model_validate_json, context.kept_lines(facts.held_of(asset)))


def _newest_whole(context: Context, asset: str, instant: Moment) -> Moment | None:
    """The newest backup before the instant whose every object stands whole in this site."""
    records = [one for one in context.records() if one.instant < instant and asset in one.buckets]
    for record in sorted(records, key=lambda one: one.instant, reverse=True)[:LOOKS_BACK]:
        document = record.buckets[asset].manifests.get(stamp(record.instant))
        try:
            manifest = BucketBaseline.model_validate_json(verified(context.store, document)) if document else None
        except Unable as problem:
            context.say(f"{asset}: the manifest of {record.run} cannot be read: {problem.message}")
            continue
        heartbeat = context.bucket(asset).heartbeat
        if manifest and manifest.objects and not unmet(manifest, _held(context, asset), heartbeat=heartbeat):
            return record.instant
    return None
