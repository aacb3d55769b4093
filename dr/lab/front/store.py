"""A narrow look into the simulated S3's memory: buckets, versions, and how to add a version that was made elsewhere.

Everything that depends on moto's models stands here, which is why moto is pinned.
"""

import io
import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime

from moto.s3.exceptions import MissingBucket
from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey, FakeMultipart, S3Backend, s3_backends
from moto.s3.utils import _VersionedKeyStore

from dr.lab.front.keys import ACCOUNT

Version = FakeKey | FakeDeleteMarker


class Store:
    """The buckets of both regions, and a lock for each: the simulated store checks and then inserts without one."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    def lock(self, bucket: str) -> threading.RLock:
        with self._guard:
            return self._locks[bucket]

    def bucket(self, name: str) -> FakeBucket | None:
        try:
            return _backend().get_bucket(name)
        except MissingBucket:
            return None

    def created(self, name: str) -> None:
        """A bucket may just have been made: see that a key with many versions will be quick to write."""
        bucket = self.bucket(name)
        if bucket is not None and not bucket.keys:
            bucket.keys = Versions()

    def keys(self, bucket: FakeBucket, prefix: str) -> list[tuple[str, list[Version]]]:
        """Every key with its versions, oldest first; sorted as S3 sorts, by the bytes of the name."""
        found = [(name, list(versions)) for name, versions in list(bucket.keys.lists()) if name.startswith(prefix)]
        return sorted(found, key=lambda entry: entry[0].encode("utf-8", "surrogatepass"))

    def version(self, bucket: str, key: str, version_id: str) -> Version | None:
        found = self.bucket(bucket)
        versions: list[Version] = found.keys.getlist(key, []) if found else []
        return next((each for each in reversed(versions) if each.version_id == version_id), None)

    def current(self, bucket: str, key: str) -> Version | None:
        found = self.bucket(bucket)
        versions: list[Version] = found.keys.getlist(key, []) if found else []
        return versions[-1] if versions else None

    def upload(self, bucket: str, upload_id: str) -> FakeMultipart | None:
        found = self.bucket(bucket)
        return found.multiparts.get(upload_id) if found else None

    def tags(self, version: FakeKey) -> dict[str, str]:
        return dict(_backend().tagger.get_tag_dict_for_resource(version.arn))

    def copy_tags(self, source: FakeKey, replica: FakeKey) -> None:
        tagger = _backend().tagger
        tagger.delete_all_tags_for_resource(replica.arn)
        tagger.copy_tags(source.arn, replica.arn)


def _backend() -> S3Backend:
    return s3_backends[ACCOUNT]["aws"]


def share(version: FakeKey, content: bytes) -> None:
    """Let a version hold these very bytes: copies of an object then cost no memory, and large ones no open file."""
    old = version._value_buffer
    version._value_buffer = io.BytesIO(content)  # type: ignore[assignment]
    version.contentsize = len(content)
    old.close()


def replica_of(source: FakeKey, bucket: FakeBucket, kms_key: str | None) -> FakeKey:
    """The same version in another bucket: identity, time, content, metadata and checksums are the source's."""
    made = FakeKey(
        name=source.name,
        value=b"",
        account_id=bucket.account_id,
        region_name=bucket.region_name,
        storage=source.storage_class,
        etag=source.etag.strip('"'),
        is_versioned=True,
        version_id=source.version_id,
        multipart=source.multipart,
        bucket_name=bucket.name,
        encryption=source.encryption,
        kms_key_id=kms_key or source.kms_key_id,
        bucket_key_enabled=source.bucket_key_enabled,
        lock_mode=source.lock_mode,
        lock_legal_status=source.lock_legal_status,
        lock_until=source.lock_until,
        checksum_value=source.checksum_value,
        checksum_type=source.checksum_type,
        checksum_parts=source.checksum_parts,
    )
    share(made, source.value)
    made.checksum_algorithm = source.checksum_algorithm
    made.last_modified = source.last_modified
    made.set_metadata(dict(source.metadata))
    made.website_redirect_location = source.website_redirect_location
    return made


def marker_of(source: FakeDeleteMarker, bucket: FakeBucket) -> FakeDeleteMarker:
    """The same delete marker in another bucket."""
    under = bucket.keys.get(source.name)
    made = FakeDeleteMarker(key=under if under is not None else source.key)
    made.name = source.name
    made.last_modified = source.last_modified
    made._version_id = source.version_id
    return made


class Versions(_VersionedKeyStore):
    """The versions of every key of a bucket. moto compares each one with every other one at every write."""

    def setlist(self, key: str, list_: list[Version]) -> None:
        kept = {id(version) for version in list_}
        for version in self.getlist(key, []):
            if id(version) not in kept and isinstance(version, FakeKey):
                version.dispose()
        dict.__setitem__(self, key, list_)


def insert(bucket: FakeBucket, version: Version, is_replica: Callable[[Version], bool]) -> None:
    """Put a replica among the versions of its key: after everything, except what was written there later than it."""
    versions: list[Version] = list(bucket.keys.getlist(version.name, []))
    at = len(versions)
    while at and _time(versions[at - 1]) > _time(version) and not is_replica(versions[at - 1]):
        at -= 1
    versions.insert(at, version)
    bucket.keys.setlist(version.name, versions)


def _time(version: Version) -> datetime:
    return version.last_modified
