"""What a successful S3 request made: finds each new version, puts right what the simulated store got wrong about it,
and hands it to replication. All of it happens under the bucket's lock."""

from datetime import datetime
from urllib.parse import unquote, urlsplit
from weakref import WeakKeyDictionary

from moto.core.utils import utcnow
from moto.s3.models import FakeKey, FakeMultipart

from dr.lab.front import xml
from dr.lab.front.checksums import checksum
from dr.lab.front.exchange import Answer, Request
from dr.lab.front.replication import Replication
from dr.lab.front.store import Store, Version, share

_SUBRESOURCES = ("tagging", "acl", "retention", "legal-hold", "uploadId", "attributes", "restore", "select")


class Made:
    """Follows every change of the store."""

    def __init__(self, store: Store, replication: Replication) -> None:
        self._store = store
        self._replication = replication
        self._uploads: WeakKeyDictionary[FakeMultipart, datetime] = WeakKeyDictionary()

    def by(self, request: Request, bucket: str, key: str, answer: Answer) -> None:
        """Follow one successful request that was no mere look."""
        asked, method = request.parameters, request.method
        if not key:
            self._in_bucket(bucket, method, asked, answer)
        elif method == "DELETE" and asked.keys() <= {"x-id"}:
            self._send(bucket, self._version(bucket, key, answer.headers.get("x-amz-version-id")))
        elif method == "POST" and "uploads" in asked:
            self._begun(bucket, answer)
        elif method == "POST" and "uploadId" in asked:
            self._completed(bucket, key, answer)
        elif method in ("PUT", "DELETE") and "tagging" in asked:
            version = self._version(bucket, key, asked.get("versionId", "")) or self._store.current(bucket, key)
            if version is not None:
                self._replication.retagged(bucket, version)
        elif method == "PUT" and not any(name in asked for name in _SUBRESOURCES):
            self._put(bucket, key, request)

    def _in_bucket(self, bucket: str, method: str, asked: dict[str, str], answer: Answer) -> None:
        if method == "DELETE" and asked.keys() <= {"x-id"}:
            self._replication.configure(bucket, None)
        if method == "POST" and "delete" in asked:
            deleted = (xml.read(answer.body).get("DeleteResult") or {}).get("Deleted") or []
            for each in deleted if isinstance(deleted, list) else [deleted]:
                if not each.get("VersionId"):
                    self._send(bucket, self._version(bucket, each["Key"], each.get("DeleteMarkerVersionId") or ""))

    def _begun(self, bucket: str, answer: Answer) -> None:
        """Remember when an upload in parts began: on AWS that is the time that its version shows."""
        upload = self._store.upload(bucket, xml.read(answer.body)["InitiateMultipartUploadResult"]["UploadId"])
        if upload is not None:
            self._uploads[upload] = utcnow()

    def _completed(self, bucket: str, key: str, answer: Answer) -> None:
        version = self._version(bucket, key, answer.headers.get("x-amz-version-id")) or self._store.current(bucket, key)
        upload = version.multipart if isinstance(version, FakeKey) else None
        if not isinstance(version, FakeKey) or upload is None or upload not in self._uploads:
            return  # completed once more: S3 says yes again, and nothing new was made
        version.last_modified = self._uploads.pop(upload)
        share(version, version.value)
        self._send(bucket, version)

    def _put(self, bucket: str, key: str, request: Request) -> None:
        version = self._store.current(bucket, key)
        if not isinstance(version, FakeKey):
            return
        copied = request.headers.get("x-amz-copy-source")
        source = self._source(copied) if copied else None
        if source is not None and source.size == version.size:
            share(version, source.value)
            version.multipart = None
            if source.checksum_type == "COMPOSITE" and version.checksum_value == source.checksum_value:
                version.checksum_value = checksum(version.checksum_algorithm or "", source.value)
        elif not copied:
            share(version, request.body)
        if version.checksum_value:
            version.checksum_type = "FULL_OBJECT"
        self._send(bucket, version)

    def _source(self, named: str) -> FakeKey | None:
        """The object that a copy was made from."""
        at = urlsplit(named)
        bucket, _, key = unquote(at.path).lstrip("/").partition("/")
        found = self._version(bucket, key, unquote(at.query.partition("versionId=")[2]))
        found = found or self._store.current(bucket, key)
        return found if isinstance(found, FakeKey) else None

    def _version(self, bucket: str, key: str, version_id: str) -> Version | None:
        return self._store.version(bucket, key, version_id) if version_id and version_id != "null" else None

    def _send(self, bucket: str, version: Version | None) -> None:
        if version is not None and version.version_id != "null":
            self._replication.written(bucket, version)
