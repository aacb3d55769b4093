"""Faults of everything that is not RDS: calls, S3, keys. See `dr/lab/faults/catalogue.py` for each."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.kms.models import kms_backends
from moto.s3.models import FakeKey

from dr.errors import Refused
from dr.lab.faults.ledger import Done, Injector
from dr.lab.front import harm_objects
from dr.lab.front.calls import Calls, Rule
from dr.lab.front.keys import ACCOUNT
from dr.lab.front.operations import knows
from dr.lab.front.replication import Replication
from dr.lab.front.store import Store, Version, put_back, share, take_out

DELETION_DAYS = 7
"""The shortest wait that KMS allows."""


def injectors(calls: Calls, store: Store, replication: Replication) -> dict[str, Injector]:
    """Fault -> what injects it here."""
    return {
        "lost-response": lambda given: _lost_response(calls, given),
        "throttle-storm": lambda given: _throttle_storm(calls, given),
        "kms-key": _kms_key,
        "s3-replication": lambda given: _replication(store, replication, given),
        "s3-version-missing": lambda given: _version_missing(store, given),
        "s3-wrong-bytes": lambda given: _wrong_bytes(store, given),
        **harm_objects.injectors(store),
    }


def _lost_response(calls: Calls, given: dict[str, Any]) -> Done:
    region, service, operation = given["region"], given["service"], given["operation"]
    if not knows(service, operation):
        raise Refused(f"{service} has no operation {operation}", hint="write it as the API does: CreateDBSnapshot")
    rule = Rule(region, service, operation, left=given["times"])
    calls.lose(rule)
    told = f"the responses of the next {given['times']} {operation} in {region} are lost"
    return Done(told, lambda: calls.forget(rule), lambda: rule.met)


def _throttle_storm(calls: Calls, given: dict[str, Any]) -> Done:
    count, seconds = given["calls"], given["seconds"]
    if (count is None) == (seconds is None):
        raise Refused("throttle-storm needs either calls or seconds", hint="--calls 10, or --seconds 30")
    if given["percent"] > 100:
        raise Refused(f"{given['percent']} % of all calls are more than there are", hint="--percent 30")
    until = None if seconds is None else time.monotonic() + seconds
    share = given["percent"] / 100
    rule = Rule(given["region"], given["service"], left=count, until=until, share=share)
    calls.throttle(rule)
    length = f"{seconds:g} s" if count is None else f"{count} calls"
    some = "" if share >= 1 else f"{given['percent']} % of "
    told = f"{some}{given['service'] or 'everything'} in {given['region']} is throttled for {length}"
    return Done(told, lambda: calls.forget(rule), lambda: rule.met)


def _kms_key(given: dict[str, Any]) -> Done:
    backend, name = kms_backends[ACCOUNT][given["region"]], given["key"]
    identifier = backend.get_key_id_from_alias(name) if name.startswith("alias/") else backend.get_key_id(name)
    key = backend.keys.get(backend.get_key_id(identifier)) if identifier else None
    if key is None:
        raise Refused(f"there is no key {name} in {given['region']}")
    state, enabled, until = key.key_state, key.enabled, key.deletion_date
    key.enabled, key.key_state = False, given["state"]
    if given["state"] == "PendingDeletion":
        key.deletion_date = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=DELETION_DAYS)

    def undo() -> None:
        key.key_state, key.enabled, key.deletion_date = state, enabled, until

    return Done(f"{name} in {given['region']} is {given['state']}", undo)


def _replication(store: Store, replication: Replication, given: dict[str, Any]) -> Done:
    bucket = given["bucket"]
    if store.bucket(bucket) is None:
        raise Refused(f"there is no bucket {bucket}")
    replication.afflict(bucket, given["outcome"])
    outcome = "stay PENDING" if given["outcome"] == "pending" else "end in FAILED"

    def undo() -> None:
        replication.afflict(bucket, None)

    return Done(f"versions of {bucket} {outcome}", undo)


def _version_missing(store: Store, given: dict[str, Any]) -> Done:
    bucket, version = given["bucket"], _version(store, given)
    with store.lock(bucket):
        place = take_out(store, bucket, version)

    def undo() -> None:
        with store.lock(bucket):
            put_back(store, bucket, version, place)

    return Done(f"version {version.version_id} of {given['key']} is gone from {bucket}", undo)


def _wrong_bytes(store: Store, given: dict[str, Any]) -> Done:
    bucket, version = given["bucket"], _version(store, given)
    if not isinstance(version, FakeKey) or not version.value:
        raise Refused(f"{given['key']} in {bucket} has no bytes that could be wrong")
    right, etag = version.value, version.etag
    middle = len(right) // 2
    with store.lock(bucket):
        version._etag = etag.strip('"')  # else it would be computed anew, from the wrong bytes
        share(version, right[:middle] + bytes([right[middle] ^ 0xFF]) + right[middle + 1 :])

    def undo() -> None:
        with store.lock(bucket):
            share(version, right)

    return Done(f"version {version.version_id} of {given['key']} in {bucket} holds wrong bytes", undo)


def _version(store: Store, given: dict[str, Any]) -> Version:
    bucket, key, wanted = given["bucket"], given["key"], given["version"]
    found = store.version(bucket, key, wanted) if wanted else store.current(bucket, key)
    if found is None:
        raise Refused(f"there is no {key} in {bucket}" + (f" with version {wanted}" if wanted else ""))
    return found
