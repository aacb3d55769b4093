"""Record every object of a bucket as it stood at each instant of this backup, with its SHA-256."""

from datetime import datetime

from dr import facts
from dr.aws import contents, s3
from dr.checks import objects
from dr.context import Context
from dr.errors import Unable
from dr.manifest import BucketBaseline, Content
from dr.records import Document
from dr.recovery import stamp
from dr.runbook import RecordObjects
from dr.store import keep, verified
from dr.wait import until


def record_objects(step: RecordObjects, context: Context) -> None:
    """List the versions, choose those of each instant, read each one once, and keep the manifests.

    A version that an earlier manifest digested is asked for what is told of it (one HEAD), and not read again: its
    bytes never change, its tags and its replication do. One that is archived is recorded without its bytes, and the
    report of the backup says so.
    """
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
    seed = f"{context.chance.getrandbits(256):064x}"
    listing = list(s3.versions(context.aws, region, bucket))
    if stored := next((entry for entry in listing if not entry.marker), None):
        # Whoever may not read tags is not told that there are any.
        contents.tags(context.aws, region, bucket, stored.key, stored.version)
    locked = contents.locks(context.aws, region, bucket)
    earlier = _earlier(context, step.asset)

    def read(key: str, version: str) -> Content:
        context.clock.sleep(0)  # where a request to stop ends this, between two objects
        if known := earlier.get((key, version)):
            told = contents.look(context.aws, region, bucket, key, version, seed=seed)
            found = known.model_copy(update={"told": told})
        else:
            found = contents.record(context.aws, region, bucket, key, version, seed=seed)
        if locked and found.told:
            kept = contents.retention(context.aws, region, bucket, key, version)
            found = found.model_copy(update={"told": found.told.model_copy(update={"retention": kept})})
        return found

    known: dict[tuple[str, str], Content] = {}
    documents: dict[str, Document] = {}
    for instant in sorted(instants):
        manifest = objects.capture(
            step.asset,
            bucket,
            instant,
            listing,
            read,
            seed=seed,
            known=known,
            pool=context.threads.pool,
        )
        documents[stamp(instant)] = _keep(context, manifest, instant)
        context.say(f"{step.asset}: {len(manifest.objects)} objects at {stamp(instant)}")
    # Said once, of the newest: the manifests of one backup lie minutes apart.
    for finding in objects.unread(manifest):
        context.find(step.asset, finding)
    context.learn(facts.manifests_of(step.asset), {instant: one.model_dump() for instant, one in documents.items()})


def _keep(context: Context, manifest: BucketBaseline, instant: datetime) -> Document:
    stem = f"baselines/{manifest.asset}/{stamp(instant)}-{context.plan.run}"
    return keep(context.store, stem, manifest.model_dump_json(by_alias=True).encode())


def _earlier(context: Context, asset: str) -> dict[tuple[str, str], Content]:
    """What the newest earlier manifest read. Not of `null`: a bucket with suspended versioning overwrites that one.

    An earlier manifest that is damaged is worth nothing here: then everything is read anew.
    """
    for record in sorted(context.records(), key=lambda one: one.instant, reverse=True):
        if asset in record.buckets and record.buckets[asset].bucket == context.bucket(asset).bucket:
            newest = max(record.buckets[asset].manifests.items())[1]
            try:
                manifest = BucketBaseline.model_validate_json(verified(context.store, newest))
            except Unable as problem:
                context.say(f"{asset}: reading every object anew: {problem.message}")
                return {}
            return {
                (one.key, one.version): Content(sha256=one.sha256, size=one.size)
                for one in manifest.objects.values()
                if one.version != "null" and one.sha256
            }
    return {}
