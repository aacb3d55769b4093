"""What is configured on a whole bucket: versioning, replication, lifecycle and Object Lock, checked as S3 checks them.

Replication and lifecycle are given back as they were given, because the simulated store keeps only a part of them.
"""

from moto.s3.models import FakeBucket

from dr.lab.front import expiring, rules, xml
from dr.lab.front.declined import Declined, malformed
from dr.lab.front.exchange import Answer, Request
from dr.lab.front.locks import Locks
from dr.lab.front.replication import Replication
from dr.lab.front.simulated import Simulated
from dr.lab.front.store import Store


class Settings:
    """Answers requests about a bucket's configuration. Call it under the bucket's lock."""

    def __init__(self, simulated: Simulated, store: Store, replication: Replication, locks: Locks) -> None:
        self._simulated = simulated
        self._store = store
        self._replication = replication
        self._locks = locks

    def answer(self, request: Request, bucket: FakeBucket) -> Answer | None:
        """The answer; None when the request is about something else."""
        asked, method = request.parameters, request.method
        if "replication" in asked:
            return self._replicate(request, bucket)
        if "lifecycle" in asked:
            return self._lifecycle(request, bucket)
        if "object-lock" in asked and method in ("GET", "PUT"):
            return self._locks.configuration(request, bucket)
        if "versioning" in asked and method == "PUT":
            return self._version(request, bucket)
        return None

    def forget(self, bucket: str) -> None:
        """A bucket is gone, and its configuration with it."""
        self._replication.configure(bucket, None)
        self._store.expiring.pop(bucket, None)

    def _version(self, request: Request, bucket: FakeBucket) -> Answer:
        try:
            status = xml.read(request.body)["VersioningConfiguration"]["Status"]
        except (xml.ExpatError, KeyError, TypeError) as problem:
            raise malformed() from problem
        if status not in ("Enabled", "Suspended"):
            raise malformed()
        if status == "Suspended" and bucket.object_lock_enabled:
            message = (
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
            )
            raise Declined("InvalidBucketState", message)
        if status == "Suspended" and self._replication.configuration(bucket.name) is not None:
            message = (
                "A replication configuration is present on this bucket, so you cannot change the versioning state. "
                "To change the versioning state, first delete the replication configuration."
            )
            raise Declined("InvalidBucketState", message)
        return self._simulated.answer("s3", request)

    def _replicate(self, request: Request, bucket: FakeBucket) -> Answer:
        kept = self._replication.configuration(bucket.name)
        if request.method == "GET":
            if kept is None:
                message = "The replication configuration was not found"
                raise Declined("ReplicationConfigurationNotFoundError", message)
            return xml.plain(kept.xml())
        wanted = rules.read(request.body) if request.method == "PUT" else None
        for rule in wanted.rules if wanted else ():
            self._prove_destination(bucket, rule.destination)
        answer = self._simulated.answer("s3", request)
        if answer.status < 300:
            self._replication.configure(bucket.name, wanted)
        return answer

    def _prove_destination(self, bucket: FakeBucket, name: str) -> None:
        there = self._store.bucket(name)
        if there is None:
            raise Declined("InvalidRequest", "Destination bucket must exist.")
        if there is bucket:
            raise Declined("InvalidRequest", "Destination bucket cannot be the same as the source bucket.")
        if not there.is_versioned:
            raise Declined("InvalidRequest", "Destination bucket must have versioning enabled.")
        if bucket.object_lock_enabled and not there.object_lock_enabled:
            raise Declined("InvalidRequest", "Destination bucket must have object lock enabled.")

    def _lifecycle(self, request: Request, bucket: FakeBucket) -> Answer:
        if request.method == "PUT":
            self._store.expiring[bucket.name] = expiring.read(request.body)
            return Answer(200)
        if request.method == "DELETE":
            self._store.expiring.pop(bucket.name, None)
            return Answer(204)
        kept = self._store.expiring.get(bucket.name)
        if kept is None:
            raise Declined("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
        return xml.plain(kept.xml())
