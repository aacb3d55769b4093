"""Buckets for the contract suite: made in either region, emptied of every version and removed afterwards."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from botocore.exceptions import ClientError

from tests.contract.cloud import TAG, Cloud

Make = Callable[..., str]
PART = 5 * 1024**2
"""The smallest size of a part that is not the last."""


@contextmanager
def buckets(cloud: Cloud) -> Iterator[Make]:
    """A function that makes a bucket: `make(s3, versioned=True, locked=False)`."""
    made: list[tuple[Any, str, bool]] = []

    def make(s3: Any, *, versioned: bool = True, locked: bool = False) -> str:
        name = cloud.name("s3")
        where = {"LocationConstraint": s3.meta.region_name}
        s3.create_bucket(Bucket=name, CreateBucketConfiguration=where, ObjectLockEnabledForBucket=locked)
        made.append((s3, name, locked))
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": TAG, "Value": cloud.run}]})
        if versioned and not locked:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    try:
        yield make
    finally:
        for s3, name, locked in made:
            _remove(cloud, s3, name, locked=locked)


def _remove(cloud: Cloud, s3: Any, name: str, *, locked: bool) -> None:
    """Everything in the bucket, and the bucket; a retention that cannot be bypassed is waited for."""
    try:
        s3.delete_bucket_replication(Bucket=name)
        for upload in s3.list_multipart_uploads(Bucket=name).get("Uploads", []):
            s3.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
    except ClientError as problem:
        if code(problem) == "NoSuchBucket":
            return
        raise

    def empty() -> bool:
        found = s3.list_object_versions(Bucket=name)
        versions = [*found.get("Versions", []), *found.get("DeleteMarkers", [])]
        bypass = {"BypassGovernanceRetention": True} if locked else {}
        for each in versions:
            where = {"Bucket": name, "Key": each["Key"], "VersionId": each["VersionId"]}
            with suppress(s3.exceptions.ClientError):  # a retention of COMPLIANCE has not ended yet: look again
                s3.delete_object(**where, **bypass)
        return not versions

    cloud.until(empty, f"{name} is empty", aws_seconds=60)
    s3.delete_bucket(Bucket=name)


def code(problem: ClientError) -> str:
    return str(problem.response["Error"]["Code"])


def status(problem: ClientError) -> int:
    return int(problem.response["ResponseMetadata"]["HTTPStatusCode"])


def header(answer: Any, name: str) -> str | None:
    """A header of an answer, or of an error."""
    found = answer.response if isinstance(answer, ClientError) else answer
    value = found["ResponseMetadata"]["HTTPHeaders"].get(name)
    return None if value is None else str(value)


def sha256(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def md5(body: bytes) -> bytes:
    return hashlib.md5(body, usedforsecurity=False).digest()


def in_parts(s3: Any, bucket: str, key: str, parts: list[bytes], **begin: Any) -> Any:
    """Upload in parts, with the checksum of each part where the upload has an algorithm."""
    where = {"Bucket": bucket, "Key": key}
    algorithm = begin.get("ChecksumAlgorithm")
    more = {"ChecksumAlgorithm": algorithm} if algorithm else {}
    upload = s3.create_multipart_upload(**where, **begin)["UploadId"]
    sent = []
    for number, part in enumerate(parts, start=1):
        done = s3.upload_part(**where, UploadId=upload, PartNumber=number, Body=part, **more)
        known = {name: done[name] for name in done if name.startswith("Checksum")}
        sent.append({"PartNumber": number, "ETag": done["ETag"], **known})
    return s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": sent})
