"""Objects and their versions: list, read, write, copy, delete."""

import re
from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import chain
from typing import Any

from dr.aws import copies, s3wire
from dr.aws.clients import Aws, Role
from dr.aws.copies import copy_version
from dr.aws.errors import Elsewhere, calling, missing
from dr.aws.rds import utc
from dr.claims import ScratchClaim
from dr.errors import AwsError, Refused, Unable
from dr.recovery import Fact

__all__ = [
    "StoredVersion",
    "bucket_region",
    "copy_version",
    "delete_objects",
    "list_keys",
    "put_heartbeat",
    "read",
    "replication_status",
    "stands",
    "versioning",
    "versions",
]

_BATCH = 1000
_ROUNDS = 5
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no document can hold, however it is escaped (XML 1.0, 2.2). A key may: requests on one object name it in the
URL. One such key in a batch, and all of the batch stays."""


class StoredVersion(Fact):
    """One version of a key, or the delete marker that hides it."""

    key: str
    version: str
    size: int
    modified: datetime
    etag: str
    marker: bool
    latest: bool
    storage_class: str = ""
    """Nothing of a delete marker."""


def versions(
    aws: Aws, region: str, bucket: str, prefix: str = "", *, role: Role = "observe"
) -> Iterator[StoredVersion]:
    """Every version and delete marker, key by key, newest stored first.

    That order is S3's own, and worth keeping: times are in whole seconds, and that of a multipart upload is when it
    began.
    """
    about = f"bucket {bucket}"
    for page in aws.pages("s3", region, "ListObjectVersions", about, role=role, Bucket=bucket, Prefix=prefix):
        kept, markers = iter(page.get("Versions", ())), iter(page.get("DeleteMarkers", ()))
        for marker in page[s3wire.ORDER]:
            raw = next(markers if marker else kept)
            yield StoredVersion(
                key=raw["Key"],
                version=raw["VersionId"],
                size=raw.get("Size", 0),
                modified=utc(raw["LastModified"]),
                etag=raw.get("ETag", "").strip('"'),
                marker=marker,
                latest=raw["IsLatest"],
                storage_class="" if marker else raw.get("StorageClass") or "STANDARD",
            )


def read(
    aws: Aws,
    region: str,
    bucket: str,
    key: str,
    version: str | None = None,
    *,
    role: Role = "observe",
    most: int | None = None,
) -> bytes:
    """A small object, whole. Raises Refused when it has more bytes than `most`, and reads no more of it."""
    body = _open(aws, region, bucket, key, version, role)
    with calling("s3", "GetObject", _shown(bucket, key, version), region):
        try:
            content = bytes(body.read(most))
            # That it ended early, botocore notices at its end only: one look further, where something bounds it.
            more = most is not None and bool(body.read(1))
        finally:
            body.close()
    if more:
        raise Refused(f"s3://{_shown(bucket, key, version)} is larger than {most:,} bytes", hint="who writes it?")
    return content


def bucket_region(aws: Aws, region: str, bucket: str) -> str | None:
    """Where a bucket is, asked in this region; None when there is no such bucket."""
    try:
        answer = aws.look("s3", region, "HeadBucket", f"bucket {bucket}", Bucket=bucket)
    except Elsewhere as found:
        return found.place
    except AwsError as problem:
        if missing(problem):
            return None
        raise
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return str(answer.get("BucketRegion") or headers.get("x-amz-bucket-region") or region)


def versioning(aws: Aws, region: str, bucket: str) -> bool:
    """Whether a bucket keeps versions now (not: suspended)."""
    answer = aws.look("s3", region, "GetBucketVersioning", f"bucket {bucket}", Bucket=bucket)
    return answer.get("Status") == "Enabled"


def replication_status(aws: Aws, region: str, bucket: str, key: str, version: str | None = None) -> str | None:
    """PENDING, COMPLETED or FAILED on a source, REPLICA on a copy, None where no rule applies."""
    parameters: dict[str, Any] = {"VersionId": version} if version else {}
    about = _shown(bucket, key, version)
    answer = aws.look("s3", region, "HeadObject", about, Bucket=bucket, Key=key, **parameters)
    status = answer.get("ReplicationStatus")
    return "COMPLETED" if status == "COMPLETE" else status


def stands(aws: Aws, region: str, bucket: str, prefix: str) -> bool:
    """Whether anything is below a scratch prefix: a version, a delete marker, or an upload that nobody finished."""
    found = chain(versions(aws, region, bucket, prefix, role="scratch"), copies.unfinished(aws, region, bucket, prefix))
    return next(found, None) is not None


def put_heartbeat(aws: Aws, region: str, bucket: str, key: str, body: bytes) -> None:
    """Store the heartbeat object: a new version of it each time. The only object of production's that is ever put."""
    aws.change(
        "s3",
        region,
        "PutObject",
        _shown(bucket, key, None),
        role="heartbeat",
        Bucket=bucket,
        Key=key,
        Body=body,
        ContentType="application/json",
        ChecksumAlgorithm="SHA256",
    )


