"""DeleteObjects, which is refused key by key: what the caller may not delete comes back as an error of its own, in an
answer that says 200. (botocore's model of DeleteObjects.)
"""

import base64
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from dr.lab.front import refusals, xml
from dr.lab.front.exchange import Answer, Headers, Request
from dr.lab.front.refusals import Refusal
from dr.lab.front.sigv4 import UNSIGNED
from dr.lab.iam.needs import Wanted

_ROOT = "Delete"
_RESULT = "DeleteResult"


def is_one(service: str, request: Request) -> bool:
    return service == "s3" and request.method == "POST" and "delete" in request.parameters


def answer(request: Request, demand: Callable[[Wanted], None], forward: Callable[[Request], Answer]) -> Answer:
    """Demand each deletion, hand over those that are allowed, and tell of the others. `request` has its plain body."""
    bucket = unquote(request.path.strip("/"))
    try:
        document = xml.read(request.body).get(_ROOT)
    except xml.ExpatError:
        document = None
    if not isinstance(document, dict):
        message = "The XML you provided was not well-formed"
        return refusals.error("s3", 400, "MalformedXML", message, request.id)
    allowed: list[dict[str, Any]] = []
    denied: list[dict[str, Any]] = []
    for one in _several(document.get("Object")):
        version = str(one.get("VersionId") or "")
        resource = f"arn:aws:s3:::{bucket}/{one.get('Key')}"
        try:
            if version:
                demand(Wanted("s3:DeleteObjectVersion", resource, {"s3:versionid": (version,)}))
            else:
                demand(Wanted("s3:DeleteObject", resource))
            allowed.append(one)
        except Refusal as problem:
            told = {"Key": one.get("Key"), "Code": "AccessDenied", "Message": problem.message}
            denied.append(told | ({"VersionId": version} if version else {}))
    if not denied:
        return forward(request)
    result: dict[str, Any] = {}
    if allowed:
        answered = forward(_only(request, document, allowed))
        if answered.status >= 300:
            return answered
        found = xml.read(answered.body).get(_RESULT)
        result = found if isinstance(found, dict) else {}
    result["Error"] = [*_several(result.get("Error")), *denied]
    return Answer(200, Headers([("Content-Type", "application/xml")]), xml.write({_RESULT: result}))


def _only(request: Request, document: dict[str, Any], objects: list[dict[str, Any]]) -> Request:
    """The same request for fewer objects: what was proven about its body holds no longer, so it is said anew."""
    body = xml.write({_ROOT: document | {"Object": objects}})
    kept = [
        (name, value)
        for name, value in request.headers.lines
        if name.lower() != "content-md5" and not name.lower().startswith(("x-amz-checksum-", "x-amz-sdk-checksum-"))
    ]
    digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    headers = Headers(kept).having("Content-MD5", digest)
    headers = headers.having("X-Amz-Content-Sha256", UNSIGNED).having("Content-Length", str(len(body)))
    return Request(request.method, request.target, headers, body, request.id)


def _several(found: Any) -> list[dict[str, Any]]:
    """What may stand once or many times in a document."""
    listed = found if isinstance(found, list) else [found]
    return [one for one in listed if isinstance(one, dict)]
