"""The operations on automated backups: describe, replicate to this region, stop, delete."""

from typing import Any

from dr.lab.rds import backups, describe, names, paging, placement
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Backup, Instance, Region
from dr.lab.rds.world import World

Answer = dict[str, Any]


def show(world: World, region: Region, request: dict[str, Any]) -> Answer:
    chosen = paging.filters(request, ("status", "db-instance-id", "dbi-resource-id"))
    arn, resource = request.get("DBInstanceAutomatedBackupsArn"), request.get("DbiResourceId")
    name = str(request.get("DBInstanceIdentifier") or "").rpartition(":")[2].lower()
    found = []
    for one in region.backups.values():
        if arn and describe.backup_arn(world, one) != arn:
            continue
        if (resource and one.traits.resource_id != resource) or (name and one.traits.identifier != name):
            continue
        if paging.admits(
            chosen,
            status=[one.status],
            db_instance_id=[one.traits.identifier, world.arn(one.source_region, "db", one.traits.identifier)],
            dbi_resource_id=[one.traits.resource_id],
        ):
            found.append((one.identifier, one))
    if not found and (arn or resource or name):
        raise Fault(
            "DBInstanceAutomatedBackupNotFound",
            f"Automated backup {str(arn or resource or name)[:300]} was not found.",
        )
    return paging.page(request, found, "DBInstanceAutomatedBackups", lambda one: describe.backup(world, one))


def start_replication(world: World, region: Region, request: dict[str, Any]) -> Answer:
    source = instance_of(world, request["SourceDBInstanceArn"])
    if source.region == region.name:
        raise Fault("InvalidParameterValue", "Automated backups cannot be replicated within one region.")
    if source.backup is None or source.status in ("creating", "deleting"):
        raise Fault(
            "InvalidDBInstanceState",
            f"{source.identifier} is {source.status} and its backup retention period is {source.traits.retention}: "
            "its automated backups cannot be replicated.",
        )
    key = request.get("KmsKeyId")
    if source.traits.encrypted and not key:
        raise Fault("InvalidParameterCombination", "KmsKeyId of this region is required: the source is encrypted.")
    arn = placement.key(world, region, key) if key else None
    if backups.replicas(world, source.backup):
        raise Fault(
            "InvalidDBInstanceAutomatedBackupState",
            f"The automated backups of {source.identifier} are already being replicated.",
        )
    following = [one for one in region.backups.values() if one.status in ("pending", "replicating")]
    most = region.quotas.replicated_backups
    if len(following) >= most:
        raise Fault("DBInstanceAutomatedBackupQuotaExceeded", f"{most} backups are already replicated here.")
    days = request.get("BackupRetentionPeriod")
    retention = placement.retention(7 if days is None else days)
    if not retention:
        raise Fault("InvalidParameterValue", "Invalid backup retention period: 0. Must be a value from 1 to 35.")
    tags = names.tags(request.get("Tags"))
    replica = backups.replicate(world, region, source.backup, arn, retention)
    replica.traits.tags = tags or replica.traits.tags
    return {"DBInstanceAutomatedBackup": describe.backup(world, replica)}


def stop_replication(world: World, region: Region, request: dict[str, Any]) -> Answer:
    wanted = request["SourceDBInstanceArn"]
    for one in region.backups.values():
        arn = world.arn(one.source_region, "db", one.traits.identifier)
        if arn == wanted and one.status in ("pending", "replicating"):
            backups.retain(world, one)
            return {"DBInstanceAutomatedBackup": describe.backup(world, one)}
    raise Fault("DBInstanceNotFound", f"No automated backups of {wanted[:300]} are replicated to {region.name}.")


def delete(world: World, region: Region, request: dict[str, Any]) -> Answer:
    arn, resource = request.get("DBInstanceAutomatedBackupsArn"), request.get("DbiResourceId")
    if bool(arn) == bool(resource):
        raise Fault(
            "InvalidParameterCombination", "Exactly one of DbiResourceId and DBInstanceAutomatedBackupsArn is needed."
        )
    found = _find(world, region, arn, resource)
    if found.status != "retained":
        raise Fault(
            "InvalidDBInstanceAutomatedBackupState",
            f"The automated backup {found.identifier} is {found.status}: only retained ones can be deleted.",
        )
    world.move_backup(found, "deleting")
    answer = {"DBInstanceAutomatedBackup": describe.backup(world, found)}

    def work() -> None:
        with world.dwelling("deleting"):
            backups.discard(world, found)
        world.move_backup(found, "deleted")

    world.spawn(f"delete {found.identifier}", work)
    return answer


def _find(world: World, region: Region, arn: str | None, resource: str | None) -> Backup:
    candidates = [
        one
        for one in region.backups.values()
        if (arn and describe.backup_arn(world, one) == arn) or (resource and one.traits.resource_id == resource)
    ]
    # An instance may have an active and, from before, a retained set.
    candidates.sort(key=lambda one: one.status != "retained")
    if not candidates:
        raise Fault(
            "DBInstanceAutomatedBackupNotFound", f"Automated backup {str(arn or resource)[:300]} was not found."
        )
    return candidates[0]


def instance_of(world: World, arn: str) -> Instance:
    """An instance of any region by its ARN. Raises Fault."""
    parts = arn.split(":", 6)
    if len(parts) < 7 or parts[2] != "rds" or parts[5] != "db":
        raise Fault("InvalidParameterValue", f"Invalid DB instance ARN: {arn[:300]}")
    region = world.regions.get(parts[3])
    found = region.instances.get(parts[6].lower()) if region else None
    if found is None or world.arn(found.region, "db", found.identifier) != arn:
        raise Fault("DBInstanceNotFound", f"DBInstance {arn[:300]} not found.")
    return found
