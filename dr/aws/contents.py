"""One version of an object: its bytes by our own SHA-256, and what S3 says of it besides.

One request gives both. A second one is made for tags, where the first tells that there are any, and two more for locks,
in buckets that have them: whoever may not see tags or locks is not told of them, so a bucket is asked outright once
whether tags may be read, and whether it has locks.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

from dr.aws.clients import Aws, Role
from dr.aws.errors import calling
from dr.aws.rds import utc
from dr.errors import AwsError
from dr.manifest import ARCHIVED, Content, Retention, Told, mark

_PIECE = 1024 * 1024
_HEADERS = {
    "CacheControl": "cache_control",
    "ContentDisposition": "content_disposition",
    "ContentEncoding": "content_encoding",
    "ContentLanguage": "content_language",
    "ExpiresString": "expires",
    "WebsiteRedirectLocation": "website_redirect",
}
_DAMAGED = "FlexibleChecksumError"
"""What botocore raises at the last byte when S3's own checksum says otherwise."""

Why = Literal["archived", "undecryptable"]


def read(
    aws: Aws,
    region: str,
    bucket: str,
    key: str,
    version: str,
    *,
    seed: str,
    role: Role = "observe",
    whatever: bool = False,
) -> Content:
    """Read a version to the end, keeping a megabyte of it at a time.

    Raises AwsError for bytes that are not what S3's own checksum says, unless `whatever` they are is to be told.
    """
    about = f"{bucket}/{key} (version {version})"
    answer = aws.look(
        "s3",
        region,
        "GetObject",
        about,
        role=role,
        Bucket=bucket,
        Key=key,
        VersionId=version,
        ChecksumMode="ENABLED",
    )
    total, sum_ = 0, hashlib.sha256()
    body = answer["Body"]
    try:
        with calling("s3", "GetObject", about, region):
            for piece in body.iter_chunks(_PIECE):
                sum_.update(piece)
                total += len(piece)
    except AwsError as problem:
        if problem.code != _DAMAGED or not whatever:
            raise
    finally:
        body.close()
    told = _told(answer, seed, _tags(aws, region, bucket, key, version, answer, role=role))
    return Content(sha256=sum_.hexdigest(), size=total, told=told)


def look(aws: Aws, region: str, bucket: str, key: str, version: str, *, seed: str) -> Told:
    """What S3 says of a version now, without its bytes: tags and the like change while a version does not."""
    about = f"{bucket}/{key} (version {version})"
    answer = aws.look(
        "s3", region, "HeadObject", about, Bucket=bucket, Key=key, VersionId=version, ChecksumMode="ENABLED"
    )
    return _told(answer, seed, _tags(aws, region, bucket, key, version, answer, role="observe"))


def record(aws: Aws, region: str, bucket: str, key: str, version: str, *, seed: str) -> Content:
    """Read a version to the end; of what is archived, only what S3 says: to thaw it takes hours, and is not ours to do.

    (S3 API, GetObject: an archived object has to be restored first, by its owner and at a cost.)
    """
    try:
        return read(aws, region, bucket, key, version, seed=seed)
    except AwsError as problem:
        if unreadable(problem) != "archived":
            raise
    told = look(aws, region, bucket, key, version, seed=seed)
    return Content(sha256="", size=0, told=told.model_copy(update={"archived": True}))


def tags(aws: Aws, region: str, bucket: str, key: str, version: str, *, role: Role = "observe") -> dict[str, str]:
    """The tags of a version, asked for outright: raises AwsError where they may not be read."""
    about = f"{bucket}/{key} (version {version})"
    answer = aws.look("s3", region, "GetObjectTagging", about, role=role, Bucket=bucket, Key=key, VersionId=version)
    return {one["Key"]: one["Value"] for one in answer["TagSet"]}


def locks(aws: Aws, region: str, bucket: str) -> bool:
    """Whether a bucket has Object Lock: without it, none of its versions has a retention."""
    try:
        answer = aws.look("s3", region, "GetObjectLockConfiguration", f"bucket {bucket}", Bucket=bucket)
    except AwsError as problem:
        if problem.code == "ObjectLockConfigurationNotFoundError":
            return False
        raise
    return bool(answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled")


def retention(aws: Aws, region: str, bucket: str, key: str, version: str) -> Retention:
    """What keeps a version of a bucket that has Object Lock."""
    where: dict[str, Any] = {"Bucket": bucket, "Key": key, "VersionId": version}
    about = f"{bucket}/{key} (version {version})"
    kept: Mapping[str, Any] = {}
    held: Mapping[str, Any] = {}
    try:
        kept = aws.look("s3", region, "GetObjectRetention", about, **where).get("Retention", {})
    except AwsError as problem:
        if problem.code != "NoSuchObjectLockConfiguration":
            raise
    try:
        held = aws.look("s3", region, "GetObjectLegalHold", about, **where).get("LegalHold", {})
    except AwsError as problem:
        if problem.code != "NoSuchObjectLockConfiguration":
            raise
    until = kept.get("RetainUntilDate")
    return Retention(mode=kept.get("Mode", ""), until=utc(until) if until else None, hold=held.get("Status") == "ON")


def unreadable(problem: AwsError) -> Why | None:
    """Whether a version is there, and nobody can read or copy it: a finding, where other trouble is none.

    S3 user guide, "Restoring an archived object", and the errors of CopyObject; S3 passes the errors of KMS on with its
    name before them, and calls a denied key `AccessDenied`, naming the action of KMS.
    """
    if problem.code in ("InvalidObjectState", "ObjectNotInActiveTierError"):
        return "archived"
    denied = problem.code == "AccessDenied" and "kms:" in problem.message
    return "undecryptable" if problem.code.startswith("KMS.") or denied else None


def _tags(
    aws: Aws, region: str, bucket: str, key: str, version: str, answer: Mapping[str, Any], *, role: Role
) -> Mapping[str, str]:
    return tags(aws, region, bucket, key, version, role=role) if answer.get("TagCount") else {}


def _told(answer: Mapping[str, Any], seed: str, tagged: Mapping[str, str]) -> Told:
    kind = answer.get("ChecksumType", "")
    # A checksum that comes without its type is from before there were types: its form tells.
    sums = {
        name: str(value) for name, value in answer.items() if name.startswith("Checksum") and name != "ChecksumType"
    }
    if sums and not kind:
        kind = "COMPOSITE" if any("-" in value for value in sums.values()) else "FULL_OBJECT"
    whole = kind == "FULL_OBJECT"
    storage = answer.get("StorageClass") or "STANDARD"
    replication = answer.get("ReplicationStatus", "")
    return Told(
        content_type=answer.get("ContentType", ""),
        headers={name: mark(seed, name, str(answer[given])) for given, name in _HEADERS.items() if answer.get(given)},
        metadata={name: mark(seed, name, value) for name, value in answer.get("Metadata", {}).items()},
        tags={name: mark(seed, name, value) for name, value in tagged.items()},
        storage_class=storage,
        archived=storage in ARCHIVED or bool(answer.get("ArchiveStatus")),
        encryption=answer.get("ServerSideEncryption", ""),
        kms_key=answer.get("SSEKMSKeyId", ""),
        checksum=" ".join(f"{name.removeprefix('Checksum')} {value}" for name, value in sums.items()) if whole else "",
        checksum_type=kind,
        replication="COMPLETED" if replication == "COMPLETE" else replication,
    )
