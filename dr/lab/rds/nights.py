"""The automated backup of every night: a real base backup when an instance's backup window opens.

A night that nobody was there for leaves no snapshot behind: of several windows that passed while the machine slept,
only the last one is used.
"""

import time
from datetime import datetime, timedelta

import psycopg

from dr.errors import Unable
from dr.lab.engine.backup import ceiling
from dr.lab.passing import Event
from dr.lab.rds import backups, openings
from dr.lab.rds.records import Backup, Instance
from dr.lab.rds.world import World

PASSES = frozenset(
    {
        "available",
        "creating",
        "backing-up",
        "modifying",
        "renaming",
        "resetting-master-credentials",
        "rebooting",
        "starting",
        "storage-optimization",
    }
)
"""Statuses that end by themselves within a window. In any other, RDS takes no automated backup."""
PATIENCE = 60.0
"""However slow the lab's time, nobody waits longer for an instance that is busy: seconds of machine time."""


def due(world: World) -> datetime | None:
    """When the next backup window opens."""
    with world.lock:
        opens = [openings.opens_after(one.traits.backup_window, night) for one, _, night in _backed_up(world)]
    return min(opens, default=None)


def perform(world: World) -> list[Event]:
    """Back up every instance whose window has opened."""
    events = []
    with world.lock:
        candidates = _backed_up(world)
    for instance, own, night in candidates:
        if openings.opens_after(instance.traits.backup_window, night) <= world.calendar.now:
            own.night = openings.opened_by(instance.traits.backup_window, world.calendar.now)
            events.append(_night(world, instance, own))
    return events


def catch_up(world: World) -> None:
    """After an advance: what a day would have uploaded and replicated is there.

    Restorable times are whole seconds, cut off: only one that begins after the leap is surely not from before it.
    """
    leapt = ceiling(world.now)
    with world.lock:
        candidates = _backed_up(world)
    for instance, own, _ in candidates:
        earliest = own.earliest
        if earliest:
            own.stop.wait(max(0.0, (max(earliest, leapt) - world.now).total_seconds()) + 0.01)
            backups.upload(world, instance, own)
            _replicate(world, own)


def _backed_up(world: World) -> list[tuple[Instance, Backup, datetime]]:
    return [
        (instance, instance.backup, instance.backup.night)
        for region in world.regions.values()
        for instance in region.instances.values()
        if instance.backup and instance.backup.night and instance.backup.status == "active"
    ]


def _night(world: World, instance: Instance, own: Backup) -> Event:
    subject = f"{instance.region} {instance.identifier}"
    why_not = _claim(world, instance)
    if why_not:
        return _missed(world, instance, subject, why_not)
    try:
        snapshot = backups.next_base(world, instance, own)
        _replicate(world, own)
    except (Unable, psycopg.Error) as problem:
        return _missed(world, instance, subject, str(problem))
    finally:
        if instance.status == "backing-up":
            world.move(instance, "available")
    return Event(world.calendar.now, "snapshot taken", f"{instance.region} {snapshot.identifier}")


def _claim(world: World, instance: Instance) -> str | None:
    """Move an instance to `backing-up`, or say why there is no backup this night."""
    window = timedelta(minutes=30).total_seconds()
    until = time.monotonic() + min(world.seconds(window), PATIENCE)
    with world.changed:
        while instance.status != "available" or _copied(world, instance):
            if instance.status not in PASSES:
                return f"it is {instance.status}"
            if time.monotonic() > until or world.stop.is_set():
                return "a copy of its snapshot is under way" if instance.status == "available" else "it is busy"
            world.changed.wait(0.1)
        world.move(instance, "backing-up")
    return None


def _copied(world: World, instance: Instance) -> bool:
    """RDS takes no automated backup while a snapshot of the same instance is being copied in its region."""
    return any(
        one.status == "copying" and one.traits.resource_id == instance.resource_id and one.source_region is None
        for one in world.regions[instance.region].snapshots.values()
    )


def _missed(world: World, instance: Instance, subject: str, why: str) -> Event:
    world.tell(instance, f"No automated backup was taken: {why}", "backup", "failure")
    return Event(world.calendar.now, "backup missed", f"{subject}: {why}")


def _replicate(world: World, own: Backup) -> None:
    with world.lock:
        following = [one for one in backups.replicas(world, own) if one.status == "replicating"]
    for replica in following:
        backups.bring_over(world, replica, own)
