"""Continuous backup of clusters: archive, restorable time, automated snapshots, and what is retained after deletion."""

import shutil
import time
from typing import Any

from dr.lab.engine import backup
from dr.lab.engine.cluster import Cluster
from dr.lab.rds import paging
from dr.lab.rds.clusters import describe, states, volumes
from dr.lab.rds.clusters.records import AuroraCluster, ClusterBackup, ClusterSnapshot
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Region
from dr.lab.rds.world import World

RESTORABLE_EVERY = 30.0
"""AWS's seconds. Aurora uploads continuously; there are no five minutes to wait for."""
LEAST_PAUSE = 0.5
"""Seconds of ours: the restorable time is told in whole seconds, so that looking more often shows nothing new."""
Answer = dict[str, Any]


def begin(world: World, cluster: AuroraCluster, server: Cluster) -> None:
    """The first base backup of a volume; when this returns, there is an instant to which it can be restored."""
    own = cluster.backup
    base = backup.take(server, own.directory / "base" / "1" / "data")
    name = f"rds:{cluster.identifier}-{base.started:%Y-%m-%d-%H-%M}"
    snapshot = ClusterSnapshot(
        region=cluster.region,
        identifier=name,
        kind="automated",
        traits=cluster.traits.remembered(),
        status="available",
        tags=dict(cluster.tags) if cluster.traits.copy_tags else {},
        directory=base.directory,
        begun=time.monotonic(),
        dwell=0,
        base=base,
        created=base.started,
    )
    with world.lock:
        own.bases.append(base)
        states.move(world, own, "active")
        world.regions[cluster.region].clusters.snapshots[name] = snapshot
    # A restorable time before the base backup's end would be a lie.
    world.sleep((base.earliest - world.now).total_seconds() + 0.01)
    volumes.reach(own, server)
    world.spawn(f"restorable {cluster.identifier}", lambda: _keep_restorable(world, cluster, own))


def _keep_restorable(world: World, cluster: AuroraCluster, own: ClusterBackup) -> None:
    while not own.stop.wait(max(LEAST_PAUSE, world.seconds(RESTORABLE_EVERY))) and not world.stop.is_set():
        writer = cluster.writer
        if writer and writer.cluster.alive:
            volumes.reach(own, writer.cluster)


def close(world: World, cluster: AuroraCluster, *, keep: bool) -> None:
    """End a cluster's backups: retain what there is, or remove it with its automated snapshots."""
    own = cluster.backup
    own.stop.set()
    if keep and own.bases and own.latest:
        with world.lock:
            own.traits = own.traits.remembered()
            states.move(world, own, "retained")
        return
    states.move(world, own, "deleted")
    discard(world, own)


def discard(world: World, gone: ClusterBackup) -> None:
    """Forget a backup, its automated snapshots and its bytes."""
    with world.lock:
        here = world.regions[gone.region].clusters
        here.backups.pop(gone.traits.resource_id, None)
        for name, snapshot in list(here.snapshots.items()):
            if snapshot.kind == "automated" and gone.directory in snapshot.directory.parents:
                del here.snapshots[name]
                states.move(world, snapshot, "deleted")
    shutil.rmtree(gone.directory, ignore_errors=True)


def show(world: World, region: Region, request: dict[str, Any]) -> Answer:
    chosen = paging.filters(request, ("status", "db-cluster-id", "db-cluster-resource-id"))
    resource = request.get("DbClusterResourceId")
    name = str(request.get("DBClusterIdentifier") or "").rpartition(":")[2].lower()
    found = []
    for one in region.clusters.backups.values():
        if (resource and one.traits.resource_id != resource) or (name and one.identifier != name):
            continue
        if paging.admits(
            chosen,
            status=[one.status],
            db_cluster_id=[one.identifier, world.arn(region.name, "cluster", one.identifier)],
            db_cluster_resource_id=[one.traits.resource_id],
        ):
            found.append((one.traits.resource_id, one))
    if not found and (resource or name):
        raise Fault(
            "DBClusterAutomatedBackupNotFoundFault",
            f"Automated backup of {str(resource or name)[:255]} was not found.",
        )
    return paging.page(request, found, "DBClusterAutomatedBackups", lambda one: describe.backup(world, one))


def delete(world: World, region: Region, request: dict[str, Any]) -> Answer:
    given = request["DbClusterResourceId"]
    found = region.clusters.backups.get(given)
    if found is None:
        raise Fault("DBClusterAutomatedBackupNotFoundFault", f"Automated backup of {given[:255]} was not found.")
    if found.status != "retained":
        raise Fault(
            "InvalidDBClusterAutomatedBackupStateFault",
            f"The automated backup of {found.identifier} is {found.status}: only retained ones can be deleted.",
        )
    states.move(world, found, "deleting")
    answer = {"DBClusterAutomatedBackup": describe.backup(world, found)}

    def work() -> None:
        with world.dwelling("deleting"):
            discard(world, found)
        states.move(world, found, "deleted")

    world.spawn(f"delete backup of {found.identifier}", work)
    return answer
