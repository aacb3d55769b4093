"""Uploads in parts: begun, fed, completed, given up, with the checksums that S3 demands and makes of them.

The simulated S3 computes wrong checksums for them, forgets their locks, takes parts in any order, and answers an
unknown upload with a failure of its own.
"""

import time
from dataclasses import dataclass, field
from datetime import UTC
from urllib.parse import quote
from weakref import WeakKeyDictionary

from moto.core.utils import utcnow
from moto.s3.models import FakeBucket, FakeKey, FakeMultipart

from dr.lab.front import checksums, completing, copies, made, sealing, xml
from dr.lab.front.conditions import Conditions
from dr.lab.front.declined import Declined
from dr.lab.front.exchange import Answer, Headers, Request
from dr.lab.front.locks import Lock, Locks
from dr.lab.front.made import Checksum, Made
from dr.lab.front.payload import declared_checksum
from dr.lab.front.sealing import Seal
from dr.lab.front.simulated import Simulated
from dr.lab.front.store import Part, Store, share


@dataclass
class _Upload:
    """What was said when an upload began, and the checksums of its parts since."""

    algorithm: str | None
    kind: str
    seal: Seal
    lock: Lock
    began: float
    """On the monotonic clock."""
    checksums: dict[int, str] = field(default_factory=dict)


class Uploads:
    """Answers the requests about uploads in parts. Call it under the bucket's lock."""

    def __init__(self, simulated: Simulated, store: Store, made: Made, conditions: Conditions, locks: Locks) -> None:
        self._simulated = simulated
        self._store = store
        self._made = made
        self._conditions = conditions
        self._locks = locks
        self._uploads: WeakKeyDictionary[FakeMultipart, _Upload] = WeakKeyDictionary()

    def answer(self, request: Request, bucket: FakeBucket, key: str) -> Answer:
        asked = request.parameters
        if request.method == "POST" and "uploads" in asked:
            return self._begin(request, bucket)
        upload = self._store.upload(bucket.name, asked.get("uploadId", ""))
        if request.method == "POST" and upload is None:
            return self._again(request, bucket, key)
        if upload is None or upload.key_name != key:
            raise _unknown(asked.get("uploadId", ""))
        if request.method == "POST":
            return self._complete(request, bucket, key, upload)
        if request.method == "PUT":
            return self._part(request, upload)
        return self._simulated.answer("s3", request)

    def _begin(self, request: Request, bucket: FakeBucket) -> Answer:
        algorithm, kind = _checksum_of_new(request.headers)
        seal, lock = sealing.of_new(bucket, request.headers), self._locks.of_new(bucket, request.headers)
        # the simulated store would compute checksums of its own, and show these headers as the object's metadata
        plain = request.headers.without("x-amz-checksum-algorithm", "x-amz-checksum-type")
        answer = self._simulated.answer("s3", Request("POST", request.target, plain, request.body, request.id))
        if answer.status >= 300:
            return answer
        upload = self._store.upload(bucket.name, xml.read(answer.body)["InitiateMultipartUploadResult"]["UploadId"])
        assert upload is not None, "an upload that just began is there"  # noqa: S101 - the lock is ours
        self._store.begun[upload] = utcnow().replace(tzinfo=UTC)
        self._uploads[upload] = _Upload(algorithm, kind, seal, lock, time.monotonic())
        headers = answer.headers.having("x-amz-server-side-encryption", seal.algorithm)
        if seal.key:
            headers = headers.having("x-amz-server-side-encryption-aws-kms-key-id", seal.key)
        if algorithm:
            headers = headers.having("x-amz-checksum-algorithm", algorithm).having("x-amz-checksum-type", kind)
        return Answer(answer.status, headers, answer.body)

    def _part(self, request: Request, upload: FakeMultipart) -> Answer:
        number, known = _number(request.parameters.get("partNumber", "")), self._uploads[upload]
        copy = "x-amz-copy-source" in request.headers
        content = copies.source(self._store, request).content if copy else request.body
        given = declared_checksum(request.headers)
        actual = given[0] if given else None
        may_be_missing = copy or known.kind == checksums.FULL_OBJECT
        if actual != known.algorithm and not (actual is None and may_be_missing):
            raise _mismatch(known.algorithm, actual)
        answer = self._simulated.answer("s3", request)
        if answer.status >= 300 or known.algorithm is None:
            return answer
        value = given[1] if given else checksums.checksum(known.algorithm, content)
        known.checksums[number] = value
        if copy:
            element = f"<Checksum{known.algorithm}>{value}</Checksum{known.algorithm}></CopyPartResult>"
            return Answer(200, answer.headers, answer.body.replace(b"</CopyPartResult>", element.encode()))
        return Answer(200, answer.headers.having(f"x-amz-checksum-{known.algorithm.lower()}", value), answer.body)

    def _complete(self, request: Request, bucket: FakeBucket, key: str, upload: FakeMultipart) -> Answer:
        known = self._uploads[upload]
        self._conditions.prove(request, bucket.name, key, known.began)
        sent = completing.sent(request.body)
        completing.prove_parts(sent, upload, known.algorithm, known.kind, known.checksums)
        content = b"".join(upload.parts[part.number].value for part in sent)
        checksum = self._checksum(known, [part.number for part in sent], content)
        completing.prove_whole(request.headers, checksum, len(content))
        sizes = {part.number: upload.parts[part.number].size for part in sent}
        answer = self._simulated.answer("s3", request)
        version = self._store.object(bucket.name, key)
        if answer.status >= 300 or version is None:
            return answer
        version.last_modified = self._store.begun[upload].replace(tzinfo=None)
        share(version, content)
        upload.parts = {}
        self._store.parts[version] = tuple(
            Part(number, sizes[number], known.checksums.get(number)) for number in sorted(sizes)
        )
        self._made.finish(bucket, version, known.seal, known.lock, checksum)
        return _completed(request, bucket, version)

    def _again(self, request: Request, bucket: FakeBucket, key: str) -> Answer:
        """Completed once more: S3 says yes again, and makes nothing new."""
        named = request.parameters.get("uploadId", "")
        version = self._store.object(bucket.name, key)
        if version is None or version.multipart is None or version.multipart.id != named:
            raise _unknown(named)
        return _completed(request, bucket, version)

    def _checksum(self, known: _Upload, numbers: list[int], content: bytes) -> Checksum:
        if known.kind == checksums.COMPOSITE and known.algorithm:
            values = [known.checksums[number] for number in numbers]
            return Checksum(known.algorithm, checksums.composite(known.algorithm, values), known.kind, len(values))
        algorithm = known.algorithm or checksums.DEFAULT
        return Checksum(algorithm, checksums.checksum(algorithm, content))


