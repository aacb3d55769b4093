"""Where the lab's S3 and ministack's say different things: what AWS says, which of the two says it, and how we know."""

from dataclasses import dataclass
from typing import Any

LAB, MINISTACK = "lab", "ministack"
HEADERS = "x-amz-checksum-* of PutObject's output, botocore 1.44 model"


@dataclass(frozen=True)
class Difference:
    """`shows` is what the right one shows, by member of its answer; None is for a member that it does not have."""

    right: str
    shows: dict[str, Any]
    source: str


DIFFERENCES: dict[str, Difference] = {
    "objects/get empty": Difference(
        LAB,
        {"ContentType": "binary/octet-stream"},
        "Assumed: the type of an object that was put without one",
    ),
    "objects/copy onto itself": Difference(
        LAB,
        {"status": 400, "code": "InvalidRequest"},
        "Assumed: a copy onto itself must change something",
    ),
    "listing/none": Difference(LAB, {"IsTruncated": None}, "Assumed: a list that was not asked for is not cut off"),
    "versions/get null": Difference(LAB, {"VersionId": "null"}, "Assumed: a version tells its id, null too"),
    "versions/get marker": Difference(
        LAB,
        {"status": 405, "code": "MethodNotAllowed"},
        "aws.md A10 [?]: GET of a delete marker's version is 405",
    ),
    "versions/put suspended": Difference(LAB, {"VersionId": "null"}, "Assumed: a version tells its id, null too"),
    **{
        f"versions/{step}": Difference(
            LAB,
            {"EncodingType": "url"},
            "EncodingType of ListObjectVersions' output, botocore 1.44 model: sent back if it was sent",
        )
        for step in ("versions", "versions of prefix", "versions suspended")
    },
    "parts/wrong order": Difference(
        LAB,
        {"status": 400, "code": "InvalidPartOrder"},
        "CompleteMultipartUpload, botocore 1.44 model: its special errors",
    ),
    "parts/too small": Difference(
        LAB,
        {"status": 400, "code": "EntityTooSmall"},
        "CompleteMultipartUpload, botocore 1.44 model: its special errors; aws.md B2 for ministack",
    ),
    "checksums/sha256": Difference(LAB, {"ChecksumType": "FULL_OBJECT"}, HEADERS),
    "checksums/crc32": Difference(LAB, {"ChecksumType": "FULL_OBJECT"}, HEADERS),
    "checksums/wrong sha256": Difference(
        LAB, {"status": 400, "code": "BadDigest"}, "aws.md A10 and B1: a wrong checksum is refused"
    ),
    "checksums/nothing was kept": Difference(LAB, {"status": 404}, "What was refused is not there"),
}
