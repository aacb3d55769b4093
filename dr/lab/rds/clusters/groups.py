"""Cluster parameter groups: the values that all members of a cluster start from."""

from typing import Any

from dr.lab.rds import names, paging, parameters
from dr.lab.rds.clusters import describe
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import ParameterGroup, Region
from dr.lab.rds.world import World

Answer = dict[str, Any]
NAME = "DBClusterParameterGroupName"


def create(world: World, region: Region, request: dict[str, Any]) -> Answer:
    name, family = names.group(request[NAME], NAME), request["DBParameterGroupFamily"]
    if not family.startswith(describe.ENGINE):
        raise Fault(
            "InvalidParameterValue", f"ParameterGroupFamily {family[:100]} is not a valid parameter group family"
        )
    if name in region.clusters.parameter_groups:
        raise Fault("DBParameterGroupAlreadyExists", f"Parameter group {name} already exists")
    group = ParameterGroup(region.name, name, family, request["Description"], {}, names.tags(request.get("Tags")))
    region.clusters.parameter_groups[name] = group
    return {"DBClusterParameterGroup": describe.parameter_group(world, group)}


def show(world: World, region: Region, request: dict[str, Any]) -> Answer:
    name = request.get(NAME)
    found = [_find(region, name)] if name else list(region.clusters.parameter_groups.values())
    pairs = [(group.name, group) for group in found]
    return paging.page(request, pairs, "DBClusterParameterGroups", lambda group: describe.parameter_group(world, group))


def show_parameters(world: World, region: Region, request: dict[str, Any]) -> Answer:
    return parameters.page_of(world, _find(region, request[NAME]), request)


def modify(world: World, region: Region, request: dict[str, Any]) -> Answer:
    """Static parameters wait for each member's reboot; the others reach running members at once."""
    group = _find(region, request[NAME])
    if group.name.startswith("default."):
        raise Fault("InvalidDBParameterGroupState", "Default parameter groups cannot be modified.")
    changes = parameters.changes_of(world, request)
    group.values |= changes
    at_once = {name: value for name, (value, method) in changes.items() if method == "immediate"}
    for cluster in region.clusters.live.values():
        if cluster.parameter_group != group.name:
            continue
        for one in describe.members(region, cluster):
            if one.membership and len(at_once) < len(changes):
                one.membership.parameters_pending = True
            if at_once:
                parameters.take(world, one, at_once)
    return {NAME: group.name}


def delete(world: World, region: Region, request: dict[str, Any]) -> Answer:  # noqa: ARG001
    group = _find(region, request[NAME])
    user = next((one.identifier for one in region.clusters.live.values() if one.parameter_group == group.name), None)
    if user or group.name.startswith("default."):
        raise Fault(
            "InvalidDBParameterGroupState", f"{group.name} cannot be deleted: {user or 'it is the default'} uses it."
        )
    del region.clusters.parameter_groups[group.name]
    return {}


def _find(region: Region, name: str) -> ParameterGroup:
    found = region.clusters.parameter_groups.get(name.lower())
    if found is None:
        raise Fault("DBParameterGroupNotFound", f"DBClusterParameterGroup not found: {name[:255]}")
    return found
