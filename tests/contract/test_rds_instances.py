"""Instances: what they are while they come to be, when they stop, and what surrounds them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.cloud import Cloud
from tests.contract.small_instances import Shown, code, gone, instance, look, order, restorable, settled

WINDOW, WEEKLY = "PreferredBackupWindow", "PreferredMaintenanceWindow"


@pytest.mark.behaviour("RDS-STOP-ENDS-WAL")
@pytest.mark.behaviour("RDS-STOP-WITH-SNAPSHOT")
def test_a_stopped_instance_uploads_nothing(cloud: Cloud, rds: Any) -> None:
    last = cloud.name("last")
    with instance(cloud, "stops", BackupRetentionPeriod=1) as shown:
        name = shown["DBInstanceIdentifier"]
        restorable(cloud, name, datetime.now(UTC) - timedelta(hours=1))
        rds.stop_db_instance(DBInstanceIdentifier=name, DBSnapshotIdentifier=last)
        stopped = settled(cloud, name, status="stopped")
        # Longer than WAL is ever waited for, and the time has not moved.
        passed = datetime.now(UTC) + timedelta(seconds=900 / cloud.speed)
        cloud.until(lambda: datetime.now(UTC) > passed, "time passes")
        assert look(cloud, name)["LatestRestorableTime"] == stopped["LatestRestorableTime"]
        assert code(rds.stop_db_instance, DBInstanceIdentifier=name) == "InvalidDBInstanceState"
        rds.start_db_instance(DBInstanceIdentifier=name)
        settled(cloud, name)
        restorable(cloud, name, stopped["LatestRestorableTime"] + timedelta(seconds=1))
    (taken,) = rds.describe_db_snapshots(DBSnapshotIdentifier=last)["DBSnapshots"]
    assert (taken["Status"], taken["DbiResourceId"]) == ("available", shown["DbiResourceId"])
    rds.delete_db_snapshot(DBSnapshotIdentifier=last)


@pytest.mark.behaviour("RDS-DEFAULT-RETENTION")
def test_backups_are_kept_for_one_day_unless_said_otherwise(cloud: Cloud, rds: Any) -> None:
    name = cloud.name("unsaid")
    asked = order(name, Tags=cloud.tags)
    del asked["BackupRetentionPeriod"]
    shown = rds.create_db_instance(**asked)["DBInstance"]
    assert shown["BackupRetentionPeriod"] == 1
    settled(cloud, name)
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    gone(cloud, name)


@pytest.mark.behaviour("RDS-WINDOW-FORM")
@pytest.mark.parametrize(
    "wrong", [{WINDOW: "2:00-3:00"}, {WINDOW: "24:00-24:30"}, {WINDOW: "mon:02:00-mon:03:00"}, {WEEKLY: "04:00-05:00"}]
)
def test_windows_have_one_form(cloud: Cloud, rds: Any, wrong: dict[str, str]) -> None:
    asked = order(cloud.name("never"), Tags=cloud.tags, **wrong)
    assert code(rds.create_db_instance, **asked) == "InvalidParameterValue"


@pytest.mark.behaviour("RDS-WINDOW-HALF-HOUR")
@pytest.mark.parametrize("short", [{WINDOW: "23:45-00:10"}, {WEEKLY: "sun:23:50-mon:00:19"}, {WINDOW: "02:00-02:00"}])
def test_a_window_is_half_an_hour_at_least(cloud: Cloud, rds: Any, short: dict[str, str]) -> None:
    asked = order(cloud.name("never"), Tags=cloud.tags, **short)
    assert code(rds.create_db_instance, **asked) == "InvalidParameterValue"


@pytest.mark.behaviour("RDS-WINDOWS-APART")
def test_the_two_windows_must_not_meet(cloud: Cloud, rds: Any, source: Shown) -> None:
    both = {WINDOW: "23:45-00:30", WEEKLY: "mon:00:15-mon:01:00"}
    asked = order(cloud.name("never"), Tags=cloud.tags, **both)
    assert code(rds.create_db_instance, **asked) == "InvalidParameterValue"
    # And nor may one that is changed meet the other that stays.
    meeting = f"wed:{source[WINDOW][:5]}-thu:00:30"
    changed = code(rds.modify_db_instance, DBInstanceIdentifier=source["DBInstanceIdentifier"], **{WEEKLY: meeting})
    assert changed == "InvalidParameterValue"


@pytest.mark.behaviour("RDS-SUBNETS-IN-TWO-ZONES")
def test_a_subnet_group_covers_two_zones(cloud: Cloud, rds: Any) -> None:
    subnets = cloud.client("ec2").describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    given = {"DBSubnetGroupName": cloud.name("zones"), "DBSubnetGroupDescription": "one zone", "Tags": cloud.tags}
    one = code(rds.create_db_subnet_group, **given, SubnetIds=[subnets[0]["SubnetId"]])
    assert one == "DBSubnetGroupDoesNotCoverEnoughAZs"
    assert code(rds.create_db_subnet_group, **given, SubnetIds=["subnet-none"]) == "InvalidSubnet"


@pytest.mark.behaviour("RDS-SUBNET-GROUP-IN-USE")
def test_a_subnet_group_in_use_stays(rds: Any, source: Shown) -> None:
    used = source["DBSubnetGroup"]["DBSubnetGroupName"]
    assert code(rds.delete_db_subnet_group, DBSubnetGroupName=used) == "InvalidDBSubnetGroupStateFault"


@pytest.mark.behaviour("RDS-STORAGE-RULES")
@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"AllocatedStorage": 19}, "InvalidParameterValue"),
        ({"AllocatedStorage": -1}, "InvalidParameterValue"),
        ({"StorageType": "floppy"}, "InvalidParameterValue"),
        ({"StorageType": "io1", "AllocatedStorage": 100}, "InvalidParameterCombination"),
        ({"StorageType": "io1", "AllocatedStorage": 100, "Iops": 5001}, "InvalidParameterValue"),
        ({"KmsKeyId": "alias/aws/rds"}, "InvalidParameterCombination"),
        ({"Port": 1149}, "InvalidParameterValue"),
        ({"BackupRetentionPeriod": 36}, "InvalidParameterValue"),
    ],
)
def test_what_an_instance_cannot_be(cloud: Cloud, rds: Any, wrong: dict[str, Any], refusal: str) -> None:
    name = cloud.name("never")
    assert code(rds.create_db_instance, **order(name, Tags=cloud.tags, **wrong)) == refusal
    assert code(rds.describe_db_instances, DBInstanceIdentifier=name) == "DBInstanceNotFound"
