"""Instances whose KMS key was disabled, or is going to be deleted: RDS takes them down.

The two states, the seven days, and that StartDBInstance brings an instance back once its key is enabled again:
https://repost.aws/knowledge-center/rds-aurora-inaccessible-state. How soon RDS notices is not published.
"""

from datetime import timedelta

from dr.lab.rds import states
from dr.lab.rds.records import Instance
from dr.lab.rds.world import World

LOOK_EVERY = 300.0
"""Seconds of AWS. A key has to be missed twice: it may be out of reach for a moment only."""
RECOVERABLE = timedelta(days=7)


def watch(world: World) -> None:
    """Look after the keys of all instances until the lab ends."""
    missed: set[str] = set()
    while not world.stop.wait(world.seconds(LOOK_EVERY)):
        with world.lock:
            without = {one.resource_id: one for one in _without_key(world)}
            for region in world.regions.values():
                for one in region.instances.values():
                    _give_up(world, one)
        for resource_id in without.keys() & missed:
            _take_down(world, without[resource_id])
        missed = set(without)


def _without_key(world: World) -> list[Instance]:
    return [
        instance
        for region in world.regions.values()
        for instance in region.instances.values()
        if instance.status in states.USABLE
        and instance.traits.key
        and world.keys.key(region.name, instance.traits.key) is None
    ]


def _take_down(world: World, instance: Instance) -> None:
    with world.lock:
        if instance.status not in states.USABLE:
            return
        instance.keyless_since = world.now
        world.move(instance, states.KEY_LOST)
    world.tell(instance, "The KMS key of the DB instance is not accessible: it was stopped", "failure")
    world.spawn(f"take down {instance.identifier}", instance.cluster.stop)


def _give_up(world: World, instance: Instance) -> None:
    since = instance.keyless_since
    if instance.status == states.KEY_LOST and since and world.calendar.age(since) >= RECOVERABLE:
        world.move(instance, states.KEY_GONE)
        world.tell(instance, "The KMS key was not accessible for seven days: restore from a backup", "failure")
