"""Snapshots, copies, automated backups, replication and restores over the wire."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.ec2.models import ec2_backends
from moto.kms.models import kms_backends

from dr.lab.rds import backups
from dr.lab.rds.neighbours import ACCOUNT
from tests.lab.rds_fixtures import PRIMARY, RECOVERY, RdsLab
from tests.lab.test_rds_instances import refused

TAGS = [{"Key": "env", "Value": "production"}]
SCRATCH = [{"Key": "drill-run", "Value": "r1"}]


def new_key(region: str) -> str:
    key = kms_backends[ACCOUNT][region].create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", [])
    return str(key.arn)


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    kms_backends[ACCOUNT][RECOVERY].create_alias(new := new_key(RECOVERY), "alias/test-backups")
    return {PRIMARY: new_key(PRIMARY), RECOVERY: new}


@pytest.fixture(scope="module")
def source(rds_lab: RdsLab, keys: dict[str, str]) -> Iterator[dict[str, Any]]:
    """An encrypted instance with automated backups, replicated to the other region, and a table of instants."""
    made = rds_lab.create(
        "books",
        BackupRetentionPeriod=7,
        StorageEncrypted=True,
        KmsKeyId=keys[PRIMARY],
        Tags=TAGS,
        DeletionProtection=True,
        CopyTagsToSnapshot=True,
    )
    with rds_lab.enter(made) as master:
        master.execute("create table seen (id int primary key, at timestamptz not null default clock_timestamp())")
    yield made
    rds_lab.client().modify_db_instance(DBInstanceIdentifier="books", DeletionProtection=False)
    rds_lab.delete("books")


def insert(lab: RdsLab, instance: dict[str, Any]) -> datetime:
    """One more row; the time at which it is surely committed."""
    with lab.enter(instance) as master:
        master.execute("insert into seen select coalesce(max(id), 0) + 1 from seen")
    return datetime.now(UTC)


def rows(lab: RdsLab, instance: dict[str, Any]) -> list[int]:
    with lab.enter(instance) as master:
        return [row[0] for row in master.execute("select id from seen order by id")]


def whole_second_after(moment: datetime) -> datetime:
    return moment.replace(microsecond=0) + timedelta(seconds=1)


def wait_for(moment: datetime) -> None:
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))


def restorable(lab: RdsLab, name: str, moment: datetime) -> datetime:
    """Wait until the instance says that it can be restored to a moment."""

    def look() -> datetime | None:
        latest: datetime | None = lab.instance(name).get("LatestRestorableTime")
        return latest if latest and latest >= moment else None

    reached: datetime = lab.until(look, f"{name} restorable to {moment}")
    return reached


def replica(lab: RdsLab, arn: str) -> dict[str, Any] | None:
    for found in lab.client(RECOVERY).describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"]:
        if found["DBInstanceArn"] == arn and found["Status"] == "replicating":
            described: dict[str, Any] = found
            return described
    return None


def test_a_point_in_time_is_exact_by_all_three_ways_to_name_a_source(
    rds_lab: RdsLab, source: dict[str, Any], keys: dict[str, str]
) -> None:
    there, here = rds_lab.client(RECOVERY), rds_lab.client()
    start = there.start_db_instance_automated_backups_replication
    arn = source["DBInstanceArn"]
    assert refused(start, SourceDBInstanceArn=arn) == "InvalidParameterCombination"
    assert refused(start, SourceDBInstanceArn=arn, KmsKeyId=keys[PRIMARY]) == "KMSKeyNotAccessibleFault"
    assert refused(start, SourceDBInstanceArn=arn + "x", KmsKeyId=keys[RECOVERY]) == "DBInstanceNotFound"
    following = start(SourceDBInstanceArn=arn, KmsKeyId="alias/test-backups", BackupRetentionPeriod=3)
    assert following["DBInstanceAutomatedBackup"]["Status"] == "pending"
    again = refused(start, SourceDBInstanceArn=arn, KmsKeyId=keys[RECOVERY])
    assert again == "InvalidDBInstanceAutomatedBackupState"

    # Row, whole second, row: restored to the second in between, the first is there and the second is not.
    before = insert(rds_lab, source)
    instant = whole_second_after(before)
    wait_for(instant + timedelta(milliseconds=20))
    after = insert(rds_lab, source)
    expected = rows(rds_lab, source)[:-1]
    latest = restorable(rds_lab, "books", instant)
    assert latest <= datetime.now(UTC)

    def arrived() -> dict[str, Any] | None:
        seen = replica(rds_lab, arn)
        return seen if seen and seen["RestoreWindow"].get("LatestTime", instant - timedelta(1)) >= instant else None

    copied = rds_lab.until(arrived, "replicated")
    assert copied["RestoreWindow"]["LatestTime"] <= restorable(rds_lab, "books", instant)
    assert copied["DBInstanceAutomatedBackupsArn"].startswith("arn:aws:rds:eu-central-1:123456789012:auto-backup:ab-")
    assert copied["KmsKeyId"] == keys[RECOVERY]
    assert rds_lab.instance("books")["DBInstanceAutomatedBackupsReplications"] == [
        {"DBInstanceAutomatedBackupsArn": copied["DBInstanceAutomatedBackupsArn"]}
    ]

    here.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="books", TargetDBInstanceIdentifier="by-name", RestoreTime=instant
    )
    here.restore_db_instance_to_point_in_time(
        SourceDbiResourceId=source["DbiResourceId"],
        TargetDBInstanceIdentifier="by-resource",
        RestoreTime=instant,
        BackupRetentionPeriod=0,
        Tags=SCRATCH,
    )
    there.restore_db_instance_to_point_in_time(
        SourceDBInstanceAutomatedBackupsArn=copied["DBInstanceAutomatedBackupsArn"],
        TargetDBInstanceIdentifier="by-arn",
        RestoreTime=instant,
        BackupRetentionPeriod=0,
        MultiAZ=False,
    )
    by_name, by_resource = rds_lab.await_instance("by-name"), rds_lab.await_instance("by-resource")
    by_arn = rds_lab.await_instance("by-arn", RECOVERY)
    for restored in (by_name, by_resource, by_arn):
        assert rows(rds_lab, restored) == expected
        assert restored["DeletionProtection"] is False
        assert restored["DbiResourceId"] != source["DbiResourceId"]
    assert after > instant
    # Retention and tags are the source's unless given; zero and a list of one's own are honoured.
    assert (by_name["BackupRetentionPeriod"], by_name["TagList"]) == (7, TAGS)
    assert (by_resource["BackupRetentionPeriod"], by_resource["TagList"]) == (0, SCRATCH)
    assert (by_arn["BackupRetentionPeriod"], by_arn["TagList"]) == (0, TAGS)
    assert by_arn["KmsKeyId"] == keys[RECOVERY]
    assert by_arn["AvailabilityZone"].startswith(RECOVERY)
    assert (by_name["PubliclyAccessible"], by_name["DBSubnetGroup"]["DBSubnetGroupName"]) == (True, "default")
    # The restored instance has backups of its own, on a timeline of its own.
    row = insert(rds_lab, by_name)
    restorable(rds_lab, "by-name", whole_second_after(row))
    here.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="by-name",
        TargetDBInstanceIdentifier="second-generation",
        UseLatestRestorableTime=True,
        BackupRetentionPeriod=0,
    )
    second = rds_lab.await_instance("second-generation")
    assert rows(rds_lab, second) == rows(rds_lab, by_name)
    for name in ("by-name", "by-resource", "second-generation"):
        rds_lab.delete(name, wait=False)
    rds_lab.delete("by-arn", RECOVERY)
    for name in ("by-name", "by-resource", "second-generation"):
        rds_lab.await_gone(name)

    stopped = there.stop_db_instance_automated_backups_replication(SourceDBInstanceArn=arn)
    assert stopped["DBInstanceAutomatedBackup"]["Status"] == "retained"
    there.delete_db_instance_automated_backup(DBInstanceAutomatedBackupsArn=copied["DBInstanceAutomatedBackupsArn"])
    rds_lab.until(lambda: not rds_lab.rds.status(RECOVERY)["automated_backups"], "the replica gone")


def test_what_cannot_be_restored_is_refused(rds_lab: RdsLab, source: dict[str, Any], keys: dict[str, str]) -> None:
    latest = restorable(rds_lab, "books", datetime.now(UTC) - timedelta(days=1))
    restore = rds_lab.client().restore_db_instance_to_point_in_time
    given = {"SourceDBInstanceIdentifier": "books", "TargetDBInstanceIdentifier": "never"}
    newest = {"UseLatestRestorableTime": True}
    combination, value = "InvalidParameterCombination", "InvalidParameterValue"
    for more, code in (
        ({}, combination),
        ({**newest, "RestoreTime": latest}, combination),
        ({"RestoreTime": latest, "SourceDbiResourceId": source["DbiResourceId"]}, combination),
        ({"RestoreTime": latest + timedelta(hours=1)}, value),
        ({"RestoreTime": latest - timedelta(days=3650)}, value),
        ({**newest, "TargetDBInstanceIdentifier": "books"}, "DBInstanceAlreadyExists"),
        ({**newest, "SourceDBInstanceIdentifier": "missing"}, "DBInstanceNotFound"),
        ({**newest, "DBSubnetGroupName": "missing"}, "DBSubnetGroupNotFoundFault"),
        ({**newest, "DBParameterGroupName": "missing"}, "DBParameterGroupNotFound"),
        ({**newest, "AllocatedStorage": 5}, combination),
        ({**newest, "ManageMasterUserPassword": True}, combination),
        ({**newest, "DBInstanceClass": "small"}, value),
    ):
        assert refused(restore, **{**given, **more}) == code, more
    target = {"TargetDBInstanceIdentifier": "never", **newest}
    missing = "DBInstanceAutomatedBackupNotFound"
    assert refused(restore, SourceDbiResourceId="db-NONE", **target) == missing
    assert refused(restore, SourceDBInstanceAutomatedBackupsArn="arn:aws:rds:x", **target) == missing
    assert refused(restore, **target) == combination
    kms = kms_backends[ACCOUNT][PRIMARY]
    kms.disable_key(kms.get_key_id(keys[PRIMARY]))
    assert refused(restore, **{**given, **newest}) == "KMSKeyNotAccessibleFault"
    kms.enable_key(kms.get_key_id(keys[PRIMARY]))
    assert [one["identifier"] for one in rds_lab.rds.status(PRIMARY)["instances"]] == ["books"]


def test_a_time_outside_the_window_is_told_the_window(rds_lab: RdsLab, source: dict[str, Any]) -> None:
    latest = restorable(rds_lab, source["DBInstanceIdentifier"], datetime.now(UTC) - timedelta(days=1))
    with pytest.raises(Exception, match=r"outside the window .*: \d{4}-.*Z to \d{4}-.*Z\."):
        rds_lab.client().restore_db_instance_to_point_in_time(
            SourceDBInstanceIdentifier="books",
            TargetDBInstanceIdentifier="never",
            RestoreTime=latest + timedelta(hours=1),
        )


def test_snapshots_copies_and_restores(rds_lab: RdsLab, source: dict[str, Any], keys: dict[str, str]) -> None:
    here, there = rds_lab.client(), rds_lab.client(RECOVERY)
    take, copy = here.create_db_snapshot, there.copy_db_snapshot
    began = datetime.now(UTC)
    insert(rds_lab, source)
    taken = take(DBInstanceIdentifier="books", DBSnapshotIdentifier="Books-1", Tags=SCRATCH)["DBSnapshot"]
    assert (taken["DBSnapshotIdentifier"], taken["Status"]) == ("books-1", "creating")
    assert "SnapshotCreateTime" not in taken
    assert rds_lab.instance("books")["DBInstanceStatus"] == "backing-up"
    assert refused(take, DBInstanceIdentifier="books", DBSnapshotIdentifier="x") == "InvalidDBInstanceState"
    snapshot = rds_lab.await_snapshot("books-1")
    rds_lab.await_instance("books")
    assert snapshot["PercentProgress"] == 100
    assert began < snapshot["SnapshotCreateTime"] == snapshot["OriginalSnapshotCreateTime"]
    assert began < snapshot["SnapshotDatabaseTime"] < datetime.now(UTC)
    assert snapshot["TagList"] == sorted(TAGS + SCRATCH, key=lambda tag: tag["Key"])
    assert refused(take, DBInstanceIdentifier="books", DBSnapshotIdentifier="books-1") == "DBSnapshotAlreadyExists"
    assert refused(take, DBInstanceIdentifier="none", DBSnapshotIdentifier="x") == "DBInstanceNotFound"
    assert refused(take, DBInstanceIdentifier="books", DBSnapshotIdentifier="rds:x") == "InvalidParameterValue"

    # Automated ones are listed, but found by name only when the type is told; they cannot be deleted.
    listed = here.describe_db_snapshots(DBInstanceIdentifier="books")["DBSnapshots"]
    automated = next(one["DBSnapshotIdentifier"] for one in listed if one["SnapshotType"] == "automated")
    assert automated.startswith("rds:books-2")
    assert refused(here.describe_db_snapshots, DBSnapshotIdentifier=automated) == "DBSnapshotNotFound"
    assert here.describe_db_snapshots(DBSnapshotIdentifier=automated, SnapshotType="automated")["DBSnapshots"]
    assert refused(here.delete_db_snapshot, DBSnapshotIdentifier=automated) == "InvalidDBSnapshotState"

    arn = snapshot["DBSnapshotArn"]
    given = {"SourceDBSnapshotIdentifier": arn, "TargetDBSnapshotIdentifier": "arrived", "SourceRegion": PRIMARY}
    assert refused(copy, **given) == "InvalidParameterCombination"
    assert refused(copy, **given, KmsKeyId=keys[PRIMARY]) == "KMSKeyNotAccessibleFault"
    assert refused(copy, **{**given, "SourceDBSnapshotIdentifier": arn + "x"}) == "DBSnapshotNotFound"
    assert refused(copy, **{**given, "SourceDBSnapshotIdentifier": "books-1"}) == "DBSnapshotNotFound"
    copying = copy(**given, KmsKeyId=keys[RECOVERY])["DBSnapshot"]
    assert (copying["Status"], copying["PercentProgress"]) == ("copying", 0)
    queued = copy(**{**given, "TargetDBSnapshotIdentifier": "doomed"}, KmsKeyId=keys[RECOVERY])["DBSnapshot"]
    assert queued["PercentProgress"] == 0
    copied = rds_lab.await_snapshot("arrived", RECOVERY)
    assert copied["SnapshotCreateTime"] > snapshot["SnapshotCreateTime"]
    assert copied["OriginalSnapshotCreateTime"] == snapshot["OriginalSnapshotCreateTime"]
    assert copied["SnapshotDatabaseTime"] == snapshot["SnapshotDatabaseTime"]
    assert (copied["SourceRegion"], copied["SourceDBSnapshotIdentifier"]) == (PRIMARY, arn)
    assert (copied["TagList"], copied["KmsKeyId"]) == ([], keys[RECOVERY])
    # The second copy of one source waits for the first; its source goes away meanwhile.
    here.delete_db_snapshot(DBSnapshotIdentifier="books-1")
    rds_lab.await_snapshot("doomed", RECOVERY, status="failed")
    restore = there.restore_db_instance_from_db_snapshot
    fresh = {"DBInstanceIdentifier": "restored", "DBSnapshotIdentifier": "doomed"}
    assert refused(restore, **fresh) == "InvalidDBSnapshotState"
    assert refused(restore, **{**fresh, "DBSnapshotIdentifier": "none"}) == "DBSnapshotNotFound"
    there.delete_db_snapshot(DBSnapshotIdentifier="doomed")

    restore(DBInstanceIdentifier="restored", DBSnapshotIdentifier="arrived", BackupRetentionPeriod=0)
    restored = rds_lab.await_instance("restored", RECOVERY)
    assert rows(rds_lab, restored) == rows(rds_lab, source)
    assert (restored["TagList"], restored["KmsKeyId"]) == (TAGS, keys[RECOVERY])
    told = there.describe_events(SourceType="db-instance", SourceIdentifier="restored")["Events"]
    assert told[0]["Message"] == "Restored from snapshot arrived"
    rds_lab.delete("restored", RECOVERY)
    there.delete_db_snapshot(DBSnapshotIdentifier="arrived")
    rds_lab.until(lambda: not list((rds_lab.home / "regions" / RECOVERY / "snapshots").iterdir()), "bytes gone")


def test_a_broken_archive_makes_an_incompatible_restore(rds_lab: RdsLab, source: dict[str, Any]) -> None:
    latest = restorable(rds_lab, "books", whole_second_after(insert(rds_lab, source)))
    backup = rds_lab.rds.status(PRIMARY)["automated_backups"][0]
    wal = rds_lab.home / "regions" / PRIMARY / "backups" / backup["identifier"] / "wal"
    hidden = []
    for segment in sorted(file for file in wal.iterdir() if len(file.name) == 24)[1:]:
        hidden.append((segment, segment.read_bytes(), segment.stat()))
        segment.unlink()
    client = rds_lab.client()
    client.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="books", TargetDBInstanceIdentifier="broken", RestoreTime=latest
    )
    broken = rds_lab.await_instance("broken", status="incompatible-restore")
    assert "Endpoint" not in broken
    for segment, content, _ in hidden:
        segment.write_bytes(content)
    # Without skipping the final snapshot it cannot even be deleted.
    delete = client.delete_db_instance
    code = refused(delete, DBInstanceIdentifier="broken", FinalDBSnapshotIdentifier="never")
    assert code == "InvalidDBInstanceState"
    rds_lab.delete("broken")


def test_uploads_wait_for_one_another_so_that_the_restorable_time_never_goes_back(
    rds_lab: RdsLab, source: dict[str, Any]
) -> None:
    """Two that both read the clock and then wait for a slow archive would end in any order, the older one last."""
    instance = rds_lab.rds.world.regions[PRIMARY].instances[source["DBInstanceIdentifier"]]
    own = instance.backup
    assert own is not None
    away = own.archive.directory.with_name("away")
    own.archive.directory.rename(away)
    uploads = [threading.Thread(target=backups.upload, args=(rds_lab.rds.world, instance, own)) for _ in range(2)]
    for upload in uploads:
        upload.start()
    # Long enough for both to have read the clock, if nothing keeps them from it, and for the second to be another one.
    time.sleep(1.2)
    released = datetime.now(UTC)
    away.rename(own.archive.directory)
    for upload in uploads:
        upload.join()
    assert own.latest is not None
    assert own.latest >= released.replace(microsecond=0)


def test_retained_backups_outlive_their_instance(rds_lab: RdsLab) -> None:
    client = rds_lab.client()
    made = rds_lab.create("short-lived", BackupRetentionPeriod=1)
    with rds_lab.enter(made) as master:
        master.execute("create table seen as select 1 as id")
    restorable(rds_lab, "short-lived", whole_second_after(datetime.now(UTC)))
    active = client.describe_db_instance_automated_backups(DbiResourceId=made["DbiResourceId"])
    arn = active["DBInstanceAutomatedBackups"][0]["DBInstanceAutomatedBackupsArn"]
    assert active["DBInstanceAutomatedBackups"][0]["Status"] == "active"
    remove = client.delete_db_instance_automated_backup
    assert refused(remove, DBInstanceAutomatedBackupsArn=arn) == "InvalidDBInstanceAutomatedBackupState"
    there = rds_lab.client(RECOVERY)
    there.start_db_instance_automated_backups_replication(SourceDBInstanceArn=made["DBInstanceArn"])
    rds_lab.until(lambda: replica(rds_lab, made["DBInstanceArn"]), "replicating")
    rds_lab.delete("short-lived", DeleteAutomatedBackups=False)
    # A replica is kept whatever becomes of its source.
    left = there.describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"]
    assert [(one["Status"], one["DbiResourceId"]) for one in left] == [("retained", made["DbiResourceId"])]
    assert left[0]["RestoreWindow"]
    there.delete_db_instance_automated_backup(DBInstanceAutomatedBackupsArn=left[0]["DBInstanceAutomatedBackupsArn"])
    kept = client.describe_db_instance_automated_backups(Filters=[{"Name": "status", "Values": ["retained"]}])
    assert [one["DbiResourceId"] for one in kept["DBInstanceAutomatedBackups"]] == [made["DbiResourceId"]]
    client.restore_db_instance_to_point_in_time(
        SourceDbiResourceId=made["DbiResourceId"],
        TargetDBInstanceIdentifier="risen",
        UseLatestRestorableTime=True,
        BackupRetentionPeriod=0,
    )
    assert rows(rds_lab, rds_lab.await_instance("risen")) == [1]
    assert (
        refused(
            client.restore_db_instance_to_point_in_time,
            SourceDBInstanceIdentifier="risen",
            TargetDBInstanceIdentifier="never",
            UseLatestRestorableTime=True,
        )
        == "PointInTimeRestoreNotEnabled"
    )
    rds_lab.delete("risen")
    remove(DbiResourceId=made["DbiResourceId"])
    gone = "DBInstanceAutomatedBackupNotFound"
    rds_lab.until(
        lambda: not (rds_lab.home / "regions" / PRIMARY / "backups" / arn.rpartition(":")[2]).exists(), "bytes gone"
    )
    assert refused(remove, DbiResourceId=made["DbiResourceId"]) == gone


def test_groups_and_tags(rds_lab: RdsLab, source: dict[str, Any]) -> None:
    client, ec2 = rds_lab.client(), ec2_backends[ACCOUNT][PRIMARY]
    subnets = {zone: next(iter(found)) for zone, found in ec2.subnets.items()}
    group = {"DBSubnetGroupName": "Isolated", "DBSubnetGroupDescription": "d"}
    create = client.create_db_subnet_group
    one = [subnets["eu-west-1a"]]
    assert refused(create, **group, SubnetIds=one) == "DBSubnetGroupDoesNotCoverEnoughAZs"
    assert refused(create, **group, SubnetIds=["subnet-none"]) == "InvalidSubnet"
    made = create(**group, SubnetIds=list(subnets.values())[:2], Tags=SCRATCH)["DBSubnetGroup"]
    assert (made["DBSubnetGroupName"], len(made["Subnets"])) == ("isolated", 2)
    assert refused(create, **group, SubnetIds=list(subnets.values())) == "DBSubnetGroupAlreadyExists"
    found = client.describe_db_subnet_groups(DBSubnetGroupName="isolated")["DBSubnetGroups"]
    assert found == [made]
    assert refused(client.describe_db_subnet_groups, DBSubnetGroupName="none") == "DBSubnetGroupNotFoundFault"
    used = source["DBSubnetGroup"]["DBSubnetGroupName"]
    assert refused(client.delete_db_subnet_group, DBSubnetGroupName=used) == "InvalidDBSubnetGroupStateFault"

    arn = source["DBInstanceArn"]
    client.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "more", "Value": "1"}])
    assert {tag["Key"] for tag in client.list_tags_for_resource(ResourceName=arn)["TagList"]} == {"env", "more"}
    assert rds_lab.rds.tagged(PRIMARY)[arn] == {"env": "production", "more": "1"}
    assert rds_lab.rds.tagged(PRIMARY)[made["DBSubnetGroupArn"]] == {"drill-run": "r1"}
    client.remove_tags_from_resource(ResourceName=arn, TagKeys=["more", "never"])
    assert rds_lab.instance("books")["TagList"] == TAGS
    listing = client.list_tags_for_resource
    assert refused(listing, ResourceName=arn + "x") == "DBInstanceNotFound"
    assert refused(listing, ResourceName="books") == "InvalidParameterValue"
    client.delete_db_subnet_group(DBSubnetGroupName="isolated")

    parameter_group = {"DBParameterGroupFamily": "postgres15", "Description": "d"}
    name = {"DBParameterGroupName": "p"}
    client.create_db_parameter_group(**name, **parameter_group)
    assert refused(client.create_db_parameter_group, **name, **parameter_group) == "DBParameterGroupAlreadyExists"
    bad = {**parameter_group, "DBParameterGroupFamily": "mysql8.0"}
    assert refused(client.create_db_parameter_group, **name, **bad) == "InvalidParameterValue"
    change = {"Parameters": [{"ParameterName": "Bad Name", "ParameterValue": "1", "ApplyMethod": "immediate"}]}
    assert refused(client.modify_db_parameter_group, **name, **change) == "InvalidParameterValue"
    client.delete_db_parameter_group(**name)
    assert refused(client.delete_db_parameter_group, **name) == "DBParameterGroupNotFound"


def test_what_rds_tells_about_itself(rds_lab: RdsLab) -> None:
    client = rds_lab.client()
    regions = client.describe_source_regions()["SourceRegions"]
    assert [one["RegionName"] for one in regions] == [RECOVERY]
    assert regions[0]["SupportsDBInstanceAutomatedBackupsReplication"] is True
    quotas = {one["AccountQuotaName"]: one for one in client.describe_account_attributes()["AccountQuotas"]}
    assert quotas["ManualSnapshots"]["Max"] == 100
    assert not client.describe_db_engine_versions(Engine="mysql")["DBEngineVersions"]
    tell = client.describe_events
    assert refused(tell, SourceType="weather") == "InvalidParameterValue"
    assert refused(tell, SourceIdentifier="a") == "InvalidParameterCombination"
    assert refused(tell, Duration=5, StartTime=datetime.now(UTC)) == "InvalidParameterCombination"
    assert tell(StartTime=datetime.now(UTC) + timedelta(days=1), EndTime=datetime.now(UTC) + timedelta(days=2))[
        "Events"
    ] == ([])
    assert refused(client.describe_db_instances, Filters=[{"Name": "colour", "Values": ["x"]}]) == (
        "InvalidParameterValue"
    )
