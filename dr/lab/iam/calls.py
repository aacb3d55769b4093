"""A request as an operation with its parameters, however the service spells them on the wire."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from dr.lab.front import xml
from dr.lab.front.exchange import Request
from dr.lab.front.refusals import wire_of

_TAG = re.compile(r"(?:.*\bTag|Tags\.member)\.\d+\.Key")
_TAG_KEY = re.compile(r"TagKeys\.(?:member\.)?\d+")

_ROUTE53 = (
    ("GET", r"/hostedzone", "ListHostedZones"),
    ("POST", r"/hostedzone", "CreateHostedZone"),
    ("GET", r"/hostedzonesbyname", "ListHostedZonesByName"),
    ("GET", r"/hostedzone/(?P<Id>[^/]+)", "GetHostedZone"),
    ("DELETE", r"/hostedzone/(?P<Id>[^/]+)", "DeleteHostedZone"),
    ("GET", r"/hostedzone/(?P<Id>[^/]+)/rrset/?", "ListResourceRecordSets"),
    ("POST", r"/hostedzone/(?P<Id>[^/]+)/rrset/?", "ChangeResourceRecordSets"),
    ("GET", r"/change/(?P<Id>[^/]+)", "GetChange"),
    ("GET", r"/healthcheck", "ListHealthChecks"),
    ("POST", r"/healthcheck", "CreateHealthCheck"),
    ("GET", r"/healthcheck/(?P<Id>[^/]+)", "GetHealthCheck"),
    ("POST", r"/healthcheck/(?P<Id>[^/]+)", "UpdateHealthCheck"),
    ("DELETE", r"/healthcheck/(?P<Id>[^/]+)", "DeleteHealthCheck"),
    ("GET", r"/healthcheck/(?P<Id>[^/]+)/status", "GetHealthCheckStatus"),
    ("GET", r"/tags/(?P<Type>[^/]+)/(?P<Id>[^/]+)", "ListTagsForResource"),
    ("POST", r"/tags/(?P<Type>[^/]+)/(?P<Id>[^/]+)", "ChangeTagsForResource"),
)
"""Route 53's addresses below its version, from botocore's model."""


@dataclass(frozen=True)
class Call:
    """One operation of one service, as far as it can be read; the operation is empty where it cannot."""

    account: str
    region: str
    service: str
    operation: str
    parameters: Mapping[str, Any]
    """As the wire spells them: a form's are flat (`Tags.Tag.1.Key`)."""

    def text(self, parameter: str) -> str:
        found = self.parameters.get(parameter)
        return found if isinstance(found, str) else ""

    @property
    def tags(self) -> dict[str, str]:
        """The tags that the request would set."""
        found: dict[str, str] = {}
        for name, value in self.parameters.items():
            if _TAG.fullmatch(name):
                found[value] = self.text(f"{name.removesuffix('Key')}Value")
        given = self.parameters.get("Tags")
        if isinstance(given, dict):
            found |= {str(key): str(value) for key, value in given.items()}
        for tag in given if isinstance(given, list) else ():
            if isinstance(tag, dict):
                key = tag.get("Key") or tag.get("TagKey") or ""
                found[str(key)] = str(tag.get("Value") or tag.get("TagValue") or "")
        return found

    @property
    def tag_keys(self) -> tuple[str, ...]:
        """The keys of the tags that the request would set or remove."""
        flat = [str(value) for name, value in self.parameters.items() if _TAG_KEY.fullmatch(name)]
        listed = self.parameters.get("TagKeys")
        return tuple(dict.fromkeys((*self.tags, *flat, *(listed if isinstance(listed, list) else ()))))


def read(account: str, region: str, service: str, request: Request) -> Call:
    """The operation that a request asks for. S3's are read where its table is."""
    operation, parameters = "", {}
    if wire_of(service) == "json":
        operation = request.headers.get("X-Amz-Target").rpartition(".")[2]
        parameters = _json(request.body)
    elif service == "route53":
        operation, parameters = _route53(request)
    else:
        parameters = _form(request)
        operation = parameters.pop("Action", "")
    return Call(account, region, service, operation, parameters)


def _form(request: Request) -> dict[str, Any]:
    """The form in the body, or in the query. What could be read in two ways is not read at all."""
    body = request.body.decode("utf-8", "replace")
    pairs = parse_qsl(body or request.query, keep_blank_values=True)
    found = dict(pairs)
    ambiguous = len(found) != len(pairs) or ("Action=" in request.query and "Action=" in body)
    return {} if ambiguous else found


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _route53(request: Request) -> tuple[str, dict[str, Any]]:
    path = re.sub(r"^/\d{4}-\d{2}-\d{2}", "", request.path)
    for method, pattern, operation in _ROUTE53:
        match = re.fullmatch(pattern, path)
        if match and method == request.method:
            return operation, dict(match.groupdict())
    return "", {}


def object_tags(body: bytes) -> dict[str, str]:
    """The tags of a PutObjectTagging document; none where it cannot be read."""
    try:
        tags = _inside(_inside(xml.read(body), "Tagging"), "TagSet").get("Tag") or []
    except xml.ExpatError:
        return {}
    return {
        str(tag.get("Key")): str(tag.get("Value") or "")
        for tag in (tags if isinstance(tags, list) else [tags])
        if isinstance(tag, dict)
    }


def _inside(element: dict[str, Any], name: str) -> dict[str, Any]:
    found = element.get(name)
    return found if isinstance(found, dict) else {}
