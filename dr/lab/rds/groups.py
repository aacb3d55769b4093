"""Subnet groups and parameter groups."""

import re
from typing import Any

from dr.lab.rds import describe, names, paging, placement
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Instance, ParameterGroup, Region, SubnetGroup
from dr.lab.rds.world import World

Answer = dict[str, Any]
FAMILY = re.compile(r"postgres(9\.\d|1\d)")
PARAMETER = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")
STATIC = {
    "autovacuum_max_workers",
    "huge_pages",
    "max_connections",
    "max_locks_per_transaction",
    "max_prepared_transactions",
    "max_replication_slots",
    "max_wal_senders",
    "max_worker_processes",
    "rds.logical_replication",
    "shared_buffers",
    "shared_preload_libraries",
    "track_activity_query_size",
    "track_commit_timestamp",
    "wal_buffers",
}
"""Parameters that only a restart changes."""


def create_subnet_group(world: World, region: Region, request: dict[str, Any]) -> Answer:
    name = names.subnet_group(request["DBSubnetGroupName"])
    if name in region.subnet_groups:
        raise Fault("DBSubnetGroupAlreadyExists", f"The DB subnet group '{name}' already exists.")
    subnets = []
    for identifier in request["SubnetIds"]:
        subnet = world.keys.subnet(region.name, identifier)
        if subnet is None:
            raise Fault("InvalidSubnet", f"Subnet IDs are required: {identifier[:100]} does not exist.")
        subnets.append(subnet)
    if len({subnet.vpc for subnet in subnets}) > 1:
        raise Fault("InvalidSubnet", "The subnets of a group must be in one VPC.")
    if len({subnet.zone for subnet in subnets}) < 2:
        raise Fault(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Add subnets to cover at "
            "least 2 AZs.",
        )
    tags = names.tags(request.get("Tags"))
    group = SubnetGroup(region.name, name, request["DBSubnetGroupDescription"], subnets, tags)
    region.subnet_groups[name] = group
    return {"DBSubnetGroup": describe.subnet_group(world, group)}


def show_subnet_groups(world: World, region: Region, request: dict[str, Any]) -> Answer:
    name = request.get("DBSubnetGroupName")
    found = [placement.subnet_group(region, name)] if name else list(region.subnet_groups.values())
    pairs = [(group.name, group) for group in found]
    return paging.page(request, pairs, "DBSubnetGroups", lambda group: describe.subnet_group(world, group))


def delete_subnet_group(world: World, region: Region, request: dict[str, Any]) -> Answer:  # noqa: ARG001
    group = placement.subnet_group(region, request["DBSubnetGroupName"])
    user = next((one.identifier for one in region.instances.values() if one.subnet_group == group.name), None)
    if user or group.name == "default":
        raise Fault(
            "InvalidDBSubnetGroupStateFault",
            f"Cannot delete the subnet group '{group.name}' because {user or 'AWS'} is still using it.",
        )
    del region.subnet_groups[group.name]
    return {}


def create_parameter_group(world: World, region: Region, request: dict[str, Any]) -> Answer:
    name = names.group(request["DBParameterGroupName"], "DBParameterGroupName")
    family = request["DBParameterGroupFamily"]
    if not FAMILY.fullmatch(family):
        raise Fault(
            "InvalidParameterValue", f"ParameterGroupFamily {family[:100]} is not a valid parameter group family"
        )
    if name in region.parameter_groups:
        raise Fault("DBParameterGroupAlreadyExists", f"Parameter group {name} already exists")
    group = ParameterGroup(region.name, name, family, request["Description"], {}, names.tags(request.get("Tags")))
    region.parameter_groups[name] = group
    return {"DBParameterGroup": describe.parameter_group(world, group)}


def show_parameter_groups(world: World, region: Region, request: dict[str, Any]) -> Answer:
    name = request.get("DBParameterGroupName")
    found = [_parameter_group(region, name)] if name else list(region.parameter_groups.values())
    pairs = [(group.name, group) for group in found]
    return paging.page(request, pairs, "DBParameterGroups", lambda group: describe.parameter_group(world, group))


def modify_parameter_group(world: World, region: Region, request: dict[str, Any]) -> Answer:
    group = _parameter_group(region, request["DBParameterGroupName"])
    _changeable(group)
    changes: dict[str, tuple[str, str]] = {}
    for given in request["Parameters"]:
        name, value = given.get("ParameterName", ""), given.get("ParameterValue")
        method = given.get("ApplyMethod")
        if not PARAMETER.fullmatch(name):
            raise Fault("InvalidParameterValue", f"Could not find parameter with name: {name[:100]}")
        if value is None or method not in ("immediate", "pending-reboot") or not value.isprintable():
            raise Fault("InvalidParameterValue", f"{name}: a printable value and an apply method are required.")
        if name in STATIC and method == "immediate":
            raise Fault("InvalidParameterCombination", f"cannot use immediate apply method for static parameter {name}")
        changes[name] = (value, method)
    if not 1 <= len(changes) <= 20:
        raise Fault("InvalidParameterValue", "Between 1 and 20 parameters can be modified in a single request.")
    group.values |= changes
    at_once = {name: value for name, (value, method) in changes.items() if method == "immediate"}
    for instance in region.instances.values():
        if instance.parameter_group == group.name:
            if len(at_once) < len(changes):
                instance.parameters_pending = True
            if at_once and not instance.parameters_pending:
                _reload(world, instance, at_once)
    return {"DBParameterGroupName": group.name}


def _reload(world: World, instance: Instance, values: dict[str, str]) -> None:
    instance.cluster.parameters = {**instance.cluster.parameters, **values}
    if instance.status == "available":
        world.spawn(f"reload {instance.identifier}", instance.cluster.reload)


def show_parameters(world: World, region: Region, request: dict[str, Any]) -> Answer:  # noqa: ARG001
    group = _parameter_group(region, request["DBParameterGroupName"])
    source = request.get("Source")
    if source and source not in ("user", "system", "engine-default"):
        raise Fault("InvalidParameterValue", f"Invalid source: {source[:50]}")
    pairs = [(name, name) for name in group.values] if source in (None, "user") else []
    return paging.page(request, pairs, "Parameters", lambda name: _parameter(group, name))


def _parameter(group: ParameterGroup, name: str) -> dict[str, Any]:
    value, method = group.values[name]
    return {
        "ParameterName": name,
        "ParameterValue": value,
        "Source": "user",
        "ApplyType": "static" if name in STATIC else "dynamic",
        "DataType": "string",
        "IsModifiable": True,
        "ApplyMethod": method,
    }


def delete_parameter_group(world: World, region: Region, request: dict[str, Any]) -> Answer:  # noqa: ARG001
    group = _parameter_group(region, request["DBParameterGroupName"])
    user = next((one.identifier for one in region.instances.values() if one.parameter_group == group.name), None)
    if user or group.name.startswith("default."):
        raise Fault(
            "InvalidDBParameterGroupState", f"{group.name} cannot be deleted: {user or 'it is the default'} uses it."
        )
    del region.parameter_groups[group.name]
    return {}


def _parameter_group(region: Region, name: str) -> ParameterGroup:
    found = region.parameter_groups.get(name.lower())
    if found is None:
        raise Fault("DBParameterGroupNotFound", f"DBParameterGroup not found: {name[:255]}")
    return found


def _changeable(group: ParameterGroup) -> None:
    if group.name.startswith("default."):
        raise Fault("InvalidDBParameterGroupState", "Default parameter groups cannot be modified.")
