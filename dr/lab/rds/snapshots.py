"""DB snapshots: create, describe, copy (also between regions), delete."""

import shutil
import threading
import time
from pathlib import Path
from typing import Any

from dr.errors import Unable
from dr.lab.engine import backup
from dr.lab.rds import backups, describe, names, paging, placement, states
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Instance, Region, Snapshot, Tags
from dr.lab.rds.world import Ending, World

Answer = dict[str, Any]


def create(world: World, region: Region, request: dict[str, Any]) -> Answer:
    identifier = names.snapshot(request["DBSnapshotIdentifier"])
    name = str(request["DBInstanceIdentifier"]).lower()
    instance = region.instances.get(name)
    if instance is None:
        raise Fault("DBInstanceNotFound", f"DBInstance {name[:255]} not found.")
    if identifier in region.snapshots:
        raise Fault("DBSnapshotAlreadyExists", f"Cannot create the snapshot: {identifier} already exists.")
    if instance.status not in states.USABLE:
        raise Fault(
            "InvalidDBInstanceState",
            f"Cannot create a snapshot because the database instance {name} is not currently in the available state.",
        )
    snapshot = record(world, region, instance, identifier, names.tags(request.get("Tags")))
    world.move(instance, "backing-up")

    def work() -> None:
        fill(world, snapshot, instance)
        world.move(instance, "available")

    def failed() -> None:
        abandon(world, snapshot)
        world.move(instance, "available")

    world.spawn(f"snapshot {identifier}", work, failed=failed)
    return {"DBSnapshot": describe.snapshot(world, snapshot)}


def final_name(request: dict[str, Any]) -> str | None:
    """The snapshot that a deletion asks for; None where it says that there is to be none. Raises Fault for both."""
    skip, final = bool(request.get("SkipFinalSnapshot")), request.get("FinalDBSnapshotIdentifier")
    if skip and final:
        raise Fault(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier can not be specified when deleting with SkipFinalSnapshot.",
        )
    if not skip and not final:
        raise Fault(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        )
    return final or None


def record(world: World, region: Region, instance: Instance, identifier: str, tags: Tags) -> Snapshot:
    """A manual snapshot that begins now. Raises Fault where the name is taken or the quota used up."""
    if identifier in region.snapshots:
        raise Fault("DBSnapshotAlreadyExists", f"Cannot create the snapshot: {identifier} already exists.")
    _room(region)
    snapshot = Snapshot(
        region=region.name,
        identifier=identifier,
        kind="manual",
        traits=backups.remembered(instance.traits),
        status="creating",
        tags={**(instance.tags if instance.traits.copy_tags else {}), **tags},
        directory=_place(region),
        begun=time.monotonic(),
        dwell=world.seconds(states.DWELL["snapshot"]),
    )
    region.snapshots[identifier] = snapshot
    return snapshot


def fill(world: World, snapshot: Snapshot, instance: Instance) -> None:
    """Copy the server's bytes into a snapshot."""
    world.tell_snapshot(snapshot, "Creating manual snapshot", "creation")
    with world.dwelling("snapshot"):
        base = backup.take(instance.cluster, snapshot.directory)
        size = backup.size(snapshot.directory)
    with world.lock:
        snapshot.base, snapshot.size = base, size
        snapshot.created = snapshot.original_created = base.started
        snapshot.database_time = base.newest_transaction
        world.move_snapshot(snapshot, "available")
    world.tell_snapshot(snapshot, "Manual snapshot created", "creation")


def abandon(world: World, snapshot: Snapshot | None) -> None:
    """Mark a snapshot that could not be finished, if there is one."""
    if snapshot and snapshot.status == "creating":
        world.move_snapshot(snapshot, "failed")


