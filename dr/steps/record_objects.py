"""Record every object of a bucket as it stood at each instant of this backup, with its SHA-256."""

from datetime import datetime

from dr import facts
from dr.aws import s3
from dr.checks import objects
from dr.context import Context
from dr.errors import Unable
from dr.records import Document
from dr.recovery import stamp
from dr.runbook import RecordObjects
from dr.store import keep, verified
from dr.verification import BucketBaseline
from dr.wait import until

Digests = dict[tuple[str, str], str]


def record_objects(step: RecordObjects, context: Context) -> None:
    """List the versions, choose those of each instant, read each one once, and keep the manifests."""
    bucket = context.bucket(step.asset).bucket
    region = context.region(step.site)
    instants = {context.moment(facts.instant_of(asset)) for asset in context.plan.databases}
    instants |= {context.moment(facts.snapshot_instant_of(asset)) for asset in context.plan.databases}
    # S3's times are whole seconds: what is stored during the second of an instant must be in the listing too.
    until(
        context.clock.now,
        lambda now: (now - max(instants)).total_seconds() > 2,
        what=f"the second of {stamp(max(instants))} to pass",
        clock=context.clock,
        deadline=context.deadline(60),
        every=0.2,
    )

    def digest(key: str, version: str) -> s3.Digest:
        context.clock.sleep(0)  # where a request to stop ends this, between two objects
        return s3.digest(context.aws, region, bucket, key, version)

    listing = list(s3.versions(context.aws, region, bucket))
    known = _known(context, step.asset)
    kept: dict[str, Document] = {}
    for instant in sorted(instants):
        manifest = objects.capture(
            step.asset,
            bucket,
            instant,
            listing,
            digest,
            known=known,
            pool=context.threads.pool,
        )
        known |= _digests(manifest)
        kept[stamp(instant)] = _keep(context, manifest, instant)
        context.say(f"{step.asset}: {len(manifest.objects)} objects at {stamp(instant)}")
    context.learn(facts.manifests_of(step.asset), {instant: one.model_dump() for instant, one in kept.items()})


def _keep(context: Context, manifest: BucketBaseline, instant: datetime) -> Document:
    stem = f"baselines/{manifest.asset}/{stamp(instant)}-{context.plan.run}"
    return keep(context.store, stem, manifest.model_dump_json(by_alias=True).encode())


def _digests(manifest: BucketBaseline) -> Digests:
    """What a manifest says of versions. Not of `null`: a bucket with suspended versioning overwrites that one."""
    return {(one.key, one.version): one.sha256 for one in manifest.objects.values() if one.version != "null"}


def _known(context: Context, asset: str) -> Digests:
    """What the newest earlier manifest says: a version never changes, so it need not be read twice.

    An earlier manifest that is damaged is worth nothing here: then everything is read anew.
    """
    for record in sorted(context.records(), key=lambda one: one.instant, reverse=True):
        if asset in record.buckets and record.buckets[asset].bucket == context.bucket(asset).bucket:
            newest = max(record.buckets[asset].manifests.items())[1]
            try:
                return _digests(BucketBaseline.model_validate_json(verified(context.store, newest)))
            except Unable as problem:
                context.say(f"{asset}: reading every object anew: {problem.message}")
                return {}
    return {}
