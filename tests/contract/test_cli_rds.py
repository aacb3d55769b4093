"""Every RDS operation of the lab through the `aws` command: tables of commands in the order of a database's life."""

import pytest

from tests.contract.cloud import RECOVERY, Cloud
from tests.contract.command_line import CommandLine, Row, Wait

TAGS = "--tags Key=firedrill-contract,Value={run}"
DATABASE = "--db-instance-identifier {instance}"
SNAPSHOT = "--db-snapshot-identifier {snapshot}"
STATUS = "DBInstances[0].DBInstanceStatus"


def instance(name: str, wanted: str = "available") -> Wait:
    return Wait("describe_db_instances", {"DBInstanceIdentifier": name}, STATUS, wanted)


def snapshot(name: str) -> Wait:
    return Wait("describe_db_snapshots", {"DBSnapshotIdentifier": name}, "DBSnapshots[0].Status", "available")


def gone(name: str) -> Wait:
    return instance(name, "DBInstanceNotFound")


def backups(status: str) -> Wait:
    """The automated backups of the instance, once they have this status or are gone."""
    shown = "DBInstanceAutomatedBackups[0].Status"
    return Wait("describe_db_instance_automated_backups", {"DbiResourceId": "{resource}"}, shown, status)


DRAINED = Wait(
    "describe_db_instances",
    {"DBInstanceIdentifier": "{instance}"},
    f"[{STATUS}, length(keys(DBInstances[0].PendingModifiedValues))]",
    ["available", 0],
)
RESTORABLE = Wait(
    "describe_db_instances",
    {"DBInstanceIdentifier": "{instance}"},
    "DBInstances[0].LatestRestorableTime != null",
    True,
)

