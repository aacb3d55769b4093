"""Automated backups: base backups and a WAL archive, how far they reach, and their replicas in another region."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from dr.lab.engine import archive, backup
from dr.lab.engine.archive import Archive
from dr.lab.engine.cluster import Cluster
from dr.lab.rds import names, states
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Backup, Instance, Region, Snapshot, Traits
from dr.lab.rds.world import RESTORABLE_EVERY, Ending, World

REPLICATE_EVERY = 120.0


def open_archive(world: World, instance: Instance) -> None:
    """Give an instance an archive, before or while its server runs."""
    with world.lock:
        region = world.regions[instance.region]
        instance.backup = _record(region, instance.traits, instance.region, "creating", instance.traits.key)
        instance.backup.archive.prepare(world.machine.account)
        instance.cluster.archive_command = instance.backup.archive.archive_command


def first(world: World, instance: Instance) -> None:
    """The first base backup, with the instance in `backing-up`; from then on the restorable time advances."""
    own = instance.backup
    if own is None:
        raise AssertionError(f"{instance.identifier} has no archive to back up into")
    next_base(world, instance, own)
    with world.lock:
        own.night = world.calendar.reading(own.bases[-1].started)
        world.move_backup(own, "active")
    world.spawn(f"restorable {instance.identifier}", lambda: _keep_restorable(world, instance, own))


def next_base(world: World, instance: Instance, own: Backup) -> Snapshot:
    """One more base backup of an instance in `backing-up`, and the automated snapshot that it is."""
    world.tell(instance, "Backing up DB instance", "backup")
    number = own.taken + 1
    with world.dwelling("backing-up"):
        base = backup.take(instance.cluster, _place(own, number))
        with own.busy:
            if own.bases:
                backup.share(own.bases[-1].directory, base.directory)
        snapshot = _automated_snapshot(world, instance, base)
    with world.lock:
        own.taken = number
        own.bases.append(base)
        world.regions[instance.region].snapshots[snapshot.identifier] = snapshot
    world.tell(instance, "Finished DB Instance backup", "backup")
    return snapshot


def _place(own: Backup, number: int) -> Path:
    return own.directory / "base" / str(number) / "data"


def close_archive(world: World, instance: Instance, *, keep: bool) -> None:
    """End an instance's automated backups; its replicas elsewhere are kept, as AWS keeps them."""
    own = instance.backup
    if own is None:
        return
    own.stop.set()
    with world.lock:
        own.go_on(world.calendar.now)
        instance.backup = None
        instance.latest = None
        for replica in replicas(world, own):
            retain(world, replica)
        if keep and own.bases and own.latest:
            world.move_backup(own, "retained")
            return
        world.move_backup(own, "deleted")
    discard(world, own)


def room_to_retain(region: Region) -> None:
    """Raises Fault where the region holds as many retained backups as it may hold instances."""
    held = sum(one.status == "retained" and one.source_region == region.name for one in region.backups.values())
    if held >= region.quotas.instances:
        raise Fault("DBInstanceAutomatedBackupQuotaExceeded", f"{held} retained automated backups are held already.")


def retain(world: World, kept: Backup) -> None:
    """Stop feeding a backup. What has arrived stays."""
    kept.stop.set()
    world.move_backup(kept, "retained")


def discard(world: World, gone: Backup) -> None:
    """Forget a backup, its automated snapshots and its bytes."""
    with world.lock:
        region = world.regions[gone.region]
        region.backups.pop(gone.identifier, None)
        for name, snapshot in list(region.snapshots.items()):
            if belongs(snapshot, gone):
                del region.snapshots[name]
                world.move_snapshot(snapshot, "deleted")
    with (gone.source or gone).busy:
        shutil.rmtree(gone.directory, ignore_errors=True)


def belongs(snapshot: Snapshot, owner: Backup) -> bool:
    """Whether an automated snapshot is one of this backup's bases."""
    return snapshot.kind == "automated" and owner.directory in snapshot.directory.parents


def owner(region: Region, snapshot: Snapshot) -> Backup | None:
    """The automated backup that a snapshot is part of."""
    return next((one for one in region.backups.values() if belongs(snapshot, one)), None)


def holding(world: World, held: Backup | None, read: Callable[[Cluster], None]) -> Callable[[Cluster], None]:
    """`read`, with nothing of a backup lapsing from now until it ends. Call with the lock held."""
    if held is None:
        return read
    held.readers += 1

    def reading(cluster: Cluster) -> None:
        try:
            read(cluster)
        finally:
            with world.lock:
                held.readers -= 1

    return reading


