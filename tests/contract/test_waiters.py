"""Where stock waiters and `aws rds wait` believe too much, or give up for good reasons."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from tests.contract.cloud import Cloud
from tests.contract.command_line import REFUSED, CommandLine

ONE_LOOK = {"Delay": 1, "MaxAttempts": 1}
ORDER = {
    "DBInstanceClass": "db.t4g.micro",
    "Engine": "postgres",
    "AllocatedStorage": 20,
    "MasterUsername": "owner",
    "MasterUserPassword": "correct-horse-battery",
    "BackupRetentionPeriod": 0,
    "PubliclyAccessible": False,
}


@pytest.fixture(scope="module")
def rds(cloud: Cloud) -> Any:
    return cloud.client("rds")


@pytest.fixture(scope="module")
def aws(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    command_line = CommandLine(cloud, tmp_path_factory.mktemp("aws"))
    command_line.names |= {"mistyped": cloud.name("mistyped"), "run": cloud.run}
    return command_line


@pytest.fixture(scope="module")
def ready(cloud: Cloud, rds: Any) -> Iterator[str]:
    """An instance that is available."""
    name = cloud.name("ready")
    rds.create_db_instance(DBInstanceIdentifier=name, **ORDER, Tags=cloud.tags)
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name, WaiterConfig=pace(cloud))
    yield name
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=name, WaiterConfig=pace(cloud))


def pace(cloud: Cloud) -> dict[str, Any]:
    return {"Delay": 15 if cloud.on_aws else 0.05, "MaxAttempts": 2000}


@pytest.mark.behaviour("RDS-WAITER-GONE-BELIEVES")
def test_what_never_was_counts_as_deleted(cloud: Cloud, rds: Any) -> None:
    mistyped = cloud.name("mistyped")
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=mistyped, WaiterConfig=ONE_LOOK)
    rds.get_waiter("db_snapshot_deleted").wait(DBSnapshotIdentifier=mistyped, WaiterConfig=ONE_LOOK)


@pytest.mark.behaviour("RDS-WAITER-AVAILABLE-NEEDS-ONE")
def test_what_never_was_is_not_waited_for(cloud: Cloud, rds: Any) -> None:
    mistyped = cloud.name("mistyped")
    for waiter, name in (
        ("db_instance_available", "DBInstanceIdentifier"),
        ("db_snapshot_available", "DBSnapshotIdentifier"),
    ):
        # Not a terminal state: an error that the waiter does not know ends it at its first look.
        with pytest.raises(WaiterError, match="NotFound") as caught:
            rds.get_waiter(waiter).wait(**{name: mistyped}, WaiterConfig=pace(cloud))
        assert "Max attempts" not in str(caught.value)


@pytest.mark.behaviour("RDS-WAITER-WITHOUT-A-NAME")
def test_a_waiter_without_a_name_waits_for_everybody(cloud: Cloud, rds: Any, ready: str) -> None:
    other = cloud.name("other")
    rds.create_db_instance(DBInstanceIdentifier=other, **ORDER, Tags=cloud.tags)
    try:
        with pytest.raises(WaiterError):
            rds.get_waiter("db_instance_available").wait(WaiterConfig=ONE_LOOK)
        rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=ready, WaiterConfig=ONE_LOOK)
        rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=other, WaiterConfig=pace(cloud))
    finally:
        rds.delete_db_instance(DBInstanceIdentifier=other, SkipFinalSnapshot=True)
    # Deleting is the end of all hope for `available`, and is said at once.
    with pytest.raises(WaiterError, match=r"terminal failure state|NotFound"):
        rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=other, WaiterConfig=pace(cloud))
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=other, WaiterConfig=pace(cloud))


@pytest.mark.behaviour("WAITERS-THAT-ARE-NOT")
def test_for_most_of_what_a_recovery_waits_for_there_is_no_waiter(cloud: Cloud, rds: Any) -> None:
    assert cloud.client("kms").waiter_names == []
    assert cloud.client("secretsmanager").waiter_names == []
    assert cloud.client("resourcegroupstaggingapi").waiter_names == []
    assert not [name for name in rds.waiter_names if "stopped" in name or "promoted" in name or "automated" in name]
    patience = {name: _patience(rds, name) for name in ("db_instance_available", "db_snapshot_completed")}
    assert patience == {"db_instance_available": 30 * 60, "db_snapshot_completed": 15 * 40}


def _patience(client: Any, name: str) -> int:
    """Seconds until a waiter gives up."""
    config = client.get_waiter(name).config
    return int(config.delay * config.max_attempts)


@pytest.mark.behaviour("S3-WAITER-NOT-EXISTS-BELIEVES")
def test_an_object_under_a_delete_marker_does_not_exist_to_a_waiter(cloud: Cloud) -> None:
    s3, bucket = cloud.client("s3"), cloud.name("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": cloud.primary})
    s3.get_waiter("bucket_exists").wait(Bucket=bucket, WaiterConfig=ONE_LOOK)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    with pytest.raises(WaiterError, match="Max attempts exceeded"):
        s3.get_waiter("object_exists").wait(Bucket=bucket, Key="k", WaiterConfig=ONE_LOOK)
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"kept")["VersionId"]
    s3.get_waiter("object_exists").wait(Bucket=bucket, Key="k", WaiterConfig=ONE_LOOK)
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    s3.get_waiter("object_not_exists").wait(Bucket=bucket, Key="k", WaiterConfig=ONE_LOOK)
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=first)["Body"].read() == b"kept"
    for version in (first, marker):
        s3.delete_object(Bucket=bucket, Key="k", VersionId=version)
    s3.delete_bucket(Bucket=bucket)
    s3.get_waiter("bucket_not_exists").wait(Bucket=bucket, WaiterConfig=ONE_LOOK)


@pytest.mark.behaviour("RDS-CLI-WAIT-BELIEVES")
def test_the_command_waits_as_credulously(aws: CommandLine, ready: str) -> None:
    aws.names["ready"] = ready
    assert aws.run("rds wait db-instance-available --db-instance-identifier {ready}").status == 0
    for waiter in ("db-snapshot-completed --db-snapshot-identifier", "db-instance-deleted --db-instance-identifier"):
        assert aws.run(f"rds wait {waiter} {{mistyped}}").status == 0
    said = aws.run("rds wait db-instance-available --db-instance-identifier {mistyped}")
    assert said.status == REFUSED
    assert "Waiter DBInstanceAvailable failed" in said.err
    assert "DBInstanceNotFound" in said.err


@pytest.mark.soak(90)
@pytest.mark.behaviour("RDS-CLI-WAIT")
def test_the_command_waits_by_its_own_half_minute(aws: CommandLine) -> None:
    """Each wait begins before there is anything to see at its first look, or ends with it: the lab is quick."""
    aws.names |= {"mine": aws.cloud.name("mine"), "shot": aws.cloud.name("shot")}
    mine = "--db-instance-identifier {mine}"
    aws.does(
        f"rds create-db-instance {mine} --db-instance-class db.t4g.micro --engine postgres --allocated-storage 20 "
        "--master-username owner --master-user-password correct-horse-battery --backup-retention-period 0 "
        "--no-publicly-accessible --tags Key=firedrill-contract,Value={run}"
    )
    aws.does(f"rds wait db-instance-available {mine}")
    aws.does(f"rds create-db-snapshot {mine} --db-snapshot-identifier {{shot}}")
    aws.does("rds wait db-snapshot-available --db-snapshot-identifier {shot}")
    assert (
        aws.does("rds describe-db-snapshots --db-snapshot-identifier {shot}")["DBSnapshots"][0]["Status"] == "available"
    )
    aws.does("rds delete-db-snapshot --db-snapshot-identifier {shot}")
    aws.does("rds wait db-snapshot-deleted --db-snapshot-identifier {shot}")
    aws.does(f"rds delete-db-instance {mine} --skip-final-snapshot")
    aws.does(f"rds wait db-instance-deleted {mine}")
    aws.refused("DBInstanceNotFound", f"rds describe-db-instances {mine}")
