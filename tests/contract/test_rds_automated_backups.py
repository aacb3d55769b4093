"""Automated backups: how far they reach, who follows them, and what becomes of them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.cloud import PRIMARY, RECOVERY, Cloud
from tests.contract.small_instances import Shown, code, delete, look, order, restorable, settled

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def followed(cloud: Cloud, there: Any, source: Shown, keys: dict[str, str]) -> Iterator[Shown]:
    """The replica of the source's automated backups in the recovery region."""
    arn = source["DBInstanceArn"]
    there.start_db_instance_automated_backups_replication(
        SourceDBInstanceArn=arn, KmsKeyId=keys[RECOVERY], BackupRetentionPeriod=3, SourceRegion=PRIMARY
    )

    def arrived() -> Shown | None:
        found = there.describe_db_instance_automated_backups(DbiResourceId=source["DbiResourceId"])
        shown: Shown = found["DBInstanceAutomatedBackups"][0]
        return shown if shown["Status"] == "replicating" and shown["RestoreWindow"] else None

    replica = cloud.until(arrived, "replicating")
    yield replica
    there.stop_db_instance_automated_backups_replication(SourceDBInstanceArn=arn)
    there.delete_db_instance_automated_backup(DBInstanceAutomatedBackupsArn=replica["DBInstanceAutomatedBackupsArn"])


def of(rds: Any, resource_id: str) -> list[Shown]:
    """The automated backups of a resource id, in one region."""
    chosen = [{"Name": "dbi-resource-id", "Values": [resource_id]}]
    found: list[Shown] = rds.describe_db_instance_automated_backups(Filters=chosen)["DBInstanceAutomatedBackups"]
    return found


@pytest.mark.behaviour("RDS-RESTORABLE-TIME-LAGS")
def test_what_was_just_written_cannot_be_restored_yet(cloud: Cloud, rds: Any, source: Shown) -> None:
    name = source["DBInstanceIdentifier"]
    before = restorable(cloud, name, LONG_AGO)
    now = datetime.now(UTC)
    assert before <= now
    refused = code(
        rds.restore_db_instance_to_point_in_time,
        SourceDBInstanceIdentifier=name,
        TargetDBInstanceIdentifier=cloud.name("never"),
        RestoreTime=now + timedelta(seconds=2),
        Tags=cloud.tags,
    )
    assert refused == "InvalidParameterValue"
    assert restorable(cloud, name, now) >= now.replace(microsecond=0)


@pytest.mark.behaviour("RDS-WINDOW-OF-BACKUPS")
def test_backups_tell_the_window_and_the_instance_its_end(cloud: Cloud, rds: Any, source: Shown) -> None:
    restorable(cloud, source["DBInstanceIdentifier"], LONG_AGO)
    (active,) = of(rds, source["DbiResourceId"])
    assert active["Status"] == "active"
    assert active["RestoreWindow"]["EarliestTime"] <= active["RestoreWindow"]["LatestTime"]
    assert look(cloud, source["DBInstanceIdentifier"])["LatestRestorableTime"] >= active["RestoreWindow"]["LatestTime"]
    # The id at the end of a backup's ARN is no name of the instance.
    assert active["DBInstanceAutomatedBackupsArn"].split(":")[3] == PRIMARY
    assert active["DBInstanceAutomatedBackupsArn"].split(":")[5] == "auto-backup"
    assert active["DBInstanceAutomatedBackupsArn"].split(":")[6].startswith("ab-")


@pytest.mark.behaviour("RDS-BACKUP-ACTIVE-STAYS")
def test_the_backups_of_a_living_instance_cannot_be_deleted(rds: Any, source: Shown) -> None:
    (active,) = of(rds, source["DbiResourceId"])
    arn = active["DBInstanceAutomatedBackupsArn"]
    refused = code(rds.delete_db_instance_automated_backup, DBInstanceAutomatedBackupsArn=arn)
    assert refused == "InvalidDBInstanceAutomatedBackupState"


