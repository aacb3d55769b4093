"""What a look at an object says beyond the simulated store: replication status, delete markers, checksums of parts."""

from moto.s3.models import FakeDeleteMarker, FakeKey

from dr.lab.front import refusals, xml
from dr.lab.front.exchange import Answer, Headers, Request
from dr.lab.front.replication import Replication
from dr.lab.front.store import Store


class Looks:
    """Puts right the answers to requests that only look at one object."""

    def __init__(self, store: Store, replication: Replication) -> None:
        self._store = store
        self._replication = replication

    def marker(self, request: Request, bucket: str, key: str) -> Answer | None:
        """The answer for a look at a delete marker, which has no content to show; None when it is not one."""
        asked = request.parameters
        if request.method not in ("GET", "HEAD") or not asked.keys() <= {"versionId", "x-id", "partNumber"}:
            return None
        named = asked.get("versionId")
        found = self._store.version(bucket, key, named) if named else self._store.current(bucket, key)
        if not isinstance(found, FakeDeleteMarker):
            return None
        if named:
            answer = refusals.error(
                "s3", 405, "MethodNotAllowed", "the specified method is not allowed against this resource", request.id
            )
            headers = answer.headers.having("Allow", "DELETE").having("Last-Modified", _http_date(found))
        else:
            answer = refusals.error("s3", 404, "NoSuchKey", "the specified key does not exist", request.id)
            headers = answer.headers
        headers = headers.having("x-amz-delete-marker", "true").having("x-amz-version-id", found.version_id)
        return Answer(answer.status, headers, answer.body)

    def retention(self, request: Request, bucket: str, key: str) -> Answer | None:
        """The lock on an object; None when the request is about something else, or there is no such object."""
        asked = request.parameters
        if request.method != "GET" or "retention" not in asked:
            return None
        named = asked.get("versionId")
        found = self._store.version(bucket, key, named) if named else self._store.current(bucket, key)
        if not isinstance(found, FakeKey):
            return None
        if not found.lock_mode:
            message = "the specified object does not have an object lock configuration"
            return refusals.error("s3", 404, "NoSuchObjectLockConfiguration", message, request.id)
        body = {"Retention": {"Mode": found.lock_mode, "RetainUntilDate": found.lock_until}}
        return Answer(200, Headers([("Content-Type", "application/xml")]), xml.write(body))

    def completed(self, request: Request, bucket: str, key: str, answer: Answer) -> Answer:
        """The answer for a look at an object, with what the simulated store leaves out."""
        if answer.status not in (200, 206):
            return answer
        version = self._store.version(bucket, key, answer.headers.get("x-amz-version-id"))
        if not isinstance(version, FakeKey):
            return answer
        headers = answer.headers
        status = self._replication.status(version)
        if status is not None:
            headers = headers.having("x-amz-replication-status", status)
        if request.method == "HEAD":
            headers = _checksum_of_parts(headers, version)
        return Answer(answer.status, headers, answer.body)


def _checksum_of_parts(headers: Headers, version: FakeKey) -> Headers:
    """HeadObject names the kind of a checksum, and for one made of parts' checksums the number of parts."""
    name = f"x-amz-checksum-{(version.checksum_algorithm or '').lower()}"
    if name not in headers or not version.checksum_type:
        return headers
    if version.checksum_type == "COMPOSITE":
        headers = headers.having(name, f"{version.checksum_value}-{version.checksum_parts}")
    return headers.having("x-amz-checksum-type", version.checksum_type)


def _http_date(marker: FakeDeleteMarker) -> str:
    return marker.last_modified.strftime("%a, %d %b %Y %H:%M:%S GMT")
