"""Cluster snapshots: create, describe, delete."""

import shutil
import time
from pathlib import Path
from typing import Any

from dr.lab.engine import backup
from dr.lab.rds import names, paging
from dr.lab.rds import states as instance_states
from dr.lab.rds.clusters import describe, requests, states, volumes
from dr.lab.rds.clusters.records import AuroraCluster, ClusterSnapshot, Tags
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Region
from dr.lab.rds.world import World

MANUAL_PER_REGION = 100
KINDS = ("automated", "manual", "shared", "public", "awsbackup")
Answer = dict[str, Any]


def create(world: World, region: Region, request: dict[str, Any]) -> Answer:
    identifier = names.snapshot(request["DBClusterSnapshotIdentifier"], "DBClusterSnapshotIdentifier")
    cluster = requests.find(world, region, request["DBClusterIdentifier"])
    free_name(region, identifier)
    requests.require(cluster, {"available"}, "create a snapshot")
    snapshot = record(world, region, cluster, identifier, names.tags(request.get("Tags")))
    states.move(world, cluster, "backing-up")

    def work() -> None:
        with cluster.busy:
            fill(world, snapshot, cluster)
        states.move(world, cluster, "available")

    def failed() -> None:
        if snapshot.status == "creating":
            states.move(world, snapshot, "failed")
        states.move(world, cluster, "available")

    world.spawn(f"cluster snapshot {identifier}", work, failed=failed)
    return {"DBClusterSnapshot": describe.snapshot(world, snapshot)}


def record(world: World, region: Region, cluster: AuroraCluster, identifier: str, tags: Tags) -> ClusterSnapshot:
    """A manual snapshot that begins now. Raises Fault where the name is taken or the quota used up."""
    free_name(region, identifier)
    snapshot = ClusterSnapshot(
        region=region.name,
        identifier=identifier,
        kind="manual",
        traits=cluster.traits.remembered(),
        status="creating",
        tags={**(cluster.tags if cluster.traits.copy_tags else {}), **tags},
        directory=place(region),
        begun=time.monotonic(),
        dwell=world.seconds(instance_states.DWELL["snapshot"]),
        created=world.now,
    )
    region.clusters.snapshots[identifier] = snapshot
    return snapshot


def free_name(region: Region, identifier: str) -> None:
    """Raises Fault where a snapshot of this name exists, or where there is no room for another."""
    held = region.clusters.snapshots
    if identifier in held:
        raise Fault(
            "DBClusterSnapshotAlreadyExistsFault", f"Cannot create the cluster snapshot: {identifier} already exists."
        )
    if sum(one.kind == "manual" for one in held.values()) >= MANUAL_PER_REGION:
        raise Fault("SnapshotQuotaExceeded", f"The quota of {MANUAL_PER_REGION} manual snapshots is used up.")


def place(region: Region) -> Path:
    return region.directory / "cluster-snapshots" / names.backup_id().removeprefix("ab-") / "data"


def fill(world: World, snapshot: ClusterSnapshot, cluster: AuroraCluster) -> None:
    """Copy the volume into a snapshot. Call with the cluster's `busy` held."""
    states.tell_snapshot(world, snapshot, "Creating manual cluster snapshot", "backup")
    with world.dwelling("snapshot"), volumes.served(cluster) as server:
        base = backup.take(server, snapshot.directory)
    with world.lock:
        snapshot.base, snapshot.created = base, base.started
        states.move(world, snapshot, "available")
    states.tell_snapshot(world, snapshot, "Manual cluster snapshot created", "backup")


def show(world: World, region: Region, request: dict[str, Any]) -> Answer:
    known = ("db-cluster-id", "db-cluster-snapshot-id", "snapshot-type", "engine")
    chosen = paging.filters(request, known)
    kind, wanted = request.get("SnapshotType"), request.get("DBClusterSnapshotIdentifier")
    if kind and kind not in KINDS:
        raise Fault("InvalidParameterValue", f"Invalid snapshot type: {kind[:50]}")
    owner = str(request.get("DBClusterIdentifier") or "").rpartition(":")[2].lower()
    if wanted and owner:
        raise Fault(
            "InvalidParameterCombination",
            "DBClusterIdentifier and DBClusterSnapshotIdentifier cannot be given together.",
        )
    resource = request.get("DbClusterResourceId")
    name = wanted.split(":cluster-snapshot:")[-1].lower() if wanted else None
    found = []
    for one in region.clusters.snapshots.values():
        # By its identifier alone an automated snapshot is not found: AWS wants to be told the type.
        if name and (one.identifier != name or (not kind and one.kind == "automated")):
            continue
        if (kind and one.kind != kind) or (resource and one.traits.resource_id != resource):
            continue
        if (not owner or one.traits.identifier == owner) and paging.admits(
            chosen,
            db_cluster_id=[one.traits.identifier, world.arn(region.name, "cluster", one.traits.identifier)],
            db_cluster_snapshot_id=[one.identifier],
            snapshot_type=[one.kind],
            engine=[describe.ENGINE],
        ):
            found.append((one.identifier, one))
    if wanted and not found:
        raise Fault("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot {wanted[:255]} not found.")
    return paging.page(request, found, "DBClusterSnapshots", lambda one: describe.snapshot(world, one))


def find(world: World, region: Region, given: str) -> ClusterSnapshot:
    """A cluster snapshot by name, or by ARN of any region."""
    home, name = region, given
    if given.startswith("arn:"):
        parts = given.split(":", 6)
        if len(parts) < 7 or parts[2] != "rds" or parts[5] != "cluster-snapshot" or parts[3] not in world.regions:
            raise Fault("InvalidParameterValue", f"Invalid cluster snapshot ARN: {given[:300]}")
        home, name = world.regions[parts[3]], parts[6]
    found = home.clusters.snapshots.get(name.lower())
    if found is None:
        raise Fault("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot {given[:300]} not found.")
    return found


def delete(world: World, region: Region, request: dict[str, Any]) -> Answer:
    given = request["DBClusterSnapshotIdentifier"]
    snapshot = find(world, region, given)
    if snapshot.region != region.name:
        raise Fault("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot {given[:300]} not found.")
    if snapshot.kind != "manual":
        raise Fault("InvalidDBClusterSnapshotStateFault", "Only manual cluster snapshots may be deleted.")
    if snapshot.status not in ("available", "failed", "copying"):
        raise Fault(
            "InvalidDBClusterSnapshotStateFault",
            f"{snapshot.identifier} is {snapshot.status}: it cannot be deleted now.",
        )
    states.move(world, snapshot, "deleted")
    del region.clusters.snapshots[snapshot.identifier]
    states.tell_snapshot(world, snapshot, "Deleted manual cluster snapshot", "notification")
    answer = {"DBClusterSnapshot": describe.snapshot(world, snapshot)}
    world.spawn(f"remove {snapshot.identifier}", lambda: shutil.rmtree(snapshot.directory.parent, ignore_errors=True))
    return answer
