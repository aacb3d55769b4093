"""Every legal transition of a cluster, and the events that tell of clusters and their snapshots."""

from dr.lab.rds import states
from dr.lab.rds.clusters.records import AuroraCluster, ClusterBackup, ClusterSnapshot
from dr.lab.rds.world import World

CLUSTER: dict[str, frozenset[str]] = {
    "creating": frozenset({"available", "failed", "incompatible-restore"}),
    "available": frozenset(
        {
            "backing-up",
            "modifying",
            "renaming",
            "resetting-master-credentials",
            "failing-over",
            "stopping",
            "deleting",
        }
    ),
    "backing-up": frozenset({"available"}),
    "resetting-master-credentials": frozenset({"available", "modifying", "renaming", "failed"}),
    "modifying": frozenset({"available", "renaming", "failed"}),
    "renaming": frozenset({"available", "failed"}),
    "failing-over": frozenset({"available", "failed"}),
    "stopping": frozenset({"stopped", "failed"}),
    "stopped": frozenset({"starting", "deleting"}),
    "starting": frozenset({"available", "failed"}),
    "incompatible-restore": frozenset({"deleting"}),
    "failed": frozenset({"deleting"}),
    "deleting": frozenset({"deleted", "failed"}),
    "deleted": frozenset(),
}


def move(world: World, moved: AuroraCluster | ClusterSnapshot | ClusterBackup, status: str) -> None:
    """Change a status along the table of legal transitions."""
    match moved:
        case AuroraCluster():
            table = CLUSTER
        case ClusterSnapshot():
            table = states.SNAPSHOT
        case ClusterBackup():
            table = states.BACKUP
    with world.changed:
        states.check(table, f"{type(moved).__name__} {moved.identifier}", moved.status, status)
        moved.status = status
        world.changed.notify_all()


def tell(world: World, cluster: AuroraCluster, message: str, *categories: str) -> None:
    """An event of a cluster."""
    with world.lock:
        world.event(cluster.region, "db-cluster", cluster.identifier, message, *categories, arn_kind="cluster")


def tell_snapshot(world: World, snapshot: ClusterSnapshot, message: str, *categories: str) -> None:
    """An event of a cluster snapshot."""
    with world.lock:
        world.event(
            snapshot.region,
            "db-cluster-snapshot",
            snapshot.identifier,
            message,
            *categories,
            arn_kind="cluster-snapshot",
        )
