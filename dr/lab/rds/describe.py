"""Records as the API shows them."""

import time
from datetime import datetime
from typing import Any

from dr.lab.rds import names, states
from dr.lab.rds.clusters.records import Membership
from dr.lab.rds.records import Backup, Following, Instance, ParameterGroup, Snapshot, SubnetGroup, Traits
from dr.lab.rds.world import World

ENGINE = "postgres"
AURORA = "aurora-postgresql"
LICENSE = "postgresql-license"
ZONES = {"eu-west-1": "Z29XKXDKYMONMX", "eu-central-1": "Z1RLNUO7B9Q6NB"}


def _common(traits: Traits) -> dict[str, Any]:
    return {
        "DBInstanceIdentifier": traits.identifier,
        "DbiResourceId": traits.resource_id,
        "InstanceCreateTime": traits.created,
        "Engine": ENGINE,
        "EngineVersion": traits.version,
        "LicenseModel": LICENSE,
        "MasterUsername": traits.master,
        "AllocatedStorage": traits.storage,
        "StorageType": traits.storage_type,
        "Iops": traits.iops,
        "StorageThroughput": traits.throughput,
        "IAMDatabaseAuthenticationEnabled": traits.iam,
        "AvailabilityZone": traits.zone,
        "DedicatedLogVolume": False,
        "MultiTenant": False,
    }


def has_endpoint(shown: Instance) -> bool:
    """Whether an instance has an address just now: not before it was created, not while it goes away."""
    return shown.status not in states.NO_ENDPOINT and bool(shown.cluster.port)


def instance(world: World, shown: Instance) -> dict[str, Any]:
    region = world.regions[shown.region]
    version = shown.traits.version.split(".")[0]
    described = _common(shown.traits) | {
        "DBInstanceClass": shown.traits.instance_class,
        "DBInstanceStatus": shown.status,
        "DBName": shown.traits.database,
        "PreferredBackupWindow": shown.traits.backup_window,
        "PreferredMaintenanceWindow": shown.maintenance_window,
        "BackupRetentionPeriod": shown.traits.retention,
        "DBSecurityGroups": [],
        "VpcSecurityGroups": [{"VpcSecurityGroupId": name, "Status": "active"} for name in shown.security_groups],
        "DBParameterGroups": [
            {
                "DBParameterGroupName": shown.parameter_group,
                "ParameterApplyStatus": _apply_status(shown),
            }
        ],
        "DBSubnetGroup": subnet_group(world, region.subnet_groups[shown.subnet_group], short=True),
        "PendingModifiedValues": dict(shown.pending),
        "LatestRestorableTime": shown.latest,
        "MultiAZ": shown.multi_az,
        "AutoMinorVersionUpgrade": shown.auto_minor,
        "ReadReplicaDBInstanceIdentifiers": [_seen_from(world, shown, one) for one in read_replicas(world, shown)],
        "OptionGroupMemberships": [{"OptionGroupName": f"default:postgres-{version}", "Status": "in-sync"}],
        "PubliclyAccessible": shown.public,
        "DbInstancePort": 0,
        "StorageEncrypted": shown.traits.encrypted,
        "KmsKeyId": shown.traits.key,
        "CACertificateIdentifier": "rds-ca-rsa2048-g1",
        "DomainMemberships": [],
        "CopyTagsToSnapshot": shown.traits.copy_tags,
        "MonitoringInterval": 0,
        "DBInstanceArn": world.arn(shown.region, "db", shown.identifier),
        "PerformanceInsightsEnabled": False,
        "DeletionProtection": shown.protected,
        "AssociatedRoles": [],
        "TagList": names.tag_list(shown.tags),
        "CustomerOwnedIpEnabled": False,
        "NetworkType": "IPV4",
        "ActivityStreamStatus": "stopped",
        "BackupTarget": "region",
        "EngineLifecycleSupport": shown.lifecycle,
        "IsStorageConfigUpgradeAvailable": False,
    }
    if has_endpoint(shown):
        described["Endpoint"] = {
            "Address": shown.cluster.endpoint,
            "Port": shown.cluster.port,
            "HostedZoneId": ZONES[shown.region],
        }
    operation = shown.storage_operation
    if operation and (percent := operation.percent) is not None:
        described["StorageOperationStatus"] = operation.status
        described["StorageOperationPercentProgress"] = percent
    replicas = _replicas(world, shown.backup)
    if replicas:
        described["DBInstanceAutomatedBackupsReplications"] = replicas
    if shown.following:
        described |= _following(world, shown, shown.following)
    if shown.secret:
        secret = shown.secret
        described["MasterUserSecret"] = {
            "SecretArn": secret.arn,
            "SecretStatus": secret.status,
            "KmsKeyId": secret.key,
        }
    return described | (member(shown.membership) if shown.membership else {})


def _apply_status(shown: Instance) -> str:
    if shown.parameters_applying:
        return "applying"
    return "pending-reboot" if shown.parameters_pending else "in-sync"


def read_replicas(world: World, source: Instance) -> list[Instance]:
    """The instances that follow this one, in any region."""
    return [
        one
        for region in world.regions.values()
        for one in region.instances.values()
        if one.following and one.following.source is source
    ]


def _seen_from(world: World, here: Instance, other: Instance) -> str:
    """How an instance is named in the description of another: across regions by its ARN."""
    if here.region == other.region:
        return other.identifier
    return world.arn(other.region, "db", other.identifier)


