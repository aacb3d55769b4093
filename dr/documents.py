"""YAML in, with file and line for every complaint.

YAML guesses, and its versions guess differently: `no` is false or a word, `12:30` is 750 or a time, `010` is 8 or 10.
Whatever two readers could take for two things is refused here, together with what a small file can use to become a
large one (aliases) or to bury something (duplicate keys).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, MappingStartEvent, NodeEvent, ScalarEvent, SequenceStartEvent
from ruamel.yaml.events import MappingEndEvent as MappingEnd
from ruamel.yaml.events import SequenceEndEvent as SequenceEnd
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from dr.dangling import dangling
from dr.errors import Refused
from dr.estate import Estate

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
MAX_PARTS = 20_000
"""Keys, words, lists and mappings: reading them takes a kilobyte and a tenth of a millisecond each."""

Path_ = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

TRAPS = {
    re.compile(r"(?i:y|n|yes|no|on|off)"): "is a truth value to some readers and a word to others",
    re.compile(r"[-+]?\d[\d_]*(:[0-5]?\d)+"): "is a number in base 60 to some readers and a time to others",
    re.compile(r"[-+]?0\d+"): "is octal to some readers and decimal to others",
}


@dataclass(frozen=True)
class Document:
    """Plain data, and the line that each part of it stands on (counted from 1)."""

    path: Path
    data: Any
    lines: Mapping[Path_, int]
    text: str = ""

    def where(self, *place: str | int) -> str:
        """`file:line` of the nearest thing at or above a place that is missing or wrong."""
        for length in range(len(place), -1, -1):
            if place[:length] in self.lines:
                return f"{self.path}:{self.lines[place[:length]]}"
        return str(self.path)


def read(path: Path) -> Document:
    """Read one YAML document. Raises Refused, naming file and line, for anything but plain, unambiguous data."""
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise Refused(f"{path}: {problem.strerror}", hint="name another file with --estate or DR_ESTATE") from problem
    return parse(path, raw)


def parse(path: Path, raw: bytes) -> Document:
    """One YAML document from its bytes; `path` names it in complaints."""
    if len(raw) > MAX_BYTES:
        raise Refused(f"{path}: {len(raw)} bytes; a document may have {MAX_BYTES}")
    try:
        text = raw.decode("utf-8")
        _refuse_traps(path, text)
        root = YAML(typ="safe", pure=True).compose(text)
    except UnicodeDecodeError as problem:
        raise Refused(f"{path}: not UTF-8 at byte {problem.start}") from problem
    except MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise Refused(f"{path}:{line}: {problem.problem or 'not YAML'}") from problem
    except (YAMLError, ValueError) as problem:
        raise Refused(f"{path}: not YAML: {problem}") from problem
    if root is None:
        raise Refused(f"{path}:1: the file is empty")
    lines: dict[Path_, int] = {}
    data = _plain(path, root, (), lines)
    return Document(path, data, lines, text)


def load(path: Path, model: type[Model]) -> tuple[Model, Document]:
    """Read a document into a model. Raises Refused with one line per problem, each with its file and line."""
    document = read(path)
    return _modelled(document, model), document


def _modelled(document: Document, model: type[Model]) -> Model:
    try:
        return model.model_validate(document.data)
    except ValidationError as problem:
        raise Refused(*_complaints(document, problem)) from problem


def load_estate(path: Path) -> tuple[Estate, Document]:
    """Read the estate. Raises Refused for what is misspelt, of the wrong type, or points at nothing."""
    document = read(path)
    return estate_of(document), document


def estate_of(document: Document) -> Estate:
    """The estate that a document describes. Raises Refused as `load_estate` does."""
    estate = _modelled(document, Estate)
    if problems := dangling(estate):
        raise Refused(*(f"{document.where(*place)}: {'.'.join(map(str, place))}: {what}" for place, what in problems))
    return estate


def _complaints(document: Document, problem: ValidationError) -> Iterator[str]:
    for error in problem.errors():
        place = tuple(part for part in error["loc"] if part != "[key]")
        name = ".".join(str(part) for part in place) or "the document"
        message = error["msg"].removeprefix("Value error, ")
        if error["type"] == "extra_forbidden":
            message = f"unknown key {place[-1]!r}"
            name = ".".join(str(part) for part in place[:-1]) or "the document"
        yield f"{document.where(*place)}: {name}: {message[0].lower()}{message[1:]}"


def _refuse_traps(path: Path, text: str) -> None:
    """Look at the events alone: they come one by one, so neither depth nor aliases can hurt yet."""
    depth = 0
    for number, event in enumerate(YAML(typ="safe", pure=True).parse(text)):
        line = event.start_mark.line + 1
        if number > MAX_PARTS:
            raise Refused(
                f"{path}:{line}: more than {MAX_PARTS} keys and values", hint="one application has about fifty"
            )
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
            raise Refused(f"{path}:{line}: anchors and aliases are not allowed", hint="write the value out")
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise Refused(f"{path}:{line}: nested more than {MAX_DEPTH} deep")
        elif isinstance(event, MappingEnd | SequenceEnd):
            depth -= 1
        elif isinstance(event, ScalarEvent) and event.style is None:
            for trap, reason in TRAPS.items():
                if trap.fullmatch(event.value):
                    raise Refused(
                        f"{path}:{line}: {event.value} {reason}", hint=f'quote it ("{event.value}") or write it plainly'
                    )
        if getattr(event, "tag", None):
            raise Refused(f"{path}:{line}: tags such as {event.tag} are not allowed", hint="write the value plainly")


def _plain(path: Path, node: Node, place: Path_, lines: dict[Path_, int]) -> Any:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                raise Refused(f"{path}:{line}: a key must be a plain word")
            key = str(key_node.value)
            if key in mapping:
                raise Refused(
                    f"{path}:{line}: duplicate key {key!r}, first given on line {lines[(*place, key)]}",
                    hint="one of the two would be ignored: remove it",
                )
            lines[(*place, key)] = line
            mapping[key] = _plain(path, value_node, (*place, key), lines)
        return mapping
    if isinstance(node, SequenceNode):
        return [_plain(path, item, (*place, index), lines) for index, item in enumerate(node.value)]
    return _scalar(path, node)


def _scalar(path: Path, node: Node) -> Any:
    kind = (node.tag or "").rpartition(":")[2]
    match kind:
        case "null":
            return None
        case "bool":
            return node.value.lower() == "true"
        case "int" if re.fullmatch(r"[-+]?[0-9]{1,18}", node.value):
            return int(node.value)
        case "float" if re.fullmatch(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}", node.value):
            return float(node.value)
        case "str":
            return str(node.value)
    raise Refused(f"{path}:{node.start_mark.line + 1}: {node.value} could be read as a {kind}", hint="quote it")
