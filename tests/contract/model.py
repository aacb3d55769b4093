"""Holds what comes over the wire against botocore's model of the service: no member too many, no error undeclared."""

import re
from typing import Any
from xml.etree import ElementTree

from botocore.model import ListShape, OperationModel, Shape, StructureShape
from botocore.validate import ParamValidator

COMMON = {
    "AccessDenied",
    "ExpiredToken",
    "IncompleteSignature",
    "InternalFailure",
    "InvalidAction",
    "InvalidClientTokenId",
    "InvalidParameterCombination",
    "InvalidParameterValue",
    "MalformedInput",
    "MissingAction",
    "MissingAuthenticationToken",
    "MissingParameter",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "SignatureDoesNotMatch",
    "Throttling",
}
"""Errors of the Query protocol that any operation may give although its model declares them for none."""
SCALARS = {
    "boolean": re.compile(r"true|false"),
    "integer": re.compile(r"-?\d+"),
    "long": re.compile(r"-?\d+"),
    "double": re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?"),
    "timestamp": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
}


def hold(client: Any) -> None:
    """Make every call of a client fail whose answer is not one that the model describes."""
    # First, because botocore itself goes on to change some answers, such as IAM's policies.
    client.meta.events.register_first(f"after-call.{client.meta.service_model.service_id.hyphenize()}", _check)


def _check(http_response: Any, parsed: dict[str, Any], model: OperationModel, **_: Any) -> None:
    rds, refused = model.service_model.service_name == "rds", http_response.status_code >= 300
    # The errors and the XML of the other services are moto's; of RDS they are our own, to the last element.
    if refused:
        wrong = undeclared(model, parsed) if rds else []
    else:
        wrong = unlike(model, http_response.content) if rds else _invalid(model, parsed)
    assert not wrong, f"{model.name}: {wrong}"


def undeclared(model: OperationModel, parsed: dict[str, Any]) -> list[str]:
    """The error code of a refusal, if it is neither declared for the operation nor common to all."""
    code = parsed.get("Error", {}).get("Code", "none at all")
    declared = {shape.metadata.get("error", {}).get("code", shape.name) for shape in model.error_shapes}
    return [] if code in declared | COMMON else [f"does not declare {code}"]


def unlike(model: OperationModel, body: bytes) -> list[str]:
    """Where the XML of an answer differs from the operation's output shape. botocore's parser would overlook it."""
    root = ElementTree.fromstring(body)  # noqa: S314 - our own lab answers
    shape = model.output_shape
    tags = [_tag(child) for child in root]
    if shape is None:
        return [] if tags == ["ResponseMetadata"] else [f"{tags} although there is no output"]
    wrapper = shape.serialization.get("resultWrapper")
    if not wrapper:
        return list(_differences(shape, [child for child in root if _tag(child) != "ResponseMetadata"], model.name))
    if tags != [wrapper, "ResponseMetadata"]:
        return [f"{tags} instead of {wrapper}"]
    return _differences(shape, list(root[0]), model.name)


def _invalid(model: OperationModel, parsed: dict[str, Any]) -> list[str]:
    if model.output_shape is None or model.has_event_stream_output:
        return []
    found = {name: value for name, value in parsed.items() if name != "ResponseMetadata"}
    report = ParamValidator().validate(found, model.output_shape)
    return [report.generate_report()] if report.has_errors() else []


def _differences(shape: Shape, children: list[ElementTree.Element], path: str) -> list[str]:
    if isinstance(shape, StructureShape):
        return _structure(shape, children, path)
    assert isinstance(shape, ListShape), f"{path}: {shape.type_name} was not expected in an answer"
    name = shape.member.serialization.get("name", "member")
    found = []
    for number, child in enumerate(children):
        if _tag(child) != name:
            found.append(f"{path}[{number}]: {_tag(child)} instead of {name}")
        else:
            found += _value(shape.member, child, f"{path}[{number}]")
    return found


def _structure(shape: StructureShape, children: list[ElementTree.Element], path: str) -> list[str]:
    members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
    given = [_tag(child) for child in children]
    found = [f"{path}: {name} twice" for name in set(given) if given.count(name) > 1]
    found += [f"{path}: {name} is unknown" for name in given if name not in members]
    found += [f"{path}: {name} is missing" for name in shape.required_members if name not in given]
    for child in children:
        if _tag(child) in members:
            found += _value(members[_tag(child)], child, f"{path}.{_tag(child)}")
    return found


def _value(shape: Shape, element: ElementTree.Element, path: str) -> list[str]:
    if shape.type_name in ("structure", "list"):
        return _differences(shape, list(element), path)
    if len(element):
        return [f"{path}: elements inside of a {shape.type_name}"]
    form = SCALARS.get(shape.type_name)
    return [] if form is None or form.fullmatch(element.text or "") else [f"{path}: {element.text!r}"]


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
