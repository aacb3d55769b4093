"""Faults of what buckets hold, version by version. See `dr/lab/faults/of_objects.py` for each."""

from typing import Any

from moto.s3.models import FakeKey

from dr.errors import Refused
from dr.lab.faults.ledger import Done, Injector
from dr.lab.front.store import Store, Version, put_back, replica_of, share, take_out

ARCHIVE = "GLACIER"


def injectors(store: Store) -> dict[str, Injector]:
    """Fault -> what injects it here."""
    return {
        "s3-hidden": lambda given: _hidden(store, given),
        "s3-older-bytes": lambda given: _older_bytes(store, given),
        "s3-object-added": lambda given: _added(store, given),
        "s3-key-changed": lambda given: _renamed(store, given),
        "s3-other-etag": lambda given: _other_etag(store, given),
        "s3-metadata-lost": lambda given: _metadata_lost(store, given),
        "s3-tags-lost": lambda given: _tags_lost(store, given),
        "s3-archived": lambda given: _archived(store, given),
    }


def find(store: Store, given: dict[str, Any], key: str = "key") -> FakeKey:
    """The version that the options name. Raises Refused."""
    name, version = given[key], given.get("version") if key == "key" else None
    found: Version | None = store.named(given["bucket"], name, version)
    if not isinstance(found, FakeKey):
        raise Refused(f"there is no {name} in {given['bucket']}" + (f" with version {version}" if version else ""))
    return found


def _hidden(store: Store, given: dict[str, Any]) -> Done:
    bucket, version = given["bucket"], find(store, given)
    with store.lock(bucket):
        held = store.bucket(bucket)
        if held is None:
            raise Refused(f"there is no bucket {bucket}")
        marker = store.mark(held, version.name)
        marker.last_modified = version.last_modified

    def undo() -> None:
        with store.lock(bucket):
            take_out(store, bucket, marker)

    return Done(f"a delete marker as old as the object hides {version.name} in {bucket}", undo)


def _older_bytes(store: Store, given: dict[str, Any]) -> Done:
    bucket, version, other = given["bucket"], find(store, given), find(store, given, "other")
    right, etag, checksum = version.value, version.etag, (version.checksum_algorithm, version.checksum_value)
    with store.lock(bucket):
        version._etag = other.etag.strip('"')
        version.checksum_algorithm, version.checksum_value = other.checksum_algorithm, other.checksum_value
        share(version, other.value)

    def undo() -> None:
        with store.lock(bucket):
            version._etag = etag.strip('"')
            version.checksum_algorithm, version.checksum_value = checksum
            share(version, right)

    return Done(f"{version.name} in {bucket} holds the bytes of {other.name}", undo)


def _added(store: Store, given: dict[str, Any]) -> Done:
    bucket, version = given["bucket"], find(store, given)
    made = _under(store, bucket, version, given["new"])

    def undo() -> None:
        with store.lock(bucket):
            take_out(store, bucket, made)

    return Done(f"{made.name} in {bucket} is as old as {version.name}, and nobody's", undo)


def _renamed(store: Store, given: dict[str, Any]) -> Done:
    bucket, version = given["bucket"], find(store, given)
    made = _under(store, bucket, version, given["new"])
    with store.lock(bucket):
        place = take_out(store, bucket, version)

    def undo() -> None:
        with store.lock(bucket):
            take_out(store, bucket, made)
            put_back(store, bucket, version, place)

    return Done(f"{version.name} in {bucket} stands under {made.name}", undo)


def _under(store: Store, bucket: str, version: FakeKey, name: str) -> FakeKey:
    """The same version under another key."""
    held = store.bucket(bucket)
    if held is None or store.current(bucket, name) is not None:
        raise Refused(f"{name} in {bucket} is there already", hint="name a key that is free")
    made = replica_of(version, held, version.kms_key_id)
    made.name = name
    with store.lock(bucket):
        put_back(store, bucket, made, 0)
    return made


def _other_etag(store: Store, given: dict[str, Any]) -> Done:
    version = find(store, given)
    before = version.etag
    version._etag = f"{before.strip(chr(34))[::-1]}-2"

    def undo() -> None:
        version._etag = before.strip('"')

    return Done(f"{version.name} in {given['bucket']} has the ETag of an upload in two parts", undo)


def _metadata_lost(store: Store, given: dict[str, Any]) -> Done:
    version = find(store, given)
    before = dict(version.metadata)
    version.set_metadata({}, replace=True)

    def undo() -> None:
        version.set_metadata(dict(before), replace=True)

    return Done(f"{version.name} in {given['bucket']} has lost {len(before)} headers", undo)


def _tags_lost(store: Store, given: dict[str, Any]) -> Done:
    version = find(store, given)
    before = store.tags(version)
    if not before:
        raise Refused(f"{version.name} in {given['bucket']} has no tags to lose", hint="tag it before the backup")
    store.tag(version, {})
    return Done(f"{version.name} in {given['bucket']} has lost {len(before)} tags", lambda: store.tag(version, before))


def _archived(store: Store, given: dict[str, Any]) -> Done:
    version = find(store, given)
    before = version.storage_class
    version._storage_class = ARCHIVE

    def undo() -> None:
        version._storage_class = before

    return Done(f"{version.name} in {given['bucket']} is in the storage class {ARCHIVE}", undo)
