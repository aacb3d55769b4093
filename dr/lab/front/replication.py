"""Versions on their way to another region's bucket: asynchronous, in order, and with the status that S3 shows.

A version is put on its source bucket's queue when it is written, under the rule that holds at that moment, and becomes
visible at the destination after the lag: the same version id, time, bytes, metadata, tags and checksums. Replicas are
not replicated again, and removing a version is never replicated. What could not be replicated has failed for good;
while a region is held, what is meant for it waits.
"""

import queue
import threading
import time
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey

from dr.lab.front import sealing
from dr.lab.front.declined import Declined
from dr.lab.front.rules import Configuration, Rule
from dr.lab.front.store import Store, Version, insert, marker_of, replica_of

LAG_SECONDS = 15.0
"""How long AWS takes for a small object, on an ordinary day."""

_SHORTEST_LAG = 0.005
_LOOK_AGAIN = 0.05


@dataclass(frozen=True)
class _Parcel:
    due: float
    bucket: str
    version: Version
    rule: Rule


class Replication:
    """The configurations of all buckets, a queue and one worker for each source, and the status of each version."""

    def __init__(self, store: Store, speed: float) -> None:
        self._store = store
        self._lag = max(LAG_SECONDS / speed, _SHORTEST_LAG)
        self._configurations: dict[str, Configuration] = {}
        self._queues: dict[str, queue.SimpleQueue[_Parcel | None]] = {}
        self._workers: list[threading.Thread] = []
        self._statuses: WeakKeyDictionary[Version, dict[str, str]] = WeakKeyDictionary()
        """version -> destination bucket -> status; a replica has one, under its own bucket's name."""
        self._lock = threading.Lock()
        self._held: set[str] = set()
        self._afflicted: dict[str, str] = {}
        self._changed = threading.Condition(self._lock)
        self._stopped = False

    def configuration(self, bucket: str) -> Configuration | None:
        return self._configurations.get(bucket)

    def configure(self, bucket: str, configuration: Configuration | None) -> None:
        """Set a bucket's rules, or take them away. What is on its way already arrives all the same."""
        if configuration is None:
            self._configurations.pop(bucket, None)
        else:
            self._configurations[bucket] = configuration

    def hold(self, region: str) -> None:
        """Deliver nothing to or from a region until it is released: versions stay PENDING, as they do in an outage."""
        with self._changed:
            self._held.add(region)

    def release(self, region: str) -> None:
        with self._changed:
            self._held.discard(region)
            self._changed.notify_all()

    def afflict(self, bucket: str, outcome: str | None) -> None:
        """From now on versions of a bucket stay `pending` or end `failed`; None ends that. See the fault
        `s3-replication`."""
        with self._changed:
            if outcome is None:
                self._afflicted.pop(bucket, None)
            else:
                self._afflicted[bucket] = outcome
            self._changed.notify_all()

    def status(self, version: Version) -> str | None:
        """PENDING, COMPLETED, FAILED, REPLICA, or None for a version that no rule covered.

        With several destinations it is COMPLETED when all are, and FAILED when one is.
        """
        found = set((self._statuses.get(version) or {}).values())
        return next((each for each in ("FAILED", "PENDING", "COMPLETED", "REPLICA") if each in found), None)

    def written(self, bucket: str, version: Version) -> None:
        """A version was made in a bucket: send it on its way if a rule covers it. Call it under the bucket's lock."""
        if version in self._statuses:
            return
        for rule in self._rules(bucket, version):
            if isinstance(version, FakeKey):
                self._statuses.setdefault(version, {})[rule.destination] = "PENDING"
            self._queue(bucket).put(_Parcel(time.monotonic() + self._lag, bucket, version, rule))

    def retagged(self, bucket: str, version: Version) -> None:
        """The tags of a version changed: they follow it, if it was replicated."""
        for rule in self._rules(bucket, version):
            if (self._statuses.get(version) or {}).get(rule.destination) in ("PENDING", "COMPLETED"):
                self._queue(bucket).put(_Parcel(time.monotonic() + self._lag, bucket, version, rule))

    def waiting(self) -> dict[str, int]:
        """source bucket -> how many versions are on their way."""
        return {bucket: waiting.qsize() for bucket, waiting in dict(self._queues).items()}

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for waiting in dict(self._queues).values():
            waiting.put(None)
        for worker in self._workers:
            worker.join(timeout=self._lag + 1)

    def _rules(self, bucket: str, version: Version) -> list[Rule]:
        """The rules that cover a version, at most one for each destination."""
        configuration = self._configurations.get(bucket)
        if configuration is None:
            return []
        if isinstance(version, FakeDeleteMarker):
            return configuration.chosen([rule for rule in configuration.rules if rule.covers_marker(version.name)])
        tags, encrypted = self._store.tags(version), version.encryption in sealing.KMS
        return configuration.chosen(
            [rule for rule in configuration.rules if rule.covers(version.name, tags, encrypted=encrypted)]
        )

    def _queue(self, bucket: str) -> "queue.SimpleQueue[_Parcel | None]":
        with self._lock:
            if bucket not in self._queues:
                self._queues[bucket] = queue.SimpleQueue()
                worker = threading.Thread(
                    target=self._work, args=(self._queues[bucket],), name=f"replicate {bucket}", daemon=True
                )
                self._workers.append(worker)
                worker.start()
            return self._queues[bucket]

    def _work(self, parcels: "queue.SimpleQueue[_Parcel | None]") -> None:
        while (parcel := parcels.get()) is not None:
            time.sleep(max(0.0, parcel.due - time.monotonic()))
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or not self._is_held(parcel))
            if self._stopped:
                return
            self._deliver(parcel)

    def _is_held(self, parcel: _Parcel) -> bool:
        ends = (self._store.bucket(parcel.bucket), self._store.bucket(parcel.rule.destination))
        lost = any(end is not None and end.region_name in self._held for end in ends)
        return lost or self._afflicted.get(parcel.bucket) == "pending"

    def _deliver(self, parcel: _Parcel) -> None:
        source = self._store.version(parcel.bucket, parcel.version.name, parcel.version.version_id)
        if source is None:
            return  # removed before it was its turn: there is nothing left to replicate
        before = (self._statuses.get(source) or {}).get(parcel.rule.destination)
        if before == "FAILED":
            return  # FAILED is for good, whatever came after it
        if self._afflicted.get(parcel.bucket) == "failed":
            outcome = "FAILED"
        else:
            with self._store.lock(parcel.rule.destination):
                outcome = self._place(source, parcel.rule)
        if isinstance(source, FakeKey):
            self._statuses.setdefault(source, {})[parcel.rule.destination] = outcome

    def _place(self, source: Version, rule: Rule) -> str:
        bucket = self._store.bucket(rule.destination)
        if bucket is None or not bucket.is_versioned:
            return "FAILED"
        there = self._store.version(bucket.name, source.name, source.version_id)
        if isinstance(source, FakeDeleteMarker):
            if there is None:
                self._insert(bucket, marker_of(source))
        elif isinstance(there, FakeKey):
            self._store.copy_tags(source, there)
        else:
            return self._copy(source, bucket, rule)
        return "COMPLETED"

    def _copy(self, source: FakeKey, bucket: FakeBucket, rule: Rule) -> str:
        """Put a replica into the destination. One under a KMS key needs a key that can be used in that region."""
        kms_key = None
        if source.lock_mode and not bucket.object_lock_enabled:
            return "FAILED"
        if source.encryption in sealing.KMS:
            try:
                sealing.readable(source)
                kms_key = sealing.usable(str(bucket.region_name), rule.kms_key or "")
            except Declined:
                return "FAILED"
        replica = replica_of(source, bucket, kms_key)
        if rule.storage_class:
            replica.set_storage_class(rule.storage_class)
        self._store.copy_tags(source, replica)
        self._store.copy_parts(source, replica)
        self._insert(bucket, replica)
        return "COMPLETED"

    def _insert(self, bucket: FakeBucket, replica: Version) -> None:
        self._statuses[replica] = {bucket.name: "REPLICA"}
        insert(bucket, replica, lambda version: self.status(version) == "REPLICA")
