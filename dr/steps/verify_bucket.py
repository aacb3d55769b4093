"""Read every restored object back, and compare all of it with the manifest of the instant; the copy itself as well."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from dr import facts
from dr.aws import contents, s3
from dr.baselines import manifest_for
from dr.checks import object_metadata, objects, replica
from dr.context import Context
from dr.errors import AwsError, Unable
from dr.held import HeldKey, read_back
from dr.manifest import BucketBaseline, Content, RestoredObject, Retention
from dr.plan import LEVEL_OF
from dr.runbook import RestoreBucket, VerifyBucket
from dr.verification import Finding, asked


def verify_bucket(step: VerifyBucket, context: Context) -> None:
    """Every object of the instant is there with the very bytes that it had, and nothing else is."""
    asset = step.asset
    region = context.region(step.site)
    where = next(other for other in context.plan.steps if isinstance(other, RestoreBucket) and other.asset == asset)
    manifest, unable = _manifest(context, asset)
    # What is told is marked as the manifest's values are; without one there is nothing that it could be compared with.
    seed = manifest.seed if manifest else ""

    def read(key: str, version: str) -> Content:
        context.clock.sleep(0)  # where a request to stop ends this, between two objects
        # Whatever the bytes are: that they are not what S3's own checksum says is for the check to tell.
        return contents.read(context.aws, region, where.bucket, key, version, seed=seed, role="scratch", whatever=True)

    listing = list(s3.versions(context.aws, region, where.bucket, where.prefix, role="scratch"))
    if stored := next((entry for entry in listing if not entry.marker), None):
        # Whoever may not read tags is not told that there are any.
        contents.tags(context.aws, region, where.bucket, stored.key, stored.version, role="scratch")
    copies = [
        (line.key, one.version, one.copied) for line in _lines(context, asset) for one in line.entries if one.copied
    ]
    restored = objects.observe(copies, listing, where.prefix, read, pool=context.threads.pool)
    context.keep_lines(facts.held_of(asset), _held(_lines(context, asset), restored, manifest))

    def ask(check: str, compare: Callable[[BucketBaseline], Sequence[Finding]]) -> None:
        def look() -> Sequence[Finding]:
            if manifest is None:
                raise unable or Unable(f"there is no manifest of {asset}")
            return compare(manifest)

        for finding in asked(check, LEVEL_OF[check], asset, look):
            context.find(asset, finding)

    def compared(baseline: BucketBaseline) -> Sequence[Finding]:
        lines = _lines(context, asset)
        archived = {(line.key, one.version) for line in lines for one in line.entries if one.lost == "archived"}
        findings, coverage = objects.compare(baseline, restored, archived)
        context.cover(asset, coverage)
        return findings

    def copied(baseline: BucketBaseline) -> Sequence[Finding]:
        copy = context.bucket(asset).copy_

        def sample(key: str, version: str) -> Content | str:
            try:
                return contents.read(context.aws, region, copy, key, version, seed=seed, whatever=True)
            except AwsError as problem:
                why = contents.unreadable(problem)
                if why is None:
                    raise
                return why

        def retained(key: str, version: str) -> Retention:
            return contents.retention(context.aws, region, copy, key, version)

        lines = _lines(context, asset)
        return replica.check(baseline, lines, sample, retained, bucket=copy, pool=context.threads.pool)

    if "replica" in context.plan.expected_checks[asset]:
        ask("replica", copied)
    ask("objects", compared)
    ask("object_metadata", lambda baseline: object_metadata.compare(baseline, restored))


def _manifest(context: Context, asset: str) -> tuple[BucketBaseline | None, Unable | None]:
    """The manifest of the instant, or why there is none."""
    try:
        return manifest_for(context, asset), None
    except Unable as problem:
        return None, problem


def _lines(context: Context, asset: str) -> Iterator[HeldKey]:
    return map(HeldKey.model_validate_json, context.kept_lines(facts.versions_of(asset)))


def _held(
    lines: Iterator[HeldKey], restored: Sequence[RestoredObject], manifest: BucketBaseline | None
) -> Iterator[str]:
    """What the bucket lists of each key, with what the restore holds of it. Both come in the order of their keys."""
    found = {key: list(some) for key, some in groupby(restored, lambda one: one.key)}
    for line in lines:
        expected = manifest.objects.get(line.key) if manifest else None
        yield read_back(line, found.get(line.key, ()), expected).model_dump_json(exclude_defaults=True)
