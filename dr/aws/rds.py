"""Database instances as RDS describes them: look at one, list ours, read events. Nothing here changes one."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from dr.aws import statuses
from dr.aws.clients import Aws, Role
from dr.aws.errors import missing
from dr.claims import Description
from dr.errors import AwsError
from dr.recovery import Fact, SourceFacts

_SERVICE = "rds"


class Endpoint(Fact):
    host: str
    port: int


class Instance(Fact):
    """One database instance, as last described."""

    region: str
    identifier: str
    arn: str
    resource_id: str
    """`DbiResourceId`: survives renaming, and is never given to another instance."""
    status: str
    engine: str
    engine_version: str
    instance_class: str
    endpoint: Endpoint | None
    """None while it is being created."""
    master_username: str
    database: str | None
    """The database that it was created with."""
    storage_type: str
    allocated_gib: int
    iops: int | None
    throughput: int | None
    encrypted: bool
    kms_key: str | None
    multi_az: bool
    public: bool
    deletion_protection: bool
    copies_tags_to_snapshots: bool
    iam_authentication: bool
    minor_upgrades: bool
    lifecycle_support: str | None
    retention_days: int
    latest_restorable: datetime | None
    created: datetime | None
    subnet_group: str | None
    security_groups: tuple[str, ...]
    parameter_group: str | None
    parameters_in_sync: bool
    replica_of: str | None
    pending: tuple[str, ...]
    """Names of settings that a modification has yet to bring about; never their values."""
    port: int
    tags: Mapping[str, str]
    roles: tuple[str, ...] = ()
    """ARNs of roles that functions inside the database may use: to write to S3, or to call Lambda."""

    @property
    def standing(self) -> statuses.Standing:
        """What the status means to somebody who waits. After a modification, `pending` must be empty as well."""
        return statuses.standing(self.status)

    def facts(self) -> SourceFacts:
        """What a restore of this instance has to repeat."""
        return SourceFacts(**{name: getattr(self, name) for name in SourceFacts.model_fields})

    def description(self) -> Description:
        """For the guard in dr.claims."""
        return Description("instance", self.identifier, self.region, self.resource_id, self.tags)


class RdsEvent(Fact):
    """What RDS says that happened, and when: more precise than any polling."""

    at: datetime
    message: str
    categories: tuple[str, ...]


class SubnetGroup(Fact):
    name: str
    vpc: str | None
    zones: tuple[str, ...]


class ParameterGroup(Fact):
    name: str
    family: str


def stored(name: str) -> str:
    """A name of an instance or a group as RDS keeps it: in lower case, whatever was typed."""
    return name.lower()


def instance(aws: Aws, region: str, identifier: str, *, role: Role = "observe") -> Instance | None:
    """The instance of this name, or None when there is none."""
    name = stored(identifier)
    try:
        answer = aws.look(
            _SERVICE, region, "DescribeDBInstances", f"instance {name}", role=role, DBInstanceIdentifier=name
        )
    except AwsError as problem:
        if missing(problem):
            return None
        raise
    found = [read_instance(one, region) for one in answer["DBInstances"]]
    return next((one for one in found if one.identifier == name), None)


def of_resource(aws: Aws, region: str, resource_id: str) -> Instance | None:
    """The instance of this `DbiResourceId`, whatever its name is by now; None when there is none."""
    wanted = [{"Name": "dbi-resource-id", "Values": [resource_id]}]
    pages = aws.pages(_SERVICE, region, "DescribeDBInstances", f"instance {resource_id}", Filters=wanted)
    found = [read_instance(one, region) for page in pages for one in page["DBInstances"]]
    return next((one for one in found if one.resource_id == resource_id), None)


def instances(aws: Aws, region: str, prefix: str = "") -> list[Instance]:
    """Every instance whose name starts with the prefix."""
    pages = aws.pages(_SERVICE, region, "DescribeDBInstances", f"instances {prefix}*")
    return [
        read_instance(one, region)
        for page in pages
        for one in page["DBInstances"]
        if one["DBInstanceIdentifier"].startswith(prefix.lower())
    ]


def events(
    aws: Aws,
    region: str,
    identifier: str,
    since: datetime,
    *,
    source: Literal["db-instance", "db-snapshot"] = "db-instance",
) -> list[RdsEvent]:
    """The events of one instance or snapshot since a moment, oldest first. RDS keeps 14 days.

    By name: an earlier bearer of the name has events too, so `since` should not precede the creation.
    """
    pages = aws.pages(
        _SERVICE,
        region,
        "DescribeEvents",
        f"events of {identifier}",
        SourceIdentifier=identifier,
        SourceType=source,
        StartTime=since.astimezone(UTC),
    )
    found = [
        RdsEvent(at=utc(one["Date"]), message=one.get("Message", ""), categories=tuple(one.get("EventCategories", ())))
        for page in pages
        for one in page["Events"]
    ]
    return sorted(found, key=lambda event: event.at)


def subnet_group(aws: Aws, region: str, name: str) -> SubnetGroup | None:
    """A subnet group, or None when there is none of this name."""
    found = _one(
        aws, region, "DescribeDBSubnetGroups", "DBSubnetGroups", f"subnet group {name}", DBSubnetGroupName=name
    )
    if found is None:
        return None
    zones = {one.get("SubnetAvailabilityZone", {}).get("Name") for one in found.get("Subnets", ())}
    return SubnetGroup(
        name=found["DBSubnetGroupName"], vpc=found.get("VpcId"), zones=tuple(sorted(filter(None, zones)))
    )


def parameter_group(aws: Aws, region: str, name: str) -> ParameterGroup | None:
    """A parameter group, or None when there is none of this name."""
    found = _one(
        aws,
        region,
        "DescribeDBParameterGroups",
        "DBParameterGroups",
        f"parameter group {name}",
        DBParameterGroupName=name,
    )
    return found and ParameterGroup(name=found["DBParameterGroupName"], family=found["DBParameterGroupFamily"])


def quotas(aws: Aws, region: str) -> dict[str, tuple[int, int]]:
    """What this account has in a region and may have there: quota -> (used, most)."""
    answer = aws.look(_SERVICE, region, "DescribeAccountAttributes", f"quotas in {region}")
    return {one["AccountQuotaName"]: (one["Used"], one["Max"]) for one in answer.get("AccountQuotas", ())}


def parameters(aws: Aws, region: str, group: str, only: str | None = None) -> dict[str, str | None]:
    """What a parameter group sets, with RDS's own defaults: name -> value. None where the engine's default holds.

    `only`: this one alone, without the pages of all the others.
    """
    about = f"parameters of {group}"
    narrowed = {"Filters": [{"Name": "parameter-name", "Values": [only]}]} if only else {}
    found = each(aws, region, "DescribeDBParameters", "Parameters", about, DBParameterGroupName=group, **narrowed)
    return {one["ParameterName"]: one.get("ParameterValue") for one in found}


def _one(aws: Aws, region: str, operation: str, key: str, about: str, **parameters: Any) -> Any:
    try:
        answer = aws.look(_SERVICE, region, operation, about, **parameters)
    except AwsError as problem:
        if missing(problem):
            return None
        raise
    return next(iter(answer[key]), None)


def read_instance(raw: Mapping[str, Any], region: str) -> Instance:
    """The noun for one `DBInstance` of a response."""
    endpoint = raw.get("Endpoint") or {}
    groups = raw.get("DBParameterGroups") or [{}]
    port = endpoint.get("Port") or raw.get("DbInstancePort") or 5432
    return Instance(
        region=region,
        identifier=raw["DBInstanceIdentifier"],
        arn=raw["DBInstanceArn"],
        resource_id=raw["DbiResourceId"],
        status=raw.get("DBInstanceStatus", "unknown"),
        engine=raw["Engine"],
        engine_version=raw.get("EngineVersion", ""),
        instance_class=raw["DBInstanceClass"],
        endpoint=Endpoint(host=endpoint["Address"], port=port) if endpoint.get("Address") else None,
        master_username=raw.get("MasterUsername", ""),
        database=raw.get("DBName") or None,
        storage_type=raw.get("StorageType", "gp2"),
        allocated_gib=raw.get("AllocatedStorage", 0),
        iops=raw.get("Iops"),
        throughput=raw.get("StorageThroughput"),
        encrypted=raw.get("StorageEncrypted", False),
        kms_key=raw.get("KmsKeyId"),
        multi_az=raw.get("MultiAZ", False),
        public=raw.get("PubliclyAccessible", False),
        deletion_protection=raw.get("DeletionProtection", False),
        copies_tags_to_snapshots=raw.get("CopyTagsToSnapshot", False),
        iam_authentication=raw.get("IAMDatabaseAuthenticationEnabled", False),
        minor_upgrades=raw.get("AutoMinorVersionUpgrade", False),
        lifecycle_support=raw.get("EngineLifecycleSupport"),
        retention_days=raw.get("BackupRetentionPeriod", 0),
        latest_restorable=utc_or_none(raw.get("LatestRestorableTime")),
        created=utc_or_none(raw.get("InstanceCreateTime")),
        subnet_group=(raw.get("DBSubnetGroup") or {}).get("DBSubnetGroupName"),
        security_groups=tuple(one["VpcSecurityGroupId"] for one in raw.get("VpcSecurityGroups", ())),
        parameter_group=groups[0].get("DBParameterGroupName"),
        parameters_in_sync=groups[0].get("ParameterApplyStatus", "in-sync") == "in-sync",
        replica_of=raw.get("ReadReplicaSourceDBInstanceIdentifier"),
        pending=tuple(sorted(raw.get("PendingModifiedValues") or ())),
        port=port,
        tags=read_tags(raw),
        roles=tuple(one.get("RoleArn", "") for one in raw.get("AssociatedRoles") or ()),
    )


def read_tags(raw: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a response, as a mapping."""
    return {one["Key"]: one.get("Value", "") for one in raw.get("TagList") or ()}


def as_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """A mapping, as requests spell tags."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def utc(time: datetime) -> datetime:
    return time.astimezone(UTC)


def utc_or_none(time: datetime | None) -> datetime | None:
    return utc(time) if time else None


def each(aws: Aws, region: str, operation: str, key: str, about: str, **parameters: Any) -> Iterator[dict[str, Any]]:
    """Every element of a paged list; none where what was asked for is not there."""
    try:
        for page in aws.pages(_SERVICE, region, operation, about, **parameters):
            yield from page[key]
    except AwsError as problem:
        if not missing(problem):
            raise