def show(world: World, region: Region, request: dict[str, Any]) -> Answer:
    chosen = paging.filters(request, ("db-instance-id", "db-snapshot-id", "dbi-resource-id", "snapshot-type", "engine"))
    kind = request.get("SnapshotType")
    if kind and kind not in ("automated", "manual", "shared", "public", "awsbackup"):
        raise Fault("InvalidParameterValue", f"Invalid snapshot type: {kind[:50]}")
    wanted = request.get("DBSnapshotIdentifier")
    instance = str(request.get("DBInstanceIdentifier") or "").lower()
    resource = request.get("DbiResourceId")
    name = wanted.split(":snapshot:")[-1].lower() if wanted else None
    found = []
    for one in region.snapshots.values():
        if name and one.identifier != name:
            continue
        # By its identifier alone an automated snapshot is not found: AWS wants to be told the type.
        if (kind and one.kind != kind) or (name and not kind and one.kind == "automated"):
            continue
        if (instance and one.traits.identifier != instance) or (resource and one.traits.resource_id != resource):
            continue
        if paging.admits(
            chosen,
            db_instance_id=[one.traits.identifier, world.arn(region.name, "db", one.traits.identifier)],
            db_snapshot_id=[one.identifier],
            dbi_resource_id=[one.traits.resource_id],
            snapshot_type=[one.kind],
            engine=[describe.ENGINE],
        ):
            found.append((one.identifier, one))
    if wanted and not found:
        raise Fault("DBSnapshotNotFound", f"DBSnapshot {wanted[:255]} not found.")
    return paging.page(request, found, "DBSnapshots", lambda one: describe.snapshot(world, one))


def find(world: World, region: Region, given: str) -> Snapshot:
    """A snapshot by name, or by ARN of any region."""
    place, name = region, given
    if given.startswith("arn:"):
        parts = given.split(":", 6)
        if len(parts) < 7 or parts[2] != "rds" or parts[5] != "snapshot" or parts[3] not in world.regions:
            raise Fault("InvalidParameterValue", f"Invalid snapshot ARN: {given[:300]}")
        place, name = world.regions[parts[3]], parts[6]
    found = place.snapshots.get(name.lower())
    if found is None:
        raise Fault("DBSnapshotNotFound", f"DBSnapshot {given[:300]} not found.")
    return found


def copy(world: World, region: Region, request: dict[str, Any]) -> Answer:
    given = request["SourceDBSnapshotIdentifier"]
    source = find(world, region, given)
    identifier = names.snapshot(request["TargetDBSnapshotIdentifier"], "TargetDBSnapshotIdentifier")
    if identifier in region.snapshots:
        raise Fault("DBSnapshotAlreadyExists", f"Cannot create the snapshot: {identifier} already exists.")
    if source.status != "available" or source.base is None:
        raise Fault("InvalidDBSnapshotState", f"{given[:300]} is {source.status}: only available snapshots are copied.")
    if source.traits.key:
        placement.key(world, world.regions[source.region], source.traits.key)
    abroad = source.region != region.name
    wanted = request.get("KmsKeyId")
    if abroad and source.traits.encrypted and not wanted:
        raise Fault(
            "InvalidParameterCombination",
            "KmsKeyId is required: an encrypted snapshot can only be copied to another region under a key of that "
            "region.",
        )
    key = placement.key(world, region, wanted) if wanted else source.traits.key
    _room(region)
    most = region.quotas.copies
    if sum(one.status == "copying" for one in region.snapshots.values()) >= most:
        raise Fault("SnapshotQuotaExceeded", f"{most} copies to {region.name} are already in progress.")
    traits = backups.remembered(source.traits)
    traits.encrypted, traits.key = bool(key), key
    copied = Snapshot(
        region=region.name,
        identifier=identifier,
        kind="manual",
        traits=traits,
        status="copying",
        tags={**(source.tags if request.get("CopyTags") else {}), **names.tags(request.get("Tags"))},
        directory=_place(region),
        begun=time.monotonic(),
        dwell=world.seconds(states.DWELL["copying"]),
        original_created=source.original_created,
        database_time=source.database_time,
        source_region=source.region if abroad else None,
        source=world.arn(source.region, "snapshot", source.identifier),
        queued=True,
    )
    region.snapshots[identifier] = copied
    turn = world.copying.setdefault(source.traits.resource_id, threading.Lock())
    world.spawn(
        f"copy {identifier}",
        lambda: _copy(world, copied, source, turn),
        failed=lambda: _copy_failed(world, copied),
    )
    return {"DBSnapshot": describe.snapshot(world, copied)}


