"""What RDS does to an instance unasked: changes that waited for the maintenance window; the end of being stopped."""

from datetime import datetime, timedelta

from dr.lab.passing import Event
from dr.lab.rds import modifying, openings, power
from dr.lab.rds.records import Instance, Region
from dr.lab.rds.world import World

STOPPED_AT_MOST = timedelta(days=7)
"""RDS starts a stopped instance after seven days (botocore's model, StopDBInstance)."""


def due(world: World) -> datetime | None:
    """When the next maintenance window opens that something waits for, or the next instance is started again."""
    with world.lock:
        moments = [
            moment
            for _, instance in _instances(world)
            for moment in (_window(instance), _start(world, instance))
            if moment
        ]
    return min(moments, default=None)


def perform(world: World) -> list[Event]:
    """Apply and start what is due."""
    events = []
    with world.lock:
        candidates = _instances(world)
    for region, instance in candidates:
        subject = f"{region.name} {instance.identifier}"
        window, start = _window(instance), _start(world, instance)
        if window and window <= world.calendar.now:
            events.append(_maintain(world, region, instance, subject))
        if start and start <= world.calendar.now:
            with world.lock:
                if instance.status == "stopped":
                    world.tell(instance, "DB instance is being started: it was stopped for seven days", "notification")
                    power.start_up(world, instance)
                    events.append(Event(world.calendar.now, "instance started", subject))
    return events


def _maintain(world: World, region: Region, instance: Instance, subject: str) -> Event:
    with world.lock:
        if instance.status != "available":
            # It waits for the next window.
            instance.deferred_since = world.calendar.now
            why = f"{subject}: it is {instance.status}"
            return Event(world.calendar.now, "maintenance missed", why)
    applied = ", ".join(modifying.apply_deferred(world, region, instance))
    return Event(world.calendar.now, "changes applied", f"{subject}: {applied or 'none was possible'}")


def _instances(world: World) -> list[tuple[Region, Instance]]:
    return [(region, one) for region in world.regions.values() for one in region.instances.values()]


def _window(instance: Instance) -> datetime | None:
    if not instance.deferred or instance.deferred_since is None:
        return None
    return openings.opens_after(instance.maintenance_window, instance.deferred_since)


def _start(world: World, instance: Instance) -> datetime | None:
    if instance.status != "stopped" or instance.stopped is None:
        return None
    return world.calendar.reading(instance.stopped) + STOPPED_AT_MOST
