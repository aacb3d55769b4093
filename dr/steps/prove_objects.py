"""Wait until every object of this backup is in the recovery site's bucket, under the version that it has at home."""

from pydantic import TypeAdapter

from dr import facts
from dr.aws import s3
from dr.context import Context
from dr.records import Document
from dr.runbook import ProveObjects
from dr.store import verified
from dr.verification import BucketBaseline
from dr.wait import until


def prove_objects(step: ProveObjects, context: Context) -> None:
    """Compare the manifests with the copy's own listing. Replication keeps version ids: they must match exactly."""
    documents = TypeAdapter(dict[str, Document]).validate_python(context.fact(facts.manifests_of(step.asset)))
    wanted = {
        (found.key, found.version)
        for document in documents.values()
        for found in BucketBaseline.model_validate_json(verified(context.store, document)).objects.values()
    }
    copy = context.bucket(step.asset).copy_

    def missing() -> list[tuple[str, str]]:
        there = {(seen.key, seen.version) for seen in s3.versions(context.aws, context.region(step.site), copy)}
        return sorted(wanted - there)

    until(
        missing,
        lambda left: not left,
        what=f"{len(wanted)} object versions of {step.asset} to be in {copy}",
        clock=context.clock,
        deadline=context.deadline(step.timeout),
        every=context.interval(30),
        shown=lambda left: f"{len(left)} missing, the first is {left[0][0]!r}" if left else "all there",
    )
    context.say(f"{step.asset}: all {len(wanted)} versions are in {copy}")
