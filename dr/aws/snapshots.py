"""Snapshots: take one, copy it to the other region, and list what can be restored from."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from dr.aws import kms, rds, statuses
from dr.aws.adoption import insist, other_settings, other_tags, taken_over
from dr.aws.clients import Aws
from dr.errors import AwsError, Refused
from dr.estate import SiteName
from dr.recovery import Fact, RecoveryPoint


class Snapshot(Fact):
    """One snapshot of an instance, as last described."""

    region: str
    identifier: str
    arn: str
    instance: str
    resource_id: str | None
    """The source's `DbiResourceId`: names are given again, this is not."""
    status: str
    kind: Literal["snapshot", "copy", "automated"]
    source_arn: str | None
    """What a copy was copied from."""
    percent: int
    time: datetime | None
    """The newest transaction inside, as well as AWS tells it; None while it is being taken."""
    created: datetime | None
    engine_version: str
    master_username: str
    port: int
    storage_type: str
    allocated_gib: int
    iops: int | None
    throughput: int | None
    encrypted: bool
    kms_key: str | None
    tags: Mapping[str, str]

    @property
    def standing(self) -> statuses.Standing:
        return statuses.snapshot_standing(self.status)


def snapshot(aws: Aws, region: str, identifier: str, automated: bool = False) -> Snapshot | None:
    """The snapshot of this name, or None. RDS finds an automated one only when told that it is one."""
    parameters = {"SnapshotType": "automated"} if automated or identifier.startswith("rds:") else {}
    found = rds.each(
        aws,
        region,
        "DescribeDBSnapshots",
        "DBSnapshots",
        f"snapshot {identifier}",
        DBSnapshotIdentifier=identifier,
        **parameters,
    )
    return next((_read(one, region) for one in found), None)


def snapshots(aws: Aws, region: str, instance: str) -> list[Snapshot]:
    """Every manual and automated snapshot of an instance in a region, copies included, newest last."""
    found = rds.each(
        aws,
        region,
        "DescribeDBSnapshots",
        "DBSnapshots",
        f"snapshots of {instance}",
        DBInstanceIdentifier=instance.lower(),
    )
    return sorted((_read(one, region) for one in found), key=lambda one: (one.time is None, one.time, one.identifier))


def recovery_points(
    aws: Aws, region: str, site: SiteName, asset: str, instance: str, *, resource_id: str | None = None
) -> list[RecoveryPoint]:
    """What a site holds to restore this instance from, oldest first.

    A snapshot without a time is still being taken, and is none yet. With a resource id, snapshots of an earlier bearer
    of the name are left out.
    """
    return [
        RecoveryPoint(
            asset=asset,
            site=site,
            kind=one.kind,
            identifier=one.identifier,
            arn=one.arn,
            time=one.time,
            status=one.status,
            encrypted=one.encrypted,
            kms_key=one.kms_key,
            resource_id=one.resource_id,
        )
        for one in snapshots(aws, region, instance)
        if one.time is not None and (resource_id is None or one.resource_id in (None, resource_id))
    ]


def create_snapshot(
    aws: Aws,
    region: str,
    instance: str,
    identifier: str,
    tags: Mapping[str, str],
    *,
    resource_id: str | None = None,
) -> Snapshot:
    """Begin to take a snapshot. A repeated request meets the first one: it is adopted if its run and source agree."""
    about = f"snapshot {identifier} of instance {instance}"
    try:
        answer = aws.change(
            "rds",
            region,
            "CreateDBSnapshot",
            about,
            role="recover",
            DBSnapshotIdentifier=identifier,
            DBInstanceIdentifier=instance,
            Tags=rds.as_tags(tags),
        )
    except AwsError as problem:
        return taken_over(
            problem,
            f"snapshot {identifier} in {region}",
            lambda: snapshot(aws, region, identifier),
            lambda found: _not_taken(found, instance, resource_id, tags),
        )
    return _read(answer["DBSnapshot"], region)


