"""What becomes too old: automated snapshots, base backups and their WAL, and the retained backups of the deleted.

Manual snapshots never do. An automated snapshot goes when it is older than the retention. The bytes below it may stay
a night longer: the oldest moment that may be restored lies between two base backups, and is restored from the older.
So the window always begins where the retention begins, as soon as there are backups that old.
"""

import shutil
from datetime import datetime, timedelta

from dr.lab.engine.backup import Base, ceiling
from dr.lab.passing import Event
from dr.lab.rds import backups
from dr.lab.rds.records import Backup
from dr.lab.rds.world import World


def due(world: World) -> datetime | None:
    """When next something becomes too old."""
    with world.lock:
        calendar = world.calendar
        ends = [
            calendar.reading(moment) + timedelta(days=one.retention)
            for one in _kept(world)
            for moment in (*_snapshot_times(world, one), *_last_uses(one)[:1])
        ]
    return min(ends, default=None)


def perform(world: World) -> list[Event]:
    """Let go of everything that is too old by now."""
    with world.lock:
        kept = _kept(world)
    return [event for one in kept for event in lapse(world, one)]


def lapse(world: World, kept: Backup) -> list[Event]:
    """Let go of what is too old in one backup. A restore that reads it keeps it alive until the restore is done."""
    calendar, most = world.calendar, timedelta(days=kept.retention)
    events, gone = [], []
    with world.lock:
        if kept.readers or not kept.retention:
            return []
        kept.floor = ceiling(calendar.moment(calendar.now - most))
        snapshots = world.regions[kept.region].snapshots
        for name, snapshot in list(snapshots.items()):
            if backups.belongs(snapshot, kept) and snapshot.created and calendar.age(snapshot.created) >= most:
                del snapshots[name]
                world.move_snapshot(snapshot, "deleted")
                world.tell_snapshot(snapshot, "Deleted automated snapshot", "deletion")
                events.append(Event(calendar.now, "snapshot lapsed", f"{kept.region} {name}"))
        for used in _last_uses(kept):
            if calendar.age(used) < most:
                break
            gone.append(kept.bases.pop(0))
        over = kept.status == "retained" and not kept.bases
        if over:
            world.move_backup(kept, "deleting")
    if gone:
        _remove(kept, gone)
    if over:
        backups.discard(world, kept)
        world.move_backup(kept, "deleted")
        subject = f"{kept.region} automated backups of {kept.traits.identifier} ({kept.identifier})"
        events.append(Event(calendar.now, "retained backups expired", subject))
    return events


def _kept(world: World) -> list[Backup]:
    return [
        one
        for region in world.regions.values()
        for one in region.backups.values()
        if one.retention and not one.readers and one.status in ("active", "replicating", "retained")
    ]


def _last_uses(kept: Backup) -> list[datetime]:
    """For each base, oldest first, the last moment that is restored from it: where the next begins, or the end."""
    ends = [base.finished for base in kept.bases[1:]]
    return [*ends, kept.latest] if kept.bases and kept.latest else ends


def _snapshot_times(world: World, kept: Backup) -> list[datetime]:
    snapshots = world.regions[kept.region].snapshots.values()
    return [one.created for one in snapshots if backups.belongs(one, kept) and one.created]


def _remove(kept: Backup, gone: list[Base]) -> None:
    # Whoever copies from here or to here holds this lock.
    with (kept.source or kept).busy:
        for base in gone:
            shutil.rmtree(base.directory.parent, ignore_errors=True)
        if kept.directory.exists():
            kept.archive.prune(kept.bases[0].first_segment if kept.bases else None)
