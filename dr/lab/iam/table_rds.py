"""What RDS's operations need, as RDS's authorisation reference lists the resource types of each action.

A restore is authorised against everything it touches: what it is made from, the instance to be, its subnet group, its
parameter group and its option group, also where the request leaves those to their defaults. The user guide's own
example policy for creating an instance therefore names `og:default*`, `pg:default*` and `subgrp:default`.
"""

from dr.lab.iam.needs import Need, Rows

_SUBNETS = Need("subgrp", "DBSubnetGroupName", "default")
_PARAMETERS = Need("pg", "DBParameterGroupName", "default.postgres15")
_OPTIONS = Need("og", "OptionGroupName", "default:postgres-15")
_GROUPS = (_SUBNETS, _PARAMETERS, _OPTIONS)
_CLUSTER_PARAMETERS = Need("cluster-pg", "DBClusterParameterGroupName", "default.aurora-postgresql15")
_CLUSTER_OPTIONS = Need("og", "OptionGroupName", "default:aurora-postgresql-15")
_CLUSTER_GROUPS = (_SUBNETS, _CLUSTER_PARAMETERS, _CLUSTER_OPTIONS)

_INSTANCE = Need("db", "DBInstanceIdentifier")
_SNAPSHOT = Need("snapshot", "DBSnapshotIdentifier")
_CLUSTER = Need("cluster", "DBClusterIdentifier")
_CLUSTER_SNAPSHOT = Need("cluster-snapshot", "DBClusterSnapshotIdentifier")
_NAMED_GROUP = Need("pg", "DBParameterGroupName")
_RESOURCE = Need("db", "ResourceName")
_NOWHERE = Need()


def _made(kind: str, parameter: str) -> Need:
    return Need(kind, parameter, made=True)


