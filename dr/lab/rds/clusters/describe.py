"""Aurora's records as the API shows them."""

import time
from typing import Any

from dr.lab.rds import describe, names
from dr.lab.rds.clusters.records import AuroraCluster, ClusterBackup, ClusterSnapshot, ClusterTraits
from dr.lab.rds.records import Instance, ParameterGroup, Region
from dr.lab.rds.world import World

ENGINE = describe.AURORA
LICENSE = "postgresql-license"


def members(region: Region, cluster: AuroraCluster) -> list[Instance]:
    """The instances of a cluster, also those that are still coming or already going."""
    return [one for one in region.instances.values() if one.membership and one.membership.cluster is cluster]


def endpoint(region: Region, identifier: str) -> str:
    return f"{identifier}.cluster-{region.host_suffix}"


def reader_endpoint(region: Region, identifier: str) -> str:
    return f"{identifier}.cluster-ro-{region.host_suffix}"


def endpoints(region: Region) -> set[str]:
    """The host names of all clusters of a region."""
    live = region.clusters.live
    return {name(region, identifier) for identifier in live for name in (endpoint, reader_endpoint)}


def _common(traits: ClusterTraits) -> dict[str, Any]:
    return {
        "DBClusterIdentifier": traits.identifier,
        "DbClusterResourceId": traits.resource_id,
        "ClusterCreateTime": traits.created,
        "Engine": ENGINE,
        "EngineMode": "provisioned",
        "EngineVersion": traits.version,
        "MasterUsername": traits.master,
        "AllocatedStorage": 1,
        "StorageType": traits.storage_type,
        "StorageEncrypted": traits.encrypted,
        "KmsKeyId": traits.key,
        "IAMDatabaseAuthenticationEnabled": traits.iam,
        "AvailabilityZones": traits.zones,
        "BackupRetentionPeriod": traits.retention,
        "PreferredBackupWindow": traits.backup_window,
    }


def cluster(world: World, shown: AuroraCluster) -> dict[str, Any]:
    region = world.regions[shown.region]
    traits = shown.traits
    inside = members(region, shown)
    described = _common(traits) | {
        "DatabaseName": traits.database,
        "DBClusterParameterGroup": shown.parameter_group,
        "DBSubnetGroup": shown.subnet_group,
        "Status": shown.status,
        "EarliestRestorableTime": shown.backup.earliest,
        "LatestRestorableTime": shown.backup.latest,
        "Endpoint": endpoint(region, traits.identifier),
        "ReaderEndpoint": reader_endpoint(region, traits.identifier),
        "CustomEndpoints": [],
        "MultiAZ": len({one.traits.zone for one in inside}) > 1,
        "Port": shown.door.port,
        "PreferredMaintenanceWindow": shown.maintenance_window,
        "ReadReplicaIdentifiers": [],
        "DBClusterMembers": [
            {
                "DBInstanceIdentifier": one.identifier,
                "IsClusterWriter": shown.writer is one,
                "DBClusterParameterGroupStatus": "pending-reboot" if joined.parameters_pending else "in-sync",
                "PromotionTier": joined.tier,
            }
            for one in inside
            if (joined := one.membership)
        ],
        "VpcSecurityGroups": [{"VpcSecurityGroupId": name, "Status": "active"} for name in shown.security_groups],
        "HostedZoneId": describe.ZONES[shown.region],
        "DBClusterArn": world.arn(shown.region, "cluster", traits.identifier),
        "AssociatedRoles": [],
        "CloneGroupId": shown.clone_group,
        "AutoMinorVersionUpgrade": shown.auto_minor,
        "DeletionProtection": shown.protected,
        "HttpEndpointEnabled": False,
        "ActivityStreamStatus": "stopped",
        "CopyTagsToSnapshot": traits.copy_tags,
        "CrossAccountClone": False,
        "DomainMemberships": [],
        "TagList": names.tag_list(traits.tags),
        "NetworkType": "IPV4",
        "EngineLifecycleSupport": shown.lifecycle,
    }
    if shown.pending:
        described["PendingModifiedValues"] = dict(shown.pending)
    return described


def snapshot(world: World, shown: ClusterSnapshot) -> dict[str, Any]:
    return _common(shown.traits) | {
        "DBClusterSnapshotIdentifier": shown.identifier,
        "DBClusterSnapshotArn": world.arn(shown.region, "cluster-snapshot", shown.identifier),
        "SnapshotType": shown.kind,
        "Status": shown.status,
        "PercentProgress": _progress(shown),
        "SnapshotCreateTime": shown.created,
        "Port": 0,
        "VpcId": shown.traits.vpc,
        "LicenseModel": LICENSE,
        "SourceDBClusterSnapshotArn": shown.source,
        "TagList": names.tag_list(shown.tags),
    }


def _progress(shown: ClusterSnapshot) -> int:
    if shown.status == "available":
        return 100
    if shown.queued or shown.status not in ("creating", "copying"):
        return 0
    return min(99, int(100 * (time.monotonic() - shown.begun) / max(shown.dwell, 0.001)))


def backup(world: World, shown: ClusterBackup) -> dict[str, Any]:
    window = {}
    if shown.earliest and shown.latest:
        window = {"EarliestTime": shown.earliest, "LatestTime": shown.latest}
    return _common(shown.traits) | {
        "DBClusterAutomatedBackupsArn": world.arn(shown.region, "cluster-auto-backup", shown.arn_name),
        "DBClusterArn": world.arn(shown.region, "cluster", shown.identifier),
        "Region": shown.region,
        "Status": shown.status,
        "RestoreWindow": window,
        "VpcId": shown.traits.vpc,
        "LicenseModel": LICENSE,
        "Port": 0,
        "TagList": names.tag_list(shown.traits.tags),
    }


def parameter_group(world: World, shown: ParameterGroup) -> dict[str, Any]:
    return {
        "DBClusterParameterGroupName": shown.name,
        "DBParameterGroupFamily": shown.family,
        "Description": shown.description,
        "DBClusterParameterGroupArn": world.arn(shown.region, "cluster-pg", shown.name),
    }
