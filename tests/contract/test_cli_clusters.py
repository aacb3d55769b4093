"""Every operation on Aurora clusters and on replicas through the `aws` command, as tables of commands."""

import pytest

from dr.lab.rds.server import OPERATIONS
from tests.contract.cloud import RECOVERY, Cloud
from tests.contract.command_line import CommandLine, Row, Wait
from tests.contract.test_cli_rds import STORY, TAGS, gone, instance

CLUSTER = "--db-cluster-identifier {cluster}"
GROUP = "--db-cluster-parameter-group-name {cluster_group}"
OWN = "--db-parameter-group-name {own_group}"
CLUSTER_STATUS = "DBClusters[0].Status"


def cluster(name: str, wanted: str = "available") -> Wait:
    return Wait("describe_db_clusters", {"DBClusterIdentifier": name}, CLUSTER_STATUS, wanted)


def shot(name: str) -> Wait:
    where = {"DBClusterSnapshotIdentifier": name}
    return Wait("describe_db_cluster_snapshots", where, "DBClusterSnapshots[0].Status", "available")


CLUSTERS = (
    Row("rds describe-global-clusters", {"GlobalClusters": []}),
    Row(
        "rds describe-db-engine-versions --engine aurora-postgresql --default-only",
        keeps={"cluster_family": "DBEngineVersions[0].DBParameterGroupFamily"},
    ),
    Row(
        f"rds create-db-cluster-parameter-group {GROUP} --db-parameter-group-family {{cluster_family}} "
        f"--description own {TAGS}",
        {"DBClusterParameterGroup.DBClusterParameterGroupName": "{cluster_group}"},
    ),
    Row(
        f"rds modify-db-cluster-parameter-group {GROUP} --parameters "
        "ParameterName=log_min_duration_statement,ParameterValue=250,ApplyMethod=immediate",
        {"DBClusterParameterGroupName": "{cluster_group}"},
    ),
    Row(f"rds describe-db-cluster-parameter-groups {GROUP}", {"DBClusterParameterGroups[].Description": ["own"]}),
    Row(
        f"rds describe-db-cluster-parameters {GROUP} --source user",
        {"Parameters[?ParameterName=='log_min_duration_statement'].ParameterValue": ["250"]},
    ),
    Row(
        f"rds create-db-cluster {CLUSTER} --engine aurora-postgresql --master-username owner "
        f"--master-user-password correct-horse-battery {GROUP} --backup-retention-period 1 {TAGS}",
        {"DBCluster.Status": "creating"},
        {"cluster_resource": "DBCluster.DbClusterResourceId"},
        cluster("{cluster}"),
    ),
    *(
        Row(
            f"rds create-db-instance --db-instance-identifier {{{member}}} {CLUSTER} --engine aurora-postgresql "
            f"--db-instance-class db.t4g.medium {TAGS}",
            {"DBInstance.DBClusterIdentifier": "{cluster}"},
            then=instance(f"{{{member}}}"),
        )
        for member in ("writer", "reader")
    ),
    Row(f"rds describe-db-clusters {CLUSTER}", {"length(DBClusters[0].DBClusterMembers)": 2}),
    Row(f"rds modify-db-cluster {CLUSTER} --backup-retention-period 2 --apply-immediately", then=cluster("{cluster}")),
    Row(
        f"rds failover-db-cluster {CLUSTER} --target-db-instance-identifier {{reader}}",
        then=Wait(
            "describe_db_clusters",
            {"DBClusterIdentifier": "{cluster}"},
            "DBClusters[0].[Status, DBClusterMembers[?IsClusterWriter].DBInstanceIdentifier | [0]]",
            ["available", "{reader}"],
        ),
    ),
    Row(
        f"rds create-db-cluster-snapshot {CLUSTER} --db-cluster-snapshot-identifier {{shot}} {TAGS}",
        {"DBClusterSnapshot.DBClusterIdentifier": "{cluster}"},
        {"shot_arn": "DBClusterSnapshot.DBClusterSnapshotArn"},
        shot("{shot}"),
    ),
    Row("rds describe-db-cluster-snapshots --db-cluster-snapshot-identifier {shot}", {"length(DBClusterSnapshots)": 1}),
    Row(
        "rds copy-db-cluster-snapshot --source-db-cluster-snapshot-identifier {shot_arn} "
        f"--target-db-cluster-snapshot-identifier {{copied}} {TAGS}",
        then=shot("{copied}"),
    ),
    Row(
        "rds restore-db-cluster-from-snapshot --db-cluster-identifier {again} --snapshot-identifier {copied} "
        f"--engine aurora-postgresql {TAGS}",
        {"DBCluster.DBClusterIdentifier": "{again}"},
        then=cluster("{again}"),
    ),
    Row(
        "rds restore-db-cluster-to-point-in-time --db-cluster-identifier {earlier} "
        f"--source-db-cluster-identifier {{cluster}} --use-latest-restorable-time {TAGS}",
        {"DBCluster.DBClusterIdentifier": "{earlier}"},
        then=cluster("{earlier}"),
    ),
    Row(f"rds stop-db-cluster {CLUSTER}", then=cluster("{cluster}", "stopped")),
    Row(f"rds start-db-cluster {CLUSTER}", then=cluster("{cluster}")),
    *(
        Row(
            f"rds delete-db-cluster --db-cluster-identifier {{{name}}} --skip-final-snapshot",
            then=cluster(f"{{{name}}}", "DBClusterNotFoundFault"),
        )
        for name in ("again", "earlier")
    ),
    *(
        Row(
            f"rds delete-db-instance --db-instance-identifier {{{member}}} --skip-final-snapshot",
            then=gone(f"{{{member}}}"),
        )
        for member in ("writer", "reader")
    ),
    Row(
        f"rds delete-db-cluster {CLUSTER} --skip-final-snapshot --no-delete-automated-backups",
        then=cluster("{cluster}", "DBClusterNotFoundFault"),
    ),
    Row(
        "rds describe-db-cluster-automated-backups --db-cluster-resource-id {cluster_resource}",
        {"DBClusterAutomatedBackups[].Status": ["retained"]},
    ),
    Row("rds delete-db-cluster-automated-backup --db-cluster-resource-id {cluster_resource}"),
    *(
        Row(f"rds delete-db-cluster-snapshot --db-cluster-snapshot-identifier {{{name}}}")
        for name in ("shot", "copied")
    ),
    Row(f"rds delete-db-cluster-parameter-group {GROUP}"),
)
REPLICAS = (
    Row(
        "rds describe-db-engine-versions --engine postgres --default-only",
        keeps={"family": "DBEngineVersions[0].DBParameterGroupFamily"},
    ),
    Row(
        "rds describe-engine-default-parameters --db-parameter-group-family {family}",
        {"length(EngineDefaults.Parameters) > `10`": True},
    ),
    Row(
        f"rds create-db-parameter-group {OWN} --db-parameter-group-family {{family}} --description own {TAGS}",
    ),
    Row(
        "rds copy-db-parameter-group --source-db-parameter-group-identifier {own_group} "
        f"--target-db-parameter-group-identifier {{copied_group}} --target-db-parameter-group-description too {TAGS}",
        {"DBParameterGroup.DBParameterGroupName": "{copied_group}"},
    ),
    Row(f"rds reset-db-parameter-group {OWN} --reset-all-parameters", {"DBParameterGroupName": "{own_group}"}),
    Row(f"rds delete-db-parameter-group {OWN}"),
    Row("rds delete-db-parameter-group --db-parameter-group-name {copied_group}"),
    Row(
        "rds create-db-instance --db-instance-identifier {primary} --db-instance-class db.t4g.micro --engine postgres "
        "--allocated-storage 20 --master-username owner --master-user-password correct-horse-battery "
        f"--backup-retention-period 1 --no-publicly-accessible {TAGS}",
        keeps={"primary_arn": "DBInstance.DBInstanceArn"},
        then=instance("{primary}"),
    ),
    Row(
        "rds create-db-instance-read-replica --db-instance-identifier {replica} --source-db-instance-identifier "
        f"{{primary_arn}} --source-region eu-west-1 --db-instance-class db.t4g.micro {TAGS}",
        {"DBInstance.ReadReplicaSourceDBInstanceIdentifier": "{primary_arn}"},
        then=instance("{replica}"),
        region=RECOVERY,
    ),
    Row(
        "rds promote-read-replica --db-instance-identifier {replica} --backup-retention-period 1",
        then=Wait(
            "describe_db_instances",
            {"DBInstanceIdentifier": "{replica}"},
            "DBInstances[0].[DBInstanceStatus, ReadReplicaSourceDBInstanceIdentifier]",
            ["available", None],
        ),
        region=RECOVERY,
    ),
    Row(
        "rds delete-db-instance --db-instance-identifier {replica} --skip-final-snapshot",
        then=gone("{replica}"),
        region=RECOVERY,
    ),
    Row("rds delete-db-instance --db-instance-identifier {primary} --skip-final-snapshot", then=gone("{primary}")),
)
REFUSED = {"SwitchoverReadReplica"}
"""What PostgreSQL's replicas do not do: its command is an error, as test_replicas.py proves."""


@pytest.fixture(scope="module")
def aws(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    command_line = CommandLine(cloud, tmp_path_factory.mktemp("aws"))
    stems = ("cluster", "cluster_group", "writer", "reader", "shot", "copied", "again", "earlier")
    stems += ("own_group", "copied_group", "primary", "replica")
    command_line.names |= {"run": cloud.run, **{stem: cloud.name(f"cli-{stem.replace('_', '')[:4]}") for stem in stems}}
    return command_line


@pytest.mark.soak(120)
@pytest.mark.behaviour("AURORA-CLI-ROUND-TRIP")
def test_a_cluster_lives_by_the_command_line(aws: CommandLine) -> None:
    for row in CLUSTERS:
        aws.plays(row)


@pytest.mark.soak(60)
@pytest.mark.behaviour("RDS-REPLICA-CLI-ROUND-TRIP")
def test_a_replica_is_made_and_promoted_by_the_command_line(aws: CommandLine) -> None:
    for row in REPLICAS:
        aws.plays(row)


def test_every_operation_of_the_lab_is_in_a_table() -> None:
    played = {row.operation for row in (*STORY, *CLUSTERS, *REPLICAS)}
    assert {name for name in OPERATIONS if name.lower() not in played} == REFUSED
