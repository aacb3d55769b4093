"""Restore a database into the scratch environment, stating every setting whose default is dangerous.

Left to its defaults, a restore on RDS takes the account's default network, the source's tags (and so everything that
acts on tags), the source's backup retention, and perhaps another major version. None of that is left to it here.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dr.aws import rds
from dr.aws.adoption import other_settings, other_tags, taken_over
from dr.aws.clients import Aws, Role
from dr.aws.rds import Instance
from dr.aws.snapshots import Snapshot
from dr.claims import TAG_ASSET, TAG_EXPIRES, TAG_PURPOSE, TAG_RUN, TAG_SOURCE
from dr.errors import AwsError, Refused
from dr.recovery import Fact, RecoveryPoint, RecoveryWindow, SourceFacts, stamp

AS_IT_IS = "open-source-rds-extended-support"
"""Where the source's own setting is not known. The other value lets RDS upgrade a major version past its standard
support while restoring: then the drill would test something that nobody runs. Extended support costs by the hour, and
scratch lives for hours."""

_GP3_STRIPES_FROM = 400
"""GiB from which on gp3 accepts its own IOPS and throughput; below, AWS refuses to be told."""


class RestoreRequest(Fact):
    """One scratch instance to be: its name, where it stands, and what it repeats of its source."""

    name: str
    instance_class: str
    subnet_group: str
    security_group_id: str
    parameter_group: str
    tags: Mapping[str, str]
    source: SourceFacts
    acceptable: tuple[str, ...] = ()
    """Other instance classes that an earlier attempt may have ended with."""
    known_as: str | None = None
    """The resource id of what an earlier attempt made, where its journal has it: nothing else is adopted."""


def restore_to_time(
    aws: Aws, region: str, request: RestoreRequest, window: RecoveryWindow, time: datetime, *, role: Role = "scratch"
) -> Instance:
    """Begin a restore to one whole second of a window. Adopts the instance that an earlier attempt of this run made.

    Raises Refused for a time that is outside the window, not whole, or without a zone.
    """
    if time.tzinfo is None or time.microsecond:
        raise Refused(f"{time.isoformat()} is not a whole second with a zone", hint="write 2026-11-20T02:15:00Z")
    if not window.holds(time):
        raise Refused(
            f"{stamp(time)} is outside of the recovery window of {window.asset} in {region}: {window.shown()}",
            hint="choose a time inside, or wait for the window to move on",
        )
    if window.resource_id != request.source.resource_id:
        raise Refused(
            f"the recovery window is of {window.resource_id}, the request is for {request.source.resource_id}",
            hint="was the database replaced under its old name?",
        )
    request = _from(request, f"{window.resource_id} at {stamp(time)}")
    parameters = _settings(request) | {
        "TargetDBInstanceIdentifier": request.name,
        "RestoreTime": time.astimezone(UTC),
        **_selector(window, region),
    }
    about = f"instance {request.name} from {window.backup_arn or window.resource_id} at {stamp(time)}"
    return _restore(aws, region, "RestoreDBInstanceToPointInTime", about, request, role, parameters)


def restore_from_snapshot(
    aws: Aws, region: str, request: RestoreRequest, snapshot: Snapshot | RecoveryPoint, *, role: Role = "scratch"
) -> Instance:
    """Begin a restore of a snapshot of this region. Adopts the instance that an earlier attempt of this run made.

    Raises Refused for a snapshot that is not available.
    """
    if snapshot.status != "available":
        raise Refused(
            f"snapshot {snapshot.identifier} is {snapshot.status}: only an available one can be restored",
            hint="wait, or choose another",
        )
    request = _from(request, snapshot.arn)
    parameters = _settings(request) | {
        "DBInstanceIdentifier": request.name,
        "DBSnapshotIdentifier": snapshot.identifier,
    }
    about = f"instance {request.name} from snapshot {snapshot.identifier}"
    return _restore(aws, region, "RestoreDBInstanceFromDBSnapshot", about, request, role, parameters)


def _from(request: RestoreRequest, origin: str) -> RestoreRequest:
    return request.model_copy(update={"tags": {**request.tags, TAG_SOURCE: origin}})


def _selector(window: RecoveryWindow, region: str) -> dict[str, str]:
    """Exactly one name for the source: the replicated backup's ARN, else the source's resource id."""
    if window.backup_arn is None:
        return {"SourceDbiResourceId": window.resource_id}
    if window.backup_arn.split(":")[3:4] != [region]:
        raise Refused(
            f"{window.backup_arn} is not in {region}",
            hint="automated backups are restored in the region that holds them",
        )
    return {"SourceDBInstanceAutomatedBackupsArn": window.backup_arn}


def _settings(request: RestoreRequest) -> dict[str, Any]:
    source = request.source
    missing = {TAG_RUN, TAG_ASSET, TAG_PURPOSE, TAG_EXPIRES} - set(request.tags)
    if missing:
        # Without tags of its own the instance would get its source's.
        raise Refused(f"instance {request.name} would lack the tags {', '.join(sorted(missing))}")
    if not request.security_group_id.startswith("sg-"):
        raise Refused(f"{request.security_group_id!r} is not the id of a security group")
    settings: dict[str, Any] = {
        "DBInstanceClass": request.instance_class,
        "DBSubnetGroupName": request.subnet_group,
        "VpcSecurityGroupIds": [request.security_group_id],
        "DBParameterGroupName": request.parameter_group,
        "Tags": rds.as_tags(request.tags),
        "Port": source.port,
        "StorageType": source.storage_type,
        "EngineLifecycleSupport": source.lifecycle_support or AS_IT_IS,
        "BackupRetentionPeriod": 0,
        "DeletionProtection": False,
        "MultiAZ": False,
        "PubliclyAccessible": False,
        "AutoMinorVersionUpgrade": False,
        "CopyTagsToSnapshot": False,
        "EnableIAMDatabaseAuthentication": False,
    }
    return settings | _speeds(source)


def _speeds(source: SourceFacts) -> dict[str, int]:
    """Speeds that AWS must be told (io1, io2), or may be told (large gp3): the source's."""
    if not source.storage_type.startswith("io") and not (
        source.storage_type == "gp3" and source.allocated_gib >= _GP3_STRIPES_FROM
    ):
        return {}
    speeds = {"Iops": source.iops, "StorageThroughput": source.throughput}
    return {name: speed for name, speed in speeds.items() if speed}


