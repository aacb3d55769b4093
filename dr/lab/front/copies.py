"""The source of a copy: which version it is, and whether it may be copied at all."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from moto.s3.models import FakeDeleteMarker, FakeKey

from dr.lab.front import sealing
from dr.lab.front.declined import Declined
from dr.lab.front.exchange import Request
from dr.lab.front.store import Store

LARGEST_COPY = 5 * 1024**3
"""Bytes that one CopyObject or UploadPartCopy takes; more has to be copied in parts."""


@dataclass(frozen=True)
class Source:
    """What is to be copied. Its content is taken at once, because a copy onto itself replaces it."""

    content: bytes
    algorithm: str | None
    version_id: str


def source(store: Store, request: Request) -> Source:
    """Find the source that a request names. Raises Declined when it is not there or cannot be copied."""
    at = urlsplit(request.headers.get("x-amz-copy-source"))
    bucket, _, key = unquote(at.path).lstrip("/").partition("/")
    named = unquote(at.query.partition("versionId=")[2])
    if store.bucket(bucket) is None:
        raise Declined("NoSuchBucket", "The specified bucket does not exist", (("BucketName", bucket),))
    found = store.named(bucket, key, named or None)
    if isinstance(found, FakeDeleteMarker) and named:
        message = "The source of a copy request may not specifically refer to a delete marker by version id."
        raise Declined("InvalidRequest", message)
    if not isinstance(found, FakeKey):
        raise Declined("NoSuchVersion" if named else "NoSuchKey", "The specified key or version does not exist.")
    match = request.headers.get("x-amz-copy-source-if-match")
    if match and match.strip('"') != found.etag.strip('"'):
        message = "At least one of the pre-conditions you specified did not hold"
        raise Declined("PreconditionFailed", message, (("Condition", "x-amz-copy-source-If-Match"),))
    sealing.readable(found)
    first, size = _range(request, found.size)
    if size > LARGEST_COPY:
        message = (
            f"The specified copy source is larger than the maximum allowable size for a copy source: {LARGEST_COPY}"
        )
        raise Declined("InvalidRequest", message)
    return Source(found.value[first : first + size], found.checksum_algorithm, found.version_id)


def _range(request: Request, size: int) -> tuple[int, int]:
    """The first byte and the number of bytes that are wanted."""
    wanted = request.headers.get("x-amz-copy-source-range")
    if not wanted:
        return 0, size
    found = re.fullmatch(r"bytes=(\d{1,15})-(\d{1,15})", wanted)
    if found is None:
        message = "The x-amz-copy-source-range value must be of the form bytes=first-last"
        raise Declined("InvalidArgument", message)
    first, last = int(found[1]), int(found[2])
    if first > last or last >= size:
        raise Declined("InvalidRange", f"Range specified is not valid for source object of size: {size}")
    return first, last - first + 1
