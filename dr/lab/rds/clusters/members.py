"""Instances of a cluster, where they differ from others: storage, credentials and backups are the cluster's."""

from typing import Any

from dr.errors import Unable
from dr.lab.rds import describe as instance_describe
from dr.lab.rds import instances, modifying, names, placement, states
from dr.lab.rds.clusters import describe, requests, running, volumes
from dr.lab.rds.clusters.records import AuroraCluster, Membership
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Instance, ParameterGroup, Region, Traits
from dr.lab.rds.world import World

OF_THE_CLUSTER = {
    "AllocatedStorage": "storage",
    "BackupRetentionPeriod": "backup retention period",
    "DBName": "database name",
    "DeletionProtection": "deletion protection",
    "EnableIAMDatabaseAuthentication": "IAM database authentication",
    "EngineVersion": "engine version",
    "Iops": "storage",
    "KmsKeyId": "encryption",
    "ManageMasterUserPassword": "master user password",
    "MasterUserPassword": "master user password",
    "MasterUsername": "master user name",
    "MultiAZ": "availability",
    "PreferredBackupWindow": "backup window",
    "StorageEncrypted": "encryption",
    "StorageType": "storage",
    "VpcSecurityGroupIds": "security groups",
}
"""What a call on a member must not decide."""
SAME_AS_CLUSTER = ("EngineVersion",)
Answer = dict[str, Any]


def create(world: World, region: Region, request: dict[str, Any]) -> Answer:
    identifier = placement.identifier(request)
    if request["Engine"] != describe.ENGINE:
        raise Fault(
            "InvalidParameterCombination",
            f"The engine of a cluster's instance is {describe.ENGINE}, not {request['Engine'][:50]}.",
        )
    given = request.get("DBClusterIdentifier")
    if not given:
        raise Fault("InvalidParameterCombination", f"DBClusterIdentifier is required for {describe.ENGINE}.")
    cluster = requests.find(world, region, given)
    refuse_cluster_settings({name: value for name, value in request.items() if name not in SAME_AS_CLUSTER})
    requests.refuse_foreign(world, {"EngineVersion": request.get("EngineVersion")})
    instance_class = names.instance_class(request["DBInstanceClass"])
    tier = _tier(request, otherwise=1)
    group = parameter_group(world, region, request.get("DBParameterGroupName"))
    subnets = region.subnet_groups[cluster.subnet_group]
    if request.get("DBSubnetGroupName", subnets.name).lower() != subnets.name:
        raise Fault("InvalidParameterCombination", f"The subnet group of this cluster is {subnets.name}.")
    zone = _zone(region, cluster, request.get("AvailabilityZone"))
    tags = names.tags(request.get("Tags"))
    requests.require(cluster, {"available", "backing-up"}, "create an instance")
    placement.free_name(region, identifier)
    placement.room(region)
    public = request.get("PubliclyAccessible")
    placed = placement.Placement(
        subnets, cluster.security_groups, group, zone, subnets.name == "default" if public is None else bool(public)
    )
    owner = cluster.traits
    traits = Traits(
        identifier=identifier,
        resource_id=names.resource_id(),
        created=None,
        version=owner.version,
        instance_class=instance_class,
        storage=1,
        storage_type=owner.storage_type,
        iops=None,
        throughput=None,
        master=owner.master,
        password=owner.password,
        database=owner.database,
        encrypted=owner.encrypted,
        key=owner.key,
        iam=owner.iam,
        zone=zone,
        vpc=owner.vpc,
        # Of its own a member has no backups.
        retention=0,
        backup_window=owner.backup_window,
        copy_tags=False,
        tags=tags,
    )
    instance = placement.build(world, region, traits, placed, request)
    instance.membership = Membership(cluster, tier)
    if cluster.writer is None:
        cluster.writer = instance
    world.spawn(f"create {identifier}", lambda: _bring_up(world, cluster, instance), lambda: _failed(world, instance))
    return {"DBInstance": instance_describe.instance(world, instance)}


def _bring_up(world: World, cluster: AuroraCluster, instance: Instance) -> None:
    with world.dwelling("creating"):
        volumes.await_turn(world, cluster, instance)
        try:
            with cluster.busy:
                volumes.attach(world, cluster, instance)
        except Unable as problem:
            instance.cluster.stop("immediate")
            world.tell(instance, f"The DB instance is failed: {problem.message}", "failure")
            world.move(instance, "failed")
            return
    with world.lock:
        instance.traits.created = world.now
    world.tell(instance, "DB instance created", "creation")
    world.move(instance, "available")


def _failed(world: World, instance: Instance) -> None:
    if instance.status not in ("deleting", "deleted"):
        world.move(instance, "failed")


