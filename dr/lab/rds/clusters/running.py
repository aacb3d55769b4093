"""A cluster as a whole: stop, start, fail over."""

from typing import Any

from dr.errors import Unable
from dr.lab.rds.clusters import describe, requests, states, volumes
from dr.lab.rds.clusters.records import AuroraCluster
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Instance, Region
from dr.lab.rds.world import World

Answer = dict[str, Any]


def stop(world: World, region: Region, request: dict[str, Any]) -> Answer:
    cluster, inside = _whole(world, region, request, "available", "stop")
    states.move(world, cluster, "stopping")
    for one in inside:
        world.move(one, "stopping")

    def work() -> None:
        with world.dwelling("stopping"), cluster.busy:
            if cluster.writer:
                volumes.reach(cluster.backup, cluster.writer.cluster)
            for one in inside:
                one.cluster.stop()
        for one in inside:
            world.move(one, "stopped")
        states.tell(world, cluster, "DB cluster stopped", "notification")
        states.move(world, cluster, "stopped")

    world.spawn(f"stop {cluster.identifier}", work, failed=lambda: states.move(world, cluster, "failed"))
    return {"DBCluster": describe.cluster(world, cluster)}


def start(world: World, region: Region, request: dict[str, Any]) -> Answer:
    cluster, inside = _whole(world, region, request, "stopped", "start")
    states.move(world, cluster, "starting")
    for one in inside:
        world.move(one, "starting")
    writer_first = sorted(inside, key=lambda one: one is not cluster.writer)

    def work() -> None:
        with world.dwelling("starting"), cluster.busy:
            for one in writer_first:
                revive(world, cluster, one)
        states.tell(world, cluster, "DB cluster started", "notification")
        states.move(world, cluster, "available")

    world.spawn(f"start {cluster.identifier}", work, failed=lambda: states.move(world, cluster, "failed"))
    return {"DBCluster": describe.cluster(world, cluster)}


def revive(world: World, cluster: AuroraCluster, instance: Instance) -> None:
    """Start a stopped member and say what became of it. Call with the cluster's `busy` held."""
    try:
        volumes.start(world, cluster, instance)
    except Unable as problem:
        world.tell(instance, f"The DB instance does not start with its parameters: {problem.message}", "failure")
        world.move(instance, "incompatible-parameters")
        return
    world.move(instance, "available")


def fail_over(world: World, region: Region, request: dict[str, Any]) -> Answer:
    cluster = requests.find(world, region, request["DBClusterIdentifier"])
    requests.require(cluster, {"available"}, "fail over")
    candidates = [one for one in volumes.readers(world, cluster) if one.status == "available"]
    if not candidates or cluster.writer is None:
        raise Fault(
            "InvalidDBClusterStateFault",
            f"Cannot failover cluster '{cluster.identifier}' because there are no eligible target instances.",
        )
    given = request.get("TargetDBInstanceIdentifier")
    target = next((one for one in candidates if one.identifier == str(given or one.identifier).lower()), None)
    if target is None:
        raise Fault("InvalidDBInstanceState", f"{given} is not an available reader of {cluster.identifier}.")
    if cluster.writer.status != "available":
        raise Fault("InvalidDBInstanceState", f"{cluster.writer.identifier} is {cluster.writer.status}.")
    moving = [cluster.writer, target]
    states.move(world, cluster, "failing-over")
    for one in moving:
        world.move(one, "rebooting")
    states.tell(world, cluster, f"Started cross AZ failover to DB instance: {target.identifier}", "failover")

    def work() -> None:
        with world.dwelling("rebooting"), cluster.busy:
            volumes.fail_over(world, cluster, target)
        for one in moving:
            world.move(one, "available")
        states.tell(world, cluster, f"Completed failover to DB instance: {target.identifier}", "failover")
        states.move(world, cluster, "available")

    def failed() -> None:
        for one in moving:
            if one.status == "rebooting":
                world.move(one, "failed")
        states.move(world, cluster, "failed")

    world.spawn(f"fail over {cluster.identifier}", work, failed=failed)
    return {"DBCluster": describe.cluster(world, cluster)}


def _whole(
    world: World, region: Region, request: dict[str, Any], status: str, verb: str
) -> tuple[AuroraCluster, list[Instance]]:
    """A cluster of which every member is in this status, as the cluster is."""
    cluster = requests.find(world, region, request["DBClusterIdentifier"])
    requests.require(cluster, {status}, verb)
    inside = describe.members(region, cluster)
    other = next((one for one in inside if one.status != status), None)
    if other or not inside:
        state = f"{other.identifier} is {other.status}" if other else "it has no instances"
        raise Fault("InvalidDBClusterStateFault", f"DbCluster {cluster.identifier} cannot {verb}: {state}.")
    return cluster, inside
