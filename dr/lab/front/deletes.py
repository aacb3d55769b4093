"""DeleteObject and DeleteObjects, answered here.

The simulated S3 makes no delete marker for a key that never was, removes every version where versioning is suspended,
and does not say what it removed.
"""

from dataclasses import dataclass

from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey

from dr.lab.front import xml
from dr.lab.front.conditions import Conditions
from dr.lab.front.declined import Declined, malformed
from dr.lab.front.exchange import Answer, Headers, Request
from dr.lab.front.locks import bypasses, protected
from dr.lab.front.made import Made
from dr.lab.front.store import NULL, Store

_MOST = 1000


@dataclass(frozen=True)
class _Gone:
    """What a deletion did: the version that it removed, or the delete marker that it made or removed."""

    version_id: str | None
    marker: bool


class Deletes:
    """Removes versions, or puts delete markers on top of them. Call it under the bucket's lock."""

    def __init__(self, store: Store, made: Made, conditions: Conditions) -> None:
        self._store = store
        self._made = made
        self._conditions = conditions

    def one(self, request: Request, bucket: FakeBucket, key: str) -> Answer:
        self._conditions.prove_deletion(request, bucket.name, key)
        gone = self._delete(bucket, key, request.parameters.get("versionId"), bypass=bypasses(request))
        headers = Headers()
        if gone.version_id is not None:
            headers = headers.having("x-amz-version-id", gone.version_id)
        return Answer(204, headers.having("x-amz-delete-marker", "true") if gone.marker else headers)

    def many(self, request: Request, bucket: FakeBucket) -> Answer:
        """Each key by itself: one that cannot be deleted is told, and stops none of the others."""
        if not any(name.lower().startswith(("content-md5", "x-amz-checksum-")) for name, _ in request.headers.lines):
            message = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"
            raise Declined("InvalidRequest", message)
        try:
            wanted = xml.read(request.body)["Delete"]
            asked = [(each["Key"], each.get("VersionId")) for each in xml.listed(wanted.get("Object"))]
            quiet = wanted.get("Quiet") == "true"
        except (xml.ExpatError, KeyError, TypeError, AttributeError) as problem:
            raise malformed() from problem
        if not 1 <= len(asked) <= _MOST or not all(isinstance(key, str) for key, _ in asked):
            raise malformed()
        deleted, errors = [], []
        for key, version_id in asked:
            named = {"Key": key, **({"VersionId": version_id} if version_id else {})}
            try:
                gone = self._delete(bucket, key, version_id, bypass=bypasses(request))
            except Declined as problem:
                errors.append({**named, "Code": problem.code, "Message": problem.message})
                continue
            if gone.marker:
                named |= {"DeleteMarker": "true", "DeleteMarkerVersionId": gone.version_id or NULL}
            deleted.append(named)
        result = {"@xmlns": xml.NAMESPACE, "Deleted": [] if quiet else deleted, "Error": errors}
        return xml.answer({"DeleteResult": result})

    def _delete(self, bucket: FakeBucket, key: str, version_id: str | None, *, bypass: bool) -> _Gone:
        action = "s3:DeleteObjectVersion" if version_id else "s3:DeleteObject"
        if self._store.denied(bucket, action, key):
            raise Declined("AccessDenied", "Access Denied")
        if version_id:
            return self._remove(bucket, key, version_id, bypass=bypass)
        self._conditions.deleted(bucket.name, key)
        if bucket.versioning_status is None:
            current = self._store.current(bucket.name, key)
            if current is not None:
                self._store.remove(bucket, current)
            return _Gone(None, False)
        marker = self._store.mark(bucket, key)
        self._made.send(bucket.name, marker)
        return _Gone(marker.version_id, True)

    def _remove(self, bucket: FakeBucket, key: str, version_id: str, *, bypass: bool) -> _Gone:
        version = self._store.version(bucket.name, key, version_id)
        if isinstance(version, FakeKey) and protected(version, self._store.now(), bypass=bypass):
            raise Declined("AccessDenied", "Access Denied because object protected by object lock.")
        if version is not None:
            if version is self._store.current(bucket.name, key):
                self._conditions.deleted(bucket.name, key)
            self._store.remove(bucket, version)
        return _Gone(version_id, isinstance(version, FakeDeleteMarker))
