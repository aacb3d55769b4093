"""S3 says no: its own code and words for what a request got wrong, raised wherever it is noticed."""

from dr.lab.front import refusals
from dr.lab.front.exchange import Answer, Request

_STATUS = {
    "AccessDenied": 403,
    "NoSuchKey": 404,
    "NoSuchUpload": 404,
    "NoSuchVersion": 404,
    "NoSuchLifecycleConfiguration": 404,
    "NoSuchObjectLockConfiguration": 404,
    "ObjectLockConfigurationNotFoundError": 404,
    "ReplicationConfigurationNotFoundError": 404,
    "MethodNotAllowed": 405,
    "ConditionalRequestConflict": 409,
    "InvalidBucketState": 409,
    "PreconditionFailed": 412,
    "InvalidPartNumber": 416,
    "NotImplemented": 501,
}
"""Everything else is a 400."""

MALFORMED_XML = "the XML you provided was not well-formed or did not validate against our published schema"


class Declined(Exception):  # noqa: N818 - it is an answer on its way, not a failure of ours
    """A request that S3 does not do. `extra` holds further elements of the error, `headers` further headers."""

    def __init__(
        self,
        code: str,
        message: str,
        extra: tuple[tuple[str, str], ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self._extra = extra
        self._headers = headers

    def answer(self, request: Request) -> Answer:
        answer = refusals.error("s3", _STATUS.get(self.code, 400), self.code, self.message, request.id, self._extra)
        headers = answer.headers
        for name, value in self._headers:
            headers = headers.having(name, value)
        return Answer(answer.status, headers, answer.body)


def malformed() -> Declined:
    return Declined("MalformedXML", MALFORMED_XML)
