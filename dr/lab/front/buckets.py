"""S3: the simulated store, and over it what makes two regions of it behave like two regions.

A bucket answers only in its own region, a body is what its checksums say, a listing of versions is in order, and every
new version is handed to replication under the bucket's lock, so that the order of storage is the order of arrival.
"""

from urllib.parse import unquote

from dr.lab.front import payload, refusals, rules, versions
from dr.lab.front.exchange import Answer, Headers, Request
from dr.lab.front.looks import Looks
from dr.lab.front.made import Made
from dr.lab.front.payload import BadPayload
from dr.lab.front.replication import Replication
from dr.lab.front.sigv4 import Claim
from dr.lab.front.simulated import Simulated
from dr.lab.front.store import Store


class Buckets:
    """Answers S3 requests of any region."""

    def __init__(self, simulated: Simulated, store: Store, replication: Replication) -> None:
        self._simulated = simulated
        self._store = store
        self._replication = replication
        self._made = Made(store, replication)
        self._looks = Looks(store, replication)

    def answer(self, region: str, request: Request, claim: Claim, secret: str) -> Answer:
        try:
            return self._answer(region, payload.meant(request, claim, secret))
        except BadPayload as problem:
            return refusals.error("s3", 400, problem.code, problem.message, request.id)

    def _answer(self, region: str, request: Request) -> Answer:
        name, _, raw_key = request.path.lstrip("/").partition("/")
        name, key, asked = unquote(name), unquote(raw_key), request.parameters
        bucket = self._store.bucket(name) if name else None
        if bucket is None:
            return self._create(request, name)
        if bucket.region_name != region and "location" not in asked and not _creates(request, key):
            return _elsewhere(name, str(bucket.region_name), request)
        if not key and "replication" in asked:
            return self._configure(name, request)
        if not key and "versions" in asked and request.method == "GET":
            return versions.listing(self._store, bucket, request)
        if request.method in ("GET", "HEAD", "OPTIONS"):
            return self._look(request, name, key)
        with self._store.lock(name):
            answer = self._simulated.answer("s3", request)
            if answer.status < 300:
                self._made.by(request, name, key, answer)
        return answer

    def _create(self, request: Request, name: str) -> Answer:
        """A request for a bucket that is not there: most likely the one that makes it."""
        with self._store.lock(name):
            answer = self._simulated.answer("s3", request)
            if name:
                self._store.created(name)
        return answer

    def _look(self, request: Request, bucket: str, key: str) -> Answer:
        if not key:
            return self._simulated.answer("s3", request)
        early = self._looks.marker(request, bucket, key) or self._looks.retention(request, bucket, key)
        return early or self._looks.completed(request, bucket, key, self._simulated.answer("s3", request))

    def _configure(self, bucket: str, request: Request) -> Answer:
        """The replication configuration: checked as S3 checks it, and given back as it was given."""
        with self._store.lock(bucket):
            kept = self._replication.configuration(bucket)
            if request.method == "GET" and kept is not None:
                return Answer(200, Headers([("Content-Type", "application/xml")]), kept.xml())
            wanted = rules.read(request.body) if request.method == "PUT" else None
            for rule in wanted.rules if wanted else ():
                there = self._store.bucket(rule.destination)
                if there is None:
                    raise BadPayload("InvalidRequest", "the destination bucket must exist")
                if not there.is_versioned:
                    raise BadPayload("InvalidRequest", "the destination bucket must have versioning enabled")
            answer = self._simulated.answer("s3", request)
            if answer.status < 300 and request.method in ("PUT", "DELETE"):
                self._replication.configure(bucket, wanted)
            return answer


def _creates(request: Request, key: str) -> bool:
    """Whether this would create a bucket: a taken name is taken in every region, and that is another answer."""
    return request.method == "PUT" and not key and not request.query


def _elsewhere(bucket: str, region: str, request: Request) -> Answer:
    extra = (("Endpoint", f"{bucket}.s3.{region}.amazonaws.com"), ("Bucket", bucket), ("Region", region))
    message = "the bucket you are attempting to access must be addressed using the specified endpoint"
    answer = refusals.error("s3", 301, "PermanentRedirect", message, request.id, extra)
    return Answer(301, answer.headers.having("x-amz-bucket-region", region), answer.body)
