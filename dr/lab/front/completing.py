"""CompleteMultipartUpload: the list of parts, proven against what was uploaded."""

from dataclasses import dataclass
from itertools import pairwise

from moto.s3.models import FakeMultipart

from dr.lab.front import checksums, xml
from dr.lab.front.declined import Declined, malformed
from dr.lab.front.exchange import Headers
from dr.lab.front.made import Checksum

SMALLEST_PART = 5 * 1024**2
"""Bytes; only the last part may be smaller."""


@dataclass(frozen=True)
class Completion:
    """One part as the completing request names it."""

    number: int
    etag: str
    checksums: dict[str, str]
    """By algorithm."""


def sent(body: bytes) -> list[Completion]:
    """Read the body. Raises Declined when it is not a list of parts in ascending order."""
    try:
        document = xml.read(body)["CompleteMultipartUpload"] or {}
        parts = [
            Completion(
                int(part["PartNumber"]),
                part["ETag"].strip('"'),
                {name.removeprefix("Checksum"): value for name, value in part.items() if name.startswith("Checksum")},
            )
            for part in xml.listed(document.get("Part"))
        ]
    except (xml.ExpatError, KeyError, TypeError, AttributeError, ValueError) as problem:
        raise malformed() from problem
    if not parts:
        raise malformed()
    numbers = [part.number for part in parts]
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        message = (
            "The list of parts was not in ascending order. The parts list must be specified in order by part number."
        )
        raise Declined("InvalidPartOrder", message)
    return parts


def prove_parts(
    parts: list[Completion], upload: FakeMultipart, algorithm: str | None, kind: str, stored: dict[int, str]
) -> None:
    """Raise Declined unless every part is what was uploaded, named by its ETag and, where it must be, its checksum."""
    for part in parts:
        uploaded = upload.parts.get(part.number)
        if uploaded is None or uploaded.etag.strip('"') != part.etag:
            raise _invalid(part)
        if algorithm and kind == checksums.COMPOSITE and algorithm not in part.checksums:
            message = (
                f"The upload was created using a {algorithm.lower()} checksum. The complete request must include the "
                f"checksum for each part. It was missing for part {part.number} in the request."
            )
            raise Declined("InvalidRequest", message)
        if any(name != algorithm or value != stored.get(part.number) for name, value in part.checksums.items()):
            raise _invalid(part)
    for part in parts[:-1]:
        size = upload.parts[part.number].size
        if size < SMALLEST_PART:
            extra = (
                ("ProposedSize", str(size)),
                ("MinSizeAllowed", str(SMALLEST_PART)),
                ("PartNumber", str(part.number)),
                ("ETag", part.etag),
            )
            raise Declined("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", extra)


def prove_whole(headers: Headers, checksum: Checksum, size: int) -> None:
    """Raise Declined unless the object is as long as was said, and its checksum is the one that was said."""
    expected = headers.get("x-amz-mp-object-size")
    if expected and expected != str(size):
        message = (
            f"The provided 'x-amz-mp-object-size' header value {expected} does not match what was computed: {size}"
        )
        raise Declined("InvalidRequest", message)
    kind = headers.get("x-amz-checksum-type").upper()
    if kind and kind != checksum.kind:
        message = (
            f"The upload was created using the {checksum.kind} checksum mode. The complete request must use the same."
        )
        raise Declined("InvalidRequest", message)
    for name in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5"):
        given = headers.get(f"x-amz-checksum-{name.lower()}")
        if not given:
            continue
        if checksum.algorithm != name:
            raise Declined("BadDigest", f"The upload was created using a {checksum.algorithm.lower()} checksum.")
        value, _, count = given.partition("-")
        if value != checksum.value or (count and count != str(checksum.parts)):
            raise Declined("BadDigest", f"The {name} you specified did not match the calculated checksum.")


def _invalid(part: Completion) -> Declined:
    message = (
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified "
        "entity tag may not match the part's entity tag."
    )
    return Declined("InvalidPart", message, (("PartNumber", str(part.number)), ("ETag", part.etag)))
