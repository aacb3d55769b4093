"""Snapshots: taking them, finding them, and what they remember."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.cloud import Cloud
from tests.contract.small_instances import Shown, code, instance, look, settled, snapshot_settled
from tests.contract.unhurried import cloud, rds

__all__ = ["cloud", "rds"]
Watched = tuple[Shown, Shown, Shown, str]


@pytest.fixture(scope="module")
def taken(cloud: Cloud, rds: Any) -> Iterator[Watched]:
    """A snapshot that was watched: its instance, its first and its last description, the instance's status."""
    name, tags = cloud.name("Watched"), [*cloud.tags, {"Key": "env", "Value": "production"}]
    with instance(cloud, "model", tags, BackupRetentionPeriod=1) as shown:
        of = shown["DBInstanceIdentifier"]
        first = rds.create_db_snapshot(DBInstanceIdentifier=of, DBSnapshotIdentifier=name, Tags=cloud.tags)
        meanwhile = look(cloud, of)["DBInstanceStatus"]
        last = snapshot_settled(cloud, name)
        yield settled(cloud, of), first["DBSnapshot"], last, meanwhile
        rds.delete_db_snapshot(DBSnapshotIdentifier=name)


def automated(rds: Any, taken: Watched) -> str:
    """The name of the instance's automated snapshot."""
    of = {"DBInstanceIdentifier": taken[0]["DBInstanceIdentifier"]}
    return str(rds.describe_db_snapshots(**of, SnapshotType="automated")["DBSnapshots"][0]["DBSnapshotIdentifier"])


@pytest.mark.behaviour("RDS-SNAPSHOT-CREATING")
def test_a_snapshot_is_creating_first_and_its_instance_backs_up(taken: Watched) -> None:
    _, first, last, meanwhile = taken
    assert (first["Status"], meanwhile) == ("creating", "backing-up")
    assert first["PercentProgress"] < 100
    assert "SnapshotCreateTime" not in first
    assert (last["Status"], last["PercentProgress"]) == ("available", 100)


@pytest.mark.behaviour("RDS-SNAPSHOT-TIMES")
def test_a_snapshot_says_how_new_its_data_is(taken: Watched) -> None:
    _, _, last, _ = taken
    assert last["SnapshotCreateTime"] == last["OriginalSnapshotCreateTime"]
    assert abs((last["SnapshotDatabaseTime"] - last["SnapshotCreateTime"]).total_seconds()) < 600
    assert last["FullSnapshotSizeInBytes"] > 0


@pytest.mark.behaviour("RDS-SNAPSHOT-TAGS")
def test_a_snapshot_has_the_tags_of_its_instance_only_if_told_so(cloud: Cloud, rds: Any, taken: Watched) -> None:
    shown, _, last, _ = taken
    assert last["TagList"] == cloud.tags
    name, of = cloud.name("tagged"), {"DBInstanceIdentifier": shown["DBInstanceIdentifier"]}
    rds.modify_db_instance(**of, CopyTagsToSnapshot=True)
    rds.create_db_snapshot(**of, DBSnapshotIdentifier=name)
    tagged = snapshot_settled(cloud, name)
    assert sorted(tag["Key"] for tag in tagged["TagList"]) == sorted(tag["Key"] for tag in shown["TagList"])
    settled(cloud, of["DBInstanceIdentifier"])
    rds.delete_db_snapshot(DBSnapshotIdentifier=name)


@pytest.mark.behaviour("RDS-SNAPSHOT-NAME-TAKEN")
def test_a_name_is_used_once(cloud: Cloud, rds: Any, taken: Watched) -> None:
    shown, _, last, _ = taken
    again = {
        "DBInstanceIdentifier": shown["DBInstanceIdentifier"],
        "DBSnapshotIdentifier": last["DBSnapshotIdentifier"].upper(),
    }
    assert code(rds.create_db_snapshot, **again, Tags=cloud.tags) == "DBSnapshotAlreadyExists"


@pytest.mark.behaviour("RDS-SNAPSHOT-ONE-AT-A-TIME")
def test_an_instance_that_backs_up_takes_no_snapshot(cloud: Cloud, rds: Any, taken: Watched) -> None:
    of, name = taken[0]["DBInstanceIdentifier"], cloud.name("first")
    rds.create_db_snapshot(DBInstanceIdentifier=of, DBSnapshotIdentifier=name, Tags=cloud.tags)
    second = {"DBInstanceIdentifier": of, "DBSnapshotIdentifier": cloud.name("second"), "Tags": cloud.tags}
    assert code(rds.create_db_snapshot, **second) == "InvalidDBInstanceState"
    # And a snapshot that is not finished can be neither restored nor deleted.
    never = {"DBInstanceIdentifier": cloud.name("never"), "DBSnapshotIdentifier": name, "Tags": cloud.tags}
    assert code(rds.restore_db_instance_from_db_snapshot, **never) == "InvalidDBSnapshotState"
    assert code(rds.delete_db_snapshot, DBSnapshotIdentifier=name) == "InvalidDBSnapshotState"
    snapshot_settled(cloud, name)
    settled(cloud, of)
    rds.delete_db_snapshot(DBSnapshotIdentifier=name)


@pytest.mark.behaviour("RDS-AUTOMATED-NEED-THEIR-TYPE")
def test_an_automated_snapshot_is_found_by_name_only_with_its_type(rds: Any, taken: Watched) -> None:
    name = automated(rds, taken)
    assert code(rds.describe_db_snapshots, DBSnapshotIdentifier=name) == "DBSnapshotNotFound"
    (found,) = rds.describe_db_snapshots(DBSnapshotIdentifier=name, SnapshotType="automated")["DBSnapshots"]
    assert found["SnapshotType"] == "automated"
    # By its instance it is listed without being asked for.
    listed = rds.describe_db_snapshots(DBInstanceIdentifier=taken[0]["DBInstanceIdentifier"])["DBSnapshots"]
    assert name in [one["DBSnapshotIdentifier"] for one in listed]


@pytest.mark.behaviour("RDS-AUTOMATED-NAMES")
def test_an_automated_snapshot_is_named_by_its_instance_and_minute(rds: Any, taken: Watched) -> None:
    pattern = rf"rds:{re.escape(taken[0]['DBInstanceIdentifier'])}-\d{{4}}-\d\d-\d\d-\d\d-\d\d"
    assert re.fullmatch(pattern, automated(rds, taken))


@pytest.mark.behaviour("RDS-AUTOMATED-STAY")
def test_an_automated_snapshot_cannot_be_deleted(rds: Any, taken: Watched) -> None:
    assert code(rds.delete_db_snapshot, DBSnapshotIdentifier=automated(rds, taken)) == "InvalidDBSnapshotState"


@pytest.mark.behaviour("RDS-SNAPSHOT-TYPES")
def test_types_are_asked_for_one_by_one(rds: Any, taken: Watched) -> None:
    of = {"DBInstanceIdentifier": taken[0]["DBInstanceIdentifier"]}
    manual = rds.describe_db_snapshots(**of, SnapshotType="manual")["DBSnapshots"]
    assert taken[2]["DBSnapshotIdentifier"] in [one["DBSnapshotIdentifier"] for one in manual]
    assert {one["SnapshotType"] for one in manual} == {"manual"}
    assert not rds.describe_db_snapshots(**of, SnapshotType="awsbackup")["DBSnapshots"]
    assert code(rds.describe_db_snapshots, **of, SnapshotType="polaroid") == "InvalidParameterValue"
