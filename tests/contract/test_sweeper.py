"""The sweeper deletes what a run of the suite left, and nothing else."""

from typing import Any

import pytest

from tests.contract import sweeper
from tests.contract.cloud import PRIMARY, RECOVERY, TAG, Cloud
from tests.contract.small_instances import code, delete, order, settled, snapshot_settled


@pytest.mark.parametrize(
    ("name", "tag", "run", "mine"),
    [
        ("drc-a-abc-1", "abc", None, True),
        ("drc-a-abc-1", "abc", "abc", True),
        ("drc-a-abc-1", "abc", "xyz", False),
        ("drc-a-abc-1", None, None, False),
        ("production", "abc", None, False),
    ],
)
def test_it_takes_a_name_and_a_tag(name: str, tag: str | None, run: str | None, mine: bool) -> None:
    tags = [{"Key": TAG, "Value": tag}] if tag else [{"Key": "env", "Value": "production"}]
    assert sweeper.ours(name, tags, run) is mine


@pytest.mark.lab_only
def test_it_leaves_nothing_of_its_run_and_everything_else(cloud: Cloud, rds: Any, there: Any) -> None:
    gone, stays = Cloud(cloud.home, cloud.speed), "production-" + cloud.run
    name, shot, copy = gone.name("left"), gone.name("shot"), gone.name("copy")
    family = rds.describe_db_engine_versions(Engine="postgres")["DBEngineVersions"][0]["DBParameterGroupFamily"]
    group = {"DBParameterGroupFamily": family, "Description": "contract"}
    for group_name, tags in ((gone.name("group"), gone.tags), (stays, gone.tags), (untagged := gone.name("none"), [])):
        there.create_db_parameter_group(DBParameterGroupName=group_name, Tags=tags, **group)
    rds.create_db_instance(**order(name, Tags=gone.tags, BackupRetentionPeriod=1, DeletionProtection=True))
    rds.create_db_instance(**order(stays, Tags=gone.tags))
    arn = settled(gone, name)["DBInstanceArn"]
    settled(gone, stays)
    there.start_db_instance_automated_backups_replication(SourceDBInstanceArn=arn)
    rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=shot, Tags=gone.tags)
    rds.create_db_snapshot(DBInstanceIdentifier=stays, DBSnapshotIdentifier=stays, Tags=gone.tags)
    taken = snapshot_settled(gone, shot)
    snapshot_settled(gone, stays)
    settled(gone, stays)
    # A copy without tags is known by its name and by its source's.
    there.copy_db_snapshot(SourceDBSnapshotIdentifier=taken["DBSnapshotArn"], TargetDBSnapshotIdentifier=copy)

    swept = sweeper.sweep(gone, gone.run)
    assert {found.split(":")[5] for found in swept} == {"db", "snapshot", "auto-backup", "pg"}
    for region, client in ((PRIMARY, rds), (RECOVERY, there)):
        assert code(client.describe_db_instances, DBInstanceIdentifier=name) == "DBInstanceNotFound", region
        for snapshot in (shot, copy):
            assert code(client.describe_db_snapshots, DBSnapshotIdentifier=snapshot) == "DBSnapshotNotFound", region
    kept = {one["DBParameterGroupName"] for one in there.describe_db_parameter_groups()["DBParameterGroups"]}
    assert {stays, untagged} <= kept
    assert not any(gone.run in one and one != untagged for one in kept)
    assert snapshot_settled(gone, stays)
    assert sweeper.sweep(gone, gone.run) == []

    for left in (stays, untagged):
        there.delete_db_parameter_group(DBParameterGroupName=left)
    rds.delete_db_snapshot(DBSnapshotIdentifier=stays)
    delete(gone, stays)
