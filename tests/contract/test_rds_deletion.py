"""Deleting instances: what has to be said, and what stays."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.cloud import Cloud
from tests.contract.small_instances import Shown, code, gone, look, order, settled, snapshot_settled
from tests.contract.unhurried import cloud, rds

__all__ = ["cloud", "rds"]


@pytest.fixture(scope="module")
def doomed(cloud: Cloud, rds: Any) -> Iterator[str]:
    """The name of an instance that the last test of this file deletes."""
    name = cloud.name("doomed")
    rds.create_db_instance(**order(name, Tags=cloud.tags, CopyTagsToSnapshot=True))
    settled(cloud, name)
    yield name
    if code(look, cloud=cloud, name=name) == "accepted":
        rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        gone(cloud, name)


@pytest.mark.behaviour("RDS-DELETE-SAYS-SNAPSHOT")
def test_a_final_snapshot_is_named_or_skipped(cloud: Cloud, rds: Any, doomed: str) -> None:
    delete = rds.delete_db_instance
    assert code(delete, DBInstanceIdentifier=doomed) == "InvalidParameterCombination"
    both = {"SkipFinalSnapshot": True, "FinalDBSnapshotIdentifier": cloud.name("never")}
    assert code(delete, DBInstanceIdentifier=doomed, **both) == "InvalidParameterCombination"
    reserved = code(delete, DBInstanceIdentifier=doomed, FinalDBSnapshotIdentifier="rds:mine")
    assert reserved == "InvalidParameterValue"
    assert look(cloud, doomed)["DBInstanceStatus"] == "available"


@pytest.mark.behaviour("RDS-DELETE-PROTECTED")
def test_what_is_protected_is_not_deleted(cloud: Cloud, rds: Any, doomed: str) -> None:
    rds.modify_db_instance(DBInstanceIdentifier=doomed, DeletionProtection=True)
    refused = code(rds.delete_db_instance, DBInstanceIdentifier=doomed, SkipFinalSnapshot=True)
    assert refused == "InvalidParameterCombination"
    rds.modify_db_instance(DBInstanceIdentifier=doomed, DeletionProtection=False)
    assert look(cloud, doomed)["DBInstanceStatus"] == "available"


@pytest.mark.behaviour("RDS-DELETE-TAKES-TIME")
@pytest.mark.behaviour("RDS-FINAL-SNAPSHOT-OUTLIVES")
def test_deleting_takes_its_time_and_leaves_the_final_snapshot(cloud: Cloud, rds: Any, doomed: str) -> None:
    final, before = cloud.name("final"), look(cloud, doomed)
    answer: Shown = rds.delete_db_instance(DBInstanceIdentifier=doomed, FinalDBSnapshotIdentifier=final)["DBInstance"]
    assert answer["DBInstanceStatus"] == "deleting"
    # It can be seen, and its name is not free.
    assert look(cloud, doomed)["DBInstanceStatus"] == "deleting"
    assert code(rds.create_db_instance, **order(doomed, Tags=cloud.tags)) == "DBInstanceAlreadyExists"
    again = code(rds.delete_db_instance, DBInstanceIdentifier=doomed, SkipFinalSnapshot=True)
    assert again == "InvalidDBInstanceState"
    gone(cloud, doomed)
    left = snapshot_settled(cloud, final)
    assert (left["DbiResourceId"], left["SnapshotType"]) == (before["DbiResourceId"], "manual")
    assert left["TagList"] == before["TagList"]
    rds.delete_db_snapshot(DBSnapshotIdentifier=final)
    assert code(rds.describe_db_snapshots, DBSnapshotIdentifier=final) == "DBSnapshotNotFound"
