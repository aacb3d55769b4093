"""What a parameter group sets: judged by the server, and applied to the instances that use the group."""

import re
from collections.abc import Mapping
from typing import Any

from dr.lab.engine import parameters, settings
from dr.lab.engine.parameters import Parameter
from dr.lab.engine.tree import ALLOWED
from dr.lab.rds import groups, paging
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Instance, ParameterGroup, Region
from dr.lab.rds.world import World

Answer = dict[str, Any]
MOST = 20
INTEGER = re.compile(r"[+-]?\d{1,18}")
METHODS = ("immediate", "pending-reboot")
KINDS = {"BOOLEAN": "boolean", "INTEGER": "integer", "REAL": "float"}
OWN = {
    one.name: one
    for one in (
        Parameter(settings.FORCE_TLS, "sighup", "BOOLEAN", "", "", "Force SSL connections."),
        Parameter("rds.logical_replication", "postmaster", "BOOLEAN", "", "", "Enables logical decoding."),
    )
}
"""Parameters that RDS adds to PostgreSQL's. The lab's servers can always be decoded; it keeps what it is told."""
LOADABLE = ALLOWED | {"auto_explain", "plpgsql"}
RUNNING = frozenset({"available", "backing-up", "modifying"})


def modify(world: World, region: Region, request: dict[str, Any]) -> Answer:
    group = groups.changeable(region, request["DBParameterGroupName"])
    changes = changes_of(world, request)
    group.values |= changes
    at_once = {name: value for name, (value, method) in changes.items() if method == "immediate"}
    _apply(world, region, group, at_once, later=len(at_once) < len(changes))
    return {"DBParameterGroupName": group.name}