@pytest.mark.behaviour("RDS-BACKUP-DELETE-ONE-NAME")
def test_backups_to_delete_are_named_in_one_way(rds: Any, source: Shown) -> None:
    (active,) = of(rds, source["DbiResourceId"])
    both = {
        "DbiResourceId": source["DbiResourceId"],
        "DBInstanceAutomatedBackupsArn": active["DBInstanceAutomatedBackupsArn"],
    }
    assert code(rds.delete_db_instance_automated_backup, **both) == "InvalidParameterCombination"
    assert code(rds.delete_db_instance_automated_backup) == "InvalidParameterCombination"


@pytest.mark.behaviour("RDS-FOLLOW-NEEDS-A-KEY")
def test_encrypted_backups_need_a_key_where_they_go(there: Any, source: Shown, keys: dict[str, str]) -> None:
    start, arn = there.start_db_instance_automated_backups_replication, source["DBInstanceArn"]
    assert code(start, SourceDBInstanceArn=arn) == "InvalidParameterCombination"
    assert code(start, SourceDBInstanceArn=arn, KmsKeyId=keys[PRIMARY]) == "KMSKeyNotAccessibleFault"
    assert code(start, SourceDBInstanceArn=f"{arn}-x", KmsKeyId=keys[RECOVERY]) == "DBInstanceNotFound"


@pytest.mark.behaviour("RDS-FOLLOW-FROM-THE-DESTINATION")
def test_replication_is_asked_for_in_the_destination(rds: Any, source: Shown, keys: dict[str, str]) -> None:
    at_home = {"SourceDBInstanceArn": source["DBInstanceArn"], "KmsKeyId": keys[PRIMARY]}
    assert code(rds.start_db_instance_automated_backups_replication, **at_home) == "InvalidParameterValue"


@pytest.mark.behaviour("RDS-FOLLOW-ONCE")
def test_backups_are_replicated_once(there: Any, source: Shown, followed: Shown, keys: dict[str, str]) -> None:
    again = {"SourceDBInstanceArn": source["DBInstanceArn"], "KmsKeyId": keys[RECOVERY]}
    refused = code(there.start_db_instance_automated_backups_replication, **again)
    assert refused == "InvalidDBInstanceAutomatedBackupState"
    assert followed["Status"] == "replicating"


@pytest.mark.behaviour("RDS-FOLLOW-OWN-SETTINGS")
def test_a_replica_has_a_key_and_a_retention_of_its_own(
    cloud: Cloud, source: Shown, followed: Shown, keys: dict[str, str]
) -> None:
    assert (followed["KmsKeyId"], followed["BackupRetentionPeriod"]) == (keys[RECOVERY], 3)
    assert (followed["Region"], followed["DBInstanceArn"]) == (PRIMARY, source["DBInstanceArn"])
    shown = look(cloud, source["DBInstanceIdentifier"])["DBInstanceAutomatedBackupsReplications"]
    assert shown == [{"DBInstanceAutomatedBackupsArn": followed["DBInstanceAutomatedBackupsArn"]}]


@pytest.mark.behaviour("RDS-FOLLOW-LAGS-MORE")
def test_a_replica_lags_behind_its_source(cloud: Cloud, there: Any, source: Shown, followed: Shown) -> None:
    del followed
    name, resource_id = source["DBInstanceIdentifier"], source["DbiResourceId"]
    now = datetime.now(UTC)
    while datetime.now(UTC) < now + timedelta(seconds=1800 / cloud.speed):
        # The replica is asked first: what its source has by then is as old or newer.
        behind = of(there, resource_id)[0]["RestoreWindow"]["LatestTime"]
        assert behind <= look(cloud, name)["LatestRestorableTime"]
    # But it comes after.
    cloud.until(
        lambda: of(there, resource_id)[0]["RestoreWindow"]["LatestTime"] >= now.replace(microsecond=0), "it follows"
    )