def _restore(
    aws: Aws,
    region: str,
    operation: str,
    about: str,
    request: RestoreRequest,
    role: Role,
    parameters: Mapping[str, Any],
) -> Instance:
    try:
        answer = aws.change("rds", region, operation, about, role=role, **parameters)
    except AwsError as problem:
        return taken_over(
            problem,
            f"instance {request.name} in {region}",
            lambda: rds.instance(aws, region, request.name, role=role),
            lambda found: _differences(found, request),
        )
    return rds.read_instance(answer["DBInstance"], region)


def _differences(found: Instance, request: RestoreRequest) -> list[str]:
    """Why an instance that bears the name is not the one that was asked for.

    Not its port: where it listens makes it no other thing, and is only known once it is there.
    """
    source = request.source
    asked = {
        "engine": source.engine,
        "master_username": source.master_username,
        "storage_type": source.storage_type,
        "encrypted": source.encrypted,
        "subnet_group": rds.stored(request.subnet_group),
        "security_groups": (request.security_group_id,),
        "parameter_group": rds.stored(request.parameter_group),
        "public": False,
        "multi_az": False,
        "deletion_protection": False,
        "retention_days": 0,
        "minor_upgrades": False,
        "copies_tags_to_snapshots": False,
        "iam_authentication": False,
    }
    if found.instance_class not in request.acceptable:
        asked["instance_class"] = request.instance_class
    if request.known_as:
        asked["resource_id"] = request.known_as
    # Where they were not asked for, RDS chooses.
    named = {"Iops": "iops", "StorageThroughput": "throughput"}
    asked |= {named[name]: speed for name, speed in _speeds(source).items()}
    seen = {name: getattr(found, name) for name in asked}
    return [*other_tags(found.tags, request.tags), *other_settings(seen, asked)]
