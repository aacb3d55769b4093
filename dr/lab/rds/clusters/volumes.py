"""Which server works on a cluster's volume: the writer's, or for a moment one of the volume's own.

Everything here that starts, stops or exchanges servers is called with the cluster's `busy` held.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from dr.errors import Unable
from dr.lab.engine import archive, shared_volume
from dr.lab.engine.cluster import NO_ARCHIVE, Cluster
from dr.lab.rds.clusters import describe
from dr.lab.rds.clusters.records import AuroraCluster, ClusterBackup
from dr.lab.rds.records import Instance
from dr.lab.rds.world import Ending, World


@contextmanager
def served(cluster: AuroraCluster) -> Iterator[Cluster]:
    """A server over the volume, with nobody's endpoint where no instance serves it."""
    if cluster.writer and cluster.writer.cluster.alive:
        yield cluster.writer.cluster
        return
    cluster.volume.start()
    try:
        yield cluster.volume
        reach(cluster.backup, cluster.volume)
    finally:
        cluster.volume.stop()


def await_turn(world: World, cluster: AuroraCluster, instance: Instance) -> None:
    """Wait until the instance that was asked for first serves the volume, or has failed to."""
    with world.changed:
        while (first := cluster.writer) and first is not instance and first.status == "creating":
            if world.stop.is_set():
                raise Ending
            world.changed.wait(0.5)


def attach(world: World, cluster: AuroraCluster, instance: Instance) -> None:
    """Bring up a new member: the first serves the volume, the others follow it. Raises Unable."""
    configure(world, cluster, instance)
    with world.lock:
        cluster.writer = cluster.writer or instance
        writer = cluster.writer
    if writer is not instance:
        shared_volume.join(instance.cluster, writer.cluster, cluster.backup.archive)
        return
    shared_volume.move(cluster.volume, instance.cluster)
    try:
        _serve(cluster, instance)
    except Unable:
        rest(world, cluster)
        raise


def detach(world: World, cluster: AuroraCluster, instance: Instance) -> None:
    """Take a member down; where it was the writer, the volume goes to a reader or comes to rest."""
    if cluster.writer is instance:
        others = readers(world, cluster)
        if others:
            fail_over(world, cluster, others[0])
        else:
            rest(world, cluster)
    instance.cluster.remove()


def fail_over(world: World, cluster: AuroraCluster, target: Instance) -> None:
    """Make a reader the writer. Nothing is lost: the volume itself changes hands."""
    old = cluster.writer
    if old is None:
        raise AssertionError(f"{cluster.identifier} has no writer to fail over from")
    followers = [one for one in readers(world, cluster) if one is not target]
    reach(cluster.backup, old.cluster)
    old.cluster.stop()
    target.cluster.stop()
    shared_volume.hand_over(old.cluster, target.cluster)
    with world.lock:
        cluster.writer = target
    old.cluster.archive_command = NO_ARCHIVE
    _serve(cluster, target)
    for one in (old, *followers):
        one.cluster.stop()
        shared_volume.follow(one.cluster, target.cluster, cluster.backup.archive)


def start(world: World, cluster: AuroraCluster, instance: Instance) -> None:
    """Start a stopped member in the role that it has, with its parameters as they are now. Raises Unable."""
    configure(world, cluster, instance)
    if cluster.writer is instance:
        _serve(cluster, instance)
    elif cluster.writer:
        shared_volume.follow(instance.cluster, cluster.writer.cluster, cluster.backup.archive)
    if instance.membership:
        instance.membership.parameters_pending = False
    instance.parameters_pending = False


def rest(world: World, cluster: AuroraCluster) -> None:
    """Stop the writer and leave the volume without any instance."""
    writer = cluster.writer
    if writer is None:
        return
    if writer.cluster.alive:
        reach(cluster.backup, writer.cluster)
    writer.cluster.stop()
    shared_volume.move(writer.cluster, cluster.volume)
    with world.lock:
        cluster.writer = None


def reach(own: ClusterBackup, server: Cluster) -> None:
    """Let the restorable time catch up with a running server."""
    try:
        reached = archive.advance(server, own.archive, own.stop)
    except psycopg.Error:
        # The server is restarting or damaged: the restorable time stands still.
        return
    if reached and not own.stop.is_set():
        own.latest = max(own.latest or reached, reached)


def configure(world: World, cluster: AuroraCluster, instance: Instance) -> None:
    """A member's names and parameters: those of the cluster's group, and over them its own."""
    with world.lock:
        region = world.regions[cluster.region]
        instance.cluster.aliases = aliases(world, cluster)
        shared = region.clusters.parameter_groups[cluster.parameter_group].settings()
        instance.cluster.parameters = {**shared, **region.parameter_groups[instance.parameter_group].settings()}


def aliases(world: World, cluster: AuroraCluster) -> tuple[str, ...]:
    """The names that every member answers to besides its own."""
    region = world.regions[cluster.region]
    return (
        describe.endpoint(region, cluster.identifier),
        describe.reader_endpoint(region, cluster.identifier),
    )


def _serve(cluster: AuroraCluster, instance: Instance) -> None:
    instance.cluster.archive_command = cluster.backup.archive.archive_command
    instance.cluster.start()


def readers(world: World, cluster: AuroraCluster) -> list[Instance]:
    """Members that could take over, the most suitable first."""
    with world.lock:
        found = [
            (one.membership.tier, one.identifier, one)
            for one in describe.members(world.regions[cluster.region], cluster)
            if one.membership and one is not cluster.writer and one.status in ("available", "rebooting")
        ]
    return [one for _, _, one in sorted(found, key=lambda entry: entry[:2])]


def port_of(world: World, cluster: AuroraCluster, name: str) -> int | None:
    """Where a client of the cluster goes: to a reader if it asks for the reader endpoint and there is one."""
    with world.lock:
        if name.lower() == describe.reader_endpoint(world.regions[cluster.region], cluster.identifier):
            choice = [one.cluster.port for one in readers(world, cluster) if one.cluster.alive]
            if choice:
                cluster.turn += 1
                return choice[cluster.turn % len(choice)]
        writer = cluster.writer
        return writer.cluster.port if writer and writer.cluster.alive else None


def ports(world: World, cluster: AuroraCluster) -> list[int]:
    """Of every member that runs."""
    with world.lock:
        found = describe.members(world.regions[cluster.region], cluster)
        return [one.cluster.port for one in found if one.cluster.alive]
