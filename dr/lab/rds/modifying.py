"""ModifyDBInstance: what applies at once, what takes a state of its own, and what waits for a maintenance window."""

from collections.abc import Callable
from typing import Any

import psycopg

from dr.errors import Unable
from dr.lab.engine.cluster import NO_ARCHIVE
from dr.lab.rds import (
    backups,
    describe,
    instances,
    names,
    passwords,
    placement,
    retention,
    states,
    storage,
    windows,
)
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Instance, Region
from dr.lab.rds.world import World

Answer = dict[str, Any]
Step = tuple[str, Callable[[], None]]
WINDOWED = {
    "DBInstanceClass": "DBInstanceClass",
    "AllocatedStorage": "AllocatedStorage",
    "StorageType": "StorageType",
    "Iops": "Iops",
    "MultiAZ": "MultiAZ",
    "BackupRetentionPeriod": "BackupRetentionPeriod",
    "NewDBInstanceIdentifier": "DBInstanceIdentifier",
}
"""Request member -> member of PendingModifiedValues, for what waits unless ApplyImmediately is given."""
STORAGE = {"AllocatedStorage", "StorageType", "Iops"}


def modify(world: World, region: Region, request: dict[str, Any]) -> Answer:
    instance = instances.find(region, request["DBInstanceIdentifier"])
    instances.require(instance, states.USABLE | {"stopped", "incompatible-parameters"}, "modify")
    _refuse_foreign(world, request)
    windowed = _windowed(region, instance, request)
    backup_window, maintenance_window = _windows(instance, request)
    _refuse_for_replication(world, instance, windowed)
    password = passwords.asked(world, region, instance, request)
    groups = request.get("VpcSecurityGroupIds")
    security = placement.security_groups(world, region, groups) if groups is not None else None
    group = request.get("DBParameterGroupName")
    parameters = placement.parameter_group(world, region, group) if group else None
    at_once = {}
    if windowed.get("BackupRetentionPeriod") and instance.traits.retention:
        at_once["BackupRetentionPeriod"] = windowed.pop("BackupRetentionPeriod")
    if request.get("ApplyImmediately"):
        at_once |= {**instance.deferred, **windowed}
    if at_once or password:
        instances.require(instance, states.USABLE, "modify")

    # Every check has passed: from here on things change.
    if not request.get("ApplyImmediately"):
        instance.deferred |= windowed
        if windowed and instance.deferred_since is None:
            instance.deferred_since = world.calendar.now
    else:
        instance.deferred.clear()
        instance.deferred_since = None
    for name, value in {**windowed, **at_once}.items():
        instance.pending[WINDOWED[name]] = value
    if security is not None:
        instance.security_groups = security
    if parameters is not None and parameters.name != instance.parameter_group:
        instance.parameter_group = parameters.name
        instance.parameters_pending = True
    instance.traits.backup_window, instance.maintenance_window = backup_window, maintenance_window
    _flags(instance, request)
    if at_once or password:
        if password:
            instance.pending["MasterUserPassword"] = passwords.HIDDEN
            passwords.announce(world, instance, password)
        new_name = at_once.get("NewDBInstanceIdentifier")
        if new_name:
            region.reserved.add(new_name)
        world.spawn(
            f"modify {instance.identifier}",
            lambda: _apply(world, region, instance, at_once, password),
            failed=lambda: _failed(world, instance),
        )
    return {"DBInstance": describe.instance(world, instance)}


def _refuse_foreign(world: World, request: dict[str, Any]) -> None:
    for name in ("DBSubnetGroupName", "DBPortNumber"):
        if request.get(name):
            raise Fault("InvalidParameterCombination", f"{name} cannot be changed on this instance.")
    version, served = request.get("EngineVersion"), world.machine.tree.version
    if version and version not in (served, served.split(".")[0]):
        raise Fault("InvalidParameterCombination", f"Cannot upgrade postgres from {served} to {version[:50]}.")


