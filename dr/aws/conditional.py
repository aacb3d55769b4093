"""Conditional writes: of many who write one key, one wins. What the control store rests on.

They ask for no permit: a run that may act no longer must still be able to say so in its journal, and leases, on which
the permit rests, are kept in the same way.
"""

import uuid
from dataclasses import dataclass
from typing import Any, Final

from dr.aws.clients import Aws, Role
from dr.aws.errors import already, calling, missing
from dr.errors import AwsError

_ROUNDS: Final = 5
_WRITER: Final = "firedrill-writer"


@dataclass(frozen=True)
class Stored:
    """An object as it was when somebody looked."""

    content: bytes
    etag: str


def look(aws: Aws, region: str, bucket: str, key: str, *, role: Role = "observe") -> Stored | None:
    """A small object with its ETag; None when there is none."""
    about = f"{bucket}/{key}"
    try:
        answer = aws.look("s3", region, "GetObject", about, role=role, Bucket=bucket, Key=key)
    except AwsError as problem:
        if problem.code == "NoSuchKey":
            return None
        raise
    with calling("s3", "GetObject", about, region):
        try:
            return Stored(bytes(answer["Body"].read()), str(answer["ETag"]))
        finally:
            answer["Body"].close()


def put_if_absent(aws: Aws, region: str, bucket: str, key: str, body: bytes, *, role: Role = "scratch") -> bool:
    """Write an object only if there is none: True for the one writer that does, False for every other."""
    return _put(aws, region, bucket, key, body, None, role) is not None


def put_if_unchanged(
    aws: Aws, region: str, bucket: str, key: str, body: bytes, seen: str | None, *, role: Role = "scratch"
) -> str | None:
    """Write an object only if it still has the ETag that was seen (None: there is none).

    Returns its new ETag, or None when somebody was faster. An ETag can be that of the content alone: one that comes
    again looks unchanged, so no two contents of a key may be equal.
    """
    return _put(aws, region, bucket, key, body, seen, role)


def _put(aws: Aws, region: str, bucket: str, key: str, body: bytes, seen: str | None, role: Role) -> str | None:
    """The new ETag of the one writer whose condition held, None for every other.

    An answer can get lost and the request be sent again: it would then meet its own object. Each call therefore signs
    what it writes, and a refusal is checked against that signature.
    """
    signature = uuid.uuid4().hex
    about = f"{bucket}/{key}"
    condition: dict[str, Any] = {"IfMatch": seen} if seen else {"IfNoneMatch": "*"}
    for attempt in range(_ROUNDS):
        try:
            answer = aws.change(
                "s3",
                region,
                "PutObject",
                about,
                role=role,
                unasked=True,
                Bucket=bucket,
                Key=key,
                Body=body,
                Metadata={_WRITER: signature},
                ChecksumAlgorithm="SHA256",
                **condition,
            )
        except AwsError as problem:
            if already(problem):
                return _own(aws, region, bucket, key, signature, role)
            # With If-Match, S3 answers NoSuchKey when the object is gone: it is not as it was seen.
            if seen and problem.code == "NoSuchKey":
                return None
            # Two writers at the same moment: S3 asks one of them to say it again.
            if problem.code != "ConditionalRequestConflict" or attempt == _ROUNDS - 1:
                raise
        else:
            return str(answer["ETag"])
    raise AssertionError("the last attempt returns or raises")


def _own(aws: Aws, region: str, bucket: str, key: str, signature: str, role: Role) -> str | None:
    """The ETag of the object that stands there, if it was written with this signature."""
    try:
        there = aws.look("s3", region, "HeadObject", f"{bucket}/{key}", role=role, Bucket=bucket, Key=key)
    except AwsError as problem:
        if missing(problem):
            return None
        raise
    return str(there["ETag"]) if there.get("Metadata", {}).get(_WRITER) == signature else None
