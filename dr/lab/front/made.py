"""What every new version of an object gets, however it was made: its seal, its lock, its checksum, its replicas.

All of it happens under the bucket's lock, so that the order of storage is the order of arrival everywhere.
"""

from dataclasses import dataclass

from moto.s3.models import FakeBucket, FakeKey

from dr.lab.front import checksums
from dr.lab.front.exchange import Answer, Headers
from dr.lab.front.locks import Lock
from dr.lab.front.replication import Replication
from dr.lab.front.sealing import KMS, Seal
from dr.lab.front.store import NULL, Store, Version


@dataclass(frozen=True)
class Checksum:
    """What a version says of its content. `parts` is how many parts' checksums a composite one was made of."""

    algorithm: str
    value: str
    kind: str = checksums.FULL_OBJECT
    parts: int | None = None


class Made:
    """Finishes new versions, and sends them on their way."""

    def __init__(self, store: Store, replication: Replication) -> None:
        self._store = store
        self._replication = replication

    def finish(self, bucket: FakeBucket, version: FakeKey, seal: Seal, lock: Lock, checksum: Checksum) -> None:
        seal.put_on(version)
        lock.put_on(version)
        version.checksum_algorithm, version.checksum_value = checksum.algorithm, checksum.value
        version.checksum_type, version.checksum_parts = checksum.kind, checksum.parts
        self.send(bucket.name, version)

    def send(self, bucket: str, version: Version) -> None:
        if version.version_id != NULL:
            self._replication.written(bucket, version)


def told(bucket: FakeBucket, version: FakeKey, answer: Answer) -> Answer:
    """The answer to a write, with what the version turned out to be."""
    headers = answer.headers.without("x-amz-sdk-checksum-algorithm", "last-modified", "x-amz-version-id")
    if bucket.versioning_status is not None:
        headers = headers.having("x-amz-version-id", version.version_id)
    return Answer(answer.status, sealed(headers, version), answer.body)


def sealed(headers: Headers, version: FakeKey) -> Headers:
    """The headers that say how a version is encrypted."""
    headers = headers.having("x-amz-server-side-encryption", version.encryption or "AES256")
    if version.encryption in KMS and version.kms_key_id:
        headers = headers.having("x-amz-server-side-encryption-aws-kms-key-id", version.kms_key_id)
    return headers


def elements(version: FakeKey, *, number_of_parts: bool) -> dict[str, str]:
    """The checksum of a version as the elements of a document. Some answers append the number of parts, others not."""
    if not version.checksum_algorithm or not version.checksum_value:
        return {}
    name = f"Checksum{version.checksum_algorithm}"
    value = stated(version) if number_of_parts else version.checksum_value
    return {name: value, "ChecksumType": version.checksum_type or checksums.FULL_OBJECT}


def stated(version: FakeKey) -> str:
    """The checksum as headers state it: a composite one with the number of its parts."""
    if version.checksum_type == checksums.COMPOSITE:
        return f"{version.checksum_value}-{version.checksum_parts}"
    return str(version.checksum_value)
