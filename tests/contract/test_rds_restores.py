"""Restores: the dangerous defaults, the sources that must be exact, and what is refused."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError

from tests.contract.cloud import RECOVERY, Cloud
from tests.contract.small_instances import Shown, code, delete, look, restorable, settled

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def careless(cloud: Cloud, rds: Any, snapshot: Shown) -> Iterator[Shown]:
    """A restore of the snapshot for which nothing was said."""
    name = cloud.name("careless")
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot["DBSnapshotIdentifier"]
    )
    yield settled(cloud, name)
    delete(cloud, name)


@pytest.fixture(scope="module")
def careful(cloud: Cloud, rds: Any, source: Shown) -> Iterator[Shown]:
    """A restore to a point in time for which everything was said."""
    name = cloud.name("careful")
    restorable(cloud, source["DBInstanceIdentifier"], LONG_AGO)
    rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier=source["DBInstanceIdentifier"],
        TargetDBInstanceIdentifier=name,
        UseLatestRestorableTime=True,
        BackupRetentionPeriod=0,
        DeletionProtection=False,
        MultiAZ=False,
        PubliclyAccessible=False,
        AutoMinorVersionUpgrade=False,
        CopyTagsToSnapshot=False,
        Tags=cloud.tags,
    )
    yield settled(cloud, name)
    delete(cloud, name)


@pytest.fixture
def never(cloud: Cloud, source: Shown) -> Shown:
    """A request for a restore to a point in time that lacks only when."""
    restorable(cloud, source["DBInstanceIdentifier"], LONG_AGO)
    return {
        "SourceDBInstanceIdentifier": source["DBInstanceIdentifier"],
        "TargetDBInstanceIdentifier": cloud.name("never"),
        "Tags": cloud.tags,
    }


@pytest.mark.behaviour("RDS-TAGS-INHERITED")
def test_a_restore_without_tags_takes_the_tags_of_its_source(careless: Shown, source: Shown) -> None:
    assert careless["TagList"] == source["TagList"]
    assert {"Key": "env", "Value": "production"} in careless["TagList"]


@pytest.mark.behaviour("RDS-TAGS-REPLACED")
def test_a_restore_with_tags_has_these_and_no_others(cloud: Cloud, careful: Shown) -> None:
    assert careful["TagList"] == cloud.tags


@pytest.mark.behaviour("RDS-RETENTION-INHERITED")
def test_a_restore_backs_itself_up_like_its_source(careless: Shown, source: Shown) -> None:
    assert careless["BackupRetentionPeriod"] == source["BackupRetentionPeriod"] == 7


@pytest.mark.behaviour("RDS-RETENTION-ZERO")
def test_zero_days_of_backups_are_honoured(careful: Shown) -> None:
    assert careful["BackupRetentionPeriod"] == 0
    assert "LatestRestorableTime" not in careful


@pytest.mark.behaviour("RDS-FALSE-HONOURED")
def test_false_on_a_restore_is_honoured(careful: Shown, source: Shown) -> None:
    assert (source["DeletionProtection"], source["CopyTagsToSnapshot"]) == (True, True)
    for said in ("DeletionProtection", "MultiAZ", "PubliclyAccessible", "AutoMinorVersionUpgrade"):
        assert careful[said] is False, said
    assert careful["CopyTagsToSnapshot"] is False


@pytest.mark.behaviour("RDS-PROTECTION-NOT-INHERITED")
def test_deletion_protection_does_not_come_along(careless: Shown, source: Shown) -> None:
    assert source["DeletionProtection"] is True
    assert careless["DeletionProtection"] is False


@pytest.mark.behaviour("RDS-RESTORE-DEFAULT-PLACE")
def test_a_restore_lands_in_the_default_network(cloud: Cloud, careless: Shown) -> None:
    assert careless["DBSubnetGroup"]["DBSubnetGroupName"] == "default"
    (group,) = careless["VpcSecurityGroups"]
    ec2 = cloud.client("ec2")
    (found,) = ec2.describe_security_groups(GroupIds=[group["VpcSecurityGroupId"]])["SecurityGroups"]
    assert (found["GroupName"], found["VpcId"]) == ("default", careless["DBSubnetGroup"]["VpcId"])


@pytest.mark.behaviour("RDS-RESTORE-DEFAULT-PARAMETERS")
def test_a_restore_runs_with_default_parameters(careless: Shown) -> None:
    (group,) = careless["DBParameterGroups"]
    assert group["DBParameterGroupName"].startswith("default.postgres")


@pytest.mark.behaviour("RDS-RESTORE-NEW-IDENTITY")
def test_a_restore_is_another_database(careless: Shown, careful: Shown, source: Shown) -> None:
    assert len({one["DbiResourceId"] for one in (careless, careful, source)}) == 3
    assert careless["InstanceCreateTime"] > source["InstanceCreateTime"]


@pytest.mark.behaviour("RDS-RESTORE-SAME-KEY")
def test_a_restore_keeps_the_key_and_cannot_be_given_another(
    cloud: Cloud, rds: Any, careless: Shown, source: Shown, keys: dict[str, str]
) -> None:
    assert (careless["StorageEncrypted"], careless["KmsKeyId"]) == (True, source["KmsKeyId"])
    with pytest.raises(ParamValidationError, match="KmsKeyId"):
        rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=cloud.name("never"), DBSnapshotIdentifier="any", KmsKeyId=keys[RECOVERY]
        )


@pytest.mark.behaviour("RDS-RESTORE-LOADS-LAZILY")
def test_what_is_available_is_still_being_loaded(cloud: Cloud, rds: Any, snapshot: Shown) -> None:
    name = cloud.name("lazy")
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=name,
        DBSnapshotIdentifier=snapshot["DBSnapshotIdentifier"],
        BackupRetentionPeriod=0,
        Tags=cloud.tags,
    )
    shown = settled(cloud, name)
    assert shown["StorageOperationStatus"] == "Initializing"
    assert 0 <= shown["StorageOperationPercentProgress"] < 100
    # When it is over the members are gone.
    cloud.until(lambda: "StorageOperationStatus" not in look(cloud, name), "loaded", 24 * 3600)
    assert "StorageOperationPercentProgress" not in look(cloud, name)
    delete(cloud, name)


@pytest.mark.behaviour("RDS-RESTORE-NAME-TAKEN")
def test_a_restore_never_replaces_an_instance(rds: Any, source: Shown, snapshot: Shown) -> None:
    taken = {
        "DBInstanceIdentifier": source["DBInstanceIdentifier"],
        "DBSnapshotIdentifier": snapshot["DBSnapshotIdentifier"],
    }
    assert code(rds.restore_db_instance_from_db_snapshot, **taken) == "DBInstanceAlreadyExists"


@pytest.mark.behaviour("RDS-RESTORE-MANAGED-PASSWORD")
def test_a_managed_password_is_not_for_restores_of_postgresql(rds: Any, never: Shown) -> None:
    asked = {**never, "UseLatestRestorableTime": True, "ManageMasterUserPassword": True}
    assert code(rds.restore_db_instance_to_point_in_time, **asked) == "InvalidParameterCombination"


@pytest.mark.behaviour("RDS-RESTORE-STORAGE")
@pytest.mark.parametrize("size", [21])
def test_storage_of_a_restore_grows_by_a_tenth_or_not(rds: Any, never: Shown, size: int) -> None:
    asked = {**never, "UseLatestRestorableTime": True, "AllocatedStorage": size}
    assert code(rds.restore_db_instance_to_point_in_time, **asked) == "InvalidParameterCombination"


@pytest.mark.behaviour("RDS-RESTORE-ONE-SNAPSHOT")
def test_a_restore_is_from_one_kind_of_snapshot(cloud: Cloud, rds: Any, snapshot: Shown) -> None:
    both = {
        "DBInstanceIdentifier": cloud.name("never"),
        "DBSnapshotIdentifier": snapshot["DBSnapshotIdentifier"],
        "DBClusterSnapshotIdentifier": "any",
    }
    assert code(rds.restore_db_instance_from_db_snapshot, **both) == "InvalidParameterCombination"


@pytest.mark.behaviour("RDS-RESTORE-OTHER-REGION")
def test_a_snapshot_is_restored_where_it_is(cloud: Cloud, there: Any, snapshot: Shown) -> None:
    asked = {"DBInstanceIdentifier": cloud.name("never"), "Tags": cloud.tags}
    for given in (snapshot["DBSnapshotIdentifier"], snapshot["DBSnapshotArn"]):
        refused = code(there.restore_db_instance_from_db_snapshot, **asked, DBSnapshotIdentifier=given)
        assert refused == "DBSnapshotNotFound"


@pytest.mark.behaviour("RDS-PITR-ONE-TIME")
def test_either_a_time_or_the_latest_never_both_or_neither(rds: Any, never: Shown, source: Shown) -> None:
    restore = rds.restore_db_instance_to_point_in_time
    assert code(restore, **never) == "InvalidParameterCombination"
    both = {"UseLatestRestorableTime": True, "RestoreTime": source["InstanceCreateTime"]}
    assert code(restore, **never, **both) == "InvalidParameterCombination"


@pytest.mark.behaviour("RDS-PITR-ONE-SOURCE")
def test_a_source_is_named_in_exactly_one_way(rds: Any, never: Shown, source: Shown) -> None:
    restore = rds.restore_db_instance_to_point_in_time
    two = {**never, "UseLatestRestorableTime": True, "SourceDbiResourceId": source["DbiResourceId"]}
    assert code(restore, **two) == "InvalidParameterCombination"
    none = {name: value for name, value in two.items() if not name.startswith("Source")}
    assert code(restore, **none) == "InvalidParameterCombination"


@pytest.mark.behaviour("RDS-PITR-WINDOW")
def test_a_time_lies_within_the_window(rds: Any, never: Shown) -> None:
    restore = rds.restore_db_instance_to_point_in_time
    for moment in (LONG_AGO, datetime.now(UTC) + timedelta(days=1)):
        assert code(restore, **never, RestoreTime=moment) == "InvalidParameterValue"


@pytest.mark.behaviour("RDS-PITR-SOURCE-EXACT")
def test_a_source_that_is_not_there_is_not_guessed(
    cloud: Cloud, rds: Any, there: Any, never: Shown, source: Shown
) -> None:
    into = {"TargetDBInstanceIdentifier": cloud.name("never"), "UseLatestRestorableTime": True, "Tags": cloud.tags}
    missing = "DBInstanceAutomatedBackupNotFound"
    for region in (rds, there):
        restore = region.restore_db_instance_to_point_in_time
        assert code(restore, **into, SourceDbiResourceId="db-ABCDEFGHIJKLMNOPQRSTUVWXYZ") == missing
        assert code(restore, **into, SourceDBInstanceIdentifier="drc-none") == "DBInstanceNotFound"
    # Backups are used where they are: those of the primary region are not found in the other.
    (active,) = rds.describe_db_instance_automated_backups(DbiResourceId=source["DbiResourceId"])[
        "DBInstanceAutomatedBackups"
    ]
    by_arn = {"SourceDBInstanceAutomatedBackupsArn": active["DBInstanceAutomatedBackupsArn"]}
    assert code(there.restore_db_instance_to_point_in_time, **into, **by_arn) == missing
    assert never["SourceDBInstanceIdentifier"] == source["DBInstanceIdentifier"]


@pytest.mark.behaviour("RDS-PITR-NOT-ENABLED")
def test_without_backups_there_is_no_point_in_time(cloud: Cloud, rds: Any, careful: Shown) -> None:
    refused = code(
        rds.restore_db_instance_to_point_in_time,
        SourceDBInstanceIdentifier=careful["DBInstanceIdentifier"],
        TargetDBInstanceIdentifier=cloud.name("never"),
        UseLatestRestorableTime=True,
    )
    assert refused == "PointInTimeRestoreNotEnabled"
