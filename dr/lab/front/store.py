"""A narrow look into the simulated S3's memory: buckets, versions, and how to add a version that was made elsewhere.

Everything that depends on moto's models stands here, which is why moto is pinned.
"""

import io
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4
from weakref import WeakKeyDictionary

from moto.core.utils import utcnow
from moto.iam.access_control import PermissionResult
from moto.s3.exceptions import MissingBucket
from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey, FakeMultipart, S3Backend, s3_backends
from moto.s3.utils import _VersionedKeyStore

from dr.lab.front.expiring import Configuration
from dr.lab.front.keys import ACCOUNT

Version = FakeKey | FakeDeleteMarker
NULL = "null"
"""The id of a version that was written while its bucket had no versioning."""


def machine_time() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Part:
    """A part of a completed upload: what is left of it."""

    number: int
    size: int
    checksum: str | None


class Store:
    """The buckets of both regions, and a lock for each: the simulated store checks and then inserts without one.

    `now` decides what is due, such as the end of a retention; what is written carries the machine's time.
    """

    def __init__(self, now: Callable[[], datetime] = machine_time) -> None:
        self.now = now
        self.parts: WeakKeyDictionary[FakeKey, tuple[Part, ...]] = WeakKeyDictionary()
        """Versions that were uploaded in parts."""
        self.begun: WeakKeyDictionary[FakeMultipart, datetime] = WeakKeyDictionary()
        """When an upload in parts began: that is also the time which its version will show."""
        self.expiring: dict[str, Configuration] = {}
        """bucket -> its lifecycle configuration."""
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

    def buckets(self) -> list[FakeBucket]:
        return list(_backend().buckets.values())

    def created(self, name: str) -> None:
        """A bucket may just have been made: its versions are kept as S3 keeps them."""
        bucket = self.bucket(name)
        if bucket is not None and not bucket.keys:
            bucket.keys = Versions(bucket)

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

    def named(self, bucket: str, key: str, version_id: str | None) -> Version | None:
        """The version with this id, or without one the current version."""
        return self.version(bucket, key, version_id) if version_id else self.current(bucket, key)

    def object(self, bucket: str, key: str) -> FakeKey | None:
        """The object that a reader without a version id sees."""
        current = self.current(bucket, key)
        return current if isinstance(current, FakeKey) else None

    def remove(self, bucket: FakeBucket, version: Version) -> None:
        """Take one version away for good."""
        left = [each for each in bucket.keys.getlist(version.name, []) if each is not version]
        if left:
            bucket.keys.setlist(version.name, left)
        else:
            bucket.keys.pop(version.name)

    def mark(self, bucket: FakeBucket, key: str) -> FakeDeleteMarker:
        """Put a delete marker on top; where versioning is suspended it takes the place of the `null` version."""
        marker = _Marker(key, str(uuid4()) if bucket.is_versioned else NULL)
        kept = [each for each in bucket.keys.getlist(key, []) if bucket.is_versioned or each.version_id != NULL]
        bucket.keys.setlist(key, [*kept, marker])
        return marker

    def denied(self, bucket: FakeBucket, action: str, key: str) -> bool:
        """Whether the bucket's policy denies an action to everybody."""
        return bool(bucket.get_permission(action, f"{bucket.arn}/{key}") == PermissionResult.DENIED)

    def upload(self, bucket: str, upload_id: str) -> FakeMultipart | None:
        found = self.bucket(bucket)
        return found.multiparts.get(upload_id) if found else None

    def tags(self, version: FakeKey | FakeBucket) -> dict[str, str]:
        return dict(_backend().tagger.get_tag_dict_for_resource(version.arn))

    def copy_tags(self, source: FakeKey, replica: FakeKey) -> None:
        tagger = _backend().tagger
        tagger.delete_all_tags_for_resource(replica.arn)
        tagger.copy_tags(source.arn, replica.arn)

    def tag(self, version: FakeKey, tags: dict[str, str]) -> None:
        """Give a version these tags, and no other."""
        tagger = _backend().tagger
        tagger.delete_all_tags_for_resource(version.arn)
        if tags:
            tagger.tag_resource(version.arn, tagger.convert_dict_to_tags_input(tags))

    def copy_parts(self, source: FakeKey, replica: FakeKey) -> None:
        if source in self.parts:
            self.parts[replica] = self.parts[source]


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


class _Marker(FakeDeleteMarker):
    """A delete marker. moto hangs one on the object below it, which need not exist."""

    def __init__(self, name: str, version_id: str) -> None:
        self.key = None  # type: ignore[assignment]
        self.name = name
        self.last_modified = utcnow()
        self._version_id = version_id


def marker_of(source: FakeDeleteMarker) -> FakeDeleteMarker:
    """The same delete marker, for another bucket."""
    made = _Marker(source.name, source.version_id)
    made.last_modified = source.last_modified
    return made


def take_out(store: Store, bucket: str, version: Version) -> int:
    """Remove a version without a trace; returns its place among the others. Call under the bucket's lock."""
    found = store.bucket(bucket)
    versions: list[Version] = list(found.keys.getlist(version.name, [])) if found else []
    place = versions.index(version)
    del versions[place]
    if found and versions:
        dict.__setitem__(found.keys, version.name, versions)
    elif found:
        dict.__delitem__(found.keys, version.name)
    return place


def put_back(store: Store, bucket: str, version: Version, place: int) -> None:
    """Undo `take_out`, where the bucket is still there. Call under its lock."""
    found = store.bucket(bucket)
    if found is not None:
        versions: list[Version] = list(found.keys.getlist(version.name, []))
        versions.insert(place, version)
        dict.__setitem__(found.keys, version.name, versions)


class Versions(_VersionedKeyStore):
    """The versions of every key of a bucket, with what moto gets wrong about them put right.

    moto compares each version with every other one at every write, and drops all of them when one is written while
    versioning is suspended: on AWS only the `null` version is replaced.
    """

    def __init__(self, bucket: FakeBucket) -> None:
        super().__init__()
        self._bucket = weakref.proxy(bucket)

    def setlist(self, key: str, list_: list[Version]) -> None:
        before: list[Version] = self.getlist(key, [])
        replaces = [each.version_id for each in list_] == [NULL] and not any(each is list_[0] for each in before)
        if replaces and self._bucket.versioning_status == "Suspended":
            list_ = [*(each for each in before if each.version_id != NULL), *list_]
        kept = {id(version) for version in list_}
        for version in before:
            if id(version) not in kept and isinstance(version, FakeKey):
                version.dispose()
        dict.__setitem__(self, key, list_)

    def pop(self, key: str) -> None:  # type: ignore[override]
        """Forget a key. moto asks every version to dispose of itself, which delete markers cannot."""
        self.setlist(key, [])
        dict.pop(self, key)


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
