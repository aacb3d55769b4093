"""Faults of RDS's control plane: statuses, capacity, quotas, copies. See `dr/lab/faults/catalogue.py` for each."""

from dataclasses import replace
from typing import Any

from dr.errors import Refused
from dr.lab.faults.ledger import Done, Injector
from dr.lab.rds import harm_bytes, harm_restore, replicas
from dr.lab.rds.mishaps import Ending, Shortage
from dr.lab.rds.records import Backup, Instance
from dr.lab.rds.world import World


def injectors(world: World) -> dict[str, Injector]:
    """Fault -> what injects it into this world."""
    return {
        "instance-status": lambda given: _instance_status(world, given),
        "restore-ends": lambda given: _restore_ends(world, given),
        "no-capacity": lambda given: _no_capacity(world, given),
        "quota": lambda given: _quota(world, given),
        "copy-stuck": lambda given: _copy_stuck(world, given),
        "backup-unencrypted": lambda given: _backup_unencrypted(world, given),
        "backup-replication-stopped": lambda given: _replication_stopped(world, given),
        "replica-lag": lambda given: _replica_lag(world, given),
        "replica-stopped": lambda given: _replica_stopped(world, given),
        **harm_bytes.injectors(world),
        **harm_restore.injectors(world),
    }


def find(world: World, given: dict[str, Any]) -> Instance:
    """The instance that the options name. Raises Refused."""
    found = world.regions[given["region"]].instances.get(given["instance"].lower())
    if found is None:
        raise Refused(f"there is no instance {given['instance']} in {given['region']}", hint="see `dr lab status`")
    return found


def _instance_status(world: World, given: dict[str, Any]) -> Done:
    status = given["status"]
    with world.lock:
        instance = find(world, given)
        if instance.status != "available":
            raise Refused(f"{instance.identifier} is {instance.status}", hint="wait until it is available")
        world.move(instance, status)
        world.tell(instance, f"The DB instance is {status}", "failure")

    def undo() -> None:
        with world.lock:
            if instance.status == status:
                world.move(instance, "available")

    return Done(f"{instance.identifier} in {instance.region} is {status}", undo)


def _restore_ends(world: World, given: dict[str, Any]) -> Done:
    ending = Ending(given["region"], given["status"], given["times"])
    with world.lock:
        world.mishaps.endings.append(ending)

    def undo() -> None:
        with world.lock:
            world.mishaps.endings.remove(ending)

    return Done(f"the next {ending.left} restores in {ending.region} end in {ending.status}", undo)


def _no_capacity(world: World, given: dict[str, Any]) -> Done:
    shortage = Shortage(given["region"], given["class"], given["times"])
    with world.lock:
        world.mishaps.shortages.append(shortage)

    def undo() -> None:
        with world.lock:
            world.mishaps.shortages.remove(shortage)

    return Done(f"no capacity for {given['class'] or 'any class'} in {shortage.region}, {shortage.left} times", undo)


def _quota(world: World, given: dict[str, Any]) -> Done:
    region, quota = world.regions[given["region"]], given["quota"].replace("-", "_")
    with world.lock:
        before = getattr(region.quotas, quota)
        region.quotas = replace(region.quotas, **{quota: given["value"]})

    def undo() -> None:
        with world.lock:
            region.quotas = replace(region.quotas, **{quota: before})

    return Done(f"the quota of {given['quota']} in {region.name} is {given['value']}", undo)


def _copy_stuck(world: World, given: dict[str, Any]) -> Done:
    region, percent = given["region"], min(given["percent"], 99)
    with world.lock:
        world.mishaps.stuck[region] = percent

    def undo() -> None:
        with world.changed:
            world.mishaps.stuck.pop(region, None)
            world.changed.notify_all()

    return Done(f"snapshot copies to {region} stop at {percent} %", undo)


def _following(world: World, given: dict[str, Any]) -> list[Backup]:
    """The automated backups of an instance that another region sends here. Raises Refused where there are none."""
    found = [
        one
        for one in world.regions[given["region"]].backups.values()
        if one.source is not None and one.traits.identifier == given["instance"].lower()
    ]
    if not found:
        raise Refused(
            f"no automated backups of {given['instance']} are replicated to {given['region']}",
            hint="name the region that they are replicated to, and the instance that they are of",
        )
    return found


def _backup_unencrypted(world: World, given: dict[str, Any]) -> Done:
    with world.lock:
        following = _following(world, given)
        before = [(one, one.traits.encrypted, one.key) for one in following]
        for one in following:
            one.traits.encrypted, one.key = False, None

    def undo() -> None:
        with world.lock:
            for one, encrypted, key in before:
                one.traits.encrypted, one.key = encrypted, key

    return Done(f"automated backups of {given['instance']} in {given['region']} are not encrypted", undo)


def _replication_stopped(world: World, given: dict[str, Any]) -> Done:
    with world.lock:
        following = _following(world, given)
        for one in following:
            one.stalled = True

    def undo() -> None:
        with world.lock:
            for one in following:
                one.stalled = False

    return Done(f"automated backups of {given['instance']} no longer arrive in {given['region']}", undo)


def _replica_lag(world: World, given: dict[str, Any]) -> Done:
    instance = find(world, given)
    replicas.delay(world, instance, given["seconds"])
    told = f"{instance.identifier} lags by {given['seconds']:g} s"
    return Done(told, lambda: replicas.delay(world, instance, 0.0))


def _replica_stopped(world: World, given: dict[str, Any]) -> Done:
    instance = find(world, given)
    replicas.stop(world, instance)
    return Done(
        f"{instance.identifier} receives nothing more from its source", lambda: replicas.resume(world, instance)
    )
