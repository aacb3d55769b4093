"""The objects of the application: what a scan looks like as bytes, and how one is stored.

Whoever stores an object learns its version id first and tells the database afterwards: a row that names an object
version therefore never exists before that version does.
"""

import hashlib
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dr.lab.receipts import names
from dr.lab.receipts.reach import Reach

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

BUCKET = names.documents_bucket(names.PRIMARY)
PART = 5 * 1024 * 1024
"""S3 takes no smaller part, except as the last one."""

ODD_KEYS = (
    "odd/with a space.pdf",
    "odd/ü ñ 漢字 ☃.pdf",
    "odd/decomposed u\u0308.pdf",
    "odd/a+b=c&d?e#f.pdf",
    "odd/100%25 %2F.pdf",
    "odd/folder/",
    "odd//double//slash",
    "odd/'quoted' \"twice\".pdf",
    "odd/tab\tand newline\n.pdf",
    "odd/" + "long" * 200,
)


@dataclass(frozen=True)
class Stored:
    """One exact version of one object."""

    key: str
    version: str
    sha256: str
    size: int


def body(rng: random.Random) -> bytes:
    """Bytes that look like a scanned receipt to whoever only looks at the first four: 1 to 60 KB, never twice."""
    return b"%PDF-1.4\n" + rng.randbytes(rng.randint(1_000, 60_000))


def fresh_key(rng: random.Random) -> str:
    return f"documents/{rng.getrandbits(64):016x}.pdf"


def put(reach: Reach, key: str, data: bytes, content_type: str = "application/pdf") -> Stored:
    """Store one object in one request."""
    digest = hashlib.sha256(data).hexdigest()
    answer = reach.s3(names.PRIMARY).put_object(
        Bucket=BUCKET,
        Key=key,
        Body=data,
        ContentType=content_type,
        ChecksumAlgorithm="SHA256",
        Metadata={"sha256": digest},
    )
    return Stored(key, answer["VersionId"], digest, len(data))


def put_in_parts(reach: Reach, key: str, data: bytes) -> Stored:
    """Store one object in parts, as an uploader of large files does: its ETag is then no hash of its bytes."""
    client = reach.s3(names.PRIMARY)
    digest = hashlib.sha256(data).hexdigest()
    upload = client.create_multipart_upload(
        Bucket=BUCKET,
        Key=key,
        ContentType="application/pdf",
        ChecksumAlgorithm="SHA256",
        Metadata={"sha256": digest},
    )["UploadId"]
    parts: list[CompletedPartTypeDef] = []
    for number, start in enumerate(range(0, len(data), PART), start=1):
        part = client.upload_part(
            Bucket=BUCKET,
            Key=key,
            UploadId=upload,
            PartNumber=number,
            Body=data[start : start + PART],
            ChecksumAlgorithm="SHA256",
        )
        parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]})
    answer = client.complete_multipart_upload(
        Bucket=BUCKET,
        Key=key,
        UploadId=upload,
        MultipartUpload={"Parts": parts},
    )
    return Stored(key, answer["VersionId"], digest, len(data))


def delete(reach: Reach, key: str) -> None:
    """Put a delete marker on top."""
    reach.s3(names.PRIMARY).delete_object(Bucket=BUCKET, Key=key)


def first_objects(reach: Reach, count: int, rng: random.Random) -> Iterator[Stored]:
    """Store what is there from the start: ordinary scans, odd keys, an empty one, some in parts, some overwritten."""
    plan: list[tuple[str, bytes]] = [(key, body(rng)) for key in ODD_KEYS]
    plan.append(("odd/empty", b""))
    plan += [(fresh_key(rng), body(rng)) for _ in range(count - len(plan))]
    in_parts = [
        (fresh_key(rng), body(rng)),
        (fresh_key(rng), body(rng)),
        (fresh_key(rng), rng.randbytes(PART) + body(rng)),
    ]
    overwritten = plan[-max(1, count // 20) :]
    with ThreadPoolExecutor(8, thread_name_prefix="upload") as pool:
        list(pool.map(lambda item: put(reach, item[0], body(random.Random(item[0]))), overwritten))  # noqa: S311
        yield from pool.map(lambda item: put(reach, *item), plan)
        yield from pool.map(lambda item: put_in_parts(reach, *item), in_parts)
    gone = fresh_key(rng)
    put(reach, gone, body(rng))
    delete(reach, gone)