def list_keys(aws: Aws, region: str, bucket: str, prefix: str = "", *, role: Role = "observe") -> Iterator[str]:
    """Every present key below a prefix, in S3's order."""
    for page in aws.pages("s3", region, "ListObjectsV2", f"bucket {bucket}", role=role, Bucket=bucket, Prefix=prefix):
        for one in page.get("Contents", ()):
            yield one["Key"]


def delete_objects(aws: Aws, claim: ScratchClaim, *, but: Collection[tuple[str, str]] = ()) -> int:
    """Remove every version and marker below the claim's prefix, and uploads left unfinished there: how many went.

    `but` names (key, version) of what stays. Raises Refused for a claim that is not a prefix of its own run, and Unable
    when something will not go.
    """
    bucket, _, prefix = claim.name.partition("/")
    if claim.kind != "objects" or not prefix.startswith(f"{claim.run}/") or not prefix.endswith("/") or not claim.run:
        raise Refused(f"{claim.name} in {claim.region}: the claim is not one of objects below run {claim.run}'s prefix")
    removed = 0
    try:
        copies.abandon(aws, claim.region, bucket, prefix)
        for _round in range(_ROUNDS):
            batch: list[dict[str, str]] = []
            before = removed
            for stored in versions(aws, claim.region, bucket, prefix, role="scratch"):
                if (stored.key, stored.version) in but:
                    continue
                if _NOT_IN_XML.search(stored.key):
                    _delete_alone(aws, claim.region, bucket, stored)
                    removed += 1
                    continue
                batch.append({"Key": stored.key, "VersionId": stored.version})
                if len(batch) == _BATCH:
                    removed += _delete(aws, claim.region, bucket, batch)
                    batch = []
            if batch:
                removed += _delete(aws, claim.region, bucket, batch)
            if removed == before:
                return removed
    except AwsError as problem:
        if problem.code == "NoSuchBucket":
            return removed
        raise
    raise Unable(
        f"objects below {claim.name} in {claim.region} keep appearing while they are deleted",
        hint="is the run that writes them still going?",
    )


def _delete(aws: Aws, region: str, bucket: str, batch: list[dict[str, str]]) -> int:
    about = f"{len(batch)} objects from {bucket}/{batch[0]['Key']} on"
    answer = aws.change(
        "s3",
        region,
        "DeleteObjects",
        about,
        role="scratch",
        patient=True,
        Bucket=bucket,
        Delete={"Objects": batch, "Quiet": True},
    )
    failures = answer.get("Errors", ())
    if failures:
        # The whole answer is a 200: each object has an outcome of its own.
        first = failures[0]
        raise AwsError(
            f"DeleteObjects in {region}: {len(failures)} of {len(batch)} objects of {bucket} remain; "
            f"the first is {first.get('Key')}: {first.get('Code')}: {first.get('Message')}",
            operation="DeleteObjects",
            code=str(first.get("Code") or "Unknown"),
            region=region,
            hint="does the bucket have Object Lock with a default retention? scratch buckets must not",
        )
    return len(batch)


def _delete_alone(aws: Aws, region: str, bucket: str, stored: StoredVersion) -> None:
    about = _shown(bucket, stored.key, stored.version)
    aws.change(
        "s3",
        region,
        "DeleteObject",
        about,
        role="scratch",
        Bucket=bucket,
        Key=stored.key,
        VersionId=stored.version,
    )


def _open(aws: Aws, region: str, bucket: str, key: str, version: str | None, role: Role) -> Any:
    parameters: dict[str, Any] = {"VersionId": version} if version else {}
    about = _shown(bucket, key, version)
    return aws.look("s3", region, "GetObject", about, role=role, Bucket=bucket, Key=key, **parameters)["Body"]


def _shown(bucket: str, key: str, version: str | None) -> str:
    return f"{bucket}/{key}" + (f" (version {version})" if version else "")
