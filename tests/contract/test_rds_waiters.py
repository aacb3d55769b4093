"""botocore's own waiters: where they work, and where they lie."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from tests.contract.cloud import Cloud
from tests.contract.small_instances import PASSWORD, code, drained, gone, look, order, settled
from tests.contract.unhurried import cloud, rds

__all__ = ["cloud", "rds"]


@pytest.fixture(scope="module")
def waited(cloud: Cloud, rds: Any) -> Iterator[str]:
    """The name of an instance, found available by the stock waiter."""
    name = cloud.name("waited")
    rds.create_db_instance(**order(name, Tags=cloud.tags))
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name, WaiterConfig=pace(cloud))
    yield name
    if code(look, cloud=cloud, name=name) == "accepted":
        rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        gone(cloud, name)


def pace(cloud: Cloud, looks: int = 600) -> dict[str, Any]:
    return {"Delay": 15 if cloud.on_aws else 0.1, "MaxAttempts": looks}


@pytest.mark.behaviour("RDS-WAITER-DELETED-FAILS-EARLY")
def test_the_waiter_for_deletion_gives_up_on_what_is_rebooting(cloud: Cloud, rds: Any, waited: str) -> None:
    rds.reboot_db_instance(DBInstanceIdentifier=waited)
    with pytest.raises(WaiterError, match="terminal failure state"):
        rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=waited, WaiterConfig=pace(cloud))
    settled(cloud, waited)


@pytest.mark.behaviour("RDS-WAITER-AVAILABLE-TOO-EARLY")
def test_after_a_modification_the_waiter_returns_at_once(cloud: Cloud, rds: Any, waited: str) -> None:
    rds.modify_db_instance(DBInstanceIdentifier=waited, MasterUserPassword=f"{PASSWORD}-2", ApplyImmediately=True)
    # One look is enough for it, and nothing has happened yet.
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=waited, WaiterConfig=pace(cloud, 1))
    assert look(cloud, waited)["PendingModifiedValues"] == {"MasterUserPassword": "****"}
    drained(cloud, waited)


@pytest.mark.behaviour("RDS-WAITER-COMPLETED-LIES")
def test_a_snapshot_that_never_was_is_completed(cloud: Cloud, rds: Any) -> None:
    name = cloud.name("mistyped")
    rds.get_waiter("db_snapshot_completed").wait(DBSnapshotIdentifier=name, WaiterConfig=pace(cloud, 1))
    assert code(rds.describe_db_snapshots, DBSnapshotIdentifier=name) == "DBSnapshotNotFound"


@pytest.mark.behaviour("RDS-WAITERS-OF-SNAPSHOTS")
def test_the_waiters_of_snapshots_work(cloud: Cloud, rds: Any, waited: str) -> None:
    name = cloud.name("shot")
    rds.create_db_snapshot(DBInstanceIdentifier=waited, DBSnapshotIdentifier=name, Tags=cloud.tags)
    rds.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier=name, WaiterConfig=pace(cloud))
    rds.delete_db_snapshot(DBSnapshotIdentifier=name)
    rds.get_waiter("db_snapshot_deleted").wait(DBSnapshotIdentifier=name, WaiterConfig=pace(cloud))
    settled(cloud, waited)


@pytest.mark.behaviour("RDS-WAITER-BURNS-ON-STOPPED")
def test_the_waiter_for_available_knows_nothing_of_stopped(cloud: Cloud, rds: Any, waited: str) -> None:
    rds.stop_db_instance(DBInstanceIdentifier=waited)
    settled(cloud, waited, status="stopped")
    with pytest.raises(WaiterError, match="Max attempts exceeded"):
        rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=waited, WaiterConfig=pace(cloud, 3))


@pytest.mark.behaviour("RDS-WAITERS-OF-INSTANCES")
def test_the_waiters_of_instances_work(cloud: Cloud, rds: Any, waited: str) -> None:
    rds.start_db_instance(DBInstanceIdentifier=waited)
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=waited, WaiterConfig=pace(cloud))
    rds.delete_db_instance(DBInstanceIdentifier=waited, SkipFinalSnapshot=True)
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=waited, WaiterConfig=pace(cloud))
    assert code(look, cloud=cloud, name=waited) == "DBInstanceNotFound"
