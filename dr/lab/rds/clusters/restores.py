"""New clusters out of old bytes: from a snapshot, from continuous backup to an exact second, and clones."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from dr.lab.engine import backup, recovery
from dr.lab.engine.cluster import Cluster
from dr.lab.rds import names, placement
from dr.lab.rds.clusters import creation, describe, requests, snapshots, volumes
from dr.lab.rds.clusters.records import AuroraCluster, ClusterBackup, ClusterTraits
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Region
from dr.lab.rds.wire import stamp
from dr.lab.rds.world import World

SOURCES = ("SourceDBClusterIdentifier", "SourceDbClusterResourceId")
FULL, CLONE = "full-copy", "copy-on-write"
Answer = dict[str, Any]


def from_snapshot(world: World, region: Region, request: dict[str, Any]) -> Answer:
    given = request["SnapshotIdentifier"]
    if given.startswith("arn:") and ":cluster-snapshot:" not in given:
        raise Fault("InvalidParameterCombination", "The lab makes clusters from cluster snapshots only.")
    snapshot = snapshots.find(world, region, given)
    if snapshot.region != region.name:
        raise Fault("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot {given[:300]} not found in {region.name}.")
    base = snapshot.base
    if snapshot.status != "available" or base is None:
        raise Fault(
            "InvalidDBClusterSnapshotStateFault", f"{snapshot.identifier} is {snapshot.status}: it cannot be restored."
        )
    source = snapshot.traits.remembered()
    # A restore from a snapshot can encrypt what was not; a copy cannot, nor can a restore to a point in time.
    source.encrypted = source.encrypted or bool(request.get("KmsKeyId"))
    cluster = _cluster(world, region, source, request)
    told = f"Restored from cluster snapshot {snapshot.identifier}"
    _launch(world, cluster, lambda server: recovery.from_base(server, base), told)
    return {"DBCluster": describe.cluster(world, cluster)}


def to_point_in_time(world: World, region: Region, request: dict[str, Any]) -> Answer:
    kind = request.get("RestoreType") or FULL
    if kind not in (FULL, CLONE):
        raise Fault("InvalidParameterValue", f"Invalid restore type: {kind[:50]}. It is {FULL} or {CLONE}.")
    asked, newest = request.get("RestoreToTime"), bool(request.get("UseLatestRestorableTime"))
    if kind == CLONE and asked is not None:
        raise Fault("InvalidParameterCombination", f"RestoreToTime cannot be given with the restore type {CLONE}.")
    if (asked is None) == (not newest):
        raise Fault(
            "InvalidParameterCombination", "Exactly one of RestoreToTime and UseLatestRestorableTime must be given."
        )
    source = _source(world, region, request)
    if kind == CLONE:
        return _clone(world, region, source, request)
    instant = _instant(source, asked)
    base = max((one for one in source.bases if one.earliest <= instant), key=lambda one: one.finished)
    cluster = _cluster(world, region, source.traits, request)

    def bring_up(server: Cluster) -> None:
        recovery.to_instant(server, base, source.archive, instant)

    told = f"Restored from DB cluster {source.identifier} at {stamp(instant)}"
    _launch(world, cluster, bring_up, told)
    return {"DBCluster": describe.cluster(world, cluster)}


def _clone(world: World, region: Region, source: ClusterBackup, request: dict[str, Any]) -> Answer:
    """A clone starts from the live volume: it shows what is there now, and proves nothing about backups."""
    parent = region.clusters.live.get(source.identifier)
    if parent is None or parent.backup is not source or not describe.members(region, parent):
        raise Fault(
            "InvalidDBClusterStateFault",
            f"{source.identifier} cannot be cloned: it must exist in {region.name} and have an instance.",
        )
    requests.require(parent, {"available"}, "clone")
    cluster = _cluster(world, region, source.traits, request)
    cluster.clone_group = parent.clone_group

    def bring_up(server: Cluster) -> None:
        with parent.busy, volumes.served(parent) as shared:
            server.machine.account.folder(server.directory)
            backup.copy(shared, server.data)
        server.data.chmod(0o700)
        server.start()

    _launch(world, cluster, bring_up, f"Cloned from DB cluster {parent.identifier}")
    return {"DBCluster": describe.cluster(world, cluster)}


def _launch(world: World, cluster: AuroraCluster, bring_up: Callable[[Cluster], None], told: str) -> None:
    creation.launch(world, cluster, bring_up, broken="incompatible-restore", told=told)


def _source(world: World, region: Region, request: dict[str, Any]) -> ClusterBackup:
    given = [name for name in SOURCES if request.get(name)]
    if len(given) != 1:
        raise Fault("InvalidParameterCombination", f"Exactly one of {', '.join(SOURCES)} must be given.")
    value = str(request[given[0]])
    if given[0] == "SourceDBClusterIdentifier":
        return requests.find(world, region, value).backup
    found = region.clusters.backups.get(value)
    if found is None:
        raise Fault("DBClusterAutomatedBackupNotFoundFault", f"No automated backup of {value[:255]} was found.")
    return found


def _instant(source: ClusterBackup, asked: datetime | None) -> datetime:
    if source.earliest is None or source.latest is None:
        raise Fault("InvalidParameterValue", f"{source.identifier} cannot be restored to a time yet.")
    if asked is None:
        return source.latest
    instant = asked.replace(microsecond=0)
    if not source.earliest <= instant <= source.latest:
        raise Fault(
            "InvalidParameterValue",
            f"The specified time {stamp(asked)} is outside the window in which {source.identifier} can be restored: "
            f"{stamp(source.earliest)} to {stamp(source.latest)}.",
        )
    return instant


def _cluster(world: World, region: Region, source: ClusterTraits, request: dict[str, Any]) -> AuroraCluster:
    """The cluster of a restore: everything of the source, unless the request says otherwise."""
    identifier = names.instance(request["DBClusterIdentifier"], "DBClusterIdentifier")
    requests.refuse_foreign(world, request)
    if request.get("DatabaseName"):
        raise Fault("InvalidParameterCombination", "DatabaseName does not apply to restores of aurora-postgresql.")
    wanted = request.get("KmsKeyId")
    if wanted and not source.encrypted:
        raise Fault("InvalidParameterCombination", "KmsKeyId cannot be specified: the source is not encrypted.")
    key = wanted or source.key
    placed = requests.place(world, region, request)
    traits = source.remembered()
    traits.identifier, traits.resource_id, traits.created = identifier, names.cluster_resource_id(), world.now
    traits.key = placement.key(world, region, key) if key else None
    if request.get("BackupRetentionPeriod") is not None:
        traits.retention = requests.retention(request["BackupRetentionPeriod"])
    if request.get("PreferredBackupWindow"):
        traits.backup_window = request["PreferredBackupWindow"]
    if request.get("EnableIAMDatabaseAuthentication") is not None:
        traits.iam = bool(request["EnableIAMDatabaseAuthentication"])
    traits.storage_type = requests.storage_type(request, source.storage_type)
    traits.copy_tags = bool(request.get("CopyTagsToSnapshot"))
    # No tags at all means the source's; a scratch restore that forgets this looks like production.
    if request.get("Tags"):
        traits.tags = names.tags(request["Tags"])
    requests.free_name(region, identifier)
    return requests.build(world, region, traits, placed, request)
