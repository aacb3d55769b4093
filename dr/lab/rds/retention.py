"""What becomes too old: automated snapshots, base backups and their WAL, and the retained backups of the deleted.

Manual snapshots never do. Time in which the instance is stopped does not count. An automated snapshot goes when it is
older than the retention. The bytes below it may stay a night longer: the oldest moment that may be restored lies
between two base backups, and is restored from the older. So the window always begins where the retention begins, as
soon as there are backups that old.
"""

import shutil
from datetime import datetime, timedelta

from dr.lab.engine.backup import Base, ceiling
from dr.lab.passing import Event
from dr.lab.rds import backups, pauses
from dr.lab.rds.records import Backup
from dr.lab.rds.world import World


def due(world: World) -> datetime | None:
    """When next something becomes too old."""
    with world.lock:
        now = world.calendar.now
        ends = [
            now + timedelta(days=one.retention) - pauses.counted(one.stopped, world.calendar.reading(moment), now)
            for one in _kept(world)
            if not one.stands_still
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
    calendar = world.calendar
    events, gone = [], []
    with world.lock:
        if kept.readers or not kept.retention:
            return []
        too_old = pauses.back(kept.stopped, calendar.now, timedelta(days=kept.retention))
        kept.floor = ceiling(calendar.moment(too_old))
        snapshots = world.regions[kept.region].snapshots
        for name, snapshot in list(snapshots.items()):
            if backups.belongs(snapshot, kept) and snapshot.created and calendar.reading(snapshot.created) <= too_old:
                del snapshots[name]
                world.move_snapshot(snapshot, "deleted")
                world.tell_snapshot(snapshot, "Deleted automated snapshot", "deletion")
                events.append(Event(calendar.now, "snapshot lapsed", f"{kept.region} {name}"))
        for used in _last_uses(kept):
            if calendar.reading(used) > too_old:
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
    """For each base, oldest first, the last moment that is restored from it: where the next begins, or the end.

    The newest lasts from its own moment at least: right after a night the restorable time may still be of days ago,
    where the instance stood still until then. What is retained after a deletion ends with its last snapshot.

    Source: RDS user guide, "Retaining automated backups".
    """
    if not kept.bases or not kept.latest:
        return []
    newest = kept.bases[-1]
    end = newest.started if kept.status == "retained" else max(kept.latest, newest.finished)
    return [*(base.finished for base in kept.bases[1:]), end]


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
