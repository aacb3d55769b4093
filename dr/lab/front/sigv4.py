"""Signature Version 4, from the side that checks it: what a request claims, and whether its signature proves it.

Both ways to carry a signature are read: the Authorization header, and the query of a presigned address.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from dr.lab.front.exchange import Headers, Request
from dr.lab.front.refusals import Refusal, Trouble

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
EMPTY = hashlib.sha256(b"").hexdigest()
_SKEW = timedelta(minutes=15)
_HEADER = re.compile(r"(Credential|SignedHeaders|Signature)=([^,\s]+)")


@dataclass(frozen=True)
class Claim:
    """What a signed request says of itself. Nothing in it is proven yet."""

    access_key: str
    day: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    at: str
    token: str
    expires: int | None
    """Seconds for which a presigned address is good; None for a signature in the header."""

    @property
    def scope(self) -> str:
        return f"{self.day}/{self.region}/{self.service}/aws4_request"


def claim_of(request: Request) -> Claim:
    """Read the claim. Raises Refusal when there is none, or when it cannot be read."""
    authorization = request.headers.get("Authorization")
    if authorization:
        if not authorization.startswith(ALGORITHM + " "):
            raise Refusal(Trouble.MALFORMED, f"the authorization mechanism is not supported; use {ALGORITHM}")
        fields = dict(_HEADER.findall(authorization))
        at = request.headers.get("X-Amz-Date")
        return _claim(fields, at, request.headers.get("X-Amz-Security-Token"), None)
    query = request.parameters
    if "X-Amz-Signature" in query:
        fields = {
            "Credential": query.get("X-Amz-Credential", ""),
            "SignedHeaders": query.get("X-Amz-SignedHeaders", ""),
            "Signature": query["X-Amz-Signature"],
        }
        expires = query.get("X-Amz-Expires", "")
        if not expires.isdecimal() or not 1 <= int(expires) <= 604800:
            raise Refusal(Trouble.MALFORMED, "X-Amz-Expires must be from 1 to 604800 seconds")
        return _claim(fields, query.get("X-Amz-Date", ""), query.get("X-Amz-Security-Token", ""), int(expires))
    if "Signature" in query and "AWSAccessKeyId" in query:
        raise Refusal(Trouble.MALFORMED, f"Signature Version 2 is not supported; use {ALGORITHM}")
    raise Refusal(Trouble.NO_SIGNATURE, "the request has no authentication token")


def _claim(fields: dict[str, str], at: str, token: str, expires: int | None) -> Claim:
    scope = fields.get("Credential", "").split("/")
    signature, signed = fields.get("Signature", ""), fields.get("SignedHeaders", "")
    if len(scope) < 5 or scope[-1] != "aws4_request" or not signature or not signed:
        raise Refusal(Trouble.MALFORMED, "the credential, the signed headers or the signature is missing or malformed")
    if not re.fullmatch(r"\d{8}T\d{6}Z", at) or at[:8] != scope[-4]:
        raise Refusal(Trouble.MALFORMED, "the date is missing, malformed, or not the credential's")
    headers = tuple(name.lower() for name in signed.split(";"))
    key = "/".join(scope[:-4])
    return Claim(key, scope[-4], scope[-3], scope[-2], headers, signature, at, token, expires)


def prove(request: Request, claim: Claim, secret: str, now: datetime | None = None) -> None:
    """Raise Refusal unless the claim's signature is the one that the secret gives for this very request."""
    _check_time(claim, now or datetime.now(UTC))
    if "host" not in claim.signed_headers:
        raise Refusal(Trouble.MALFORMED, "the host header must be signed")
    expected = hmac.new(signing_key(secret, claim), string_to_sign(request, claim).encode(), hashlib.sha256)
    if not hmac.compare_digest(expected.hexdigest().encode(), claim.signature.encode("utf-8", "replace")):
        raise Refusal(
            Trouble.WRONG_SIGNATURE,
            "the request signature we calculated does not match the signature you provided; "
            "check your key and signing method",
        )


def _check_time(claim: Claim, now: datetime) -> None:
    try:
        at = datetime.strptime(claim.at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as problem:
        raise Refusal(Trouble.MALFORMED, "the date is malformed") from problem
    if claim.expires is not None and now > at + timedelta(seconds=claim.expires):
        raise Refusal(Trouble.SKEWED, "the request has expired")
    if at > now + _SKEW or (claim.expires is None and at < now - _SKEW):
        raise Refusal(
            Trouble.SKEWED, f"the request was signed at {claim.at}, the server's clock says {now:%Y%m%dT%H%M%SZ}"
        )


def signing_key(secret: str, claim: Claim) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in (claim.day, claim.region, claim.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def string_to_sign(request: Request, claim: Claim) -> str:
    digest = hashlib.sha256(canonical_request(request, claim).encode()).hexdigest()
    return f"{ALGORITHM}\n{claim.at}\n{claim.scope}\n{digest}"


def canonical_request(request: Request, claim: Claim) -> str:
    headers = "".join(f"{name}:{_header_value(request.headers, name)}\n" for name in claim.signed_headers)
    return "\n".join(
        (
            request.method,
            _path(request.path, claim.service),
            _query(request.query, presigned=claim.expires is not None),
            headers,
            ";".join(claim.signed_headers),
            payload_hash(request, claim),
        )
    )


def payload_hash(request: Request, claim: Claim) -> str:
    """What the signature says of the body: its hash, or a word for "not covered" or "signed chunk by chunk"."""
    declared = request.headers.get("X-Amz-Content-Sha256")
    if declared:
        return declared
    if claim.expires is not None and claim.service == "s3":
        return UNSIGNED
    return hashlib.sha256(request.body).hexdigest()


def _path(raw: str, service: str) -> str:
    """S3 signs the path as it stands; everything else normalises it and encodes it once more."""
    if service == "s3":
        return raw or "/"
    kept: list[str] = []
    for part in raw.split("/"):
        if part == "..":
            if kept:
                kept.pop()
        elif part not in ("", "."):
            kept.append(part)
    normal = "/" + "/".join(kept) + ("/" if kept and raw.endswith("/") else "")
    return quote(normal, safe="/~")


def _query(raw: str, *, presigned: bool) -> str:
    pairs = []
    for pair in filter(None, raw.split("&")):
        name, _, value = pair.partition("=")
        name, value = unquote(name), unquote(value)
        if not (presigned and name == "X-Amz-Signature"):
            pairs.append((quote(name, safe="-_.~"), quote(value, safe="-_.~")))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _header_value(headers: Headers, name: str) -> str:
    joined = ",".join(" ".join(value.split()) for value in headers.all(name))
    return joined.encode("latin-1", "replace").decode("utf-8", "replace")
