"""An error as AWS writes it: every family of services has its own envelope, and its own words for the same trouble."""

import json
from enum import Enum
from xml.sax.saxutils import escape

from dr.lab.front.exchange import Answer, Headers

REGIONAL = ("rds", "s3", "kms", "sts", "secretsmanager", "ec2", "sns", "tagging")
GLOBAL = ("route53", "iam", "sts")
"""Signing names, by where they are served."""

_WIRE = {"s3": "s3", "ec2": "ec2", "kms": "json", "secretsmanager": "json", "tagging": "json"}
_JSON_TYPE = "application/x-amz-json-1.1"


class Trouble(Enum):
    """What can be wrong with a request before any service has seen it."""

    NO_SIGNATURE = "the request is not signed"
    MALFORMED = "the signature cannot be read"
    UNKNOWN_KEY = "the access key is not known"
    WRONG_TOKEN = "the session token is not the key's"  # noqa: S105 - a sentence, not a secret
    EXPIRED_TOKEN = "the session is over"  # noqa: S105
    WRONG_SIGNATURE = "the signature does not match"
    WRONG_REGION = "the signature is for another region"
    SKEWED = "the signature is too old or from the future"
    DENIED = "no policy allows it, or one denies it"
    KEY_DENIED = "the service may not use this key for the caller"
    UNKNOWN_ACTION = "the service or action does not exist here"
    BROKEN = "the service failed"
    UNAVAILABLE = "the service is down"
    THROTTLED = "too many requests"


# per trouble: (query and REST-XML), JSON, S3, EC2
_CODES: dict[Trouble, tuple[tuple[int, str], tuple[int, str], tuple[int, str], tuple[int, str]]] = {
    Trouble.NO_SIGNATURE: (
        (403, "MissingAuthenticationToken"),
        (400, "MissingAuthenticationTokenException"),
        (403, "AccessDenied"),
        (403, "MissingAuthenticationToken"),
    ),
    Trouble.MALFORMED: (
        (400, "IncompleteSignature"),
        (400, "IncompleteSignatureException"),
        (400, "AuthorizationHeaderMalformed"),
        (400, "IncompleteSignature"),
    ),
    Trouble.UNKNOWN_KEY: (
        (403, "InvalidClientTokenId"),
        (403, "UnrecognizedClientException"),
        (403, "InvalidAccessKeyId"),
        (401, "AuthFailure"),
    ),
    Trouble.WRONG_TOKEN: (
        (403, "InvalidClientTokenId"),
        (403, "UnrecognizedClientException"),
        (400, "InvalidToken"),
        (401, "AuthFailure"),
    ),
    Trouble.EXPIRED_TOKEN: (
        (403, "ExpiredToken"),
        (400, "ExpiredTokenException"),
        (400, "ExpiredToken"),
        (400, "RequestExpired"),
    ),
    Trouble.WRONG_SIGNATURE: (
        (403, "SignatureDoesNotMatch"),
        (403, "InvalidSignatureException"),
        (403, "SignatureDoesNotMatch"),
        (401, "AuthFailure"),
    ),
    Trouble.WRONG_REGION: (
        (403, "SignatureDoesNotMatch"),
        (403, "InvalidSignatureException"),
        (400, "AuthorizationHeaderMalformed"),
        (401, "AuthFailure"),
    ),
    Trouble.SKEWED: (
        (403, "SignatureDoesNotMatch"),
        (403, "InvalidSignatureException"),
        (403, "RequestTimeTooSkewed"),
        (400, "RequestExpired"),
    ),
    Trouble.DENIED: (
        (403, "AccessDenied"),
        (400, "AccessDeniedException"),
        (403, "AccessDenied"),
        (403, "UnauthorizedOperation"),
    ),
    Trouble.KEY_DENIED: (
        (400, "KMSKeyNotAccessibleFault"),
        (400, "AccessDeniedException"),
        (403, "AccessDenied"),
        (403, "UnauthorizedOperation"),
    ),
    Trouble.UNKNOWN_ACTION: (
        (400, "InvalidAction"),
        (400, "UnknownOperationException"),
        (501, "NotImplemented"),
        (400, "InvalidAction"),
    ),
    Trouble.BROKEN: (
        (500, "InternalFailure"),
        (500, "InternalFailure"),
        (500, "InternalError"),
        (500, "InternalError"),
    ),
    Trouble.UNAVAILABLE: (
        (503, "ServiceUnavailable"),
        (503, "ServiceUnavailableException"),
        (503, "ServiceUnavailable"),
        (503, "Unavailable"),
    ),
    Trouble.THROTTLED: (
        (400, "Throttling"),
        (400, "ThrottlingException"),
        (503, "SlowDown"),
        (503, "RequestLimitExceeded"),
    ),
}


_ODD = {("sns", Trouble.DENIED): (403, "AuthorizationError")}
"""Where one service of a family says it in its own way."""


class Refusal(Exception):  # noqa: N818 - it is an answer on its way, not a failure of ours
    """Raised wherever a request is found wanting; the front door turns it into the service's own error.

    `extra` holds further elements of the error, such as S3's Region.
    """

    def __init__(self, trouble: Trouble, message: str, extra: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.trouble = trouble
        self.message = message
        self.extra = extra


def wire_of(service: str) -> str:
    return _WIRE.get(service, "query")


def refuse(service: str, refusal: Refusal, request_id: str) -> Answer:
    """The answer for a refusal, in the words of the service that was asked."""
    query, json_, s3, ec2 = _CODES[refusal.trouble]
    family = {"query": query, "json": json_, "s3": s3, "ec2": ec2}[wire_of(service)]
    status, code = _ODD.get((service, refusal.trouble), family)
    return error(service, status, code, refusal.message, request_id, refusal.extra)


def error(
    service: str, status: int, code: str, message: str, request_id: str, extra: tuple[tuple[str, str], ...] = ()
) -> Answer:
    """An AWS error with any code, in the envelope that clients of this service parse."""
    wire = wire_of(service)
    if wire == "json":
        body = json.dumps({"__type": code, "message": message}).encode()
        return Answer(status, json_headers(request_id).having("x-amzn-ErrorType", code), body)
    inner = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>" + "".join(
        f"<{name}>{escape(value)}</{name}>" for name, value in extra
    )
    if wire == "s3":
        text = f"<Error>{inner}<RequestId>{request_id}</RequestId><HostId>lab</HostId></Error>"
    elif wire == "ec2":
        text = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    else:
        kind = "Sender" if status < 500 else "Receiver"
        text = (
            f"<ErrorResponse><Error><Type>{kind}</Type>{inner}</Error><RequestId>{request_id}</RequestId>"
            "</ErrorResponse>"
        )
    content_type = "application/xml" if wire == "s3" else "text/xml"
    lines = [("Content-Type", content_type), ("x-amz-request-id", request_id), ("x-amzn-RequestId", request_id)]
    return Answer(status, Headers(lines), b'<?xml version="1.0" encoding="UTF-8"?>\n' + text.encode())


def json_headers(request_id: str) -> Headers:
    """The headers of an answer of the JSON services."""
    return Headers([("Content-Type", _JSON_TYPE), ("x-amzn-RequestId", request_id)])
