"""GET and HEAD of one version: what the simulated store leaves out of the answer, or gets wrong.

That is replication status, checksums with their type, delete markers, encryption, expiry, `null` versions and parts.
"""

import dataclasses
from dataclasses import dataclass
from urllib.parse import quote

from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey

from dr.lab.front import checksums, lifecycle, made, sealing, xml
from dr.lab.front.declined import Declined
from dr.lab.front.exchange import Answer, Headers, Request
from dr.lab.front.replication import Replication
from dr.lab.front.simulated import Simulated
from dr.lab.front.store import Part, Store

ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")
_CONTENT = {"versionId", "x-id", "partNumber"}


@dataclass(frozen=True)
class _Piece:
    """A part that is asked for by its number, and where it begins."""

    part: Part
    first: int


class Looks:
    """Answers looks at the content or the headers of a version."""

    def __init__(self, simulated: Simulated, store: Store, replication: Replication) -> None:
        self._simulated = simulated
        self._store = store
        self._replication = replication

    def answer(self, request: Request, bucket: FakeBucket, key: str) -> Answer:
        asked = {name for name in request.parameters if not name.startswith(("response-", "X-Amz-"))}
        named = request.parameters.get("versionId")
        if not asked <= _CONTENT:
            return self._tags(request, bucket, key, named) or self._simulated.answer("s3", request)
        while True:
            version = self._store.named(bucket.name, key, named)
            if isinstance(version, FakeDeleteMarker):
                raise _marker(version, named=bool(named))
            if version is None:
                return self._missing(request, key, named)
            if request.method == "GET":
                sealing.readable(version)
            part = self._part(request, version)
            answer = self._simulated.answer("s3", _asked_of_store(request, version, part))
            # Whoever wrote meanwhile: the simulated store looked by itself, and an answer is about one version.
            if self._store.named(bucket.name, key, named) is version:
                break
        if answer.status not in (200, 206):
            return answer
        headers = self._headers(request, bucket, version, answer, part)
        return Answer(answer.status, headers, b"" if request.method == "HEAD" else answer.body)

    def _tags(self, request: Request, bucket: FakeBucket, key: str, named: str | None) -> Answer | None:
        """The tags of what is archived, which the simulated store shows to nobody; None for anything else."""
        version = self._store.named(bucket.name, key, named)
        if "tagging" not in request.parameters or not isinstance(version, FakeKey):
            return None
        if version.storage_class not in ARCHIVED:
            return None
        tags = [{"Key": name, "Value": value} for name, value in self._store.tags(version).items()]
        lines = [("x-amz-version-id", version.version_id)] if bucket.versioning_status is not None else []
        return xml.answer({"Tagging": {"@xmlns": xml.NAMESPACE, "TagSet": {"Tag": tags} if tags else None}}, *lines)

    def _missing(self, request: Request, key: str, named: str | None) -> Answer:
        answer = self._simulated.answer("s3", request)
        if named and answer.status < 404 and request.method == "HEAD":
            raise Declined("NoSuchVersion", "The specified version does not exist.", (("Key", key),))
        return answer

    def _part(self, request: Request, version: FakeKey) -> _Piece | None:
        """The part that is asked for, of a version that has parts."""
        wanted, parts = request.parameters.get("partNumber"), self._store.parts.get(version)
        if wanted is None or parts is None:
            return None
        number = int(wanted) if wanted.isdecimal() else 0
        if not 1 <= number <= len(parts):
            raise Declined("InvalidPartNumber", "The requested partnumber is not satisfiable")
        return _Piece(parts[number - 1], sum(part.size for part in parts[: number - 1]))

    def _headers(
        self, request: Request, bucket: FakeBucket, version: FakeKey, answer: Answer, part: _Piece | None
    ) -> Headers:
        wrong = [name for name, _ in answer.headers.lines if name.lower().startswith("x-amz-checksum-")]
        headers = answer.headers.without(*wrong, "x-amz-sdk-checksum-algorithm", "x-amz-version-id")
        if bucket.versioning_status is not None:
            headers = headers.having("x-amz-version-id", version.version_id)
        status = self._replication.status(version)
        if status is not None:
            headers = headers.having("x-amz-replication-status", status)
        if request.headers.get("x-amz-checksum-mode").upper() == "ENABLED" and version.checksum_algorithm:
            headers = _checksum(headers, version, answer.status, part)
        if part is not None:
            headers = headers.having("x-amz-mp-parts-count", str(len(self._store.parts[version])))
        expiry = self._expiry(bucket.name, version)
        if expiry and version is self._store.current(bucket.name, version.name):
            headers = headers.having("x-amz-expiration", expiry)
        return made.sealed(headers, version)

    def _expiry(self, bucket: str, version: FakeKey) -> str | None:
        """When a lifecycle rule makes the object expire, as S3 announces it."""
        configuration = self._store.expiring.get(bucket)
        seen = lifecycle.entry(self._store, version)
        found = [(lifecycle.expires(seen, rule), rule.id) for rule in (configuration.rules if configuration else ())]
        dates = sorted((when, rule) for when, rule in found if when is not None)
        if not dates:
            return None
        return f'expiry-date="{dates[0][0]:%a, %d %b %Y %H:%M:%S GMT}", rule-id="{quote(dates[0][1])}"'


def _asked_of_store(request: Request, version: FakeKey, part: _Piece | None) -> Request:
    """The request as the simulated store understands it: it has no parts, and finds no version by a HEAD where there
    is no versioning any more. What is archived it shows to nobody but a HEAD."""
    if part is not None:
        query = "&".join(pair for pair in request.query.split("&") if not pair.startswith("partNumber="))
        last = part.first + part.part.size - 1
        headers = request.headers.having("Range", f"bytes={part.first}-{last}")
        return dataclasses.replace(request, method="GET", target=f"{request.path}?{query}", headers=headers)
    if request.method == "HEAD" and "versionId" in request.parameters and version.storage_class not in ARCHIVED:
        return dataclasses.replace(request, method="GET")
    return request


def _checksum(headers: Headers, version: FakeKey, status: int, part: _Piece | None) -> Headers:
    """A range has no checksum, unless it is a part that was uploaded with one."""
    name = f"x-amz-checksum-{str(version.checksum_algorithm).lower()}"
    if status == 206:
        return headers.having(name, part.part.checksum) if part is not None and part.part.checksum else headers
    headers = headers.having(name, made.stated(version))
    return headers.having("x-amz-checksum-type", version.checksum_type or checksums.FULL_OBJECT)


def _marker(marker: FakeDeleteMarker, *, named: bool) -> Declined:
    """A delete marker has no content: by its own id it cannot be looked at, without one there is nothing to see."""
    headers = (("x-amz-delete-marker", "true"), ("x-amz-version-id", marker.version_id))
    if not named:
        return Declined("NoSuchKey", "The specified key does not exist.", (("Key", marker.name),), headers)
    when = marker.last_modified.strftime("%a, %d %b %Y %H:%M:%S GMT")
    message = "The specified method is not allowed against this resource."
    return Declined("MethodNotAllowed", message, (), (*headers, ("Allow", "DELETE"), ("Last-Modified", when)))
