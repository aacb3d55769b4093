"""The body of an S3 request as it was meant: chunks put together, and every checksum that came along proven.

The simulated S3 behind us stores checksum headers without looking at them; on AWS a wrong one is refused, and a product
that proves its data by checksums must meet that.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from dr.lab.front import checksums
from dr.lab.front.declined import Declined
from dr.lab.front.exchange import Headers, Request
from dr.lab.front.refusals import Refusal, Trouble
from dr.lab.front.sigv4 import ALGORITHM, EMPTY, UNSIGNED, Claim, signing_key

_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_SIGNED_CHUNKS = ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
_CHECKSUM = "x-amz-checksum-"
_NOT_VALUES = ("x-amz-checksum-algorithm", "x-amz-checksum-mode", "x-amz-checksum-type")


@dataclass(frozen=True)
class _Chunks:
    """A body taken out of its chunks, with the trailing headers."""

    body: bytes
    trailers: list[tuple[str, str]]


def meant(request: Request, claim: Claim, secret: str) -> Request:
    """The request with its plain body.

    Raises Declined when a hash or a checksum is wrong, Refusal when a chunk's signature is.
    """
    declared = request.headers.get("X-Amz-Content-Sha256")
    headers, body = request.headers, request.body
    promised = {name.strip().lower() for name in headers.get("X-Amz-Trailer").split(",") if name.strip()}
    if declared == _UNSIGNED_TRAILER or declared in _SIGNED_CHUNKS:
        chunks = _unwrap(request, _Chain(claim, secret) if declared in _SIGNED_CHUNKS else None)
        body = chunks.body
        if promised - {name for name, _ in chunks.trailers}:
            raise Declined("MalformedTrailerError", "the trailer that was announced did not come")
        headers = _plain(headers, chunks.trailers, len(body))
    elif declared and declared != UNSIGNED and declared.lower() != hashlib.sha256(body).hexdigest():
        raise Declined(
            "XAmzContentSHA256Mismatch",
            "the provided 'x-amz-content-sha256' header does not match what was computed",
        )
    _prove_md5(headers, body)
    given = declared_checksum(headers)
    completes = request.method == "POST" and "uploadId" in request.parameters
    if given is not None and not completes:  # there the checksum is that of the object, not of this list of its parts
        headers = _prove_checksum(headers, body, *given)
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
            raise Declined("InvalidChunkSizeError", "a chunk's size cannot be read") from problem
        data = raw[end + 2 : end + 2 + size]
        if size < 0 or len(data) != size:
            raise Declined("IncompleteBody", "the chunked body ends too early")
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
        raise Declined("IncompleteBody", "the body is not as long as x-amz-decoded-content-length says")
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
        raise Declined("InvalidDigest", "the Content-MD5 you specified is not valid") from problem
    if len(digest) != 16:
        raise Declined("InvalidDigest", "the Content-MD5 you specified is not valid")
    if digest != hashlib.md5(body, usedforsecurity=False).digest():
        raise Declined("BadDigest", "the Content-MD5 you specified did not match what we received")


def declared_checksum(headers: Headers) -> tuple[str, str] | None:
    """The algorithm and the value of the one checksum that came along; None without one. Raises Declined."""
    found = {name.lower(): value.strip() for name, value in headers.lines if name.lower().startswith(_CHECKSUM)}
    values = {name.removeprefix(_CHECKSUM).upper(): found[name] for name in found if name not in _NOT_VALUES}
    announced = headers.get("x-amz-sdk-checksum-algorithm").upper()
    if announced and not values:
        raise Declined(
            "InvalidRequest",
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers "
            "were found.",
        )
    if not values:
        return None
    if len(values) > 1:
        raise Declined(
            "InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    [(algorithm, value)] = values.items()
    if not checksums.known(algorithm):
        raise Declined("NotImplemented", f"the lab computes no {algorithm}, and believes no checksum unseen")
    if announced and announced != algorithm:
        raise Declined("BadDigest", f"the checksum is not a {announced}, which was announced")
    return algorithm, value


def _prove_checksum(headers: Headers, body: bytes, algorithm: str, value: str) -> Headers:
    """Prove the checksum, and name its algorithm, so that the store keeps the value."""
    if not checksums.well_formed(algorithm, value):
        raise Declined("InvalidRequest", f"Value for {_CHECKSUM}{algorithm.lower()} header is invalid.")
    if checksums.checksum(algorithm, body) != value:
        raise Declined("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")
    return headers.having("x-amz-sdk-checksum-algorithm", algorithm)