def refuse_cluster_settings(request: dict[str, Any]) -> None:
    """Raises Fault for whatever a call on a member cannot decide."""
    for name, what in OF_THE_CLUSTER.items():
        if request.get(name) is not None and request[name] is not False:
            raise Fault(
                "InvalidParameterCombination",
                f"The requested DB Instance is a member of a DB Cluster. Set {what} for the DB Cluster.",
            )


def parameter_group(world: World, region: Region, name: str | None) -> ParameterGroup:
    """An instance parameter group that members here can have."""
    found = region.parameter_groups.get((name or f"default.{requests.family(world)}").lower())
    if found is None:
        raise Fault("DBParameterGroupNotFound", f"DBParameterGroup not found: {str(name)[:255]}")
    return requests.fitting(world, found)


def _tier(request: dict[str, Any], otherwise: int) -> int:
    given = request.get("PromotionTier")
    if given is not None and not 0 <= given <= 15:
        raise Fault("InvalidParameterValue", f"Invalid promotion tier: {given}. Must be a value from 0 to 15.")
    return otherwise if given is None else int(given)


def _zone(region: Region, cluster: AuroraCluster, given: str | None) -> str:
    """The zone asked for, or the one with the fewest members."""
    if given and given not in cluster.traits.zones:
        raise Fault("InvalidVPCNetworkStateFault", f"{cluster.identifier} is not in availability zone {given[:50]}")
    taken = [one.traits.zone for one in describe.members(region, cluster)]
    return given or min(cluster.traits.zones, key=taken.count)


def modify(world: World, region: Region, request: dict[str, Any]) -> Answer:
    """What a member may change of itself, by the rules of other instances."""
    instance, joined = _member(region, request)
    refuse_cluster_settings(request)
    tier = _tier(request, otherwise=joined.tier)
    name = request.get("DBParameterGroupName")
    group = parameter_group(world, region, name) if name else None
    modifying.modify(world, region, {key: value for key, value in request.items() if key != "DBParameterGroupName"})
    joined.tier = tier
    if group and group.name != instance.parameter_group:
        instance.parameter_group, instance.parameters_pending = group.name, True
    return {"DBInstance": instance_describe.instance(world, instance)}


def reboot(world: World, region: Region, request: dict[str, Any]) -> Answer:
    instance, joined = _member(region, request)
    instances.require(instance, {"available", "incompatible-parameters"}, "reboot")
    if request.get("ForceFailover"):
        raise Fault("InvalidParameterCombination", "Use FailoverDBCluster to make another instance the writer.")
    requests.require(joined.cluster, {"available", "backing-up"}, "reboot an instance")
    world.move(instance, "rebooting")

    def work() -> None:
        with world.dwelling("rebooting"), joined.cluster.busy:
            instance.cluster.stop()
            running.revive(world, joined.cluster, instance)

    world.spawn(f"reboot {instance.identifier}", work, failed=lambda: world.move(instance, "failed"))
    return {"DBInstance": instance_describe.instance(world, instance)}


def delete(world: World, region: Region, request: dict[str, Any]) -> Answer:
    """Members leave without a snapshot, and even where the cluster is protected: the data is the cluster's."""
    instance, joined = _member(region, request)
    if request.get("FinalDBSnapshotIdentifier"):
        raise Fault(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier does not apply to an instance of a cluster: delete the cluster with one.",
        )
    instances.require(instance, states.DELETABLE, "delete")
    if joined.cluster.status not in ("available", "stopped", "failed", "incompatible-restore"):
        raise Fault(
            "InvalidDBClusterStateFault",
            f"DbCluster {joined.cluster.identifier} is {joined.cluster.status}: its instances cannot be deleted now.",
        )
    world.move(instance, "deleting")
    answer = {"DBInstance": instance_describe.instance(world, instance)}

    def work() -> None:
        with world.dwelling("deleting"), joined.cluster.busy:
            volumes.detach(world, joined.cluster, instance)
        with world.lock:
            del region.instances[instance.identifier]
            world.move(instance, "deleted")
        world.tell(instance, "DB instance deleted", "deletion")

    world.spawn(f"delete {instance.identifier}", work, failed=lambda: world.move(instance, "failed"))
    return answer


def refuse(world: World, region: Region, request: dict[str, Any]) -> Answer:  # noqa: ARG001
    raise Fault(
        "InvalidParameterCombination",
        f"{describe.ENGINE} DB instances are not eligible for this: it is done with their DB cluster.",
    )


def _member(region: Region, request: dict[str, Any]) -> tuple[Instance, Membership]:
    instance = instances.find(region, request["DBInstanceIdentifier"])
    if instance.membership is None:
        raise AssertionError(f"{instance.identifier} is no member of a cluster")
    return instance, instance.membership
