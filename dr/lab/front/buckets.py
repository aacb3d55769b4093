"""S3: the simulated store, and over it what makes two regions of it behave like two regions, and as strictly as AWS.

A bucket answers only in its own region, a body is what its checksums say, and whatever changes a bucket does so under
the bucket's lock, so that the order of storage is the order of arrival. Which room answers is decided here.
"""

import time
from urllib.parse import unquote

from moto.s3.models import FakeBucket

from dr.lab.front import attributes, payload, refusals, uploads, versions
from dr.lab.front.conditions import Conditions
from dr.lab.front.declined import Declined
from dr.lab.front.deletes import Deletes
from dr.lab.front.exchange import Answer, Request
from dr.lab.front.locks import Locks
from dr.lab.front.looks import Looks
from dr.lab.front.made import Made
from dr.lab.front.replication import Replication
from dr.lab.front.settings import Settings
from dr.lab.front.sigv4 import Claim
from dr.lab.front.simulated import Simulated
from dr.lab.front.store import Store
from dr.lab.front.uploads import Uploads
from dr.lab.front.writes import Writes

_NO_WRITES = {"tagging", "acl", "restore", "select", "attributes"}
"""What a PUT or POST of a key may be about that is not its content."""


class Buckets:
    """Answers S3 requests of any region."""

    def __init__(self, simulated: Simulated, store: Store, replication: Replication) -> None:
        self._simulated = simulated
        self._store = store
        self._replication = replication
        self._conditions = Conditions(store)
        self._locks = Locks(store)
        made = Made(store, replication)
        self._settings = Settings(simulated, store, replication, self._locks)
        self._writes = Writes(simulated, store, made, self._conditions, self._locks)
        self._uploads = Uploads(simulated, store, made, self._conditions, self._locks)
        self._deletes = Deletes(store, made, self._conditions)
        self._looks = Looks(simulated, store, replication)

    def answer(self, region: str, request: Request, claim: Claim, secret: str) -> Answer:
        began = time.monotonic()
        try:
            return self._answer(region, payload.meant(request, claim, secret), began)
        except Declined as declined:
            return declined.answer(request)

    def _answer(self, region: str, request: Request, began: float) -> Answer:
        name, _, raw_key = request.path.lstrip("/").partition("/")
        name, key, asked = unquote(name), unquote(raw_key), request.parameters
        bucket = self._store.bucket(name) if name else None
        if bucket is None:
            return self._create(request, name)
        if bucket.region_name != region and "location" not in asked and not _creates(request, key):
            return _elsewhere(name, str(bucket.region_name), request)
        if request.method in ("GET", "HEAD", "OPTIONS"):
            return self._look(request, bucket, key)
        with self._store.lock(name):
            if key:
                return self._change(request, bucket, key, began)
            return self._change_bucket(request, bucket)

    def _create(self, request: Request, name: str) -> Answer:
        """A request for a bucket that is not there: most likely the one that makes it."""
        with self._store.lock(name):
            answer = self._simulated.answer("s3", request)
            if name:
                self._store.created(name)
        return answer

    def _look(self, request: Request, bucket: FakeBucket, key: str) -> Answer:
        asked = request.parameters
        if key and ("retention" in asked or "legal-hold" in asked):
            return self._locks.answer(request, bucket, key)
        if key and "attributes" in asked:
            return attributes.answer(self._store, request, bucket.name, key)
        if key:
            return self._looks.answer(request, bucket, key)
        if "versions" in asked and request.method == "GET":
            return versions.listing(self._store, bucket, request)
        if "uploads" in asked and request.method == "GET":
            return uploads.pending(bucket, self._store, request)
        return self._settings.answer(request, bucket) or self._simulated.answer("s3", request)

    def _change_bucket(self, request: Request, bucket: FakeBucket) -> Answer:
        asked, method = request.parameters, request.method
        if method == "POST" and "delete" in asked:
            return self._deletes.many(request, bucket)
        answer = self._settings.answer(request, bucket) or self._simulated.answer("s3", request)
        if answer.status < 300 and method == "DELETE" and asked.keys() <= {"x-id"}:
            self._settings.forget(bucket.name)
            self._conditions.forget(bucket.name)
        return answer

    def _change(self, request: Request, bucket: FakeBucket, key: str, began: float) -> Answer:
        asked, method = request.parameters, request.method
        if "uploads" in asked or "uploadId" in asked:
            return self._uploads.answer(request, bucket, key)
        if "retention" in asked or "legal-hold" in asked:
            return self._locks.answer(request, bucket, key)
        if method == "PUT" and not _NO_WRITES & asked.keys():
            return self._writes.answer(request, bucket, key, began)
        if method == "DELETE" and "tagging" not in asked:
            return self._deletes.one(request, bucket, key)
        answer = self._simulated.answer("s3", request)
        if answer.status < 300 and "tagging" in asked:
            version = self._store.named(bucket.name, key, asked.get("versionId"))
            if version is not None:
                self._replication.retagged(bucket.name, version)
        return answer


def _creates(request: Request, key: str) -> bool:
    """Whether this would create a bucket: a taken name is taken in every region, and that is another answer."""
    return request.method == "PUT" and not key and not request.query


def _elsewhere(bucket: str, region: str, request: Request) -> Answer:
    extra = (("Endpoint", f"{bucket}.s3.{region}.amazonaws.com"), ("Bucket", bucket), ("Region", region))
    message = "the bucket you are attempting to access must be addressed using the specified endpoint"
    answer = refusals.error("s3", 301, "PermanentRedirect", message, request.id, extra)
    return Answer(301, answer.headers.having("x-amz-bucket-region", region), answer.body)
