"""PutObject and CopyObject: what S3 demands of them, and what the simulated store leaves wrong."""

from moto.s3.models import FakeBucket, FakeKey

from dr.lab.front import checksums, copies, made, sealing, xml
from dr.lab.front.conditions import Conditions
from dr.lab.front.declined import Declined
from dr.lab.front.exchange import Answer, Request
from dr.lab.front.locks import Locks
from dr.lab.front.made import Checksum, Made
from dr.lab.front.payload import declared_checksum
from dr.lab.front.simulated import Simulated
from dr.lab.front.store import Store, share

_DIRECTIVES = ("", "COPY", "REPLACE")
_REDIRECT = "x-amz-website-redirect-location"


class Writes:
    """Makes new versions out of a body or out of another version."""

    def __init__(self, simulated: Simulated, store: Store, made: Made, conditions: Conditions, locks: Locks) -> None:
        self._simulated = simulated
        self._store = store
        self._made = made
        self._conditions = conditions
        self._locks = locks

    def answer(self, request: Request, bucket: FakeBucket, key: str, began: float) -> Answer:
        """`began` is when the request came in, on the monotonic clock. Call it under the bucket's lock."""
        copy = "x-amz-copy-source" in request.headers
        source = copies.source(self._store, request) if copy else None
        for name in ("x-amz-metadata-directive", "x-amz-tagging-directive"):
            if request.headers.get(name) not in _DIRECTIVES:
                raise Declined("InvalidArgument", f"Unknown directive in {name}.")
        self._conditions.prove(request, bucket.name, key, began)
        seal, lock = sealing.of_new(bucket, request.headers), self._locks.of_new(bucket, request.headers)
        wanted = request.headers.get("x-amz-checksum-algorithm").upper() if copy else ""
        if wanted and not checksums.known(wanted):
            raise Declined("InvalidRequest", f"Checksum algorithm provided is unsupported: {wanted}")
        answer = self._simulated.answer("s3", request)
        version = self._store.object(bucket.name, key)
        if answer.status >= 300 or not isinstance(version, FakeKey):
            return answer
        if source is None:
            share(version, request.body)
            algorithm, value = declared_checksum(request.headers) or (checksums.DEFAULT, None)
        else:
            share(version, source.content)
            version.multipart = None
            # It is never copied: a copy has the one that it was given. The simulated store keeps it among the metadata.
            version.website_redirect_location = request.headers.get(_REDIRECT) or None
            version.metadata.pop(_REDIRECT, None)
            algorithm, value = wanted or source.algorithm or checksums.DEFAULT, None
        content = request.body if source is None else source.content
        checksum = Checksum(algorithm, value or checksums.checksum(algorithm, content))
        version._etag = seal.etag()  # where there is none, moto makes the MD5
        self._made.finish(bucket, version, seal, lock, checksum)
        answer = made.told(bucket, version, answer)
        return _stored(version, answer) if source is None else _copied(version, answer)


def _stored(version: FakeKey, answer: Answer) -> Answer:
    headers = answer.headers.having("ETag", version.etag)
    headers = headers.having(f"x-amz-checksum-{str(version.checksum_algorithm).lower()}", made.stated(version))
    return Answer(answer.status, headers.having("x-amz-checksum-type", checksums.FULL_OBJECT), answer.body)


def _copied(version: FakeKey, answer: Answer) -> Answer:
    result = {
        "@xmlns": xml.NAMESPACE,
        "ETag": version.etag,
        "LastModified": version.last_modified_ISO8601,
        **made.elements(version, number_of_parts=True),
    }
    headers = answer.headers.without("ETag", "content-type", "content-length")
    return xml.answer({"CopyObjectResult": result}, *headers.lines)
