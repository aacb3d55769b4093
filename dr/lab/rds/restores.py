"""New instances out of old bytes: from a snapshot, or from automated backups to an exact second."""

from datetime import datetime
from functools import partial
from typing import Any

from dr.lab.engine import recovery
from dr.lab.engine.cluster import Cluster
from dr.lab.rds import backups, describe, instances, names, placement, snapshots, storage, windows
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Backup, Instance, Region, Traits
from dr.lab.rds.wire import stamp
from dr.lab.rds.world import World

SOURCES = ("SourceDBInstanceIdentifier", "SourceDbiResourceId", "SourceDBInstanceAutomatedBackupsArn")
Answer = dict[str, Any]


def from_snapshot(world: World, region: Region, request: dict[str, Any]) -> Answer:
    identifier = placement.identifier(request)
    given = request.get("DBSnapshotIdentifier")
    if not given or request.get("DBClusterSnapshotIdentifier"):
        raise Fault(
            "InvalidParameterCombination",
            "Exactly one of DBSnapshotIdentifier and DBClusterSnapshotIdentifier must be given, and the lab restores "
            "instances from the first only.",
        )
    snapshot = snapshots.find(world, region, given)
    if snapshot.region != region.name:
        raise Fault("DBSnapshotNotFound", f"DBSnapshot {given[:300]} not found in {region.name}.")
    base = snapshot.base
    if snapshot.status != "available" or base is None:
        raise Fault("InvalidDBSnapshotState", f"{snapshot.identifier} is {snapshot.status}: it cannot be restored.")
    _key_usable(world, region, snapshot.traits.key)
    owner = backups.owner(region, snapshot)
    instance = _instance(world, region, identifier, snapshot.traits, request)
    spoiling = world.mishaps.spoiling(region.name, snapshot.traits.identifier, replays=False)
    if spoiling and spoiling.furnish:
        spoiling.furnish(instance)

    def bring_up(cluster: Cluster) -> None:
        recovery.from_base(cluster, base)
        if spoiling and spoiling.strike:
            spoiling.strike(cluster)

    held = backups.holding(world, owner, bring_up)
    told = f"Restored from snapshot {snapshot.identifier}"
    instances.launch(world, instance, held, broken="incompatible-restore", told=told)
    return {"DBInstance": describe.instance(world, instance)}


def to_point_in_time(world: World, region: Region, request: dict[str, Any]) -> Answer:
    identifier = placement.identifier(request, "TargetDBInstanceIdentifier")
    source = _source(world, region, request)
    instant = _instant(source, request)
    base = max((one for one in source.bases if one.earliest <= instant), key=lambda one: one.finished)
    _key_usable(world, region, source.key)
    traits = backups.remembered(source.traits)
    traits.key, traits.retention = source.key, source.retention
    instance = _instance(world, region, identifier, traits, request)

    spoiling = world.mishaps.spoiling(region.name, source.traits.identifier, replays=True)
    if spoiling and spoiling.furnish:
        spoiling.furnish(instance)

    def bring_up(cluster: Cluster) -> None:
        recover = spoiling.recover if spoiling else None
        astray = partial(recover, source.archive, instant) if recover else None
        recovery.to_instant(cluster, base, source.archive, instant, astray=astray)
        if spoiling and spoiling.strike:
            spoiling.strike(cluster)

    told = f"Restored from DB instance {traits.identifier} to {identifier} at {stamp(instant)}"
    held = backups.holding(world, source, bring_up)
    instances.launch(world, instance, held, broken="incompatible-restore", told=told)
    return {"DBInstance": describe.instance(world, instance)}