def copy_snapshot(
    aws: Aws,
    region: str,
    source: Snapshot,
    identifier: str,
    kms_key: str | None,
    tags: Mapping[str, str],
) -> Snapshot:
    """Begin to copy a snapshot into this region, under a key of this region. Adopts its own earlier copy.

    Raises Refused when the source cannot be copied yet, or is encrypted and no key was given.
    """
    if source.status != "available":
        raise Refused(
            f"snapshot {source.identifier} in {source.region} is {source.status}: only an available one can be copied",
            hint="wait until it is available",
        )
    if source.encrypted and not kms_key:
        raise Refused(
            f"snapshot {source.identifier} is encrypted: its copy in {region} needs a key of that region",
            hint="give the site a `kms_key:` in the estate",
        )
    about = f"snapshot {identifier} from {source.arn}"
    parameters: dict[str, Any] = {"KmsKeyId": kms_key} if kms_key and source.encrypted else {}
    try:
        answer = aws.change(
            "rds",
            region,
            "CopyDBSnapshot",
            about,
            role="recover",
            patient=True,
            SourceDBSnapshotIdentifier=source.arn,
            TargetDBSnapshotIdentifier=identifier,
            CopyTags=False,
            Tags=rds.as_tags(tags),
            **parameters,
        )
    except AwsError as problem:
        return taken_over(
            problem,
            f"snapshot {identifier} in {region}",
            lambda: snapshot(aws, region, identifier),
            lambda found: _not_copied(aws, found, source, kms_key, tags),
        )
    return _read(answer["DBSnapshot"], region)


def own_snapshot(
    aws: Aws, region: str, instance: str, identifier: str, resource_id: str, tags: Mapping[str, str]
) -> Snapshot | None:
    """The snapshot that an earlier attempt took; None when it came to nothing. Raises Refused when it is another."""
    found = snapshot(aws, region, identifier)
    if found:
        insist(f"snapshot {identifier} in {region}", _not_taken(found, instance, resource_id, tags))
    return found


def _not_taken(found: Snapshot, instance: str, resource_id: str | None, tags: Mapping[str, str]) -> list[str]:
    asked: dict[str, object] = {"kind": "snapshot", "instance": instance.lower()}
    if resource_id and found.resource_id:
        asked["resource_id"] = resource_id
    return [*other_tags(found.tags, tags), *other_settings(found.model_dump(), asked)]


def _not_copied(aws: Aws, found: Snapshot, source: Snapshot, kms_key: str | None, tags: Mapping[str, str]) -> list[str]:
    asked: dict[str, object] = {"source_arn": source.arn, "encrypted": source.encrypted}
    if source.encrypted and kms_key and (key := kms.key(aws, found.region, kms_key)):
        asked["kms_key"] = key.arn
    return [*other_tags(found.tags, tags), *other_settings(found.model_dump(), asked)]


def _read(raw: Mapping[str, Any], region: str) -> Snapshot:
    source = raw.get("SourceDBSnapshotIdentifier") or None
    kind: Literal["snapshot", "copy", "automated"] = "snapshot"
    if source:
        kind = "copy"
    elif raw.get("SnapshotType") == "automated":
        kind = "automated"
    # A copy's SnapshotCreateTime is when it was copied: the original's comes first.
    time = raw.get("SnapshotDatabaseTime") or raw.get("OriginalSnapshotCreateTime") or raw.get("SnapshotCreateTime")
    return Snapshot(
        region=region,
        identifier=raw["DBSnapshotIdentifier"],
        arn=raw["DBSnapshotArn"],
        instance=raw["DBInstanceIdentifier"],
        resource_id=raw.get("DbiResourceId"),
        status=raw.get("Status", "unknown"),
        kind=kind,
        source_arn=source,
        percent=raw.get("PercentProgress", 0),
        time=rds.utc_or_none(time),
        created=rds.utc_or_none(raw.get("SnapshotCreateTime")),
        engine_version=raw.get("EngineVersion", ""),
        master_username=raw.get("MasterUsername", ""),
        port=raw.get("Port") or 5432,
        storage_type=raw.get("StorageType", "gp2"),
        allocated_gib=raw.get("AllocatedStorage", 0),
        iops=raw.get("Iops"),
        throughput=raw.get("StorageThroughput"),
        encrypted=raw.get("Encrypted", False),
        kms_key=raw.get("KmsKeyId"),
        tags=rds.read_tags(raw),
    )
