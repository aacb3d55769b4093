"""The Query protocol: a form body becomes the operation's input, a result becomes the operation's XML.

Both directions follow botocore's own description of RDS, so that every operation the SDK knows can be understood,
and no answer can have a shape that the SDK does not know.
"""

import re
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from dr.lab.rds.faults import Fault

LARGEST_BODY = 1 << 20
MOST_FIELDS = 5000
INTEGER = re.compile(r"[+-]?\d{1,18}")
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
S = TypeVar("S", bound=Shape)
TRUTH = {"true": True, "false": False}


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
        return _structure(shape, form, "")

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


def _structure(shape: Shape, form: dict[str, str], prefix: str) -> dict[str, Any]:
    structure = _as(StructureShape, shape)
    found: dict[str, Any] = {}
    for name, member in structure.members.items():
        key = f"{prefix}{member.serialization.get('name', name)}"
        value = _value(member, form, key)
        if value is not None:
            found[name] = value
    for name in structure.required_members:
        if name not in found:
            raise Fault("MissingParameter", f"The request must contain the parameter {prefix}{name}")
    return found


def _value(shape: Shape, form: dict[str, str], key: str) -> Any:
    """The value below a key, or None where the request does not speak of it."""
    kind = shape.type_name
    if kind == "structure":
        return _structure(shape, form, f"{key}.") if any(name.startswith(f"{key}.") for name in form) else None
    if kind == "list":
        return _list(_as(ListShape, shape), form, key)
    if kind == "map":
        return _map(_as(MapShape, shape), form, key)
    if key not in form:
        return None
    text = form[key]
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


def _list(shape: ListShape, form: dict[str, str], key: str) -> list[Any] | None:
    member_name = shape.member.serialization.get("name", "member")
    prefixes = [key] if shape.serialization.get("flattened") else [f"{key}.{member_name}", f"{key}.member"]
    for prefix in prefixes:
        numbers = set()
        for name in form:
            if name.startswith(f"{prefix}."):
                number = name[len(prefix) + 1 :].split(".", 1)[0]
                if number.isascii() and number.isdecimal() and len(number) < 6:
                    numbers.add(int(number))
        if numbers:
            values = [_value(shape.member, form, f"{prefix}.{number}") for number in sorted(numbers)]
            return [value for value in values if value is not None]
    return [] if form.get(key) == "" else None


def _map(shape: MapShape, form: dict[str, str], key: str) -> dict[str, Any] | None:
    prefix = key if shape.serialization.get("flattened") else f"{key}.entry"
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    found: dict[str, Any] = {}
    number = 1
    while f"{prefix}.{number}.{key_name}" in form:
        found[form[f"{prefix}.{number}.{key_name}"]] = _value(shape.value, form, f"{prefix}.{number}.{value_name}")
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
