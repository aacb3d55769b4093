"""The Query protocol: a form body becomes the operation's input, a result becomes the operation's XML.

Both directions follow botocore's own description of RDS, so that every operation the SDK knows can be understood,
and no answer can have a shape that the SDK does not know.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from dr.lab.rds.faults import Fault

LARGEST_BODY = 1 << 20
MOST_FIELDS = 5000
MOST_PARTS = 16
"""No parameter of RDS has a name of so many parts."""
INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
INDEX = re.compile(r"0|[1-9]\d{0,4}", re.ASCII)
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
S = TypeVar("S", bound=Shape)
TRUTH = {"true": True, "false": False}


@dataclass
class Branch:
    """What a form holds below one part of its names: `Tags.Tag.1.Key` stands four branches deep.

    Read as a tree, a form costs as much as it is long, whatever indexes it names.
    """

    value: str | None = None
    parts: dict[str, "Branch"] = field(default_factory=dict)


class Wire:
    """Reads requests and writes answers of one service."""

    def __init__(self) -> None:
        self.model: ServiceModel = botocore.session.get_session().get_service_model("rds")
        self.namespace = str(self.model.metadata["xmlNamespace"])
        self.version = str(self.model.metadata["apiVersion"])

    def read(self, body: bytes) -> tuple[OperationModel, dict[str, Any]]:
        """The operation that a body asks for, and its parameters. Raises Fault."""
        form = _form(body)
        action = form.get("Action")
        if not action:
            raise Fault("MissingAction", "The request must contain the parameter Action.")
        version = form.get("Version", self.version)
        if version != self.version or action not in self.model.operation_names:
            raise Fault("InvalidAction", f"Could not find operation {action[:100]} for version {version[:20]}")
        operation = self.model.operation_model(action)
        return operation, self.parameters(operation, form)

    def parameters(self, operation: OperationModel, form: dict[str, str]) -> dict[str, Any]:
        """The input of an operation. What the model does not know is ignored, as AWS does."""
        shape = operation.input_shape
        if shape is None:
            return {}
        return _structure(shape, _tree(form), "")

    def answer(self, operation: OperationModel, result: dict[str, Any], request_id: str) -> bytes:
        """The XML of a result."""
        inner = ""
        shape = operation.output_shape
        if shape is not None:
            inner = _members(shape, result)
            wrapper = shape.serialization.get("resultWrapper")
            if wrapper:
                inner = f"<{wrapper}>{inner}</{wrapper}>"
        name = f"{operation.name}Response"
        metadata = f"<ResponseMetadata><RequestId>{_text(request_id)}</RequestId></ResponseMetadata>"
        return f'<{name} xmlns="{self.namespace}">{inner}{metadata}</{name}>'.encode()

    def refusal(self, code: str, message: str, status: int, request_id: str) -> bytes:
        """The XML of an error."""
        blame = "Sender" if status < 500 else "Receiver"
        error = f"<Error><Type>{blame}</Type><Code>{_text(code)}</Code><Message>{_text(message)}</Message></Error>"
        request = f"<RequestId>{_text(request_id)}</RequestId>"
        return f'<ErrorResponse xmlns="{self.namespace}">{error}{request}</ErrorResponse>'.encode()


def _form(body: bytes) -> dict[str, str]:
    if len(body) > LARGEST_BODY:
        raise Fault("MalformedInput", "The request body is too large.")
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            encoding="utf-8",
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError as problem:
        raise Fault("MalformedInput", "The request body is not a form.") from problem
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Fault("MalformedInput", "A parameter is given twice.")
    return form


def _tree(form: dict[str, str]) -> Branch:
    root = Branch()
    for name, value in form.items():
        branch = root
        for part in name.split(".", MOST_PARTS):
            branch = branch.parts.setdefault(part, Branch())
        branch.value = value
    return root


def _structure(shape: Shape, branch: Branch, prefix: str) -> dict[str, Any]:
    structure = _as(StructureShape, shape)
    found: dict[str, Any] = {}
    for name, member in structure.members.items():
        spelt = member.serialization.get("name", name)
        value = _value(member, branch.parts.get(spelt), f"{prefix}{spelt}")
        if value is not None:
            found[name] = value
    for name in structure.required_members:
        if name not in found:
            raise Fault("MissingParameter", f"The request must contain the parameter {prefix}{name}")
    return found


def _value(shape: Shape, branch: Branch | None, key: str) -> Any:
    """The value of a branch, or None where the request does not speak of it."""
    if branch is None:
        return None
    kind = shape.type_name
    if kind == "structure":
        return _structure(shape, branch, f"{key}.") if branch.parts else None
    if kind == "list":
        return _list(_as(ListShape, shape), branch, key)
    if kind == "map":
        return _map(_as(MapShape, shape), branch, key)
    text = branch.value
    if text is None:
        return None
    match kind:
        case "boolean":
            if text.lower() not in TRUTH:
                raise Fault("MalformedInput", f"{key}: {text[:50]!r} is not a boolean")
            return TRUTH[text.lower()]
        case "integer" | "long":
            if not INTEGER.fullmatch(text):
                raise Fault("MalformedInput", f"{key}: {text[:50]!r} is not an integer")
            return int(text)
        case "timestamp":
            return _moment(text, key)
        case "double" | "float":
            try:
                return float(text)
            except ValueError as problem:
                raise Fault("MalformedInput", f"{key}: {text[:50]!r} is not a number") from problem
        case _:
            return text


def _list(shape: ListShape, branch: Branch, key: str) -> list[Any] | None:
    member_name = shape.member.serialization.get("name", "member")
    places = [branch]
    if not shape.serialization.get("flattened"):
        places = [branch.parts[name] for name in (member_name, "member") if name in branch.parts]
    for place in places:
        numbers = sorted(int(part) for part in place.parts if INDEX.fullmatch(part))
        if numbers:
            values = [_value(shape.member, place.parts[str(number)], f"{key}.{number}") for number in numbers]
            return [value for value in values if value is not None]
    return [] if branch.value == "" else None


def _map(shape: MapShape, branch: Branch, key: str) -> dict[str, Any] | None:
    place = branch if shape.serialization.get("flattened") else branch.parts.get("entry", Branch())
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    found: dict[str, Any] = {}
    number = 1
    while (pair := place.parts.get(str(number))) and (name := pair.parts.get(key_name)) and name.value is not None:
        found[name.value] = _value(shape.value, pair.parts.get(value_name), f"{key}.{number}")
        number += 1
    return found or None


def _moment(text: str, key: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as problem:
        raise Fault("MalformedInput", f"{key}: {text[:50]!r} is not a time") from problem


def _members(shape: Shape, value: dict[str, Any]) -> str:
    members = _as(StructureShape, shape).members
    unknown = value.keys() - members.keys()
    if unknown:
        raise AssertionError(f"{shape.name} has no {sorted(unknown)}")
    parts = []
    for name, member in members.items():
        if value.get(name) is not None:
            tag = member.serialization.get("name", name)
            parts.append(f"<{tag}>{_xml(member, value[name])}</{tag}>")
    return "".join(parts)


def _xml(shape: Shape, value: Any) -> str:
    match shape.type_name:
        case "structure":
            return _members(shape, value)
        case "list":
            member = _as(ListShape, shape).member
            tag = member.serialization.get("name", "member")
            return "".join(f"<{tag}>{_xml(member, item)}</{tag}>" for item in value)
        case "boolean":
            if not isinstance(value, bool):
                raise TypeError(f"{shape.name}: {value!r} is not a boolean")
            return "true" if value else "false"
        case "integer" | "long":
            return str(int(value))
        case "timestamp":
            return stamp(value)
        case "string":
            return _text(str(value))
        case other:
            raise AssertionError(f"{shape.name}: no answer of type {other} exists in RDS")


def stamp(moment: datetime) -> str:
    """A time as RDS prints it: UTC, with milliseconds only where there are some."""
    precision = "milliseconds" if moment.microsecond >= 1000 else "seconds"
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def _text(text: str) -> str:
    return escape(NOT_XML.sub("\ufffd", text))


def _as(kind: type[S], shape: Shape) -> S:
    if not isinstance(shape, kind):
        raise TypeError(f"{shape.name} is not a {kind.__name__}")
    return shape
