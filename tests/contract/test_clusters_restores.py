"""Snapshots of Aurora clusters, copies of them, restores to an instant, and clones."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError

from tests.contract.aurora import ENGINE, Aurora, count
from tests.contract.cloud import Cloud


@pytest.fixture(scope="module")
def aurora(cloud: Cloud) -> Iterator[Aurora]:
    made = Aurora(cloud)
    yield made
    made.close()


@pytest.fixture(scope="module")
def abroad(cloud: Cloud) -> Iterator[Aurora]:
    made = Aurora(cloud, cloud.recovery)
    yield made
    made.close()


@pytest.fixture(scope="module")
def source(aurora: Aurora) -> dict[str, Any]:
    """An encrypted cluster with a writer and one row."""
    made = aurora.create("source", StorageEncrypted=True, BackupRetentionPeriod=4)
    aurora.instance(made["DBClusterIdentifier"])
    with aurora.enter(made) as master:
        master.execute("create table seen (id int)")
        master.execute("insert into seen values (1)")
    return aurora.cluster(made["DBClusterIdentifier"])


@pytest.fixture(scope="module")
def snapshot(aurora: Aurora, source: dict[str, Any]) -> dict[str, Any]:
    return aurora.snapshot(source["DBClusterIdentifier"])


@pytest.fixture(scope="module")
def bare(aurora: Aurora) -> dict[str, Any]:
    """An unencrypted cluster without any instance."""
    return aurora.create("plain")


@pytest.mark.behaviour("AURORA-SNAPSHOT-TYPE")
def test_an_automated_snapshot_is_found_by_name_only_with_its_type(
    aurora: Aurora, cloud: Cloud, source: dict[str, Any]
) -> None:
    owner = source["DBClusterIdentifier"]

    def look() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = aurora.rds.describe_db_cluster_snapshots(
            DBClusterIdentifier=owner, SnapshotType="automated"
        )["DBClusterSnapshots"]
        return found

    one = cloud.until(look, "an automated snapshot", 86400)[0]
    name = one["DBClusterSnapshotIdentifier"]
    assert name.startswith(f"rds:{owner}-")
    both = aurora.rds.describe_db_cluster_snapshots(DBClusterIdentifier=owner)["DBClusterSnapshots"]
    assert name in [each["DBClusterSnapshotIdentifier"] for each in both]
    ask = aurora.rds.describe_db_cluster_snapshots
    cloud.refused("DBClusterSnapshotNotFoundFault", ask, DBClusterSnapshotIdentifier=name)
    assert ask(DBClusterSnapshotIdentifier=name, SnapshotType="automated")["DBClusterSnapshots"]
    cloud.refused("InvalidParameterCombination", ask, DBClusterSnapshotIdentifier=name, DBClusterIdentifier=owner)
    cloud.refused(
        "InvalidDBClusterSnapshotStateFault",
        aurora.rds.delete_db_cluster_snapshot,
        DBClusterSnapshotIdentifier=name,
    )


@pytest.mark.behaviour("AURORA-COPY-KEY-REQUIRED")
@pytest.mark.behaviour("AURORA-COPY-TAGS")
@pytest.mark.behaviour("AURORA-COPY-ABROAD")
def test_an_encrypted_copy_abroad_needs_a_key_of_that_region(
    abroad: Aurora, cloud: Cloud, snapshot: dict[str, Any]
) -> None:
    arn, name = snapshot["DBClusterSnapshotArn"], cloud.name("copy")
    given = {"SourceDBClusterSnapshotIdentifier": arn, "TargetDBClusterSnapshotIdentifier": name}
    copy = abroad.rds.copy_db_cluster_snapshot
    cloud.refused("InvalidParameterCombination", copy, **given)
    cloud.refused("KMSKeyNotAccessibleFault", copy, **given, KmsKeyId=snapshot["KmsKeyId"])
    by_name = {**given, "SourceDBClusterSnapshotIdentifier": snapshot["DBClusterSnapshotIdentifier"]}
    cloud.refused("DBClusterSnapshotNotFoundFault", copy, **by_name, KmsKeyId="alias/aws/rds")
    begun = copy(**given, KmsKeyId="alias/aws/rds")["DBClusterSnapshot"]
    assert begun["Status"] == "copying"
    done = abroad.adopt_snapshot(name)
    assert done["SourceDBClusterSnapshotArn"] == arn
    assert f":{cloud.recovery}:" in done["KmsKeyId"]
    assert done["PercentProgress"] == 100
    assert snapshot["TagList"]
    assert done["TagList"] == []
    cloud.refused("DBClusterSnapshotAlreadyExistsFault", copy, **given, KmsKeyId="alias/aws/rds")

    restored = cloud.name("abroad")
    made = abroad.rds.restore_db_cluster_from_snapshot(
        DBClusterIdentifier=restored, SnapshotIdentifier=name, Engine=ENGINE, Tags=cloud.tags
    )["DBCluster"]
    assert made["DBClusterMembers"] == []
    here = abroad.adopt(restored)
    abroad.instance(restored)
    with abroad.enter(here) as master:
        assert count(master) >= 1


@pytest.mark.behaviour("AURORA-COPY-KEY-REFUSED")
def test_a_copy_does_not_encrypt(aurora: Aurora, cloud: Cloud, bare: dict[str, Any]) -> None:
    plain = aurora.snapshot(bare["DBClusterIdentifier"], "plain")
    cloud.refused(
        "InvalidParameterCombination",
        aurora.rds.copy_db_cluster_snapshot,
        SourceDBClusterSnapshotIdentifier=plain["DBClusterSnapshotIdentifier"],
        TargetDBClusterSnapshotIdentifier=cloud.name("sealed"),
        KmsKeyId="alias/aws/rds",
    )


@pytest.mark.behaviour("AURORA-RESTORE-INHERITS")
def test_a_restore_looks_like_its_source(
    aurora: Aurora, cloud: Cloud, source: dict[str, Any], snapshot: dict[str, Any]
) -> None:
    name = cloud.name("like")
    restore = {
        "DBClusterIdentifier": name,
        "SnapshotIdentifier": snapshot["DBClusterSnapshotIdentifier"],
        "Engine": ENGINE,
    }
    cloud.refused(
        "InvalidParameterValue", aurora.rds.restore_db_cluster_from_snapshot, **restore, BackupRetentionPeriod=0
    )
    made = aurora.rds.restore_db_cluster_from_snapshot(**restore)["DBCluster"]
    assert made["TagList"] == source["TagList"]
    assert made["BackupRetentionPeriod"] == 4
    assert made["KmsKeyId"] == source["KmsKeyId"]
    assert made["DbClusterResourceId"] != source["DbClusterResourceId"]
    assert made["DeletionProtection"] is False
    aurora.adopt(name)


@pytest.mark.behaviour("AURORA-PITR-EXACT")
@pytest.mark.behaviour("AURORA-PITR-CONTINUOUS")
def test_a_restore_to_an_instant_shows_what_was_true_then(aurora: Aurora, cloud: Cloud, source: dict[str, Any]) -> None:
    name = source["DBClusterIdentifier"]
    with aurora.enter(source) as master:
        before = count(master)
        row = master.execute("select clock_timestamp()").fetchone()
        assert row is not None
        instant = row[0].astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        cloud.until(lambda: datetime.now(UTC) > instant + timedelta(seconds=1), "the second over")
        master.execute("insert into seen values (2)")
    seen = aurora.restorable(name, instant)
    # Minutes, not the five that RDS takes to upload, once the lag of the lab's clock is taken out.
    assert datetime.now(UTC) - seen["LatestRestorableTime"] < timedelta(seconds=300 if cloud.on_aws else 30)
    restored = cloud.name("then")
    aurora.rds.restore_db_cluster_to_point_in_time(
        DBClusterIdentifier=restored, SourceDBClusterIdentifier=name, RestoreToTime=instant, Tags=cloud.tags
    )
    back = aurora.adopt(restored)
    aurora.instance(restored)
    with aurora.enter(back) as master:
        assert count(master) == before


@pytest.mark.behaviour("AURORA-PITR-ONE-OF-TWO")
def test_a_restore_names_its_instant_in_one_of_two_ways(aurora: Aurora, cloud: Cloud, source: dict[str, Any]) -> None:
    given = {
        "DBClusterIdentifier": cloud.name("none"),
        "SourceDBClusterIdentifier": source["DBClusterIdentifier"],
    }
    restore = aurora.rds.restore_db_cluster_to_point_in_time
    then = source["EarliestRestorableTime"]
    cloud.refused("InvalidParameterCombination", restore, **given)
    cloud.refused("InvalidParameterCombination", restore, **given, RestoreToTime=then, UseLatestRestorableTime=True)
    with pytest.raises(ParamValidationError):
        restore(**given, RestoreTime=then)


@pytest.mark.behaviour("AURORA-PITR-WINDOW")
def test_an_instant_outside_the_window_is_refused(aurora: Aurora, cloud: Cloud, source: dict[str, Any]) -> None:
    given = {
        "DBClusterIdentifier": cloud.name("none"),
        "SourceDBClusterIdentifier": source["DBClusterIdentifier"],
    }
    for instant in (source["EarliestRestorableTime"] - timedelta(days=1), datetime.now(UTC) + timedelta(hours=1)):
        cloud.refused(
            "InvalidParameterValue",
            aurora.rds.restore_db_cluster_to_point_in_time,
            **given,
            RestoreToTime=instant,
        )


@pytest.mark.behaviour("AURORA-CLONE-HAS-NO-TIME")
@pytest.mark.behaviour("AURORA-CLONE-NEEDS-INSTANCE")
def test_a_clone_is_of_now_and_of_a_cluster_that_lives(
    aurora: Aurora, cloud: Cloud, source: dict[str, Any], bare: dict[str, Any]
) -> None:
    restore = aurora.rds.restore_db_cluster_to_point_in_time
    given = {"DBClusterIdentifier": cloud.name("none"), "RestoreType": "copy-on-write"}
    cloud.refused(
        "InvalidParameterCombination",
        restore,
        **given,
        SourceDBClusterIdentifier=source["DBClusterIdentifier"],
        RestoreToTime=source["EarliestRestorableTime"],
    )
    cloud.refused(
        "InvalidDBClusterStateFault",
        restore,
        **given,
        SourceDBClusterIdentifier=bare["DBClusterIdentifier"],
        UseLatestRestorableTime=True,
    )


@pytest.mark.behaviour("AURORA-CLONE-PROVES-NO-BACKUP")
def test_a_clone_shows_what_no_backup_holds_yet(aurora: Aurora, cloud: Cloud, source: dict[str, Any]) -> None:
    name = cloud.name("clone")
    with aurora.enter(source) as master:
        master.execute("insert into seen values (3)")
        held = count(master)
    made = aurora.rds.restore_db_cluster_to_point_in_time(
        DBClusterIdentifier=name,
        SourceDBClusterIdentifier=source["DBClusterIdentifier"],
        RestoreType="copy-on-write",
        UseLatestRestorableTime=True,
        Tags=cloud.tags,
    )["DBCluster"]
    assert made["CloneGroupId"] == source["CloneGroupId"]
    clone = aurora.adopt(name)
    aurora.instance(name)
    with aurora.enter(clone) as master:
        assert count(master) == held
        master.execute("delete from seen")
    with aurora.enter(source) as master:
        assert count(master) == held
