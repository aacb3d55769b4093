"""What a request says of a cluster, checked: names, placement, retention, and what does not apply to Aurora."""

from dataclasses import dataclass
from typing import Any

from dr.lab.engine.archive import Archive
from dr.lab.engine.cluster import Cluster
from dr.lab.engine.door import Door
from dr.lab.rds import names, placement
from dr.lab.rds.clusters import describe, volumes
from dr.lab.rds.clusters.records import AuroraCluster, ClusterBackup, ClusterTraits
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import ParameterGroup, Region, SubnetGroup
from dr.lab.rds.world import World

CLUSTERS_PER_REGION = 40
STORAGE = ("aurora", "aurora-iopt1")
NOT_FOR_AURORA_POSTGRESQL = (
    "DBClusterInstanceClass",
    "AllocatedStorage",
    "Iops",
    "BacktrackWindow",
    "ScalingConfiguration",
    "EnableHttpEndpoint",
)
"""Parameters of Multi-AZ clusters, of Aurora MySQL and of the first serverless Aurora."""
NOT_IN_THE_LAB = (
    "ReplicationSourceIdentifier",
    "GlobalClusterIdentifier",
    "ManageMasterUserPassword",
    "RotateMasterUserPassword",
    "EnableLimitlessDatabase",
    "EnableInternetAccessGateway",
    "Domain",
)


@dataclass(frozen=True)
class Placement:
    subnet_group: SubnetGroup
    security_groups: list[str]
    parameter_group: ParameterGroup
    zones: list[str]


def refuse_foreign(world: World, request: dict[str, Any]) -> None:
    """Raises Fault for an engine, a version or a parameter that a cluster here cannot have."""
    engine = request.get("Engine", describe.ENGINE)
    if engine != describe.ENGINE:
        raise Fault("InvalidParameterValue", f"Invalid DB engine: {engine[:100]}. Clusters here are aurora-postgresql.")
    if request.get("EngineMode", "provisioned") != "provisioned":
        raise Fault("InvalidParameterValue", f"The engine mode {request['EngineMode'][:50]} is not available.")
    served, version = world.machine.tree.version, request.get("EngineVersion")
    if version and version not in (served, served.split(".")[0]):
        raise Fault("InvalidParameterCombination", f"Cannot find version {version[:50]} for {describe.ENGINE}")
    for name in NOT_FOR_AURORA_POSTGRESQL:
        if request.get(name):
            raise Fault("InvalidParameterCombination", f"{name} does not apply to {describe.ENGINE}.")
    for name in NOT_IN_THE_LAB:
        if request.get(name):
            raise Fault("InvalidParameterCombination", f"The lab's clusters do not have {name}.")


def place(world: World, region: Region, request: dict[str, Any]) -> Placement:
    """Resolve the groups that a request names, or AWS's defaults for those that it does not."""
    name = request.get("DBSubnetGroupName")
    subnets = placement.subnet_group(region, name) if name else placement.default_subnet_group(world, region)
    zones = sorted({subnet.zone for subnet in subnets.subnets})
    given = request.get("AvailabilityZones") or zones[:3]
    for zone in given:
        if zone not in zones:
            raise Fault("InvalidVPCNetworkStateFault", f"{subnets.name} has no subnet in zone {zone[:50]}")
    return Placement(
        subnets,
        placement.security_groups(world, region, request.get("VpcSecurityGroupIds")),
        parameter_group(world, region, request.get("DBClusterParameterGroupName")),
        sorted(set(given)),
    )


def family(world: World) -> str:
    return f"{describe.ENGINE}{world.machine.tree.major}"


def parameter_group(world: World, region: Region, name: str | None) -> ParameterGroup:
    found = region.clusters.parameter_groups.get((name or f"default.{family(world)}").lower())
    if found is None:
        raise Fault("DBClusterParameterGroupNotFound", f"DBClusterParameterGroup not found: {str(name)[:255]}")
    return fitting(world, found)


