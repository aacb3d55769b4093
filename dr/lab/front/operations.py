"""Which service and which operation a request is for, read from the outside and believed: nothing is proven yet."""

import re
from functools import cache
from urllib.parse import parse_qsl

import botocore.session

from dr.lab.front.exchange import Request

_SCOPE = re.compile(r"Credential=[^,\s]+/([a-z0-9-]+)/aws4_request")
_MODELS = {"tagging": "resourcegroupstaggingapi"}
"""Signing name -> botocore's name, where they differ."""
_ACTION = re.compile(rb"(?:^|&)Action=(\w+)")


def service_of(request: Request) -> str:
    """The service that a request is signed for; for an unsigned one, the service it was most likely meant for."""
    scope = _SCOPE.search(request.headers.get("Authorization"))
    if scope:
        return scope.group(1)
    credential = request.parameters.get("X-Amz-Credential", "").split("/")
    if len(credential) > 4:
        return credential[-2]
    target, _, _ = request.headers.get("X-Amz-Target").partition(".")
    if target:
        return {"TrentService": "kms"}.get(target, "secretsmanager")
    return "sts" if request.headers.get("Content-Type").startswith("application/x-www-form-urlencoded") else "s3"


def knows(service: str, operation: str) -> bool:
    """Whether a service, by its signing name, has an operation."""
    model = _MODELS.get(service, service)
    if model not in botocore.session.get_session().get_available_services():
        return False
    return operation in botocore.session.get_session().get_service_model(model).operation_names


def operation_of(service: str, request: Request) -> str:
    """The operation as the API calls it, such as CreateDBInstance; empty where it cannot be told."""
    target = request.headers.get("X-Amz-Target")
    if target:
        return target.rpartition(".")[2]
    if service in ("s3", "route53"):
        return _rest(service, request)
    action = _ACTION.search(request.body) or _ACTION.search(request.query.encode())
    return action.group(1).decode() if action else ""


def _rest(service: str, request: Request) -> str:
    """By the method, the path and what the query names, as the service's model describes each operation."""
    given = {name for name, _ in parse_qsl(request.query, keep_blank_values=True)}
    copies = "x-amz-copy-source" in request.headers
    best, most = "", -1
    for operation, method, path, named, required, copying in _shapes(service):
        if method == request.method and path.fullmatch(request.path) and named | required <= given:
            weight = 2 * len(named | required) + (copying and copies)
            if weight > most and not (copying and not copies):
                best, most = operation, weight
    return best


@cache
def _shapes(service: str) -> list[tuple[str, str, re.Pattern[str], frozenset[str], frozenset[str], bool]]:
    """Operation, method, path, what its query names always, what it must name, and whether it copies."""
    model = botocore.session.get_session().get_service_model(service)
    found = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        path, _, query = operation.http["requestUri"].partition("?")
        members = operation.input_shape.members if operation.input_shape else {}
        required = operation.input_shape.required_members if operation.input_shape else ()
        places = {member: members[member].serialization for member in required}
        pattern = re.sub(r"\\\{\w+\\\+\\\}", ".+", re.escape(path))
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", pattern)
        found.append(
            (
                name,
                operation.http["method"],
                re.compile(pattern + "/?" if service == "s3" and "Key" not in path else pattern),
                frozenset(each for each, _ in parse_qsl(query, keep_blank_values=True)),
                frozenset(at["name"] for at in places.values() if at.get("location") == "querystring"),
                any(at.get("name", "").lower() == "x-amz-copy-source" for at in places.values()),
            )
        )
    return found