def _copy(world: World, copied: Snapshot, source: Snapshot, turn: threading.Lock) -> None:
    with turn:
        with world.lock:
            copied.queued, copied.begun = False, time.monotonic()
        world.tell_snapshot(
            copied, f"Started copy of snapshot {source.identifier} from {source.region}", "notification"
        )
        with world.dwelling("copying"):
            if source.base is None or source.status != "available":
                _copy_failed(world, copied)
                return
            try:
                backup.duplicate(world.machine.account, source.base.directory, copied.directory)
            except Unable:
                if source.status == "available" and copied.status == "copying":
                    raise
                # One of the two was deleted in the middle, which fails a copy on AWS too.
                _copy_failed(world, copied)
                return
        _stand_still(world, copied)
    with world.lock:
        if copied.status != "copying":
            shutil.rmtree(copied.directory.parent, ignore_errors=True)
            return
        if source.status != "available":
            _copy_failed(world, copied)
            return
        copied.base = source.base.moved(copied.directory)
        copied.created = world.now
        copied.size = source.size
        world.move_snapshot(copied, "available")
    world.tell_snapshot(copied, f"Finished copy of snapshot {source.identifier} from {source.region}", "notification")


def _stand_still(world: World, copied: Snapshot) -> None:
    """For as long as copies like this one are stuck."""
    source = copied.source_region or copied.region
    with world.changed:
        while (percent := world.stands_still(copied.region, source)) is not None and copied.status == "copying":
            if world.stop.is_set():
                raise Ending
            copied.stuck_at = percent
            world.changed.wait(0.5)
        copied.stuck_at = None


def _copy_failed(world: World, copied: Snapshot) -> None:
    with world.lock:
        if copied.status == "copying":
            world.move_snapshot(copied, "failed")
            world.tell_snapshot(copied, f"Copy of {copied.source} failed", "failure")
    shutil.rmtree(copied.directory.parent, ignore_errors=True)


def delete(world: World, region: Region, request: dict[str, Any]) -> Answer:
    snapshot = find(world, region, request["DBSnapshotIdentifier"])
    if snapshot.region != region.name:
        raise Fault("DBSnapshotNotFound", f"DBSnapshot {request['DBSnapshotIdentifier'][:300]} not found.")
    if snapshot.kind != "manual":
        raise Fault("InvalidDBSnapshotState", "Only manual snapshots may be deleted.")
    if snapshot.status not in ("available", "failed", "copying"):
        raise Fault("InvalidDBSnapshotState", f"{snapshot.identifier} is {snapshot.status}: it cannot be deleted now.")
    world.move_snapshot(snapshot, "deleted")
    del region.snapshots[snapshot.identifier]
    world.tell_snapshot(snapshot, "Deleted manual snapshot", "deletion")
    answer = {"DBSnapshot": describe.snapshot(world, snapshot)}
    world.spawn(f"remove {snapshot.identifier}", lambda: shutil.rmtree(snapshot.directory.parent, ignore_errors=True))
    return answer


def _room(region: Region) -> None:
    most = region.quotas.manual_snapshots
    if sum(one.kind == "manual" for one in region.snapshots.values()) >= most:
        raise Fault("SnapshotQuotaExceeded", f"The quota of {most} manual snapshots is used up.")


def _place(region: Region) -> Path:
    return region.directory / "snapshots" / names.backup_id().removeprefix("ab-") / "data"