@pytest.fixture(scope="module")
def bereaved(cloud: Cloud, rds: Any, there: Any) -> Iterator[tuple[Shown, Shown]]:
    """An instance that is gone, and its successor of the same name; the first one's backups were retained."""
    name, tags = cloud.name("bereaved"), cloud.tags
    rds.create_db_instance(**order(name, Tags=tags, BackupRetentionPeriod=2))
    first = settled(cloud, name)
    restorable(cloud, name, datetime.now(UTC).replace(microsecond=0))
    there.start_db_instance_automated_backups_replication(SourceDBInstanceArn=first["DBInstanceArn"])
    cloud.until(
        lambda: [one for one in of(there, first["DbiResourceId"]) if one["Status"] == "replicating"], "replicating"
    )
    delete(cloud, name, DeleteAutomatedBackups=False)
    rds.create_db_instance(**order(name, Tags=tags))
    yield first, settled(cloud, name)
    delete(cloud, name)
    for region in (rds, there):
        for left in of(region, first["DbiResourceId"]):
            region.delete_db_instance_automated_backup(
                DBInstanceAutomatedBackupsArn=left["DBInstanceAutomatedBackupsArn"]
            )


@pytest.mark.behaviour("RDS-BACKUPS-RETAINED")
def test_backups_can_outlive_their_instance(rds: Any, bereaved: tuple[Shown, Shown]) -> None:
    first, _ = bereaved
    (kept,) = of(rds, first["DbiResourceId"])
    assert (kept["Status"], kept["BackupRetentionPeriod"]) == ("retained", 2)
    assert kept["RestoreWindow"]


@pytest.mark.behaviour("RDS-FOLLOWERS-STAY")
def test_a_replica_outlives_the_source_of_its_backups(there: Any, bereaved: tuple[Shown, Shown]) -> None:
    (left,) = of(there, bereaved[0]["DbiResourceId"])
    assert (left["Status"], left["Region"]) == ("retained", PRIMARY)
    assert left["RestoreWindow"]


@pytest.mark.behaviour("RDS-NAME-REUSED")
def test_a_name_can_be_reused_and_a_resource_id_cannot(cloud: Cloud, rds: Any, bereaved: tuple[Shown, Shown]) -> None:
    first, second = bereaved
    assert first["DBInstanceArn"] == second["DBInstanceArn"]
    assert first["DbiResourceId"] != second["DbiResourceId"]
    restore = rds.restore_db_instance_to_point_in_time
    into = {"TargetDBInstanceIdentifier": cloud.name("risen"), "UseLatestRestorableTime": True, "Tags": cloud.tags}
    # By name it is the successor that is meant, which has no backups; by resource id the one that is gone.
    by_name = code(restore, **into, SourceDBInstanceIdentifier=first["DBInstanceIdentifier"])
    assert by_name == "PointInTimeRestoreNotEnabled"
    restore(**into, SourceDbiResourceId=first["DbiResourceId"], BackupRetentionPeriod=0)
    risen = settled(cloud, into["TargetDBInstanceIdentifier"])
    assert risen["DbiResourceId"] not in (first["DbiResourceId"], second["DbiResourceId"])
    delete(cloud, risen["DBInstanceIdentifier"])


@pytest.mark.behaviour("RDS-FOLLOW-STOP")
def test_what_is_not_followed_cannot_be_stopped(there: Any, bereaved: tuple[Shown, Shown]) -> None:
    stop = there.stop_db_instance_automated_backups_replication
    assert code(stop, SourceDBInstanceArn=bereaved[1]["DBInstanceArn"]) == "DBInstanceNotFound"


@pytest.mark.behaviour("RDS-BACKUPS-GO")
def test_by_default_the_backups_go_with_their_instance(cloud: Cloud, rds: Any) -> None:
    name = cloud.name("mortal")
    rds.create_db_instance(**order(name, Tags=cloud.tags, BackupRetentionPeriod=1))
    shown = settled(cloud, name)
    delete(cloud, name)
    assert of(rds, shown["DbiResourceId"]) == []
    restore = {"TargetDBInstanceIdentifier": cloud.name("never"), "UseLatestRestorableTime": True, "Tags": cloud.tags}
    refused = code(rds.restore_db_instance_to_point_in_time, **restore, SourceDbiResourceId=shown["DbiResourceId"])
    assert refused == "DBInstanceAutomatedBackupNotFound"