def _refuse_for_replication(world: World, instance: Instance, changes: dict[str, Any]) -> None:
    retention = changes.get("BackupRetentionPeriod")
    if retention == 0 and describe.read_replicas(world, instance):
        raise Fault(
            "InvalidParameterCombination",
            f"{instance.identifier} has read replicas: its backup retention period cannot be 0.",
        )
    if retention and instance.following:
        raise Fault("InvalidParameterCombination", "The lab keeps no automated backups of a read replica: promote it.")


def _windowed(region: Region, instance: Instance, request: dict[str, Any]) -> dict[str, Any]:
    """What of the request differs from what the instance is, checked."""
    found = {name: request[name] for name in WINDOWED if request.get(name) is not None}
    traits = instance.traits
    if "DBInstanceClass" in found:
        names.instance_class(found["DBInstanceClass"])
    if "BackupRetentionPeriod" in found:
        placement.retention(found["BackupRetentionPeriod"])
    if STORAGE & found.keys():
        _storage(region, instance, request, found)
    if "NewDBInstanceIdentifier" in found:
        found["NewDBInstanceIdentifier"] = names.instance(found["NewDBInstanceIdentifier"], "NewDBInstanceIdentifier")
    current = {
        "DBInstanceClass": traits.instance_class,
        "AllocatedStorage": traits.storage,
        "StorageType": traits.storage_type,
        "Iops": traits.iops,
        "MultiAZ": instance.multi_az,
        "BackupRetentionPeriod": traits.retention,
        "NewDBInstanceIdentifier": traits.identifier,
    }
    changed = {name: value for name, value in found.items() if value != current[name]}
    if "NewDBInstanceIdentifier" in changed:
        placement.free_name(region, changed["NewDBInstanceIdentifier"])
    return changed


def _storage(region: Region, instance: Instance, request: dict[str, Any], found: dict[str, Any]) -> None:
    """Check what is asked of the storage; what grows by less than a tenth grows by a tenth, as the model says."""
    held = instance.traits
    if instance.status == "storage-optimization":
        instances.require(instance, {"available"}, "change the storage")
    if request.get("AllocatedStorage", held.storage) < held.storage:
        raise Fault("InvalidParameterCombination", "Requested storage size is smaller than the current one.")
    disk = storage.asked(request, held)
    if disk.size > held.storage:
        found["AllocatedStorage"] = max(disk.size, storage.grown(held.storage))
        storage.room(region, found["AllocatedStorage"] - held.storage)
    if disk.kind != held.storage_type:
        found["StorageType"] = disk.kind


def _windows(instance: Instance, request: dict[str, Any]) -> tuple[str, str]:
    """The backup and the maintenance window as they will be, checked against one another."""
    backup = windows.backup(request.get("PreferredBackupWindow") or instance.traits.backup_window)
    maintenance = request.get("PreferredMaintenanceWindow") or instance.maintenance_window
    return backup, windows.maintenance(maintenance, backup)


def _flags(instance: Instance, request: dict[str, Any]) -> None:
    """What changes without any state of its own."""
    if request.get("DeletionProtection") is not None:
        instance.protected = bool(request["DeletionProtection"])
    if request.get("CopyTagsToSnapshot") is not None:
        instance.traits.copy_tags = bool(request["CopyTagsToSnapshot"])
    if request.get("AutoMinorVersionUpgrade") is not None:
        instance.auto_minor = bool(request["AutoMinorVersionUpgrade"])
    if request.get("PubliclyAccessible") is not None:
        instance.public = bool(request["PubliclyAccessible"])
    if request.get("EnableIAMDatabaseAuthentication") is not None:
        instance.traits.iam = bool(request["EnableIAMDatabaseAuthentication"])
    if request.get("EngineLifecycleSupport"):
        instance.lifecycle = placement.lifecycle(request)


