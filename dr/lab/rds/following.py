"""The tie between a read replica and its source: watched, injured on demand, and ended by promotion or deletion."""

import psycopg

from dr.lab.engine import standby
from dr.lab.rds import backups, describe
from dr.lab.rds.records import Following, Instance
from dr.lab.rds.world import World

LOOK_EVERY = 10.0
"""AWS's seconds between two looks at how a replica follows."""
NOT_OFTENER = 0.5
"""Seconds of this machine, however fast the lab is."""
RELEASE_AGAIN = 0.5
STARTING = frozenset({"creating", "rebooting"})
"""Statuses in which a replica has nothing to say."""
SILENT = "The read replica does not answer."
PAUSED = "Replay is paused: a parameter of the read replica is lower than its source's."
UNREACHABLE = "The source DB instance does not send."
GONE = "The source DB instance was deleted."


def watch(world: World, replica: Instance, tie: Following) -> None:
    """Keep `tie.status` true, and the replica on its source's heels when that moves, until the tie ends."""

    def work() -> None:
        while not tie.end.wait(max(NOT_OFTENER, world.seconds(LOOK_EVERY))):
            if replica.status in STARTING:
                continue
            keep_course(world, replica, tie)
            status, message = _look(replica, tie)
            with world.lock:
                changed = status != tie.status and not tie.end.is_set()
                if changed:
                    tie.status, tie.message = status, message
            if changed:
                world.tell(replica, f"Replication is {status}. {message}".strip(), "read replica")

    world.spawn(f"watch {replica.identifier}", work)


def _look(replica: Instance, tie: Following) -> tuple[str, str]:
    if tie.source.status == "deleted":
        return "terminated", GONE
    if tie.cut:
        return "stopped", ""
    try:
        with replica.cluster.connect() as connection:
            streaming, paused = standby.receiving(connection)
    except psycopg.Error:
        return "error", SILENT
    if paused:
        return "error", PAUSED
    return ("replicating", "") if streaming else ("error", UNREACHABLE)


def keep_course(world: World, replica: Instance, tie: Following) -> None:
    """Have a replica find its source where that is now; nothing passes between regions while one of them is lost."""
    with tie.busy:
        if tie.end.is_set() or tie.cut or not (replica.cluster.alive and tie.source.cluster.alive):
            return
        severed = replica.region != tie.source.region and not world.lost.isdisjoint({replica.region, tie.source.region})
        address = "" if severed else standby.address(replica.cluster, tie.source.cluster, tie.slot)
        if replica.cluster.following.get("primary_conninfo") not in (None, address):
            standby.change(replica.cluster, primary_conninfo=address)


def cut(world: World, replica: Instance, tie: Following) -> None:
    """Receive nothing more; what the source writes from now on is lost to this replica until it is mended."""
    with tie.busy:
        tie.cut = True
        standby.change(replica.cluster, primary_conninfo="")
    with world.lock:
        tie.status, tie.message = "stopped", ""


def mend(world: World, replica: Instance, tie: Following) -> None:
    """Receive again, and replay without delay."""
    with tie.busy:
        tie.cut = False
        address = standby.address(replica.cluster, tie.source.cluster, tie.slot)
        standby.change(replica.cluster, primary_conninfo=address, recovery_min_apply_delay="0")
    with world.lock:
        tie.status, tie.message = "replicating", ""


def lag(replica: Instance, tie: Following, seconds: float) -> None:
    """Show every commit so many seconds of this machine late."""
    with tie.busy:
        standby.change(replica.cluster, recovery_min_apply_delay=f"{round(seconds * 1000)}ms")


def part(world: World, replica: Instance, tie: Following) -> None:
    """Make a replica in `modifying` a database of its own: it reboots, and backs up if it is to keep backups."""
    tie.end.set()
    with world.dwelling("modifying"), tie.busy:
        standby.promote(replica.cluster)
        if replica.traits.retention:
            backups.open_archive(world, replica)
    world.move(replica, "rebooting")
    with world.dwelling("rebooting"):
        with world.lock:
            group = world.regions[replica.region].parameter_groups[replica.parameter_group]
            replica.cluster.parameters = group.settings()
        replica.cluster.restart()
    with world.lock:
        replica.following = None
        replica.traits.password = tie.source.traits.password
        replica.parameters_pending = False
    forget(world, tie)
    world.tell(replica, "Promoted read replica to a standalone DB instance", "notification")
    if replica.traits.retention:
        world.move(replica, "backing-up")
        backups.first(world, replica)
    world.move(replica, "available")


def forget(world: World, tie: Following) -> None:
    """Have the source drop the slot that it kept for a replica, as soon as it can be asked."""

    def work() -> None:
        while tie.source.status not in ("deleting", "deleted"):
            try:
                standby.release(tie.source.cluster, tie.slot)
            except psycopg.Error:
                # The source is down, or has not noticed yet that its standby left.
                world.sleep(RELEASE_AGAIN)
            else:
                return

    world.spawn(f"forget {tie.slot}", work)


def leave_behind(world: World, source: Instance) -> None:
    """Before a source is deleted: its replicas receive the rest; those of its own region become databases of their own.

    Replicas in other regions stay what they are, with replication terminated, until somebody promotes them.
    """
    with world.lock:
        left = describe.read_replicas(world, source)
    if left:
        source.cluster.stop()
    for replica in left:
        if replica.region == source.region:
            _set_free(world, replica)


def _set_free(world: World, replica: Instance) -> None:
    def work() -> None:
        if replica.following and world.claim(replica, "modifying"):
            part(world, replica, replica.following)

    world.spawn(f"part {replica.identifier}", work, failed=lambda: world.move(replica, "failed"))
