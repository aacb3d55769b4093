"""Subnet groups and parameter groups."""

import re
from typing import Any

from dr.lab.rds import describe, names, paging, placement
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import ParameterGroup, Region, SubnetGroup
from dr.lab.rds.world import World

Answer = dict[str, Any]
FAMILY = re.compile(r"postgres(9\.\d|1\d)|aurora-postgresql1\d")


def create_subnet_group(world: World, region: Region, request: dict[str, Any]) -> Answer:
    name = names.subnet_group(request["DBSubnetGroupName"])
    if name in region.subnet_groups:
        raise Fault("DBSubnetGroupAlreadyExists", f"The DB subnet group '{name}' already exists.")
    if len(region.subnet_groups) >= region.quotas.subnet_groups:
        raise Fault("DBSubnetGroupQuotaExceeded", f"The quota of {region.quotas.subnet_groups} groups is used up.")
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
    users = {one.identifier: one.subnet_group for one in region.instances.values()}
    users |= {one.identifier: one.subnet_group for one in region.clusters.live.values()}
    user = next((name for name, used in users.items() if used == group.name), None)
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
    if len(region.parameter_groups) >= region.quotas.parameter_groups:
        raise Fault("DBParameterGroupQuotaExceeded", f"The quota of {region.quotas.parameter_groups} is used up.")
    group = ParameterGroup(region.name, name, family, request["Description"], {}, names.tags(request.get("Tags")))
    region.parameter_groups[name] = group
    return {"DBParameterGroup": describe.parameter_group(world, group)}


def show_parameter_groups(world: World, region: Region, request: dict[str, Any]) -> Answer:
    name = request.get("DBParameterGroupName")
    found = [find(region, name)] if name else list(region.parameter_groups.values())
    pairs = [(group.name, group) for group in found]
    return paging.page(request, pairs, "DBParameterGroups", lambda group: describe.parameter_group(world, group))


def copy_parameter_group(world: World, region: Region, request: dict[str, Any]) -> Answer:
    """A copy in the same region: an ARN of another region names nothing that can be copied here."""
    given = request["SourceDBParameterGroupIdentifier"]
    source = find(region, given.removeprefix(world.arn(region.name, "pg", "")))
    if source.name.startswith("default."):
        raise Fault("InvalidParameterValue", "Default parameter groups cannot be copied: create one instead.")
    name = names.group(request["TargetDBParameterGroupIdentifier"], "TargetDBParameterGroupIdentifier")
    if name in region.parameter_groups:
        raise Fault("DBParameterGroupAlreadyExists", f"Parameter group {name} already exists")
    group = ParameterGroup(
        region.name,
        name,
        source.family,
        request["TargetDBParameterGroupDescription"],
        dict(source.values),
        names.tags(request.get("Tags")),
    )
    region.parameter_groups[name] = group
    return {"DBParameterGroup": describe.parameter_group(world, group)}


def delete_parameter_group(world: World, region: Region, request: dict[str, Any]) -> Answer:  # noqa: ARG001
    group = find(region, request["DBParameterGroupName"])
    user = next((one.identifier for one in region.instances.values() if one.parameter_group == group.name), None)
    if user or group.name.startswith("default."):
        raise Fault(
            "InvalidDBParameterGroupState", f"{group.name} cannot be deleted: {user or 'it is the default'} uses it."
        )
    del region.parameter_groups[group.name]
    return {}


def find(region: Region, name: str) -> ParameterGroup:
    """A parameter group by name. Raises Fault."""
    found = region.parameter_groups.get(name.lower())
    if found is None:
        raise Fault("DBParameterGroupNotFound", f"DBParameterGroup not found: {name[:255]}")
    return found


def changeable(region: Region, name: str) -> ParameterGroup:
    """A parameter group whose values may be changed. Raises Fault for AWS's own."""
    group = find(region, name)
    if group.name.startswith("default."):
        raise Fault("InvalidDBParameterGroupState", "Default parameter groups cannot be modified.")
    return group
