"""Wait until every object of this backup is in the recovery site's bucket, under the version that it has at home."""

from pydantic import TypeAdapter

from dr import facts
from dr.aws import s3
from dr.context import Context
from dr.errors import Unable
from dr.manifest import BucketBaseline
from dr.records import Document
from dr.runbook import ProveObjects
from dr.store import verified
from dr.wait import until

LOOKED_AT = 10
"""Of those that are missing, at a time: how their replication goes."""

Pair = tuple[str, str]


def prove_objects(step: ProveObjects, context: Context) -> None:
    """Compare the manifests with the copy's own listing. Replication keeps version ids: they must match exactly.

    What is archived at home is not waited for: S3 replicates nothing out of an archive (S3 user guide, "What does
    Amazon S3 replicate?"), and whether it came before it was archived is for a test to tell.

    Raises Unable at once for what will never come: S3 does not try again what has FAILED, and no rule covers what has
    no status (S3 user guide, "Getting replication status information").
    """
    documents = TypeAdapter(dict[str, Document]).validate_python(context.fact(facts.manifests_of(step.asset)))
    wanted = {
        (found.key, found.version)
        for document in documents.values()
        for found in BucketBaseline.model_validate_json(verified(context.store, document)).objects.values()
        if not found.archived
    }
    bucket = context.bucket(step.asset)

    def missing() -> list[Pair]:
        there = {(seen.key, seen.version) for seen in s3.versions(context.aws, context.region(step.site), bucket.copy_)}
        left = sorted(wanted - there)
        for key, version in left[:LOOKED_AT]:
            status = s3.replication_status(context.aws, context.region("primary"), bucket.bucket, key, version)
            if status in (None, "FAILED"):
                raise Unable(
                    f"{len(left)} of {len(wanted)} object versions of {step.asset} are not in {bucket.copy_}, and "
                    f"{key!r} will not arrive: {'its replication has failed' if status else 'no rule covers it'}",
                    hint="copy it there with S3 Batch Replication, or store it anew once a rule covers it",
                )
        return left

    until(
        missing,
        lambda left: not left,
        what=f"{len(wanted)} object versions of {step.asset} to be in {bucket.copy_}",
        clock=context.clock,
        deadline=context.deadline(step.timeout),
        every=context.interval(30),
        shown=lambda left: f"{len(left)} missing, the first is {left[0][0]!r}" if left else "all there",
    )
    context.say(f"{step.asset}: all {len(wanted)} versions are in {bucket.copy_}")
