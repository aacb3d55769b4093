"""DB clusters: create, describe, delete."""

from collections.abc import Callable
from typing import Any

from dr.errors import Unable
from dr.lab.engine import roles
from dr.lab.engine.cluster import Cluster
from dr.lab.rds import names, paging, placement
from dr.lab.rds import snapshots as instance_snapshots
from dr.lab.rds.clusters import backups, describe, requests, snapshots, states
from dr.lab.rds.clusters.records import AuroraCluster, ClusterTraits
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Region
from dr.lab.rds.world import Ending, World

Answer = dict[str, Any]


def create(world: World, region: Region, request: dict[str, Any]) -> Answer:
    identifier = names.instance(request["DBClusterIdentifier"], "DBClusterIdentifier")
    requests.refuse_foreign(world, request)
    for name in ("MasterUsername", "MasterUserPassword"):
        if name not in request:
            raise Fault("InvalidParameterCombination", f"The parameter {name} must be provided and must not be blank.")
    database, key = request.get("DatabaseName"), request.get("KmsKeyId")
    encrypted = bool(request.get("StorageEncrypted"))
    if key and not encrypted:
        raise Fault("InvalidParameterCombination", "KmsKeyId may only be given with StorageEncrypted.")
    days = request.get("BackupRetentionPeriod")
    placed = requests.place(world, region, request)
    traits = ClusterTraits(
        identifier=identifier,
        resource_id=names.cluster_resource_id(),
        created=world.now,
        version=world.machine.tree.version,
        master=names.master(request["MasterUsername"]),
        password=names.password(request["MasterUserPassword"]),
        database=names.database(database) if database else None,
        encrypted=encrypted,
        key=placement.key(world, region, key or "alias/aws/rds") if encrypted else None,
        iam=bool(request.get("EnableIAMDatabaseAuthentication")),
        zones=[],
        vpc="",
        retention=requests.retention(1 if days is None else days),
        backup_window=request.get("PreferredBackupWindow") or "02:00-02:30",
        copy_tags=bool(request.get("CopyTagsToSnapshot")),
        storage_type=requests.storage_type(request, "aurora"),
        tags=names.tags(request.get("Tags")),
    )
    requests.free_name(region, identifier)
    cluster = requests.build(world, region, traits, placed, request)

    def bring_up(server: Cluster) -> None:
        server.create()
        with server.connect() as connection:
            roles.create_master(connection, traits.master, traits.password, traits.database)

    launch(world, cluster, bring_up, broken="failed", told="DB cluster created")
    return {"DBCluster": describe.cluster(world, cluster)}


def launch(
    world: World, cluster: AuroraCluster, bring_up: Callable[[Cluster], None], *, broken: str, told: str
) -> None:
    """Bring a cluster from `creating` to `available`: a volume that is backed up, and no instance."""

    def work() -> None:
        with world.dwelling("creating"), cluster.busy:
            try:
                bring_up(cluster.volume)
                backups.begin(world, cluster, cluster.volume)
            except Unable as problem:
                cluster.volume.stop("immediate")
                states.tell(world, cluster, f"The DB cluster is {broken}: {problem.message}", "failure")
                states.move(world, cluster, broken)
                return
            cluster.volume.stop()
        states.tell(world, cluster, told, "creation")
        states.move(world, cluster, "available")

    world.spawn(f"create {cluster.identifier}", work, failed=lambda: states.move(world, cluster, "failed"))


def show(world: World, region: Region, request: dict[str, Any]) -> Answer:
    known = ("clone-group-id", "db-cluster-id", "db-cluster-resource-id", "domain", "engine")
    chosen = paging.filters(request, known)
    given = request.get("DBClusterIdentifier")
    found = [
        (one.identifier, one)
        for one in ([requests.find(world, region, given)] if given else region.clusters.live.values())
        if paging.admits(
            chosen,
            clone_group_id=[one.clone_group],
            db_cluster_id=[one.identifier, world.arn(region.name, "cluster", one.identifier)],
            db_cluster_resource_id=[one.resource_id],
            domain=[],
            engine=[describe.ENGINE],
        )
    ]
    return paging.page(request, found, "DBClusters", lambda one: describe.cluster(world, one))


def show_global(world: World, region: Region, request: dict[str, Any]) -> Answer:  # noqa: ARG001
    """The lab has no global databases; who looks for one is told so as AWS would."""
    wanted = request.get("GlobalClusterIdentifier")
    if wanted:
        raise Fault("GlobalClusterNotFoundFault", f"Global cluster {wanted[:255]} not found")
    return paging.page(request, [], "GlobalClusters", lambda shown: shown)


def delete(world: World, region: Region, request: dict[str, Any]) -> Answer:
    cluster = requests.find(world, region, request["DBClusterIdentifier"])
    final = instance_snapshots.final_name(request)
    if cluster.protected:
        raise Fault(
            "InvalidParameterCombination",
            "Cannot delete protected Cluster, please disable deletion protection and try again.",
        )
    if any(one.status != "deleting" for one in describe.members(region, cluster)):
        raise Fault(
            "InvalidDBClusterStateFault",
            "Cluster cannot be deleted, it still contains DB instances in non-deleting state.",
        )
    broken = set() if final else {"failed", "incompatible-restore"}
    requests.require(cluster, {"available", "stopped", *broken}, "delete")
    snapshot = None
    if final:
        name = names.snapshot(final, "FinalDBSnapshotIdentifier")
        snapshot = snapshots.record(world, region, cluster, name, {})
    given = request.get("DeleteAutomatedBackups")
    states.move(world, cluster, "deleting")
    answer = {"DBCluster": describe.cluster(world, cluster)}

    def work() -> None:
        _await_last_member(world, region, cluster)
        with world.dwelling("deleting"), cluster.busy:
            if snapshot:
                snapshots.fill(world, snapshot, cluster)
            backups.close(world, cluster, keep=given is not None and not given)
            cluster.door.close()
            cluster.volume.remove()
        with world.lock:
            del region.clusters.live[cluster.identifier]
            states.move(world, cluster, "deleted")
        states.tell(world, cluster, "DB cluster deleted", "deletion")

    def failed() -> None:
        if snapshot and snapshot.status == "creating":
            states.move(world, snapshot, "failed")
        states.move(world, cluster, "failed")

    world.spawn(f"delete {cluster.identifier}", work, failed=failed)
    return answer


def _await_last_member(world: World, region: Region, cluster: AuroraCluster) -> None:
    with world.changed:
        while describe.members(region, cluster):
            if world.stop.is_set():
                raise Ending
            world.changed.wait(0.5)
