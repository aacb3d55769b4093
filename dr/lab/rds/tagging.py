"""Tags of everything that has an ARN."""

from typing import Any

from dr.lab.rds import describe, names
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Region, Tags
from dr.lab.rds.world import World

Answer = dict[str, Any]
NOT_FOUND = {"db": "DBInstanceNotFound", "snapshot": "DBSnapshotNotFound", "cluster": "DBClusterNotFoundFault"}


def everything(world: World, region: Region) -> dict[str, Tags]:
    """ARN -> tags, the live ones."""
    found = {world.arn(region.name, "db", one.identifier): one.tags for one in region.instances.values()}
    found |= {world.arn(region.name, "snapshot", one.identifier): one.tags for one in region.snapshots.values()}
    found |= {world.arn(region.name, "subgrp", one.name): one.tags for one in region.subnet_groups.values()}
    found |= {world.arn(region.name, "pg", one.name): one.tags for one in region.parameter_groups.values()}
    found |= {describe.backup_arn(world, one): one.tags for one in region.backups.values()}
    own = region.clusters
    found |= {world.arn(region.name, "cluster", one.identifier): one.tags for one in own.live.values()}
    found |= {world.arn(region.name, "cluster-snapshot", one.identifier): one.tags for one in own.snapshots.values()}
    found |= {world.arn(region.name, "cluster-pg", one.name): one.tags for one in own.parameter_groups.values()}
    found |= {world.arn(region.name, "cluster-auto-backup", one.arn_name): one.tags for one in own.backups.values()}
    return found


def add(world: World, region: Region, request: dict[str, Any]) -> Answer:
    held = _held(world, region, request["ResourceName"])
    merged = {**held, **names.tags(request["Tags"])}
    names.tags(names.tag_list(merged))
    held.update(merged)
    return {}


def remove(world: World, region: Region, request: dict[str, Any]) -> Answer:
    held = _held(world, region, request["ResourceName"])
    for key in request["TagKeys"]:
        held.pop(key, None)
    return {}


def show(world: World, region: Region, request: dict[str, Any]) -> Answer:
    return {"TagList": names.tag_list(_held(world, region, request["ResourceName"]))}


def _held(world: World, region: Region, arn: str) -> Tags:
    parts = arn.split(":", 6)
    if len(parts) < 7 or parts[:3] != ["arn", "aws", "rds"]:
        raise Fault("InvalidParameterValue", f"Invalid resource name: {arn[:300]}")
    found = everything(world, region).get(arn)
    if found is None:
        raise Fault(NOT_FOUND.get(parts[5], "InvalidParameterValue"), f"{arn[:300]} not found.")
    return found
