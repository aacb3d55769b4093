"""Read replicas: create them in this region or from another, promote them, and hold them back for a rehearsal."""

from typing import Any

from dr.lab.engine import standby
from dr.lab.engine.cluster import Cluster
from dr.lab.rds import automated, backups, describe, following, instances, names, placement
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Following, Instance, Region, Traits
from dr.lab.rds.world import World

Answer = dict[str, Any]
PER_SOURCE = 15


def create(world: World, region: Region, request: dict[str, Any]) -> Answer:
    identifier = placement.identifier(request)
    source = _source(world, region, request)
    _may_be_followed(world, source)
    if request.get("DBParameterGroupName"):
        raise Fault(
            "InvalidParameterCombination",
            "A parameter group cannot be given for a read replica of postgres: modify the replica afterwards.",
        )
    abroad = source.region != region.name
    asked = {"AutoMinorVersionUpgrade": source.auto_minor, **request}
    if not abroad:
        asked |= {"DBParameterGroupName": source.parameter_group}
        asked.setdefault("DBSubnetGroupName", source.subnet_group)
    placed = placement.place(world, region, asked)
    traits = _traits(source, identifier, request)
    traits.key = _key(world, region, source, request)
    placement.free_name(region, identifier)
    placement.room(region)
    replica = placement.build(world, region, traits, placed, asked)
    tie = Following(source, f"rds_{traits.resource_id.removeprefix('db-').lower()}")
    replica.following = tie

    def bring_up(cluster: Cluster) -> None:
        standby.follow(cluster, source.cluster, tie.slot)

    # What keeps a standby down, besides a source that went away, are parameters lower than its source's.
    instances.launch(world, replica, bring_up, broken="incompatible-parameters")
    following.watch(world, replica, tie)
    return {"DBInstance": describe.instance(world, replica)}


def _source(world: World, region: Region, request: dict[str, Any]) -> Instance:
    given = request.get("SourceDBInstanceIdentifier")
    if not given or request.get("SourceDBClusterIdentifier"):
        raise Fault("InvalidParameterCombination", "SourceDBInstanceIdentifier must be given: the lab has no clusters.")
    if given.startswith("arn:"):
        return automated.instance_of(world, given)
    # A mere name is looked for in this region alone.
    return instances.find(region, given)


def _may_be_followed(world: World, source: Instance) -> None:
    if not source.traits.retention:
        raise Fault(
            "InvalidDBInstanceState",
            f"Automated backups are not enabled for {source.identifier}. To enable automated backups, set its backup "
            "retention period to a value from 1 to 35.",
        )
    instances.require(source, {"available"}, "be the source of a read replica")
    if source.secret:
        raise Fault(
            "InvalidDBInstanceState",
            f"Secrets Manager manages the master password of {source.identifier}: it cannot have read replicas.",
        )
    if len(describe.read_replicas(world, source)) >= PER_SOURCE:
        raise Fault("InstanceQuotaExceeded", f"{source.identifier} has {PER_SOURCE} read replicas already.")


def _key(world: World, region: Region, source: Instance, request: dict[str, Any]) -> str | None:
    given = request.get("KmsKeyId")
    if not source.traits.encrypted:
        if given:
            raise Fault(
                "InvalidParameterCombination",
                f"A read replica of {source.identifier} cannot be encrypted: its source is not.",
            )
        return None
    if given:
        return placement.key(world, region, given)
    if source.region != region.name:
        raise Fault(
            "InvalidParameterCombination",
            f"KmsKeyId is required: an encrypted read replica of another region needs a key of {region.name}.",
        )
    return source.traits.key


def _traits(source: Instance, identifier: str, request: dict[str, Any]) -> Traits:
    """What a replica is: all of its source, unless the request says otherwise; but no backups, and tags of its own."""
    storage = request.get("AllocatedStorage")
    if storage is not None and storage < source.traits.storage:
        raise Fault(
            "InvalidParameterCombination", f"Storage cannot shrink from {source.traits.storage} to {storage} GiB."
        )
    traits = backups.remembered(source.traits)
    traits.identifier, traits.resource_id, traits.created = identifier, names.resource_id(), None
    traits.retention = 0
    traits.tags = names.tags(request.get("Tags"))
    traits.copy_tags = bool(request.get("CopyTagsToSnapshot"))
    traits.iam = bool(request.get("EnableIAMDatabaseAuthentication"))
    traits.storage = storage or traits.storage
    traits.storage_type = request.get("StorageType") or traits.storage_type
    traits.iops = request.get("Iops") or traits.iops
    if request.get("DBInstanceClass"):
        traits.instance_class = names.instance_class(request["DBInstanceClass"])
    return traits


def promote(world: World, region: Region, request: dict[str, Any]) -> Answer:
    replica = instances.find(region, request["DBInstanceIdentifier"])
    tie = _tie(replica)
    given = request.get("BackupRetentionPeriod")
    retention = placement.retention(1 if given is None else given)
    instances.require(replica, {"available"}, "be promoted")
    replica.traits.retention = retention
    if request.get("PreferredBackupWindow"):
        replica.traits.backup_window = request["PreferredBackupWindow"]
    world.move(replica, "modifying")
    world.spawn(
        f"promote {replica.identifier}",
        lambda: following.part(world, replica, tie),
        failed=lambda: world.move(replica, "failed"),
    )
    return {"DBInstance": describe.instance(world, replica)}


def _tie(replica: Instance) -> Following:
    if replica.following is None:
        raise Fault("InvalidDBInstanceState", f"DB instance {replica.identifier} is not a read replica.")
    return replica.following


def switch_over(world: World, region: Region, request: dict[str, Any]) -> Answer:  # noqa: ARG001
    """SwitchoverReadReplica is for standbys of Oracle alone."""
    replica = instances.find(region, request["DBInstanceIdentifier"])
    raise Fault("InvalidDBInstanceState", f"{replica.identifier} is not an Oracle read replica: it cannot switch over.")


def delay(world: World, replica: Instance, seconds: float) -> None:
    """Have a read replica show every commit so many of AWS's seconds late; 0 ends it.

    It still receives at once, and a promotion replays all that was received: only `stop` makes one lose commits.
    Raises Fault for an instance that is not a replica.
    """
    following.lag(replica, _tie(replica), world.seconds(seconds))


def stop(world: World, replica: Instance) -> None:
    """Have a read replica receive nothing more. Raises Fault for an instance that is not a replica."""
    following.cut(world, replica, _tie(replica))


def resume(world: World, replica: Instance) -> None:
    """End what `stop` and `delay` began. Raises Fault for an instance that is not a replica."""
    following.mend(world, replica, _tie(replica))