def changes_of(world: World, request: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """What a request sets: name -> value and apply method. Raises Fault for what cannot be set so."""
    changes: dict[str, tuple[str, str]] = {}
    for given in request["Parameters"]:
        parameter, method = _asked(world, given)
        value = given.get("ParameterValue")
        if value is None:
            raise Fault("InvalidParameterValue", f"A value is required for the parameter {parameter.name}.")
        _judge(world, parameter, value)
        changes[parameter.name] = (value, method)
    _count(changes)
    return changes


def reset(world: World, region: Region, request: dict[str, Any]) -> Answer:
    group = groups.changeable(region, request["DBParameterGroupName"])
    given, everything = request.get("Parameters"), request.get("ResetAllParameters")
    if given and everything:
        raise Fault("InvalidParameterCombination", "ResetAllParameters cannot be given together with Parameters.")
    if given:
        asked = [_asked(world, one) for one in given]
        _count(asked)
    elif everything is False:
        raise Fault("InvalidParameterCombination", "Parameters must be given unless all of them are reset.")
    else:
        found = [find(world, name) for name in group.values]
        asked = [(one, "pending-reboot" if one.static else "immediate") for one in found]
    held = [(one.name, method) for one, method in asked if one.name in group.values]
    for name, _ in held:
        del group.values[name]
    at_once: dict[str, str | None] = {name: None for name, method in held if method == "immediate"}
    _apply(world, region, group, at_once, later=len(at_once) < len(held))
    return {"DBParameterGroupName": group.name}


def _asked(world: World, given: dict[str, Any]) -> tuple[Parameter, str]:
    """A parameter that may be changed in the way asked for. Raises Fault."""
    parameter, method = find(world, given.get("ParameterName", "")), given.get("ApplyMethod")
    if method not in METHODS:
        raise Fault("InvalidParameterValue", f"{parameter.name}: the apply method must be one of {METHODS}.")
    if not parameter.modifiable:
        raise Fault("InvalidParameterValue", f"The parameter {parameter.name} cannot be modified.")
    if parameter.static and method == "immediate":
        raise Fault(
            "InvalidParameterCombination", f"cannot use immediate apply method for static parameter {parameter.name}"
        )
    return parameter, method


def _count(changes: Any) -> None:
    if not 1 <= len(changes) <= MOST:
        raise Fault("InvalidParameterValue", f"Between 1 and {MOST} parameters can be changed in a single request.")


def find(world: World, name: str) -> Parameter:
    """A parameter of the server, of RDS, or of an extension that RDS allows. Raises Fault for any other name."""
    here = _known(world)
    if name in here:
        return here[name]
    extension, dot, rest = name.partition(".")
    if dot and extension in LOADABLE and re.fullmatch(r"[a-z_]{1,63}", rest):
        return Parameter(name, "user", "STRING", "", "", f"A setting of {extension}.")
    raise Fault("InvalidParameterValue", f"Could not find parameter with name: {name[:100]}")


def _known(world: World) -> dict[str, Parameter]:
    machine = world.machine
    return {**parameters.known(machine.tree, machine.account), **OWN}


def _judge(world: World, parameter: Parameter, value: str) -> None:
    """Raises Fault for a value that RDS or the server would not take. To RDS `64MB` is no integer."""
    if not value.isprintable():
        against: str | None = "it holds what cannot be printed"
    elif parameter.name in OWN:
        against = None if value in ("0", "1") else "it is 0 or 1"
    elif parameter.kind == "INTEGER" and not INTEGER.fullmatch(value):
        against = "it is an integer without a unit"
    else:
        against = parameters.complaint(world.machine, world.home, parameter.name, value)
    if against:
        allowed = _allowed(parameter) or against
        raise Fault(
            "InvalidParameterValue",
            f"Invalid parameter value: {value[:100]} for: {parameter.name} allowed values are: {allowed}",
        )


def _apply(world: World, region: Region, group: ParameterGroup, at_once: Any, *, later: bool) -> None:
    """Bring changed values to the running servers; None takes a value away. `later`: a restart brings the others."""
    for instance in region.instances.values():
        if instance.parameter_group != group.name:
            continue
        instance.parameters_pending |= later
        if at_once:
            take(world, instance, at_once)


def take(world: World, instance: Instance, values: Mapping[str, str | None]) -> None:
    """Bring new values of dynamic parameters to one instance, at once if it runs; None takes a value away."""
    merged = {**instance.cluster.parameters, **values}
    instance.cluster.parameters = {name: value for name, value in merged.items() if value is not None}
    if instance.status not in RUNNING:
        return
    instance.parameters_applying += 1

    def work() -> None:
        try:
            with world.dwelling("accepted"):
                instance.cluster.reload()
        finally:
            with world.lock:
                instance.parameters_applying -= 1

    world.spawn(f"reload {instance.identifier}", work)


def show(world: World, region: Region, request: dict[str, Any]) -> Answer:
    return page_of(world, groups.find(region, request["DBParameterGroupName"]), request)


def page_of(world: World, group: ParameterGroup, request: dict[str, Any]) -> Answer:
    """A page of the parameters of a group, from whichever source the request names."""
    source = request.get("Source")
    if source and source not in ("user", "system", "engine-default"):
        raise Fault("InvalidParameterValue", f"Invalid source: {source[:50]}")
    shown = [one for one in _described(world, group) if source in (None, one["Source"])]
    return _page(request, shown)


def defaults(world: World, region: Region, request: dict[str, Any]) -> Answer:
    """DescribeEngineDefaultParameters: of the one family that the lab's server belongs to."""
    family = request["DBParameterGroupFamily"]
    default = region.parameter_groups.get(f"default.{family}")
    if default is None:
        raise Fault("InvalidParameterValue", f"ParameterGroupFamily {family[:100]} is not a family of the lab's server")
    return {"EngineDefaults": {"DBParameterGroupFamily": family, **_page(request, _described(world, default))}}


def _page(request: dict[str, Any], shown: list[Answer]) -> Answer:
    chosen = paging.filters(request, ("parameter-name",))
    pairs = [
        (one["ParameterName"], one) for one in shown if paging.admits(chosen, parameter_name=[one["ParameterName"]])
    ]
    return paging.page(request, pairs, "Parameters", lambda one: one)


def _described(world: World, group: ParameterGroup) -> list[Answer]:
    here = _known(world) | {name: find(world, name) for name in group.values}
    return [_describe(group, one) for one in here.values()]


def _describe(group: ParameterGroup, parameter: Parameter) -> Answer:
    value, method = group.values.get(parameter.name, (None, "pending-reboot"))
    source = "user"
    if value is None:
        value = {**settings.DEFAULTS, **settings.FIXED}.get(parameter.name)
        source = "engine-default" if value is None else "system"
    return {
        "ParameterName": parameter.name,
        "ParameterValue": value,
        "Description": parameter.description,
        "Source": source,
        "ApplyType": "static" if parameter.static else "dynamic",
        "DataType": KINDS.get(parameter.kind, "string"),
        "AllowedValues": _allowed(parameter),
        "IsModifiable": parameter.modifiable,
        "ApplyMethod": method,
    }


def _allowed(parameter: Parameter) -> str | None:
    if parameter.kind == "BOOLEAN":
        return "0,1"
    return f"{parameter.low}-{parameter.high}" if parameter.low else None