def replicas(world: World, source: Backup) -> list[Backup]:
    """Replicas that still follow a backup."""
    return [
        candidate
        for region in world.regions.values()
        for candidate in region.backups.values()
        if candidate.source is source and candidate.status in ("pending", "replicating")
    ]


def replicate(world: World, region: Region, source: Backup, key: str | None, retention: int) -> Backup:
    """A backup in another region that follows `source`. Call with the lock held."""
    replica = _record(region, remembered(source.traits), source.source_region, "pending", key)
    replica.source = source
    replica.retention = retention
    world.spawn(f"replicate {source.traits.identifier}", lambda: _follow(world, replica, source))
    return replica


def _record(region: Region, traits: Traits, source_region: str, status: str, key: str | None) -> Backup:
    identifier = names.backup_id()
    directory = region.directory / "backups" / identifier
    record = Backup(
        region=region.name,
        identifier=identifier,
        traits=traits,
        source_region=source_region,
        status=status,
        directory=directory,
        archive=Archive(directory / "wal"),
        retention=traits.retention,
        key=key,
    )
    region.backups[identifier] = record
    return record


def _automated_snapshot(world: World, instance: Instance, base: backup.Base) -> Snapshot:
    # The name alone tells the calendar: it says which night this is.
    name = f"rds:{instance.identifier}-{world.calendar.reading(base.started):%Y-%m-%d-%H-%M}"
    return Snapshot(
        region=instance.region,
        identifier=name,
        kind="automated",
        traits=remembered(instance.traits),
        status="available",
        tags=dict(instance.tags) if instance.traits.copy_tags else {},
        directory=base.directory,
        begun=time.monotonic(),
        dwell=world.seconds(states.DWELL["snapshot"]),
        base=base,
        created=base.started,
        original_created=base.started,
        database_time=base.newest_transaction,
        size=backup.size(base.directory),
    )


def remembered(traits: Traits) -> Traits:
    """A copy that later changes of the instance do not reach."""
    values = vars(traits).copy()
    return Traits(**{**values, "tags": dict(traits.tags)})


def _keep_restorable(world: World, instance: Instance, own: Backup) -> None:
    earliest = own.earliest
    if earliest is None:
        raise AssertionError(f"{own.identifier} has no base backup")
    # A restorable time before the base backup's end would be a lie.
    own.stop.wait(max(0.0, (earliest - world.now).total_seconds()) + 0.01)
    while not own.stop.is_set() and not world.stop.is_set():
        upload(world, instance, own)
        own.stop.wait(world.seconds(RESTORABLE_EVERY))


def upload(world: World, instance: Instance, own: Backup) -> None:
    """Bring the restorable time up to date, where the server runs."""
    with own.uploading:
        if not instance.cluster.alive:
            return
        try:
            reached = archive.advance(instance.cluster, own.archive, own.stop)
        except psycopg.Error:
            # The server is rebooting, stopping or damaged: the restorable time stands still, as it would on AWS.
            return
        if reached:
            with world.lock:
                own.latest = reached
                if instance.backup is own:
                    instance.latest = reached


def _follow(world: World, replica: Backup, source: Backup) -> None:
    with world.dwelling("replicating"):
        bring_over(world, replica, source)
    with world.lock:
        if replica.status != "pending":
            return
        world.move_backup(replica, "replicating")
    while not replica.stop.wait(world.seconds(REPLICATE_EVERY)):
        if world.stop.is_set():
            raise Ending
        bring_over(world, replica, source)


def bring_over(world: World, replica: Backup, source: Backup) -> None:
    """Copy what is new, beginning with the newest base.

    The replica's window is what the source had when the copy *began*, once all of that has arrived.
    """
    with source.busy:
        if replica.stop.is_set() or replica.stalled or not world.lost.isdisjoint({replica.region, source.region}):
            return
        with world.lock:
            numbers = range(source.taken - len(source.bases) + 1, source.taken + 1)
            fresh = [pair for pair in zip(numbers, source.bases, strict=True) if pair[0] > replica.taken]
            held, newest, reached = list(replica.bases), source.taken, source.latest
        arrived: list[backup.Base] = []
        for number, base in fresh if held else fresh[-1:]:
            target = _place(replica, number)
            if not target.exists():
                account, older = world.machine.account, (held + arrived)[-1:]
                if older:
                    backup.duplicate_newer(account, base.directory, older[0].directory, target)
                else:
                    backup.duplicate(account, base.directory, target)
            arrived.append(base.moved(target))
        for oldest in (held + arrived)[:1]:
            replica.archive.follow(world.machine.account, source.archive, oldest.first_segment)
        with world.lock:
            replica.bases += arrived
            replica.taken = newest
            if reached and not replica.stop.is_set():
                replica.latest = reached
