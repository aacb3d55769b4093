"""Where a new instance goes and what surrounds it, with RDS's defaults: shared by creation and by both restores."""

from dataclasses import dataclass
from typing import Any

from dr.lab.rds import admission, names, windows
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Instance, ParameterGroup, Region, SubnetGroup, Traits
from dr.lab.rds.world import World

LIFECYCLES = ("open-source-rds-extended-support", "open-source-rds-extended-support-disabled")


@dataclass(frozen=True)
class Placement:
    subnet_group: SubnetGroup
    security_groups: list[str]
    parameter_group: ParameterGroup
    zone: str
    public: bool


def place(world: World, region: Region, request: dict[str, Any]) -> Placement:
    """Resolve the groups that a request names, or AWS's defaults for those that it does not."""
    name = request.get("DBSubnetGroupName")
    subnets = subnet_group(region, name) if name else default_subnet_group(world, region)
    zones = sorted({subnet.zone for subnet in subnets.subnets})
    zone = request.get("AvailabilityZone") or zones[0]
    if request.get("MultiAZ") and request.get("AvailabilityZone"):
        raise Fault("InvalidParameterCombination", "Requesting a specific availability zone is not valid for Multi-AZ.")
    if zone not in zones:
        raise Fault("InvalidVPCNetworkStateFault", f"{subnets.name} has no subnet in availability zone {zone[:50]}")
    public = request.get("PubliclyAccessible")
    return Placement(
        subnets,
        security_groups(world, region, request.get("VpcSecurityGroupIds")),
        parameter_group(world, region, request.get("DBParameterGroupName")),
        zone,
        subnets.name == "default" if public is None else bool(public),
    )


def subnet_group(region: Region, name: str) -> SubnetGroup:
    found = region.subnet_groups.get(name.lower())
    if found is None:
        raise Fault("DBSubnetGroupNotFoundFault", f"DBSubnetGroup not found: {name[:255]}")
    return found


def default_subnet_group(world: World, region: Region) -> SubnetGroup:
    """The group of the default VPC; it comes to be when it is first needed."""
    if "default" not in region.subnet_groups:
        subnets = world.keys.default_subnets(region.name)
        region.subnet_groups["default"] = SubnetGroup(region.name, "default", "default", subnets, {})
    return region.subnet_groups["default"]


def security_groups(world: World, region: Region, given: list[str] | None) -> list[str]:
    if not given:
        return [world.keys.default_security_group(region.name)]
    for name in given:
        if not world.keys.security_group(region.name, name):
            raise Fault("InvalidParameterValue", f"Invalid security group, groupId= {name[:100]}, groupName=.")
    return list(given)


def parameter_group(world: World, region: Region, name: str | None) -> ParameterGroup:
    family = f"postgres{world.machine.tree.major}"
    found = region.parameter_groups.get((name or f"default.{family}").lower())
    if found is None:
        raise Fault("DBParameterGroupNotFound", f"DBParameterGroup not found: {str(name)[:255]}")
    if found.family != family:
        raise Fault(
            "InvalidParameterCombination",
            f"The parameter group {found.name} with DBParameterGroupFamily {found.family} cannot be used for this "
            f"instance. Use a parameter group with DBParameterGroupFamily {family}.",
        )
    return found


def key(world: World, region: Region, identifier: str) -> str:
    """The ARN of a key that RDS may use here."""
    arn = world.keys.key(region.name, identifier)
    if arn is None:
        raise Fault(
            "KMSKeyNotAccessibleFault",
            f"The specified KMS key [{identifier[:2048]}] does not exist, is not enabled or you do not have "
            f"permissions to access it in {region.name}.",
        )
    return arn


def free_name(region: Region, identifier: str) -> None:
    """Raises Fault where an instance of this name exists or is on its way."""
    if identifier in region.instances or identifier in region.reserved:
        raise Fault("DBInstanceAlreadyExists", f"DB instance already exists: {identifier}")


def room(region: Region) -> None:
    most = region.quotas.instances
    if len(region.instances) >= most:
        raise Fault("InstanceQuotaExceeded", f"The quota of {most} DB instances is used up.")


def retention(days: int) -> int:
    if not 0 <= days <= 35:
        raise Fault("InvalidParameterValue", f"Invalid backup retention period: {days}. Must be a value from 0 to 35.")
    return days


def lifecycle(request: dict[str, Any]) -> str:
    value = str(request.get("EngineLifecycleSupport") or LIFECYCLES[0])
    if value not in LIFECYCLES:
        raise Fault("InvalidParameterValue", f"Invalid EngineLifecycleSupport: {value[:100]}")
    return value


def build(world: World, region: Region, traits: Traits, placed: Placement, request: dict[str, Any]) -> Instance:
    """The record of an instance that is about to be created. Call with the lock held, after every other check."""
    port = request.get("Port")
    if port is not None and not 1150 <= port <= 65535:
        raise Fault("InvalidParameterValue", f"Invalid port: {port}. Must be a value from 1150 to 65535.")
    world.mishaps.require_capacity(region.name, traits.instance_class)
    cluster = world.cluster(region, traits.identifier, traits.resource_id)
    cluster.parameters = placed.parameter_group.settings()
    traits.zone = placed.zone
    traits.vpc = placed.subnet_group.subnets[0].vpc
    auto_minor = request.get("AutoMinorVersionUpgrade")
    instance = Instance(
        region=region.name,
        traits=traits,
        cluster=cluster,
        status="creating",
        subnet_group=placed.subnet_group.name,
        security_groups=placed.security_groups,
        parameter_group=placed.parameter_group.name,
        multi_az=bool(request.get("MultiAZ")),
        public=placed.public,
        protected=bool(request.get("DeletionProtection")),
        auto_minor=True if auto_minor is None else bool(auto_minor),
        maintenance_window=windows.maintenance(request.get("PreferredMaintenanceWindow"), traits.backup_window),
        lifecycle=lifecycle(request),
    )
    if cluster.gate:
        cluster.gate.admits = admission.doorkeeper(world, instance)
    region.instances[traits.identifier] = instance
    return instance


def identifier(request: dict[str, Any], parameter: str = "DBInstanceIdentifier") -> str:
    return names.instance(str(request[parameter]), parameter)