def _checksum_of_new(headers: Headers) -> tuple[str | None, str]:
    algorithm = headers.get("x-amz-checksum-algorithm").upper() or None
    kind = headers.get("x-amz-checksum-type").upper()
    if algorithm is None:
        if kind:
            message = "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
            raise Declined("InvalidRequest", message)
        return None, checksums.FULL_OBJECT
    if not checksums.known(algorithm):
        raise Declined("InvalidRequest", f"Checksum algorithm provided is unsupported: {algorithm}")
    allowed = checksums.types(algorithm)
    if kind and kind not in allowed:
        message = f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
        raise Declined("InvalidRequest", message)
    return algorithm, kind or allowed[0]


def _number(given: str) -> int:
    if not given.isdecimal() or not 1 <= int(given[:9]) <= 10000:
        raise Declined("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
    return int(given)


def _mismatch(expected: str | None, actual: str | None) -> Declined:
    words = [(name or "null").lower() for name in (expected, actual)]
    message = f"Checksum Type mismatch occurred, expected checksum Type: {words[0]}, actual checksum Type: {words[1]}"
    return Declined("InvalidRequest", message)


def _unknown(upload_id: str) -> Declined:
    message = (
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted "
        "or completed."
    )
    return Declined("NoSuchUpload", message, (("UploadId", upload_id),))


def _completed(request: Request, bucket: FakeBucket, version: FakeKey) -> Answer:
    result = {
        "@xmlns": xml.NAMESPACE,
        "Location": f"http://{request.headers.get('Host')}{request.path}",
        "Bucket": bucket.name,
        "Key": version.name,
        "ETag": version.etag,
        **made.elements(version, number_of_parts=True),
    }
    return made.told(bucket, version, xml.answer({"CompleteMultipartUploadResult": result}))


def pending(bucket: FakeBucket, store: Store, request: Request) -> Answer:
    """ListMultipartUploads: what was begun and neither completed nor given up, by key and then by time."""
    asked = request.parameters
    prefix, after, after_id = (asked.get(name, "") for name in ("prefix", "key-marker", "upload-id-marker"))
    encoded = asked.get("encoding-type") == "url"

    def text(key: str) -> str:
        return quote(key, safe="/-_.~") if encoded else key

    most = int(asked["max-uploads"]) if asked.get("max-uploads", "").isdecimal() else 1000
    found = sorted(bucket.multiparts.values(), key=lambda upload: (upload.key_name, store.begun[upload], upload.id))
    found = [upload for upload in found if upload.key_name.startswith(prefix)]
    begin = next((at + 1 for at, upload in enumerate(found) if (upload.key_name, upload.id) == (after, after_id)), None)
    rest = found[begin:] if begin is not None else [upload for upload in found if not after or upload.key_name > after]
    page = rest[: min(most, 1000)]
    owner = {"ID": "lab", "DisplayName": "lab"}
    result: dict[str, object] = {"@xmlns": xml.NAMESPACE, "Bucket": bucket.name, "KeyMarker": text(after)}
    result |= {"UploadIdMarker": after_id, "MaxUploads": str(most), "IsTruncated": str(len(rest) > len(page)).lower()}
    if page and len(rest) > len(page):
        result |= {"NextKeyMarker": text(page[-1].key_name), "NextUploadIdMarker": page[-1].id}
    if encoded:
        result["EncodingType"] = "url"
    result["Upload"] = [
        {
            "Key": text(upload.key_name),
            "UploadId": upload.id,
            "Initiator": owner,
            "Owner": owner,
            "StorageClass": upload.storage or "STANDARD",
            "Initiated": store.begun[upload].strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        }
        for upload in page
    ]
    return xml.answer({"ListMultipartUploadsResult": result})