def fitting(world: World, group: ParameterGroup) -> ParameterGroup:
    """A parameter group, if it is of the family that clusters here have."""
    if group.family != family(world):
        raise Fault(
            "InvalidParameterCombination",
            f"The parameter group {group.name} with DBParameterGroupFamily {group.family} cannot be used for this "
            f"cluster. Use a parameter group with DBParameterGroupFamily {family(world)}.",
        )
    return group


def retention(days: int) -> int:
    """Aurora backs up always: its least retention is one day."""
    if not 1 <= days <= 35:
        raise Fault("InvalidParameterValue", f"Invalid backup retention period: {days}. Must be a value from 1 to 35.")
    return days


def storage_type(request: dict[str, Any], otherwise: str) -> str:
    value = str(request.get("StorageType") or otherwise)
    if value not in STORAGE:
        raise Fault("InvalidParameterCombination", f"Invalid storage type for {describe.ENGINE}: {value[:50]}")
    return value


def free_name(region: Region, identifier: str) -> None:
    """Raises Fault where a cluster of this name exists or is on its way, or where there is no room for another."""
    if identifier in region.clusters.live or identifier in region.clusters.reserved:
        raise Fault("DBClusterAlreadyExistsFault", f"DB Cluster already exists: {identifier}")
    if len(region.clusters.live) >= CLUSTERS_PER_REGION:
        raise Fault("DBClusterQuotaExceededFault", f"The quota of {CLUSTERS_PER_REGION} DB clusters is used up.")


def find(world: World, region: Region, given: str) -> AuroraCluster:
    """A cluster by identifier or ARN."""
    name = given.rpartition(":")[2].lower() if given.startswith("arn:") else given.lower()
    found = region.clusters.live.get(name)
    if found is None or (given.startswith("arn:") and given.lower() != world.arn(region.name, "cluster", name)):
        raise Fault("DBClusterNotFoundFault", f"DBCluster {given[:255]} not found.")
    return found


def require(cluster: AuroraCluster, allowed: set[str], verb: str) -> None:
    """Raises Fault when a cluster's status does not allow an operation."""
    if cluster.status not in allowed:
        raise Fault(
            "InvalidDBClusterStateFault",
            f"DbCluster {cluster.identifier} is in {cluster.status} state: cannot {verb}. "
            f"It must be {' or '.join(sorted(allowed))}.",
        )


def build(
    world: World, region: Region, traits: ClusterTraits, placed: Placement, request: dict[str, Any]
) -> AuroraCluster:
    """The record of a cluster that is about to be created. Call with the lock held, after every check."""
    traits.zones, traits.vpc = placed.zones, placed.subnet_group.subnets[0].vpc
    auto_minor = request.get("AutoMinorVersionUpgrade")
    directory = region.directory / "clusters" / traits.resource_id
    own = ClusterBackup(
        region=region.name,
        traits=traits,
        status="creating",
        directory=directory / "backup",
        archive=Archive(directory / "backup" / "wal"),
        arn_name=f"cluster-auto-backup-{names.backup_id().removeprefix('ab-')}",
    )
    own.archive.prepare(world.machine.account)
    volume = Cluster(world.machine, directory / "volume", describe.endpoint(region, traits.identifier))
    volume.archive_command = own.archive.archive_command
    volume.parameters = placed.parameter_group.settings()
    cluster = AuroraCluster(
        region=region.name,
        traits=traits,
        status="creating",
        volume=volume,
        backup=own,
        subnet_group=placed.subnet_group.name,
        security_groups=placed.security_groups,
        parameter_group=placed.parameter_group.name,
        protected=bool(request.get("DeletionProtection")),
        auto_minor=True if auto_minor is None else bool(auto_minor),
        maintenance_window=request.get("PreferredMaintenanceWindow") or "sun:04:00-sun:04:30",
        lifecycle=placement.lifecycle(request),
        clone_group=names.clone_group(),
        door=Door.open(
            lambda name: volumes.port_of(world, cluster, name),
            lambda: volumes.ports(world, cluster),
        ),
    )
    region.clusters.live[traits.identifier] = cluster
    region.clusters.backups[traits.resource_id] = own
    return cluster
