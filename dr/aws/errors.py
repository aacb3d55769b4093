"""What AWS and botocore say, in our words: one wrapper, through which every call goes.

No botocore exception leaves this package. What AWS refuses becomes an AwsError that carries its code; a region that
does not answer becomes Unreachable. Whether that ends a run or a wait is for the caller to decide, by `kind`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, SSLError
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError

from dr.aws import codes
from dr.aws.codes import Kind, kind
from dr.errors import AwsError, Unreachable

__all__ = [
    "Elsewhere",
    "Kind",
    "already",
    "calling",
    "insist_on_an_answer",
    "kind",
    "missing",
    "refused_credentials",
]

_REGION_HEADER = "x-amz-bucket-region"
_FAILING = (500, 502, 503, 504)
_PAGE = re.compile(
    rb"\s*(<\?xml.{0,200}?\?>\s*|<!--.{0,2000}?-->\s*)*<(!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)


class Elsewhere(AwsError):  # noqa: N818
    """A bucket that is in another region than the one asked: it is not followed there."""

    def __init__(self, about: str, *, operation: str, region: str, place: str) -> None:
        super().__init__(
            f"{operation}: {about} is in {place}, not in {region}",
            operation=operation,
            code="PermanentRedirect",
            region=region,
            hint="compare the estate's bucket with the site that it is said to be in",
        )
        self.place = place


def missing(problem: AwsError) -> bool:
    """Whether the thing asked for is not there."""
    return codes.missing(problem.code)


def already(problem: AwsError) -> bool:
    """Whether the name is taken, perhaps by an earlier attempt of our own."""
    return kind(problem.code) == "already"


def refused_credentials(problem: AwsError) -> bool:
    """Whether there are no credentials, or AWS does not know them: nothing was touched."""
    return codes.plain(problem.code) in codes.CREDENTIALS or problem.code in codes.CREDENTIALS


def insist_on_an_answer(response_dict: dict[str, Any], **_: Any) -> None:
    """Raises ResponseParserError for a page. Hung into a client, before botocore reads an answer.

    One that is well-formed is XML: botocore's readers find nothing in it, which is a KeyError in one service and an
    empty list in another.
    """
    body = response_dict["body"]
    if (
        response_dict["status_code"] < 300
        and isinstance(body, bytes)
        and _PAGE.match(body.removeprefix(b"\xef\xbb\xbf"))
    ):
        raise ResponseParserError(f"a page: {body[:150].decode('utf-8', 'replace')}")


@contextmanager
def calling(service: str, operation: str, about: str, region: str) -> Iterator[None]:
    """Around every call: translate what goes wrong, naming operation, object and region."""
    shown = f"{operation} of {about} in {region}"
    try:
        yield
    except ClientError as problem:
        raise _answered(problem, service, operation, about, region) from problem
    except (BotoConnectionError, HTTPClientError) as problem:
        raise Unreachable(
            f"{shown}: no answer: {_first_line(problem)}",
            operation=operation,
            code=type(problem).__name__,
            region=region,
            hint="does the certificate authority belong to this endpoint?"
            if isinstance(problem, SSLError)
            else f"is {region} up, and reachable from here? `dr lab status` tells for the lab",
            transient=not isinstance(problem, SSLError),
        ) from problem
    except ResponseParserError as problem:
        # An HTML page where XML or JSON belongs: some proxy on the way, or a server in pieces.
        raise AwsError(
            f"{shown}: the answer is not one of AWS's: {_first_line(problem)[:200]}",
            operation=operation,
            code="ResponseParserError",
            region=region,
            hint="something between here and AWS answers in its place, or the service is failing: try again",
            transient=True,
        ) from problem
    except BotoCoreError as problem:
        code = type(problem).__name__
        raise AwsError(
            f"{shown}: {_first_line(problem)}",
            operation=operation,
            code=code,
            region=region,
            hint=codes.hint(code, service, operation),
        ) from problem


def _answered(problem: ClientError, service: str, operation: str, about: str, region: str) -> AwsError:
    response: dict[str, Any] = dict(problem.response)
    error = response.get("Error", {})
    code = str(error.get("Code") or "Unknown")
    metadata = response.get("ResponseMetadata", {})
    place = metadata.get("HTTPHeaders", {}).get(_REGION_HEADER)
    if service == "s3" and place and place != region and (metadata.get("HTTPStatusCode") in (301, 307, 400)):
        return Elsewhere(about, operation=operation, region=region, place=place)
    # Whatever a failing server calls its trouble, it is the server's; the message keeps the word.
    known = code if metadata.get("HTTPStatusCode") not in _FAILING or kind(code) != "permanent" else "InternalFailure"
    # Assuming a role happens inside of other calls: name the one that failed.
    failed = problem.operation_name or operation
    service = "sts" if failed == "AssumeRole" else service
    said = " ".join(str(error.get("Message") or "").split()) or "no message"
    return AwsError(
        f"{operation} of {about} in {region}: {f'{failed}: ' if failed != operation else ''}{code}: {said}",
        operation=failed,
        code=known,
        region=region,
        hint=codes.hint(known, service, failed),
        transient=kind(known) == "transient",
    )


def _first_line(problem: Exception) -> str:
    text = " ".join(str(problem).split())
    return text[:1].lower() + text[1:]
