"""The body of an S3 request as it was meant: chunks put together, and every checksum that came along proven.

The simulated S3 behind us stores checksum headers without looking at them; on AWS a wrong one is refused, and a product
that proves its data by checksums must meet that.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from dr.lab.front.checksums import checksum
from dr.lab.front.exchange import Headers, Request
from dr.lab.front.refusals import Refusal, Trouble
from dr.lab.front.sigv4 import ALGORITHM, EMPTY, UNSIGNED, Claim, signing_key

_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_SIGNED_CHUNKS = ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
_CHECKSUM = "x-amz-checksum-"
_NOT_VALUES = ("x-amz-checksum-algorithm", "x-amz-checksum-mode", "x-amz-checksum-type")


class BadPayload(Exception):  # noqa: N818 - the name says what is bad
    """The body is not what the request says it is: S3's own code and words for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class _Chunks:
    """A body taken out of its chunks, with the trailing headers."""

    body: bytes
    trailers: list[tuple[str, str]]


def meant(request: Request, claim: Claim, secret: str) -> Request:
    """The request with its plain body.

    Raises BadPayload when a hash or checksum is wrong, Refusal when a chunk's signature is.
    """
    declared = request.headers.get("X-Amz-Content-Sha256")
    headers, body = request.headers, request.body
    if declared == _UNSIGNED_TRAILER or declared in _SIGNED_CHUNKS:
        chunks = _unwrap(request, _Chain(claim, secret) if declared in _SIGNED_CHUNKS else None)
        body = chunks.body
        headers = _plain(headers, chunks.trailers, len(body))
    elif declared and declared != UNSIGNED and declared.lower() != hashlib.sha256(body).hexdigest():
        raise BadPayload(
            "XAmzContentSHA256Mismatch",
            "the provided 'x-amz-content-sha256' header does not match what was computed",
        )
    _prove_md5(headers, body)
    headers = _prove_checksums(headers, body)
    return Request(request.method, request.target, headers, body, request.id)


def _plain(headers: Headers, trailers: list[tuple[str, str]], length: int) -> Headers:
    encodings = [part.strip() for part in headers.get("Content-Encoding").split(",")]
    kept = ",".join(part for part in encodings if part and part != "aws-chunked")
    plain = headers.without("Content-Encoding", "X-Amz-Decoded-Content-Length", "X-Amz-Trailer", "X-Amz-Content-Sha256")
    if kept:
        plain = plain.having("Content-Encoding", kept)
    for name, value in trailers:
        plain = plain.having(name, value)
    return plain.having("X-Amz-Content-Sha256", UNSIGNED).having("Content-Length", str(length))


class _Chain:
    """The signatures of signed chunks, each of which covers the one before."""

    def __init__(self, claim: Claim, secret: str) -> None:
        self._claim = claim
        self._key = signing_key(secret, claim)
        self._previous = claim.signature

    def prove_chunk(self, data: bytes, given: str) -> None:
        self._prove("PAYLOAD", f"{EMPTY}\n{hashlib.sha256(data).hexdigest()}", given)

    def prove_trailer(self, lines: bytes, given: str) -> None:
        self._prove("TRAILER", hashlib.sha256(lines).hexdigest(), given)

    def _prove(self, kind: str, covered: str, given: str) -> None:
        text = f"{ALGORITHM}-{kind}\n{self._claim.at}\n{self._claim.scope}\n{self._previous}\n{covered}"
        expected = hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
            raise Refusal(Trouble.WRONG_SIGNATURE, f"the signature of a {kind.lower()} chunk does not match")
        self._previous = expected


def _unwrap(request: Request, chain: _Chain | None) -> _Chunks:
    """Undo aws-chunked; with a chain, each chunk's signature is checked."""
    raw, parts, at = request.body, list[bytes](), 0
    while True:
        end = raw.find(b"\r\n", at)
        size_text, _, extension = raw[at : max(end, at)].partition(b";")
        try:
            size = int(size_text, 16)
        except ValueError as problem:
            raise BadPayload("InvalidChunkSizeError", "a chunk's size cannot be read") from problem
        data = raw[end + 2 : end + 2 + size]
        if size < 0 or len(data) != size:
            raise BadPayload("IncompleteBody", "the chunked body ends too early")
        if chain:
            chain.prove_chunk(data, extension.partition(b"=")[2].decode("latin-1"))
        if size == 0:
            break
        parts.append(data)
        at = end + 2 + size + 2
    trailers = _trailers(raw[end + 2 :], chain)
    body = b"".join(parts)
    length = request.headers.get("X-Amz-Decoded-Content-Length")
    if length and length != str(len(body)):
        raise BadPayload("IncompleteBody", "the body is not as long as x-amz-decoded-content-length says")
    return _Chunks(body, trailers)


def _trailers(raw: bytes, chain: _Chain | None) -> list[tuple[str, str]]:
    lines = [line.decode("latin-1").partition(":") for line in raw.split(b"\r\n") if line.strip()]
    found = [(name.strip().lower(), value.strip()) for name, _, value in lines]
    signed = [(name, value) for name, value in found if name != "x-amz-trailer-signature"]
    if chain and signed:
        covered = "".join(f"{name}:{value}\n" for name, value in signed).encode("latin-1")
        chain.prove_trailer(covered, dict(found).get("x-amz-trailer-signature", ""))
    return [(name, value) for name, value in signed if name.startswith(_CHECKSUM)]


def _prove_md5(headers: Headers, body: bytes) -> None:
    given = headers.get("Content-MD5")
    if not given:
        return
    try:
        digest = base64.b64decode(given, validate=True)
    except binascii.Error as problem:
        raise BadPayload("InvalidDigest", "the Content-MD5 you specified is not valid") from problem
    if len(digest) != 16:
        raise BadPayload("InvalidDigest", "the Content-MD5 you specified is not valid")
    if digest != hashlib.md5(body, usedforsecurity=False).digest():
        raise BadPayload("BadDigest", "the Content-MD5 you specified did not match what we received")


def _prove_checksums(headers: Headers, body: bytes) -> Headers:
    """Prove each checksum that can be computed here, and name its algorithm, so that the store keeps the value."""
    for name, value in list(headers.lines):
        lower = name.lower()
        if not lower.startswith(_CHECKSUM) or lower in _NOT_VALUES:
            continue
        algorithm = lower.removeprefix(_CHECKSUM)
        computed = checksum(algorithm, body)
        if computed is not None and computed != value.strip():
            raise BadPayload(
                "BadDigest", f"the {algorithm.upper()} you specified did not match the calculated checksum"
            )
        headers = headers.having("x-amz-sdk-checksum-algorithm", algorithm.upper())
    return headers
