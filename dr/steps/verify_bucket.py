"""Read every restored object back, and compare its bytes with the manifest of the instant."""

from dr.aws import s3
from dr.baselines import manifest_for
from dr.checks import objects
from dr.context import Context
from dr.errors import Unable
from dr.runbook import RestoreBucket, VerifyBucket
from dr.verification import Finding


def verify_bucket(step: VerifyBucket, context: Context) -> None:
    """Every object of the instant is there with the very bytes that it had, and nothing else is."""
    region = context.region(step.site)
    where = next(
        other for other in context.plan.steps if isinstance(other, RestoreBucket) and other.asset == step.asset
    )
    copies = [tuple(row) for row in context.kept(f"versions-{step.asset}")]

    def digest(key: str, version: str) -> s3.Digest:
        context.clock.sleep(0)  # where a request to stop ends this, between two objects
        return s3.digest(context.aws, region, where.bucket, key, version, role="scratch")

    restored = objects.observe(
        copies,
        list(s3.versions(context.aws, region, where.bucket, where.prefix, role="scratch")),
        where.prefix,
        digest,
        pool=context.threads.pool,
    )
    context.keep(f"digests-{step.asset}", [one.model_dump(mode="json") for one in restored])
    try:
        findings, coverage = objects.compare(manifest_for(context, step.asset), restored)
    except Unable as problem:
        context.find(
            step.asset,
            Finding(check="objects", level="L2", outcome="errored", subject=step.asset, detail=problem.message),
        )
        return
    context.cover(step.asset, coverage)
    for finding in findings:
        context.find(step.asset, finding)
