"""What S3's operations need. The names of actions differ from those of operations, and those of one version from those
of whatever is newest: `s3:GetObject` does not read a version by its id, and `s3:ListBucket` does not list versions.

(Amazon S3 user guide, "Required permissions for Amazon S3 API operations".)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from dr.lab.front.exchange import Request
from dr.lab.iam.calls import object_tags
from dr.lab.iam.conditions import Keys
from dr.lab.iam.needs import ANY, Wanted


@dataclass(frozen=True)
class Row:
    """The action on whatever is newest, and the one on a version that is named."""

    action: str
    of_version: str = ""


def _settings(*rows: tuple[str, str, str]) -> dict[tuple[str, str], Row]:
    """Settings of a bucket: read with one action, and written or removed with another."""
    found: dict[tuple[str, str], Row] = {}
    for marker, reads, writes in rows:
        found |= {("GET", marker): Row(reads), ("PUT", marker): Row(writes), ("DELETE", marker): Row(writes)}
    return found


BUCKET: Mapping[tuple[str, str], Row] = {
    **_settings(
        ("accelerate", "GetAccelerateConfiguration", "PutAccelerateConfiguration"),
        ("acl", "GetBucketAcl", "PutBucketAcl"),
        ("cors", "GetBucketCORS", "PutBucketCORS"),
        ("encryption", "GetEncryptionConfiguration", "PutEncryptionConfiguration"),
        ("inventory", "GetInventoryConfiguration", "PutInventoryConfiguration"),
        ("lifecycle", "GetLifecycleConfiguration", "PutLifecycleConfiguration"),
        ("logging", "GetBucketLogging", "PutBucketLogging"),
        ("notification", "GetBucketNotification", "PutBucketNotification"),
        ("object-lock", "GetBucketObjectLockConfiguration", "PutBucketObjectLockConfiguration"),
        ("ownershipControls", "GetBucketOwnershipControls", "PutBucketOwnershipControls"),
        ("publicAccessBlock", "GetBucketPublicAccessBlock", "PutBucketPublicAccessBlock"),
        ("replication", "GetReplicationConfiguration", "PutReplicationConfiguration"),
        ("tagging", "GetBucketTagging", "PutBucketTagging"),
        ("versioning", "GetBucketVersioning", "PutBucketVersioning"),
        ("website", "GetBucketWebsite", "PutBucketWebsite"),
    ),
    ("GET", "policy"): Row("GetBucketPolicy"),
    ("PUT", "policy"): Row("PutBucketPolicy"),
    ("DELETE", "policy"): Row("DeleteBucketPolicy"),
    ("GET", "policyStatus"): Row("GetBucketPolicyStatus"),
    ("GET", "location"): Row("GetBucketLocation"),
    ("GET", "uploads"): Row("ListBucketMultipartUploads"),
    ("GET", "versions"): Row("ListBucketVersions"),
    ("GET", ""): Row("ListBucket"),
    ("HEAD", ""): Row("ListBucket"),
    ("PUT", ""): Row("CreateBucket"),
    ("DELETE", ""): Row("DeleteBucket"),
}
"""(method, subresource) -> the action on the bucket."""

OBJECT: Mapping[tuple[str, str], Row] = {
    ("GET", ""): Row("GetObject", "GetObjectVersion"),
    ("HEAD", ""): Row("GetObject", "GetObjectVersion"),
    ("PUT", ""): Row("PutObject"),
    ("DELETE", ""): Row("DeleteObject", "DeleteObjectVersion"),
    ("GET", "acl"): Row("GetObjectAcl", "GetObjectVersionAcl"),
    ("PUT", "acl"): Row("PutObjectAcl", "PutObjectVersionAcl"),
    ("GET", "attributes"): Row("GetObjectAttributes", "GetObjectVersionAttributes"),
    ("GET", "legal-hold"): Row("GetObjectLegalHold"),
    ("PUT", "legal-hold"): Row("PutObjectLegalHold"),
    ("GET", "retention"): Row("GetObjectRetention"),
    ("PUT", "retention"): Row("PutObjectRetention"),
    ("GET", "tagging"): Row("GetObjectTagging", "GetObjectVersionTagging"),
    ("PUT", "tagging"): Row("PutObjectTagging", "PutObjectVersionTagging"),
    ("DELETE", "tagging"): Row("DeleteObjectTagging", "DeleteObjectVersionTagging"),
    ("POST", "restore"): Row("RestoreObject"),
    ("POST", "uploads"): Row("PutObject"),
    ("PUT", "uploadId"): Row("PutObject"),
    ("POST", "uploadId"): Row("PutObject"),
    ("GET", "uploadId"): Row("ListMultipartUploadParts"),
    ("DELETE", "uploadId"): Row("AbortMultipartUpload"),
}
"""(method, subresource) -> the action on the object."""

_ALSO = (
    ("x-amz-acl", "PutObjectAcl"),
    ("x-amz-object-lock-legal-hold", "PutObjectLegalHold"),
    ("x-amz-object-lock-mode", "PutObjectRetention"),
    ("x-amz-tagging", "PutObjectTagging"),
)
"""What a header of a write needs on top."""


class UnknownOperation(LookupError):  # noqa: N818 - it is told to the client, not to us
    """No row of the table: the text says what was asked."""


def wanted(request: Request) -> Iterator[Wanted]:
    """What a request needs. Raises UnknownOperation. DeleteObjects is not here: it is refused key by key."""
    name, _, raw = request.path.lstrip("/").partition("/")
    bucket, key, asked = unquote(name), unquote(raw), request.parameters
    if not bucket:
        yield Wanted("s3:ListAllMyBuckets", ANY)
        return
    rows = OBJECT if key else BUCKET
    marker = next((marker for _, marker in rows if marker and marker in asked), "")
    row = rows.get((request.method, marker))
    if row is None:
        shown = f"?{marker}" if marker else ""
        raise UnknownOperation(f"{request.method} of {'an object' if key else 'a bucket'}{shown}")
    version = asked.get("versionId", "") if key else ""
    keys = _keys(asked, version)
    if marker == "tagging" and key:
        keys |= {f"s3:requestobjecttag/{k.lower()}": (v,) for k, v in object_tags(request.body).items()}
    if not key:
        yield Wanted(f"s3:{row.action}", f"arn:aws:s3:::{bucket}", keys)
        return
    resource = f"arn:aws:s3:::{bucket}/{key}"
    yield Wanted(f"s3:{row.of_version if version and row.of_version else row.action}", resource, keys)
    if marker == "attributes":
        yield Wanted("s3:GetObjectVersion" if version else "s3:GetObject", resource, keys)
    if row.action == "PutObject":
        yield from _written(request, resource)
    if request.headers.get("x-amz-bypass-governance-retention").lower() == "true":
        yield Wanted("s3:BypassGovernanceRetention", resource, keys)


def source(request: Request) -> tuple[str, str, str] | None:
    """Bucket, key and version that a copy reads; the version is empty where none is named."""
    path, _, query = request.headers.get("x-amz-copy-source").partition("?")
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    version = dict(parse_qsl(query)).get("versionId", "")
    return (bucket, key, version) if bucket else None


def reads_content(request: Request, *, checksum: bool) -> bool:
    """Whether the bytes of an object are asked for, or a `checksum` of them."""
    _, _, key = request.path.lstrip("/").partition("/")
    marked = any(marker in request.parameters for _, marker in OBJECT if marker)
    return bool(key) and not marked and (request.method == "GET" or (request.method == "HEAD" and checksum))


def makes_object(request: Request) -> bool:
    """Whether this stores an object, or begins to."""
    marked = {marker for _, marker in OBJECT if marker and marker in request.parameters}
    return (request.method, marked) in (("PUT", set()), ("POST", {"uploads"}))


def _written(request: Request, resource: str) -> Iterator[Wanted]:
    tags = dict(parse_qsl(request.headers.get("x-amz-tagging")))
    keys: Keys = {f"s3:requestobjecttag/{key.lower()}": (value,) for key, value in tags.items()}
    for header, action in _ALSO:
        if header in request.headers:
            yield Wanted(f"s3:{action}", resource, keys)
    if found := source(request):
        bucket, key, version = found
        yield Wanted(
            "s3:GetObjectVersion" if version else "s3:GetObject",
            f"arn:aws:s3:::{bucket}/{key}",
            {"s3:versionid": (version,)} if version else {},
        )


def _keys(asked: Mapping[str, str], version: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {
        f"s3:{name}": (asked[name],) for name in ("delimiter", "max-keys", "prefix") if name in asked
    }
    return found | ({"s3:versionid": (version,)} if version else {})