def _following(world: World, shown: Instance, tie: Following) -> dict[str, Any]:
    described: dict[str, Any] = {"ReadReplicaSourceDBInstanceIdentifier": _seen_from(world, shown, tie.source)}
    if shown.status != "creating":
        described["StatusInfos"] = [
            {
                "StatusType": "read replication",
                "Normal": tie.status == "replicating",
                "Status": tie.status,
                "Message": tie.message or None,
            }
        ]
    return described


def member(joined: Membership) -> dict[str, Any]:
    """What is different of an instance of a DB cluster: most of it is the cluster's."""
    owner = joined.cluster
    return {
        "Engine": AURORA,
        "DBClusterIdentifier": owner.identifier,
        "PromotionTier": joined.tier,
        "BackupRetentionPeriod": owner.traits.retention,
        "PreferredBackupWindow": owner.traits.backup_window,
        "VpcSecurityGroups": [{"VpcSecurityGroupId": name, "Status": "active"} for name in owner.security_groups],
        "OptionGroupMemberships": [
            {
                "OptionGroupName": f"default:{AURORA}-{owner.traits.version.split('.')[0]}",
                "Status": "in-sync",
            }
        ],
        "LatestRestorableTime": None,
        "DeletionProtection": False,
    }


def snapshot(world: World, shown: Snapshot) -> dict[str, Any]:
    traits = shown.traits
    version = traits.version.split(".")[0]
    return _common(traits) | {
        "DBSnapshotIdentifier": shown.identifier,
        "DBSnapshotArn": world.arn(shown.region, "snapshot", shown.identifier),
        "SnapshotType": shown.kind,
        "Status": shown.status,
        "PercentProgress": progress(shown),
        "SnapshotCreateTime": shown.created,
        "OriginalSnapshotCreateTime": shown.original_created,
        "SnapshotDatabaseTime": shown.database_time,
        "Port": 5432,
        "VpcId": traits.vpc,
        "OptionGroupName": f"default:postgres-{version}",
        "SourceRegion": shown.source_region,
        "SourceDBSnapshotIdentifier": shown.source,
        "Encrypted": traits.encrypted,
        "KmsKeyId": traits.key,
        "SnapshotTarget": "region",
        "FullSnapshotSizeInBytes": shown.size or None,
        "BackupRetentionPeriod": traits.retention,
        "PreferredBackupWindow": traits.backup_window,
        "TagList": names.tag_list(shown.tags),
    }


def progress(shown: Snapshot) -> int:
    if shown.status == "available":
        return 100
    if shown.stuck_at is not None:
        return shown.stuck_at
    if shown.queued or shown.status not in ("creating", "copying"):
        return 0
    return min(99, int(100 * (time.monotonic() - shown.begun) / max(shown.dwell, 0.001)))


def backup(world: World, shown: Backup) -> dict[str, Any]:
    traits = shown.traits
    version = traits.version.split(".")[0]
    window: dict[str, datetime] = {}
    if shown.earliest and shown.latest and shown.earliest <= shown.latest:
        window = {"EarliestTime": shown.earliest, "LatestTime": shown.latest}
    described = _common(traits) | {
        "DBInstanceArn": world.arn(shown.source_region, "db", traits.identifier),
        "Region": shown.source_region,
        "RestoreWindow": window,
        "Status": shown.status,
        "Port": 5432,
        "VpcId": traits.vpc,
        "OptionGroupName": f"default:postgres-{version}",
        "Encrypted": traits.encrypted,
        "KmsKeyId": shown.key,
        "BackupRetentionPeriod": shown.retention,
        "PreferredBackupWindow": traits.backup_window,
        "DBInstanceAutomatedBackupsArn": backup_arn(world, shown),
        "BackupTarget": "region",
        "TagList": names.tag_list(traits.tags),
    }
    replicas = _replicas(world, shown)
    if replicas:
        described["DBInstanceAutomatedBackupsReplications"] = replicas
    return described


def backup_arn(world: World, shown: Backup) -> str:
    return world.arn(shown.region, "auto-backup", shown.identifier)


def _replicas(world: World, source: Backup | None) -> list[dict[str, str]]:
    return [
        {"DBInstanceAutomatedBackupsArn": backup_arn(world, candidate)}
        for region in world.regions.values()
        for candidate in region.backups.values()
        if source is not None and candidate.source is source and candidate.status in ("pending", "replicating")
    ]


def subnet_group(world: World, shown: SubnetGroup, *, short: bool = False) -> dict[str, Any]:
    described: dict[str, Any] = {
        "DBSubnetGroupName": shown.name,
        "DBSubnetGroupDescription": shown.description,
        "VpcId": shown.subnets[0].vpc,
        "SubnetGroupStatus": "Complete",
        "Subnets": [
            {
                "SubnetIdentifier": subnet.identifier,
                "SubnetAvailabilityZone": {"Name": subnet.zone},
                "SubnetOutpost": {},
                "SubnetStatus": "Active",
            }
            for subnet in shown.subnets
        ],
    }
    if not short:
        described["DBSubnetGroupArn"] = world.arn(shown.region, "subgrp", shown.name)
        described["SupportedNetworkTypes"] = ["IPV4"]
    return described


def parameter_group(world: World, shown: ParameterGroup) -> dict[str, Any]:
    return {
        "DBParameterGroupName": shown.name,
        "DBParameterGroupFamily": shown.family,
        "Description": shown.description,
        "DBParameterGroupArn": world.arn(shown.region, "pg", shown.name),
    }
