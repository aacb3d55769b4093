"""ModifyDBInstance: what it answers, what it does, and when."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.cloud import Cloud
from tests.contract.small_instances import PASSWORD, code, drained, instance, look, order, settled, snapshot_settled
from tests.contract.unhurried import cloud, rds

__all__ = ["cloud", "rds"]


@pytest.fixture(scope="module")
def changing(cloud: Cloud) -> Iterator[str]:
    """The name of an instance to change."""
    with instance(cloud, "changing", BackupRetentionPeriod=1) as shown:
        yield shown["DBInstanceIdentifier"]


@pytest.mark.behaviour("RDS-MODIFY-STILL-AVAILABLE")
def test_after_a_modification_the_status_is_available_for_a_while(cloud: Cloud, rds: Any, changing: str) -> None:
    answer = rds.modify_db_instance(
        DBInstanceIdentifier=changing, MasterUserPassword=f"{PASSWORD}-2", ApplyImmediately=True
    )["DBInstance"]
    assert answer["DBInstanceStatus"] == "available"
    assert answer["PendingModifiedValues"] == {"MasterUserPassword": "****"}
    assert look(cloud, changing)["DBInstanceStatus"] == "available"
    settled(cloud, changing, status="resetting-master-credentials")
    assert drained(cloud, changing)["DBInstanceStatus"] == "available"


@pytest.mark.behaviour("RDS-MODIFY-WAITS-FOR-THE-WINDOW")
def test_a_change_waits_unless_told_to_apply_immediately(cloud: Cloud, rds: Any, changing: str) -> None:
    rds.modify_db_instance(DBInstanceIdentifier=changing, DBInstanceClass="db.t4g.small")
    waiting = look(cloud, changing)
    assert waiting["PendingModifiedValues"] == {"DBInstanceClass": "db.t4g.small"}
    assert waiting["DBInstanceClass"] == "db.t4g.micro"
    # The next call that applies immediately takes along what waits.
    rds.modify_db_instance(DBInstanceIdentifier=changing, BackupRetentionPeriod=2, ApplyImmediately=True)
    changed = drained(cloud, changing)
    assert (changed["DBInstanceClass"], changed["BackupRetentionPeriod"]) == ("db.t4g.small", 2)


@pytest.mark.behaviour("RDS-MODIFY-RETENTION-AT-ONCE")
def test_a_retention_that_stays_above_zero_changes_without_waiting(cloud: Cloud, rds: Any, changing: str) -> None:
    rds.modify_db_instance(DBInstanceIdentifier=changing, BackupRetentionPeriod=3)
    assert drained(cloud, changing)["BackupRetentionPeriod"] == 3


@pytest.mark.behaviour("RDS-MODIFY-FALSE")
def test_false_is_an_answer_and_silence_is_none(cloud: Cloud, rds: Any, changing: str) -> None:
    on = {"DeletionProtection": True, "CopyTagsToSnapshot": True, "AutoMinorVersionUpgrade": True}
    rds.modify_db_instance(DBInstanceIdentifier=changing, **on)
    rds.modify_db_instance(DBInstanceIdentifier=changing, PreferredBackupWindow="03:00-03:30")
    kept = look(cloud, changing)
    assert {name: kept[name] for name in on} == on
    rds.modify_db_instance(DBInstanceIdentifier=changing, **dict.fromkeys(on, False))
    assert {name: look(cloud, changing)[name] for name in on} == dict.fromkeys(on, False)


@pytest.mark.behaviour("RDS-MODIFY-WHILE-BUSY")
def test_no_modification_while_it_is_busy(cloud: Cloud, rds: Any, changing: str) -> None:
    settled(cloud, changing)
    rds.reboot_db_instance(DBInstanceIdentifier=changing)
    refused = code(rds.modify_db_instance, DBInstanceIdentifier=changing, DBInstanceClass="db.t4g.large")
    assert refused == "InvalidDBInstanceState"
    settled(cloud, changing)


@pytest.mark.behaviour("RDS-STORAGE-GROWS-BY-A-TENTH")
def test_storage_that_should_grow_by_less_grows_by_a_tenth(rds: Any, changing: str) -> None:
    answer = rds.modify_db_instance(DBInstanceIdentifier=changing, AllocatedStorage=21)["DBInstance"]
    assert answer["PendingModifiedValues"] == {"AllocatedStorage": 22}


@pytest.mark.behaviour("RDS-STORAGE-OPTIMIZATION")
def test_after_it_grew_storage_is_optimized_while_it_is_used(cloud: Cloud, rds: Any, changing: str) -> None:
    rds.modify_db_instance(DBInstanceIdentifier=changing, AllocatedStorage=30, ApplyImmediately=True)
    busy = settled(cloud, changing, status="storage-optimization")
    assert (busy["AllocatedStorage"], busy["StorageOperationStatus"]) == (30, "Optimizing")
    assert 0 <= busy["StorageOperationPercentProgress"] < 100
    # It is as good as available: a snapshot can be taken.
    name = cloud.name("meanwhile")
    rds.create_db_snapshot(DBInstanceIdentifier=changing, DBSnapshotIdentifier=name, Tags=cloud.tags)
    snapshot_settled(cloud, name)
    rds.delete_db_snapshot(DBSnapshotIdentifier=name)
    settled(cloud, changing)
    cloud.until(lambda: "StorageOperationStatus" not in look(cloud, changing), "optimized", 24 * 3600)


@pytest.mark.behaviour("RDS-STORAGE-GROWS-ONLY")
def test_storage_does_not_shrink(cloud: Cloud, rds: Any, changing: str) -> None:
    assert settled(cloud, changing)["AllocatedStorage"] == 30
    refused = code(rds.modify_db_instance, DBInstanceIdentifier=changing, AllocatedStorage=25)
    assert refused in ("InvalidParameterCombination", "InvalidParameterValue")


@pytest.mark.behaviour("RDS-PARAMETER-GROUP-NEEDS-A-REBOOT")
def test_another_parameter_group_waits_for_a_reboot(cloud: Cloud, rds: Any, changing: str) -> None:
    (old,) = look(cloud, changing)["DBParameterGroups"]
    family = rds.describe_db_parameter_groups(DBParameterGroupName=old["DBParameterGroupName"])["DBParameterGroups"][0][
        "DBParameterGroupFamily"
    ]
    group = cloud.name("group")
    rds.create_db_parameter_group(
        DBParameterGroupName=group, DBParameterGroupFamily=family, Description="contract", Tags=cloud.tags
    )
    rds.modify_db_instance(DBInstanceIdentifier=changing, DBParameterGroupName=group, ApplyImmediately=True)
    cloud.until(
        lambda: (
            look(cloud, changing)["DBParameterGroups"]
            == [{"DBParameterGroupName": group, "ParameterApplyStatus": "pending-reboot"}]
        ),
        "pending-reboot",
    )
    settled(cloud, changing)
    rds.reboot_db_instance(DBInstanceIdentifier=changing)
    settled(cloud, changing)
    (new,) = look(cloud, changing)["DBParameterGroups"]
    assert new["ParameterApplyStatus"] == "in-sync"
    used = code(rds.delete_db_parameter_group, DBParameterGroupName=group)
    assert used == "InvalidDBParameterGroupState"
    rds.modify_db_instance(DBInstanceIdentifier=changing, DBParameterGroupName=old["DBParameterGroupName"])
    cloud.until(
        lambda: code(rds.delete_db_parameter_group, DBParameterGroupName=group) == "accepted", "the group is free"
    )


@pytest.mark.behaviour("RDS-RENAME")
def test_a_renamed_instance_is_the_same_at_another_address(cloud: Cloud, rds: Any, changing: str) -> None:
    old, new, before = changing, cloud.name("new"), look(cloud, changing)
    rds.modify_db_instance(DBInstanceIdentifier=old, NewDBInstanceIdentifier=new, ApplyImmediately=True)
    # The new name is taken from the moment of the call.
    assert code(rds.create_db_instance, **order(new, Tags=cloud.tags)) == "DBInstanceAlreadyExists"
    cloud.until(lambda: code(look, cloud=cloud, name=new) == "accepted", "renamed")
    after = settled(cloud, new)
    assert after["DbiResourceId"] == before["DbiResourceId"]
    assert after["Endpoint"]["Address"] == before["Endpoint"]["Address"].replace(old, new)
    assert after["DBInstanceArn"] != before["DBInstanceArn"]
    assert code(look, cloud=cloud, name=old) == "DBInstanceNotFound"
    rds.modify_db_instance(DBInstanceIdentifier=new, NewDBInstanceIdentifier=old, ApplyImmediately=True)
    cloud.until(lambda: code(look, cloud=cloud, name=old) == "accepted", "renamed back")
    settled(cloud, old)


@pytest.mark.behaviour("RDS-RETENTION-ZERO-DELETES")
def test_without_retention_the_backups_are_gone(cloud: Cloud, rds: Any, changing: str) -> None:
    assert rds.describe_db_snapshots(DBInstanceIdentifier=changing, SnapshotType="automated")["DBSnapshots"]
    rds.modify_db_instance(DBInstanceIdentifier=changing, BackupRetentionPeriod=0, ApplyImmediately=True)
    shown = drained(cloud, changing)
    assert shown["BackupRetentionPeriod"] == 0
    assert "LatestRestorableTime" not in shown
    assert not rds.describe_db_snapshots(DBInstanceIdentifier=changing, SnapshotType="automated")["DBSnapshots"]
    refused = code(rds.describe_db_instance_automated_backups, DbiResourceId=shown["DbiResourceId"])
    assert refused == "DBInstanceAutomatedBackupNotFound"
