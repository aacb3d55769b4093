"""A request for any operation, made from botocore's model of it: the least that the operation asks for."""

from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StringShape, StructureShape

DEEPEST = 6
SHORTEST = 6


def least(operation: OperationModel, known: dict[str, Any]) -> dict[str, Any]:
    """The required members of an operation's input; `known` holds what a member of that name is wherever it stands.

    Members of the input itself are given if they are known, required or not.
    """
    shape = operation.input_shape
    if shape is None:
        return {}
    more = {name: known[name] for name in shape.members if name in known}
    return {**_structure(shape, known, 0), **more}


def _structure(shape: StructureShape, known: dict[str, Any], depth: int) -> dict[str, Any]:
    if depth > DEEPEST:
        return {}
    names = [next(iter(shape.members))] if shape.is_tagged_union else shape.required_members
    return {name: _value(name, shape.members[name], known, depth + 1) for name in names}


def _value(name: str, shape: Shape, known: dict[str, Any], depth: int) -> Any:
    if name in known:
        return known[name]
    if isinstance(shape, StructureShape):
        return _structure(shape, known, depth)
    if isinstance(shape, ListShape):
        return [_value(name, shape.member, known, depth + 1)]
    if isinstance(shape, MapShape):
        return {"swept": _value(name, shape.value, known, depth + 1)}
    if isinstance(shape, StringShape):
        return shape.enum[0] if shape.enum else "s" * max(SHORTEST, shape.metadata.get("min", 0))
    least_number = shape.metadata.get("min", 1)
    scalars = {"boolean": False, "timestamp": 1_700_000_000, "blob": b"swept", "float": 1.0, "double": 1.0}
    return scalars.get(shape.type_name, least_number)
