"""RebootDBInstance, StopDBInstance and StartDBInstance: a server down, a server up."""

from typing import Any

from dr.errors import Unable
from dr.lab.rds import describe, names, placement, snapshots, states
from dr.lab.rds.faults import Fault
from dr.lab.rds.instances import find, require
from dr.lab.rds.pauses import Pause
from dr.lab.rds.records import Instance, Region
from dr.lab.rds.world import World

Answer = dict[str, Any]


def reboot(world: World, region: Region, request: dict[str, Any]) -> Answer:
    instance = find(region, request["DBInstanceIdentifier"])
    require(instance, {"available", "incompatible-parameters"}, "reboot")
    if request.get("ForceFailover") and not instance.multi_az:
        raise Fault("InvalidParameterCombination", "Cannot force a failover of an instance that is not Multi-AZ.")
    _come_up(world, instance, "rebooting", ("DB instance restarted", "availability"), down_first=True)
    return {"DBInstance": describe.instance(world, instance)}


def stop(world: World, region: Region, request: dict[str, Any]) -> Answer:
    instance = find(region, request["DBInstanceIdentifier"])
    require(instance, {"available"}, "stop")
    if instance.following or describe.read_replicas(world, instance):
        raise Fault("InvalidDBInstanceState", f"{instance.identifier} is or has a read replica: it cannot be stopped.")
    name, snapshot = request.get("DBSnapshotIdentifier"), None
    if name:
        snapshot = snapshots.record(world, region, instance, names.snapshot(name), {})
    world.move(instance, "stopping")

    def work() -> None:
        with world.dwelling("stopping"):
            if snapshot:
                snapshots.fill(world, snapshot, instance)
            instance.cluster.stop()
        with world.lock:
            instance.stopped = world.now
            if instance.backup:
                instance.backup.pauses.append(Pause(world.calendar.now))
        world.tell(instance, "DB instance stopped", "notification")
        world.move(instance, "stopped")

    def failed() -> None:
        snapshots.abandon(world, snapshot)
        world.move(instance, "failed")

    world.spawn(f"stop {instance.identifier}", work, failed=failed)
    return {"DBInstance": describe.instance(world, instance)}


def start(world: World, region: Region, request: dict[str, Any]) -> Answer:
    instance = find(region, request["DBInstanceIdentifier"])
    require(instance, {"stopped", states.KEY_LOST}, "start")
    if instance.traits.key:
        placement.key(world, region, instance.traits.key)
    world.mishaps.require_capacity(region.name, instance.traits.instance_class)
    start_up(world, instance)
    return {"DBInstance": describe.instance(world, instance)}


def start_up(world: World, instance: Instance) -> None:
    """Begin to start a stopped instance. Call with the lock held."""
    # Whoever lost the key may still be going down.
    going_down = instance.status == states.KEY_LOST
    instance.keyless_since = instance.stopped = None
    if instance.backup:
        instance.backup.go_on(world.calendar.now)
    _come_up(world, instance, "starting", ("DB instance started", "notification"), down_first=going_down)


def _come_up(world: World, instance: Instance, through: str, told: tuple[str, str], *, down_first: bool) -> None:
    """Bring a server up by way of a status, and tell of it; where its parameters are refused that is told instead."""
    world.move(instance, through)

    def work() -> None:
        with world.dwelling(through):
            up = _start(world, instance, down_first=down_first)
        if up:
            world.tell(instance, *told)
            world.move(instance, "available")

    world.spawn(f"{through} {instance.identifier}", work, failed=lambda: world.move(instance, "failed"))


def _start(world: World, instance: Instance, *, down_first: bool) -> bool:
    """Start with the parameter group as it is now; False where the server refuses its parameters."""
    with world.lock:
        group = world.regions[instance.region].parameter_groups[instance.parameter_group]
        instance.cluster.parameters = group.settings()
    if down_first:
        instance.cluster.stop()
    try:
        instance.cluster.start()
    except Unable as problem:
        world.tell(instance, f"The DB instance does not start with its parameters: {problem.message}", "failure")
        world.move(instance, "incompatible-parameters")
        return False
    with world.lock:
        instance.parameters_pending = False
    return True
