"""Which function performs which operation, and which calls on instances are about members of a cluster."""

from collections.abc import Callable
from typing import Any

from dr.lab.rds.clusters import (
    backups,
    copying,
    creation,
    describe,
    groups,
    members,
    modifying,
    restores,
    running,
    snapshots,
)
from dr.lab.rds.clusters.records import AuroraCluster, ClusterBackup, ClusterSnapshot
from dr.lab.rds.records import Region
from dr.lab.rds.world import World

Operation = Callable[[World, Region, dict[str, Any]], dict[str, Any]]

OPERATIONS: dict[str, Operation] = {
    "CopyDBClusterSnapshot": copying.copy,
    "CreateDBCluster": creation.create,
    "CreateDBClusterParameterGroup": groups.create,
    "CreateDBClusterSnapshot": snapshots.create,
    "DeleteDBCluster": creation.delete,
    "DeleteDBClusterAutomatedBackup": backups.delete,
    "DeleteDBClusterParameterGroup": groups.delete,
    "DeleteDBClusterSnapshot": snapshots.delete,
    "DescribeDBClusterAutomatedBackups": backups.show,
    "DescribeDBClusterParameterGroups": groups.show,
    "DescribeDBClusterParameters": groups.show_parameters,
    "DescribeDBClusterSnapshots": snapshots.show,
    "DescribeDBClusters": creation.show,
    "DescribeGlobalClusters": creation.show_global,
    "FailoverDBCluster": running.fail_over,
    "ModifyDBCluster": modifying.modify,
    "ModifyDBClusterParameterGroup": groups.modify,
    "RestoreDBClusterFromSnapshot": restores.from_snapshot,
    "RestoreDBClusterToPointInTime": restores.to_point_in_time,
    "StartDBCluster": running.start,
    "StopDBCluster": running.stop,
}

ON_MEMBERS: dict[str, tuple[str, Operation]] = {
    "CreateDBSnapshot": ("DBInstanceIdentifier", members.refuse),
    "DeleteDBInstance": ("DBInstanceIdentifier", members.delete),
    "ModifyDBInstance": ("DBInstanceIdentifier", members.modify),
    "RebootDBInstance": ("DBInstanceIdentifier", members.reboot),
    "RestoreDBInstanceToPointInTime": ("SourceDBInstanceIdentifier", members.refuse),
    "StartDBInstance": ("DBInstanceIdentifier", members.refuse),
    "StartDBInstanceAutomatedBackupsReplication": ("SourceDBInstanceArn", members.refuse),
    "StopDBInstance": ("DBInstanceIdentifier", members.refuse),
}
"""Operations of instances -> the parameter that names one, and what a member does instead."""


def on_member(world: World, region: Region, name: str, request: dict[str, Any]) -> Operation | None:
    """What performs a call on an instance, where that instance is or becomes a member of a cluster."""
    if name == "CreateDBInstance":
        ours = request.get("DBClusterIdentifier") or request.get("Engine") == describe.ENGINE
        return members.create if ours else None
    parameter, perform = ON_MEMBERS.get(name, ("", members.refuse))
    given = str(request.get(parameter) or "")
    home = region
    if given.startswith("arn:") and given.count(":") >= 6:
        home = world.regions.get(given.split(":")[3], region)
    found = home.instances.get(given.rpartition(":")[2].lower())
    return perform if found and found.membership else None


def status(region: Region) -> dict[str, Any]:
    """What `dr lab status` shows of a region's clusters."""
    here = region.clusters
    return {
        "clusters": [_cluster(region, one) for one in here.live.values()],
        "cluster_snapshots": [_snapshot(one) for one in here.snapshots.values()],
        "cluster_automated_backups": [_backup(one) for one in here.backups.values()],
    }


def _cluster(region: Region, shown: AuroraCluster) -> dict[str, Any]:
    writer, traits = shown.writer, shown.traits
    server = writer.cluster if writer and writer.cluster.alive else None
    return {
        "identifier": shown.identifier,
        "resource_id": shown.resource_id,
        "status": shown.status,
        "endpoint": describe.endpoint(region, shown.identifier),
        "reader_endpoint": describe.reader_endpoint(region, shown.identifier),
        "port": shown.door.port,
        "members": [one.identifier for one in describe.members(region, shown)],
        "writer": writer.identifier if writer else None,
        "dsn": server.address(traits.master, traits.password, traits.database or "postgres") if server else None,
        "data_directory": str((server or shown.volume).data),
    }


def _snapshot(shown: ClusterSnapshot) -> dict[str, Any]:
    return {
        "identifier": shown.identifier,
        "type": shown.kind,
        "status": shown.status,
        "cluster": shown.traits.identifier,
        "directory": str(shown.directory),
    }


def _backup(shown: ClusterBackup) -> dict[str, Any]:
    return {
        "identifier": shown.identifier,
        "resource_id": shown.traits.resource_id,
        "status": shown.status,
        "directory": str(shown.directory),
        "earliest": shown.earliest.isoformat() if shown.earliest else None,
        "latest": shown.latest.isoformat() if shown.latest else None,
    }