def apply_deferred(world: World, region: Region, instance: Instance) -> list[str]:
    """In its maintenance window: apply what waited for it. The names of what was applied."""
    with world.lock:
        changes, instance.deferred, instance.deferred_since = instance.deferred, {}, None
        new_name = changes.get("NewDBInstanceIdentifier")
        if new_name and (new_name in region.instances or new_name in region.reserved):
            del changes["NewDBInstanceIdentifier"], instance.pending["DBInstanceIdentifier"]
            world.tell(instance, f"It cannot be renamed to {new_name}: the name is taken meanwhile", "failure")
        elif new_name:
            region.reserved.add(new_name)
    applied = sorted(changes)
    try:
        if changes:
            _apply(world, region, instance, changes, None)
    except (Unable, psycopg.Error):
        _failed(world, instance)
        raise
    return applied


def _apply(
    world: World, region: Region, instance: Instance, changes: dict[str, Any], password: passwords.Change | None
) -> None:
    # AWS answers first and flips the status seconds later; who looks in between sees `available`.
    world.sleep(world.seconds(states.DWELL["accepted"]))
    new_name = changes.pop("NewDBInstanceIdentifier", None)
    begins_backups = bool(changes.get("BackupRetentionPeriod")) and instance.backup is None
    steps: list[Step] = []
    if password:
        steps.append(("resetting-master-credentials", lambda: passwords.apply(world, instance, password)))
    if changes:
        steps.append(("modifying", lambda: _change(world, instance, changes)))
    if new_name:
        steps.append(("renaming", lambda: _rename(world, region, instance, new_name)))
    if not world.claim(instance, steps[0][0]):
        region.reserved.discard(new_name or "")
        return
    for state, work in steps:
        if instance.status != state:
            world.move(instance, state)
        with world.dwelling(state):
            work()
    if begins_backups:
        world.move(instance, "backing-up")
        backups.first(world, instance)
    if STORAGE & changes.keys() and not begins_backups:
        _optimize(world, instance)
        return
    world.move(instance, "available")


def _optimize(world: World, instance: Instance) -> None:
    """Usable all the while; a snapshot that is taken meanwhile ends in `available`."""
    seconds = world.seconds(states.DWELL["storage-optimization"])
    with world.lock:
        world.move(instance, "storage-optimization")
        storage.busy(instance, "Optimizing", seconds)
    world.sleep(seconds)
    with world.lock:
        if instance.status == "storage-optimization":
            world.move(instance, "available")


def _failed(world: World, instance: Instance) -> None:
    if instance.status not in ("deleting", "deleted"):
        world.move(instance, "failed")


def _change(world: World, instance: Instance, changes: dict[str, Any]) -> None:
    traits, days = instance.traits, changes.get("BackupRetentionPeriod")
    with world.lock:
        traits.instance_class = changes.get("DBInstanceClass", traits.instance_class)
        traits.storage = changes.get("AllocatedStorage", traits.storage)
        traits.storage_type = changes.get("StorageType", traits.storage_type)
        traits.iops = changes.get("Iops", traits.iops) or None
        instance.multi_az = changes.get("MultiAZ", instance.multi_az)
        if days is not None:
            traits.retention = days
            if instance.backup:
                instance.backup.retention = days
        for name in changes:
            instance.pending.pop(WINDOWED[name], None)
    if days == 0:
        backups.close_archive(world, instance, keep=False)
        instance.cluster.archive_command = NO_ARCHIVE
        instance.cluster.reload()
    elif days and instance.backup is None:
        backups.open_archive(world, instance)
        instance.cluster.reload()
    elif days and instance.backup:
        retention.lapse(world, instance.backup)
    world.tell(instance, f"Finished applying modification: {', '.join(sorted(changes))}", "configuration change")


def _rename(world: World, region: Region, instance: Instance, new_name: str) -> None:
    old_name = instance.identifier
    instance.cluster.endpoint = region.endpoint(new_name)
    instance.cluster.certify()
    instance.cluster.reload()
    with world.lock:
        del region.instances[old_name]
        region.reserved.discard(new_name)
        instance.traits.identifier = new_name
        region.instances[new_name] = instance
        instance.pending.pop("DBInstanceIdentifier", None)
    world.tell(instance, f"Renamed instance from {old_name} to {new_name}", "configuration change")
