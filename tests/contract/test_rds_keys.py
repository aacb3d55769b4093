"""An instance whose KMS key is disabled while it runs."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from tests.contract.cloud import RECOVERY, Cloud
from tests.contract.small_instances import Shown, code, delete, order, settled, snapshot_settled

LOST = "inaccessible-encryption-credentials-recoverable"


@pytest.fixture(scope="module")
def locked(cloud: Cloud, rds: Any) -> Iterator[tuple[Shown, Any, str]]:
    """An instance that lost its key after a snapshot was taken, KMS, and the key's id."""
    kms, name, shot = cloud.client("kms"), cloud.name("locked"), cloud.name("shot")
    tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in cloud.tags]
    key = kms.create_key(Tags=tags)["KeyMetadata"]["KeyId"]
    rds.create_db_instance(**order(name, Tags=cloud.tags, StorageEncrypted=True, KmsKeyId=key))
    settled(cloud, name)
    rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=shot, Tags=cloud.tags)
    taken = snapshot_settled(cloud, shot)
    settled(cloud, name)
    kms.disable_key(KeyId=key)
    settled(cloud, name, status=LOST)
    yield taken, kms, key
    delete(cloud, name)
    rds.delete_db_snapshot(DBSnapshotIdentifier=shot)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


@pytest.mark.behaviour("RDS-KEY-LOST")
def test_an_instance_without_its_key_can_only_be_started_or_deleted(rds: Any, locked: tuple[Shown, Any, str]) -> None:
    name = {"DBInstanceIdentifier": locked[0]["DBInstanceIdentifier"]}
    assert code(rds.reboot_db_instance, **name) == "InvalidDBInstanceState"
    assert code(rds.modify_db_instance, **name, BackupRetentionPeriod=1) == "InvalidDBInstanceState"
    assert code(rds.create_db_snapshot, **name, DBSnapshotIdentifier="drc-never") == "InvalidDBInstanceState"
    assert code(rds.start_db_instance, **name) == "KMSKeyNotAccessibleFault"


@pytest.mark.behaviour("RDS-KEY-LOST-WAITER")
def test_the_waiter_for_available_burns_its_time(cloud: Cloud, rds: Any, locked: tuple[Shown, Any, str]) -> None:
    pace = {"Delay": 15 if cloud.on_aws else 0.05, "MaxAttempts": 3}
    with pytest.raises(WaiterError, match="Max attempts exceeded"):
        rds.get_waiter("db_instance_available").wait(
            DBInstanceIdentifier=locked[0]["DBInstanceIdentifier"], WaiterConfig=pace
        )


@pytest.mark.behaviour("RDS-KEY-LOST-SNAPSHOTS")
def test_snapshots_under_a_lost_key_are_of_no_use(
    cloud: Cloud, rds: Any, there: Any, locked: tuple[Shown, Any, str], keys: dict[str, str]
) -> None:
    taken, _, _ = locked
    restored = code(
        rds.restore_db_instance_from_db_snapshot,
        DBInstanceIdentifier=cloud.name("never"),
        DBSnapshotIdentifier=taken["DBSnapshotIdentifier"],
        Tags=cloud.tags,
    )
    copied = code(
        there.copy_db_snapshot,
        SourceDBSnapshotIdentifier=taken["DBSnapshotArn"],
        TargetDBSnapshotIdentifier=cloud.name("never"),
        KmsKeyId=keys[RECOVERY],
    )
    assert (restored, copied) == ("KMSKeyNotAccessibleFault", "KMSKeyNotAccessibleFault")


@pytest.mark.behaviour("RDS-KEY-BACK")
def test_with_its_key_back_an_instance_has_to_be_started(
    cloud: Cloud, rds: Any, locked: tuple[Shown, Any, str]
) -> None:
    taken, kms, key = locked
    name = taken["DBInstanceIdentifier"]
    kms.enable_key(KeyId=key)
    assert settled(cloud, name, status=LOST)
    rds.start_db_instance(DBInstanceIdentifier=name)
    assert settled(cloud, name)["KmsKeyId"].endswith(key)
