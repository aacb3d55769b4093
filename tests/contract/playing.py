"""Plays calls to an S3 server and writes down what it said, so that what two servers said can be compared."""

from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

PASSING = {
    "BucketArn",
    "BucketRegion",
    "Date",
    "DisplayName",
    "HostId",
    "ID",
    "Initiated",
    "Initiator",
    "Location",
    "Message",
    "NextPartNumberMarker",
    "Owner",
    "RequestCharged",
    "RequestId",
    "ResponseMetadata",
    "ServerSideEncryption",
}
"""Members that no client relies on, or that are another matter: who owns it, where it is, how it is said, encryption,
and where a list of parts would go on that is not cut off."""
NAMES = ("VersionId", "UploadId", "CopySourceVersionId", "DeleteMarkerVersionId", "VersionIdMarker")
"""Members whose value a server makes up: the first one that comes is called #1, wherever it comes again."""
TOKENS = ("NextContinuationToken", "ContinuationToken", "NextVersionIdMarker", "NextUploadIdMarker")


class Player:
    """One server. A call that is refused is written down as its code and status."""

    def __init__(self, client: Any, bucket: str, *, checksums: bool) -> None:
        """Without `checksums` it does not hear them."""
        self.client = client
        self._checksums = checksums
        self.bucket = bucket
        self.said: dict[str, Any] = {}
        self._made_up: dict[str, str] = {}

    def __call__(self, label: str, operation: str, **request: Any) -> dict[str, Any]:
        """Call it, in our bucket unless told otherwise; the answer as it came, empty if it was refused."""
        assert label not in self.said, f"{label} was played already"
        answer: dict[str, Any] = {}
        try:
            answer = getattr(self.client, operation)(**{"Bucket": self.bucket, **request})
            heard = {"status": answer["ResponseMetadata"]["HTTPStatusCode"], **self._plain(answer)}
        except ClientError as problem:
            status = problem.response["ResponseMetadata"]["HTTPStatusCode"]
            heard = {"status": status, "code": problem.response["Error"]["Code"]}
        self.said[label] = heard
        return answer

    def _plain(self, told: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for name, value in told.items():
            if name in PASSING or (name.startswith("Checksum") and not self._checksums):
                continue
            plain = self._value(name, value)
            if plain not in (None, "", [], {}, False):
                found[name] = plain
        return found

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, StreamingBody):
            return value.read()
        if isinstance(value, dict):
            return self._plain(value)
        if isinstance(value, list):
            return [self._value(name, each) for each in value]
        if isinstance(value, datetime):
            return "a time"
        if name in TOKENS:
            return "a token"
        if name in NAMES and value != "null":
            return self._made_up.setdefault(str(value), f"#{len(self._made_up) + 1}")
        return value.replace(self.bucket, "bucket") if isinstance(value, str) else value