def _source(world: World, region: Region, request: dict[str, Any]) -> Backup:
    given = [name for name in SOURCES if request.get(name)]
    if len(given) != 1:
        raise Fault("InvalidParameterCombination", f"Exactly one of {', '.join(SOURCES)} must be given.")
    value = str(request[given[0]])
    match given[0]:
        case "SourceDBInstanceIdentifier":
            instance = region.instances.get(names.instance(value, given[0]))
            if instance is None:
                raise Fault("DBInstanceNotFound", f"DBInstance {value[:255]} not found.")
            return _live(instance)
        case "SourceDbiResourceId":
            for instance in region.instances.values():
                if instance.resource_id == value:
                    return _live(instance)
            for backup in region.backups.values():
                if backup.traits.resource_id == value and backup.source_region == region.name:
                    return backup
            raise Fault("DBInstanceAutomatedBackupNotFound", f"No automated backups of {value[:255]} were found.")
        case _:
            for backup in region.backups.values():
                if describe.backup_arn(world, backup) == value:
                    return backup
            raise Fault("DBInstanceAutomatedBackupNotFound", f"Automated backup {value[:300]} was not found here.")


def _live(instance: Instance) -> Backup:
    if instance.backup is None:
        raise Fault(
            "PointInTimeRestoreNotEnabled",
            f"Point in time restore is not enabled for {instance.identifier}: its backup retention period is 0.",
        )
    return instance.backup


def _instant(source: Backup, request: dict[str, Any]) -> datetime:
    asked, newest = request.get("RestoreTime"), bool(request.get("UseLatestRestorableTime"))
    if (asked is None) == (not newest):
        raise Fault(
            "InvalidParameterCombination", "Exactly one of RestoreTime and UseLatestRestorableTime must be given."
        )
    if source.earliest is None or source.latest is None or source.earliest > source.latest:
        raise Fault(
            "InvalidParameterValue",
            f"{source.traits.identifier} cannot be restored to a time yet: its first backup is not finished.",
        )
    if asked is None:
        return source.latest
    instant: datetime = asked.replace(microsecond=0)
    if not source.earliest <= instant <= source.latest:
        raise Fault(
            "InvalidParameterValue",
            f"The specified time {stamp(asked)} is outside the window in which {source.traits.identifier} can be "
            f"restored: {stamp(source.earliest)} to {stamp(source.latest)}.",
        )
    return instant


def _key_usable(world: World, region: Region, key: str | None) -> None:
    if key:
        placement.key(world, region, key)


def _instance(world: World, region: Region, identifier: str, source: Traits, request: dict[str, Any]) -> Instance:
    """The instance of a restore: everything of the source, unless the request says otherwise."""
    if request.get("Engine", describe.ENGINE) != describe.ENGINE:
        raise Fault("InvalidParameterCombination", "The engine of a restore must be the source's: postgres.")
    if request.get("ManageMasterUserPassword"):
        raise Fault("InvalidParameterCombination", "ManageMasterUserPassword is not supported by restores of postgres.")
    if request.get("DBName"):
        raise Fault("InvalidParameterCombination", "DBName does not apply to restores of postgres.")
    placed = placement.place(world, region, request)
    disk = storage.restored(request, source)
    traits = backups.remembered(source)
    traits.identifier, traits.resource_id, traits.created = identifier, names.resource_id(), None
    if request.get("DBInstanceClass"):
        traits.instance_class = names.instance_class(request["DBInstanceClass"])
    traits.storage, traits.storage_type = disk.size, disk.kind
    traits.iops, traits.throughput = disk.iops, disk.throughput
    if request.get("BackupRetentionPeriod") is not None:
        traits.retention = placement.retention(request["BackupRetentionPeriod"])
    if request.get("PreferredBackupWindow"):
        traits.backup_window = windows.backup(request["PreferredBackupWindow"])
    if request.get("EnableIAMDatabaseAuthentication") is not None:
        traits.iam = bool(request["EnableIAMDatabaseAuthentication"])
    traits.copy_tags = bool(request.get("CopyTagsToSnapshot"))
    # No tags at all means the source's; a scratch restore that forgets this looks like production.
    if request.get("Tags"):
        traits.tags = names.tags(request["Tags"])
    placement.free_name(region, identifier)
    placement.room(region)
    storage.room(region, disk.size)
    return placement.build(world, region, traits, placed, request)
