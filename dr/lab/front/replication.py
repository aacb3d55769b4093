"""Versions on their way to another region's bucket: asynchronous, in order, and with the status that S3 shows.

A version is put on its source bucket's queue when it is written, under the rule that holds at that moment, and becomes
visible at the destination after the lag: the same version id, time, bytes, metadata, tags and checksums. Replicas are
not replicated again, and removing a version is never replicated.
"""

import queue
import threading
import time
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey

from dr.lab.front.rules import Configuration, Rule
from dr.lab.front.store import Store, Version, insert, marker_of, replica_of

LAG_SECONDS = 15.0
"""How long AWS takes for a small object, on an ordinary day."""

_SHORTEST_LAG = 0.005


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
        self._statuses: WeakKeyDictionary[Version, str] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def configuration(self, bucket: str) -> Configuration | None:
        return self._configurations.get(bucket)

    def configure(self, bucket: str, configuration: Configuration | None) -> None:
        """Set a bucket's rules, or take them away. What is on its way already arrives all the same."""
        if configuration is None:
            self._configurations.pop(bucket, None)
        else:
            self._configurations[bucket] = configuration

    def status(self, version: Version) -> str | None:
        """PENDING, COMPLETED, FAILED, REPLICA, or None for a version that no rule covered."""
        return self._statuses.get(version)

    def written(self, bucket: str, version: Version) -> None:
        """A version was made in a bucket: send it on its way if a rule covers it. Call it under the bucket's lock."""
        rule = self._rule(bucket, version)
        if rule is None or self._statuses.get(version) is not None:
            return
        if isinstance(version, FakeKey):
            self._statuses[version] = "PENDING"
        self._queue(bucket).put(_Parcel(time.monotonic() + self._lag, bucket, version, rule))

    def retagged(self, bucket: str, version: Version) -> None:
        """The tags of a version changed: they follow it, if it was replicated."""
        rule = self._rule(bucket, version)
        if rule is not None and self._statuses.get(version) in ("PENDING", "COMPLETED"):
            self._queue(bucket).put(_Parcel(time.monotonic() + self._lag, bucket, version, rule))

    def waiting(self) -> dict[str, int]:
        """source bucket -> how many versions are on their way."""
        return {bucket: waiting.qsize() for bucket, waiting in dict(self._queues).items()}

    def stop(self) -> None:
        for waiting in dict(self._queues).values():
            waiting.put(None)
        for worker in self._workers:
            worker.join(timeout=self._lag + 1)

    def _rule(self, bucket: str, version: Version) -> Rule | None:
        configuration = self._configurations.get(bucket)
        if configuration is None:
            return None
        if isinstance(version, FakeDeleteMarker):
            fitting = [rule for rule in configuration.rules if rule.covers_marker(version.name)]
        else:
            tags, encrypted = self._store.tags(version), version.encryption in ("aws:kms", "aws:kms:dsse")
            fitting = [rule for rule in configuration.rules if rule.covers(version.name, tags, encrypted=encrypted)]
        return max(fitting, key=lambda rule: rule.priority, default=None)

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
            self._deliver(parcel)

    def _deliver(self, parcel: _Parcel) -> None:
        source = self._store.version(parcel.bucket, parcel.version.name, parcel.version.version_id)
        if source is None:
            return  # removed before it was its turn: there is nothing left to replicate
        with self._store.lock(parcel.rule.destination):
            outcome = self._place(source, parcel.rule)
        if isinstance(source, FakeKey):
            self._statuses[source] = outcome

    def _place(self, source: Version, rule: Rule) -> str:
        bucket = self._store.bucket(rule.destination)
        if bucket is None or not bucket.is_versioned:
            return "FAILED"
        there = self._store.version(bucket.name, source.name, source.version_id)
        if isinstance(source, FakeDeleteMarker):
            if there is None:
                self._insert(bucket, marker_of(source, bucket))
        elif isinstance(there, FakeKey):
            self._store.copy_tags(source, there)
        else:
            replica = replica_of(source, bucket, rule.kms_key)
            if rule.storage_class:
                replica.set_storage_class(rule.storage_class)
            self._store.copy_tags(source, replica)
            self._insert(bucket, replica)
        return "COMPLETED"

    def _insert(self, bucket: FakeBucket, replica: Version) -> None:
        self._statuses[replica] = "REPLICA"
        insert(bucket, replica, lambda version: self._statuses.get(version) == "REPLICA")
