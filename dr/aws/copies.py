"""Copies of object versions, made by S3 itself: whole up to 5 GB, in parts above.

A copy in parts brings nothing along but the bytes: metadata, content type and tags are read from the source and stated.
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import urlencode

from dr.aws.clients import Aws, Role
from dr.clock import handed_on
from dr.errors import AwsError, Unable

WHOLE_UP_TO: Final = 5 * 1024**3
"""What CopyObject takes in one piece."""
PART: Final = 512 * 1024**2
MOST_PARTS: Final = 10_000
_AT_ONCE = 4

_TRAVELS = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "Metadata",
    "WebsiteRedirectLocation",
)
"""What a HeadObject answer and a CreateMultipartUpload request call by the same name. Retention and legal hold are
missing on purpose."""


def copy_version(
    aws: Aws,
    region: str,
    source_bucket: str,
    key: str,
    version: str,
    bucket: str,
    new_key: str,
    *,
    size: int | None = None,
    role: Role = "scratch",
) -> str:
    """Copy one version server-side, with its metadata and tags, and return the new version's id.

    Retention and legal holds are not copied: a compliance hold on scratch could never be deleted. Given the size (a
    listing tells it), one question less is asked. Raises Unable when the target bucket keeps no versions.
    """
    about = f"{bucket}/{new_key} from {source_bucket}/{key} (version {version})"
    source: dict[str, Any] = {"Bucket": source_bucket, "Key": key, "VersionId": version}
    if size is None:
        head = aws.look("s3", region, "HeadObject", about, role=role, **source)
        size = int(head["ContentLength"])
    if size > WHOLE_UP_TO:
        made = copy_in_parts(aws, region, source, size, bucket, new_key, about=about, role=role)
    else:
        answer = aws.change(
            "s3",
            region,
            "CopyObject",
            about,
            role=role,
            patient=True,
            Bucket=bucket,
            Key=new_key,
            CopySource=source,
            MetadataDirective="COPY",
            TaggingDirective="COPY",
            ChecksumAlgorithm="SHA256",
        )
        made = answer.get("VersionId")
    if not made:
        raise Unable(
            f"CopyObject of {about} in {region}: the bucket keeps no versions, so the copy has no version id",
            hint="turn versioning on for the scratch bucket",
        )
    return made


def copy_in_parts(
    aws: Aws,
    region: str,
    source: dict[str, Any],
    size: int,
    bucket: str,
    key: str,
    *,
    about: str,
    role: Role,
    part: int = PART,
) -> str | None:
    """Copy one version in parts, and return the new version's id. A failed copy leaves no unfinished upload."""
    head = aws.look("s3", region, "HeadObject", about, role=role, **source)
    tags = aws.look("s3", region, "GetObjectTagging", about, role=role, **source)["TagSet"]
    settings: dict[str, Any] = {name: head[name] for name in _TRAVELS if head.get(name)}
    if tags:
        settings["Tagging"] = urlencode([(tag["Key"], tag["Value"]) for tag in tags])
    upload = aws.change(
        "s3",
        region,
        "CreateMultipartUpload",
        about,
        role=role,
        Bucket=bucket,
        Key=key,
        ChecksumAlgorithm="SHA256",
        **settings,
    )["UploadId"]
    target = {"Bucket": bucket, "Key": key, "UploadId": upload}

    def copy_part(number: int, first: int, last: int) -> dict[str, Any]:
        answer = aws.change(
            "s3",
            region,
            "UploadPartCopy",
            f"part {number} of {about}",
            role=role,
            patient=True,
            CopySource=source,
            CopySourceRange=f"bytes={first}-{last}",
            PartNumber=number,
            **target,
        )["CopyPartResult"]
        return {"PartNumber": number} | {name: answer[name] for name in ("ETag", "ChecksumSHA256") if name in answer}

    try:
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="copy", initializer=handed_on()) as pool:
            parts = list(pool.map(lambda cut: copy_part(*cut), cuts(size, part)))
        return complete(aws, region, target, parts, about, role)
    except BaseException:
        _abort(aws, region, target, about, role)
        raise


def complete(
    aws: Aws, region: str, target: Mapping[str, Any], parts: list[dict[str, Any]], about: str, role: Role
) -> str | None:
    """Make one object of the parts, and return its version id.

    Said twice, because an answer was lost, it is of an upload that is no more: then the object tells by its checksum
    whether these parts became it. Raises AwsError when they did not.
    """
    try:
        answer = aws.change(
            "s3",
            region,
            "CompleteMultipartUpload",
            about,
            role=role,
            patient=True,
            MultipartUpload={"Parts": parts},
            **target,
        )
    except AwsError as problem:
        made = _completed(aws, region, target, parts, about, role) if problem.code == "NoSuchUpload" else None
        if made is None:
            raise
        return made
    return answer.get("VersionId")


def _completed(
    aws: Aws, region: str, target: Mapping[str, Any], parts: list[dict[str, Any]], about: str, role: Role
) -> str | None:
    """The version that these very parts became, told by its checksum; None when the newest one is another.

    S3 user guide, "Checking object integrity": of a SHA-256 over parts, the sums of the parts are summed up.
    """
    place = {"Bucket": target["Bucket"], "Key": target["Key"]}
    listed = next(
        aws.pages("s3", region, "ListObjectVersions", about, role=role, Bucket=place["Bucket"], Prefix=place["Key"])
    )
    for version in listed.get("Versions", ()):
        if version["Key"] == place["Key"] and version["IsLatest"]:
            sums = b"".join(b64decode(part["ChecksumSHA256"]) for part in parts)
            expected = f"{b64encode(hashlib.sha256(sums).digest()).decode()}-{len(parts)}"
            one = {**place, "VersionId": version["VersionId"], "ChecksumMode": "ENABLED"}
            head = aws.look("s3", region, "HeadObject", about, role=role, **one)
            return str(version["VersionId"]) if head.get("ChecksumSHA256") == expected else None
    return None


def _abort(aws: Aws, region: str, target: Mapping[str, Any], about: str, role: Role) -> None:
    try:
        aws.change("s3", region, "AbortMultipartUpload", about, role=role, **target)
    except AwsError as problem:
        # It was aborted already, and the answer to that was lost.
        if problem.code != "NoSuchUpload":
            raise


def cuts(size: int, part: int = PART) -> Iterator[tuple[int, int, int]]:
    """Number, first and last byte of every part: equal parts, and no more of them than S3 takes."""
    part = max(part, -(-size // MOST_PARTS))
    for number, first in enumerate(range(0, size, part), start=1):
        yield number, first, min(first + part, size) - 1


def unfinished(aws: Aws, region: str, bucket: str, prefix: str) -> Iterator[dict[str, str]]:
    """Uploads below a scratch prefix that were begun, and neither completed nor aborted, as requests name them."""
    about = f"bucket {bucket}"
    for page in aws.pages("s3", region, "ListMultipartUploads", about, role="scratch", Bucket=bucket, Prefix=prefix):
        for upload in page.get("Uploads", ()):
            yield {"Bucket": bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}


def abandon(aws: Aws, region: str, bucket: str, prefix: str) -> int:
    """Abort every unfinished upload below a scratch prefix: no listing of objects shows them, and they are paid for.

    A part that is on its way meanwhile may still be kept, and then takes another abort (botocore's model of
    AbortMultipartUpload): whoever wants them gone looks again.
    """
    found = list(unfinished(aws, region, bucket, prefix))
    for target in found:
        _abort(aws, region, target, f"upload to {bucket}/{target['Key']}", "scratch")
    return len(found)