GROUPS = (
    Row("rds describe-source-regions", {"SourceRegions[?RegionName=='eu-central-1'].Status": ["available"]}),
    Row("rds describe-account-attributes", {"length(AccountQuotas[?AccountQuotaName=='DBInstances'])": 1}),
    Row(
        "rds describe-db-engine-versions --engine postgres --default-only",
        {"DBEngineVersions[].Engine": ["postgres"]},
        {"family": "DBEngineVersions[0].DBParameterGroupFamily"},
    ),
    Row("ec2 describe-vpcs --filters Name=is-default,Values=true", {"length(Vpcs)": 1}, {"vpc": "Vpcs[0].VpcId"}),
    Row(
        "ec2 describe-subnets --filters Name=vpc-id,Values={vpc}",
        keeps={"subnets": "join(' ', Subnets[].SubnetId)"},
    ),
    Row(
        "rds create-db-subnet-group --db-subnet-group-name {subnet_group} --db-subnet-group-description two "
        f"--subnet-ids {{subnets}} {TAGS}",
        {"DBSubnetGroup.DBSubnetGroupName": "{subnet_group}", "DBSubnetGroup.VpcId": "{vpc}"},
    ),
    Row(
        "rds describe-db-subnet-groups --db-subnet-group-name {subnet_group}",
        {"DBSubnetGroups[].SubnetGroupStatus": ["Complete"]},
    ),
    Row(
        "rds create-db-parameter-group --db-parameter-group-name {parameter_group} "
        f"--db-parameter-group-family {{family}} --description own {TAGS}",
        {"DBParameterGroup.DBParameterGroupFamily": "{family}"},
    ),
    Row(
        "rds modify-db-parameter-group --db-parameter-group-name {parameter_group} --parameters "
        "ParameterName=log_min_duration_statement,ParameterValue=250,ApplyMethod=immediate",
        {"DBParameterGroupName": "{parameter_group}"},
    ),
    Row(
        "rds describe-db-parameter-groups --db-parameter-group-name {parameter_group}",
        {"DBParameterGroups[].Description": ["own"]},
    ),
    Row(
        "rds describe-db-parameters --db-parameter-group-name {parameter_group} --source user",
        {"Parameters[?ParameterName=='log_min_duration_statement'].ParameterValue": ["250"]},
    ),
)
LIFE = (
    Row(
        f"rds create-db-instance {DATABASE} --db-instance-class db.t4g.micro --engine postgres --allocated-storage 20 "
        "--master-username owner --master-user-password correct-horse-battery --backup-retention-period 1 "
        "--no-publicly-accessible --db-subnet-group-name {subnet_group} --db-parameter-group-name {parameter_group} "
        f"{TAGS}",
        {"DBInstance.DBInstanceStatus": "creating", "DBInstance.Endpoint": None},
        {"arn": "DBInstance.DBInstanceArn", "resource": "DBInstance.DbiResourceId"},
        instance("{instance}"),
    ),
    Row(
        f"rds describe-db-instances {DATABASE}",
        {
            STATUS: "available",
            "DBInstances[0].DbiResourceId": "{resource}",
            "DBInstances[0].DBSubnetGroup.DBSubnetGroupName": "{subnet_group}",
            "DBInstances[0].PubliclyAccessible": False,
        },
    ),
    Row("rds add-tags-to-resource --resource-name {arn} --tags Key=a,Value=1 Key=b,Value=2"),
    Row("rds remove-tags-from-resource --resource-name {arn} --tag-keys a"),
    Row(
        "rds list-tags-for-resource --resource-name {arn}",
        {"sort_by(TagList, &Key)[].[Key, Value]": [["b", "2"], ["firedrill-contract", "{run}"]]},
    ),
    Row(
        f"rds modify-db-instance {DATABASE} --master-user-password another-horse-battery --apply-immediately",
        {"DBInstance.PendingModifiedValues.MasterUserPassword": "****"},
        then=DRAINED,
    ),
    Row(f"rds reboot-db-instance {DATABASE}", {"DBInstance.DBInstanceStatus": "rebooting"}, then=DRAINED),
    Row(
        f"rds create-db-snapshot {DATABASE} {SNAPSHOT} {TAGS}",
        {"DBSnapshot.Status": "creating", "DBSnapshot.SnapshotType": "manual"},
        {"snapshot_arn": "DBSnapshot.DBSnapshotArn"},
        snapshot("{snapshot}"),
    ),
    Row(f"rds describe-db-snapshots {SNAPSHOT}", {"DBSnapshots[].[Status, PercentProgress]": [["available", 100]]}),
    Row(
        "rds copy-db-snapshot --source-db-snapshot-identifier {snapshot_arn} "
        f"--target-db-snapshot-identifier {{copy}} --source-region eu-west-1 {TAGS}",
        {"DBSnapshot.SourceRegion": "eu-west-1", "DBSnapshot.DbiResourceId": "{resource}"},
        then=snapshot("{copy}"),
        region=RECOVERY,
    ),
    Row(
        "rds restore-db-instance-from-db-snapshot --db-instance-identifier {restored} --db-snapshot-identifier {copy} "
        f"--db-instance-class db.t4g.micro --no-publicly-accessible --no-deletion-protection {TAGS}",
        {"DBInstance.DBInstanceStatus": "creating", "DBInstance.DBInstanceIdentifier": "{restored}"},
        then=instance("{restored}"),
        region=RECOVERY,
    ),
    Row(
        "rds stop-db-instance --db-instance-identifier {restored}",
        {"DBInstance.DBInstanceStatus": "stopping"},
        then=instance("{restored}", "stopped"),
        region=RECOVERY,
    ),
    Row(
        "rds start-db-instance --db-instance-identifier {restored}",
        {"DBInstance.DBInstanceStatus": "starting"},
        then=instance("{restored}"),
        region=RECOVERY,
    ),
    Row(f"rds describe-db-instances {DATABASE}", then=RESTORABLE),
    Row(
        "rds restore-db-instance-to-point-in-time --source-db-instance-identifier {instance} "
        f"--target-db-instance-identifier {{rewound}} --use-latest-restorable-time --no-publicly-accessible {TAGS}",
        {"DBInstance.DBInstanceStatus": "creating"},
        then=instance("{rewound}"),
    ),
)
ENDING = (
    Row(
        "rds start-db-instance-automated-backups-replication --source-db-instance-arn {arn} "
        "--backup-retention-period 2 --source-region eu-west-1",
        {
            "DBInstanceAutomatedBackup.DbiResourceId": "{resource}",
            "DBInstanceAutomatedBackup.BackupRetentionPeriod": 2,
        },
        then=backups("replicating"),
        region=RECOVERY,
    ),
    Row(
        "rds stop-db-instance-automated-backups-replication --source-db-instance-arn {arn}",
        region=RECOVERY,
    ),
    Row("rds describe-events --source-type db-instance --source-identifier {instance} --duration 600"),
    Row(
        "rds delete-db-instance --db-instance-identifier {restored} --skip-final-snapshot",
        {"DBInstance.DBInstanceStatus": "deleting"},
        then=gone("{restored}"),
        region=RECOVERY,
    ),
    Row("rds delete-db-instance --db-instance-identifier {rewound} --skip-final-snapshot", then=gone("{rewound}")),
    Row(
        f"rds delete-db-instance {DATABASE} --skip-final-snapshot --no-delete-automated-backups",
        {"DBInstance.DBInstanceStatus": "deleting"},
        then=gone("{instance}"),
    ),
    Row(
        "rds describe-db-instance-automated-backups --dbi-resource-id {resource}",
        {"DBInstanceAutomatedBackups[].Status": ["retained"]},
    ),
    Row(
        "rds delete-db-instance-automated-backup --dbi-resource-id {resource}",
        then=backups("DBInstanceAutomatedBackupNotFound"),
    ),
    Row(f"rds delete-db-snapshot {SNAPSHOT}", {"DBSnapshot.DBSnapshotIdentifier": "{snapshot}"}),
    Row("rds delete-db-snapshot --db-snapshot-identifier {copy}", region=RECOVERY),
    Row("rds delete-db-parameter-group --db-parameter-group-name {parameter_group}"),
    Row("rds delete-db-subnet-group --db-subnet-group-name {subnet_group}"),
)
STORY = (*GROUPS, *LIFE, *ENDING)


@pytest.fixture(scope="module")
def aws(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    command_line = CommandLine(cloud, tmp_path_factory.mktemp("aws"))
    stems = ("instance", "snapshot", "copy", "restored", "rewound", "subnet_group", "parameter_group")
    command_line.names |= {"run": cloud.run, **{stem: cloud.name(f"cli-{stem[:4]}") for stem in stems}}
    return command_line


@pytest.mark.soak(75)
@pytest.mark.behaviour("RDS-CLI-ROUND-TRIP")
def test_a_database_lives_by_the_command_line(aws: CommandLine) -> None:
    for row in STORY:
        aws.plays(row)