ROWS: Rows = {
    "AddTagsToResource": (_RESOURCE,),
    "CopyDBClusterSnapshot": (
        Need("cluster-snapshot", "SourceDBClusterSnapshotIdentifier"),
        _made("cluster-snapshot", "TargetDBClusterSnapshotIdentifier"),
    ),
    "CopyDBParameterGroup": (
        Need("pg", "SourceDBParameterGroupIdentifier"),
        _made("pg", "TargetDBParameterGroupIdentifier"),
    ),
    "CopyDBSnapshot": (
        Need("snapshot", "SourceDBSnapshotIdentifier"),
        _made("snapshot", "TargetDBSnapshotIdentifier"),
        Need("og", "OptionGroupName", None),
    ),
    "CreateDBCluster": (_made("cluster", "DBClusterIdentifier"), *_CLUSTER_GROUPS),
    "CreateDBClusterParameterGroup": (_made("cluster-pg", "DBClusterParameterGroupName"),),
    "CreateDBClusterSnapshot": (_CLUSTER, _made("cluster-snapshot", "DBClusterSnapshotIdentifier")),
    "CreateDBInstance": (
        _made("db", "DBInstanceIdentifier"),
        *_GROUPS,
        Need("cluster", "DBClusterIdentifier", None),
    ),
    "CreateDBInstanceReadReplica": (
        Need("db", "SourceDBInstanceIdentifier"),
        _made("db", "DBInstanceIdentifier"),
        *_GROUPS,
    ),
    "CreateDBParameterGroup": (_made("pg", "DBParameterGroupName"),),
    "CreateDBSnapshot": (_INSTANCE, _made("snapshot", "DBSnapshotIdentifier")),
    "CreateDBSubnetGroup": (_made("subgrp", "DBSubnetGroupName"),),
    "DeleteDBCluster": (_CLUSTER, Need("cluster-snapshot", "FinalDBSnapshotIdentifier", None)),
    "DeleteDBClusterAutomatedBackup": (Need("cluster-auto-backup", "DbClusterResourceId"),),
    "DeleteDBClusterParameterGroup": (Need("cluster-pg", "DBClusterParameterGroupName"),),
    "DeleteDBClusterSnapshot": (_CLUSTER_SNAPSHOT,),
    "DeleteDBInstance": (_INSTANCE, Need("snapshot", "FinalDBSnapshotIdentifier", None)),
    "DeleteDBInstanceAutomatedBackup": (Need("auto-backup", "DBInstanceAutomatedBackupsArn"),),
    "DeleteDBParameterGroup": (_NAMED_GROUP,),
    "DeleteDBSnapshot": (_SNAPSHOT,),
    "DeleteDBSubnetGroup": (Need("subgrp", "DBSubnetGroupName"),),
    "DescribeAccountAttributes": (_NOWHERE,),
    "DescribeCertificates": (_NOWHERE,),
    "DescribeDBClusterAutomatedBackups": (Need("cluster-auto-backup", "DbClusterResourceId"),),
    "DescribeDBClusterParameterGroups": (Need("cluster-pg", "DBClusterParameterGroupName"),),
    "DescribeDBClusterParameters": (Need("cluster-pg", "DBClusterParameterGroupName"),),
    "DescribeDBClusterSnapshots": (_CLUSTER_SNAPSHOT,),
    "DescribeDBClusters": (_CLUSTER,),
    "DescribeDBEngineVersions": (_NOWHERE,),
    "DescribeDBInstanceAutomatedBackups": (Need("auto-backup", "DBInstanceAutomatedBackupsArn"),),
    "DescribeDBInstances": (_INSTANCE,),
    "DescribeDBParameterGroups": (_NAMED_GROUP,),
    "DescribeDBParameters": (_NAMED_GROUP,),
    "DescribeDBSnapshotAttributes": (_SNAPSHOT,),
    "DescribeDBSnapshots": (_SNAPSHOT,),
    "DescribeDBSubnetGroups": (Need("subgrp", "DBSubnetGroupName"),),
    "DescribeEngineDefaultParameters": (_NOWHERE,),
    "DescribeEvents": (_NOWHERE,),
    "DescribeOrderableDBInstanceOptions": (_NOWHERE,),
    "DescribePendingMaintenanceActions": (Need("db", "ResourceIdentifier"),),
    "DescribeSourceRegions": (_NOWHERE,),
    "DescribeGlobalClusters": (Need("global-cluster", "GlobalClusterIdentifier"),),
    "FailoverDBCluster": (_CLUSTER,),
    "ListTagsForResource": (_RESOURCE,),
    "ModifyDBCluster": (_CLUSTER, Need("cluster-pg", "DBClusterParameterGroupName", None)),
    "ModifyDBClusterParameterGroup": (Need("cluster-pg", "DBClusterParameterGroupName"),),
    "ModifyDBInstance": (
        _INSTANCE,
        Need("pg", "DBParameterGroupName", None),
        Need("subgrp", "DBSubnetGroupName", None),
        Need("og", "OptionGroupName", None),
    ),
    "ModifyDBParameterGroup": (_NAMED_GROUP,),
    "PromoteReadReplica": (_INSTANCE,),
    "RebootDBInstance": (_INSTANCE,),
    "RemoveTagsFromResource": (_RESOURCE,),
    "ResetDBParameterGroup": (_NAMED_GROUP,),
    "RestoreDBClusterFromSnapshot": (
        # Takes the ARN of an instance's snapshot too.
        Need("cluster-snapshot", "SnapshotIdentifier"),
        _made("cluster", "DBClusterIdentifier"),
        *_CLUSTER_GROUPS,
    ),
    "RestoreDBClusterToPointInTime": (
        Need("cluster", "SourceDBClusterIdentifier"),
        _made("cluster", "DBClusterIdentifier"),
        *_CLUSTER_GROUPS,
    ),
    "RestoreDBInstanceFromDBSnapshot": (_SNAPSHOT, _made("db", "DBInstanceIdentifier"), *_GROUPS),
    "RestoreDBInstanceToPointInTime": (
        Need("db", "SourceDBInstanceIdentifier", None),
        # A source that is named by its resource id may be gone: what is authorised then is a backup of it.
        Need("auto-backup", "SourceDBInstanceAutomatedBackupsArn"),
        _made("db", "TargetDBInstanceIdentifier"),
        *_GROUPS,
    ),
    "StartDBCluster": (_CLUSTER,),
    "StartDBInstance": (_INSTANCE,),
    "StartDBInstanceAutomatedBackupsReplication": (
        Need("db", "SourceDBInstanceArn"),
        Need("auto-backup", default="*", made=True),
    ),
    "StopDBCluster": (_CLUSTER,),
    "StopDBInstance": (_INSTANCE,),
    "StopDBInstanceAutomatedBackupsReplication": (Need("db", "SourceDBInstanceArn"),),
    "SwitchoverReadReplica": (_INSTANCE,),
}
