"""What happens by itself as days go by: nights, retention, windows, expiry. Most needs a calendar that can be moved."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from dr.lab import life
from tests.contract.cloud import Cloud, a_lab

SPEED = 600.0
PASSWORD = "correct-horse-battery"
Events = list[dict[str, str]]


@pytest.fixture(scope="module")
def later(cloud: Cloud) -> Iterator[Cloud]:
    """A lab of its own, whose calendar can leap without ageing what other tests hold; on AWS the account itself."""
    if cloud.on_aws:
        yield cloud
        return
    with a_lab(SPEED) as one:
        yield one


def advance(cloud: Cloud, **by: int) -> Events:
    """Let days or hours pass; what happened meanwhile."""
    assert cloud.home is not None
    return [event for step in life.advance(cloud.home, timedelta(**by)) for event in step["events"]]


def seconds_until(cloud: Cloud, hour: int) -> int:
    """How far ahead in the lab's calendar the next beginning of an hour of the day is."""
    assert cloud.home is not None
    now = datetime.fromisoformat(life.status(cloud.home)["calendar"])
    return int(((now.replace(hour=hour, minute=0, second=0) - now) % timedelta(days=1)).total_seconds())


def happened(events: Events, kind: str) -> list[str]:
    """Of the events of a kind, what they happened to, without the region."""
    return [event["subject"].split(" ", 1)[1] for event in events if event["kind"] == kind]


def create(cloud: Cloud, stem: str, **more: Any) -> dict[str, Any]:
    name = cloud.name(stem)
    cloud.client("rds").create_db_instance(
        **{
            "DBInstanceIdentifier": name,
            "DBInstanceClass": "db.t4g.micro",
            "Engine": "postgres",
            "AllocatedStorage": 20,
            "MasterUsername": "owner",
            "MasterUserPassword": PASSWORD,
            "PreferredBackupWindow": "02:00-02:30",
            "Tags": cloud.tags,
            **more,
        }
    )
    return await_status(cloud, name)


def look(cloud: Cloud, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = cloud.client("rds").describe_db_instances(DBInstanceIdentifier=name)
    found: dict[str, Any] = answer["DBInstances"][0]
    return found


def await_status(cloud: Cloud, name: str, status: str = "available") -> dict[str, Any]:
    def so() -> dict[str, Any] | None:
        found = look(cloud, name)
        return found if found["DBInstanceStatus"] == status else None

    return cloud.until(so, f"{name} {status}")


def delete(cloud: Cloud, name: str, **more: Any) -> None:
    cloud.client("rds").delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True, **more)

    def gone() -> bool:
        listed = cloud.client("rds").describe_db_instances()["DBInstances"]
        return name not in [one["DBInstanceIdentifier"] for one in listed]

    cloud.until(gone, f"{name} gone")


def snapshots(cloud: Cloud, name: str, kind: str = "automated") -> list[str]:
    answer = cloud.client("rds").describe_db_snapshots(DBInstanceIdentifier=name, SnapshotType=kind)
    return [one["DBSnapshotIdentifier"] for one in answer["DBSnapshots"]]


def window(cloud: Cloud, instance: dict[str, Any]) -> dict[str, Any]:
    """The restore window of an instance, once there is one."""

    def so() -> dict[str, Any] | None:
        asked = {"DbiResourceId": instance["DbiResourceId"]}
        answer = cloud.client("rds").describe_db_instance_automated_backups(**asked)
        found: dict[str, Any] = answer["DBInstanceAutomatedBackups"][0]["RestoreWindow"]
        return found or None

    return cloud.until(so, "a restore window")


# First what needs no instance: days without databases pass at once.


@pytest.mark.lab_only
@pytest.mark.behaviour("TIME-SESSION-EXPIRES")
def test_a_session_ends_while_a_drill_runs(later: Cloud) -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = later.client("iam").create_role(RoleName=later.name("role"), AssumeRolePolicyDocument=document)["Role"]
    given = later.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="drill", DurationSeconds=3600)
    session = given["Credentials"]
    sts = later.client(
        "sts",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    advance(later, minutes=50)
    assert sts.get_caller_identity()["Arn"].endswith("/drill")
    advance(later, minutes=15)
    later.refused("ExpiredToken", sts.get_caller_identity)


@pytest.mark.lab_only
@pytest.mark.behaviour("TIME-KEY-DELETION")
def test_a_key_is_useless_at_once_and_gone_after_its_waiting_time(later: Cloud) -> None:
    kms = later.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    advance(later, days=6)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    events = advance(later, days=1, hours=1)
    assert happened(events, "key deleted") == [key]
    later.refused("NotFoundException", kms.describe_key, KeyId=key)


@pytest.mark.lab_only
@pytest.mark.behaviour("TIME-SECRET-DELETION")
def test_a_deleted_secret_comes_back_within_its_recovery_window_only(later: Cloud) -> None:
    secrets = later.client("secretsmanager")
    kept, lost = later.name("kept"), later.name("lost")
    for name in (kept, lost):
        secrets.create_secret(Name=name, SecretString="s")
        secrets.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    later.refused("InvalidRequestException", secrets.get_secret_value, SecretId=kept)
    advance(later, days=6)
    secrets.restore_secret(SecretId=kept)
    assert happened(advance(later, days=2), "secret deleted") == [lost]
    assert secrets.get_secret_value(SecretId=kept)["SecretString"] == "s"
    later.refused("ResourceNotFoundException", secrets.describe_secret, SecretId=lost)


@pytest.fixture(scope="module")
def instance(later: Cloud) -> dict[str, Any]:
    """An instance with two days of backups. It lives as long as its lab."""
    return create(later, "nights", BackupRetentionPeriod=2)


@pytest.mark.lab_only
@pytest.mark.behaviour("TIME-NIGHTLY-SNAPSHOT")
@pytest.mark.behaviour("TIME-RETENTION-LAPSES")
@pytest.mark.behaviour("TIME-MANUAL-STAYS")
@pytest.mark.behaviour("TIME-EARLIEST-SLIDES")
@pytest.mark.behaviour("TIME-AUTOMATED-VANISHES")
def test_three_nights(later: Cloud, instance: dict[str, Any]) -> None:
    rds, name = later.client("rds"), instance["DBInstanceIdentifier"]
    manual, copied = later.name("manual"), later.name("copied")
    rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=manual, Tags=later.tags)
    await_status(later, name)
    before = window(later, instance)
    chosen = snapshots(later, name)[-1]
    rds.copy_db_snapshot(SourceDBSnapshotIdentifier=chosen, TargetDBSnapshotIdentifier=copied, Tags=later.tags)
    rds.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier=copied, WaiterConfig={"Delay": 1})

    events = advance(later, days=3)

    nights = happened(events, "snapshot taken")
    assert len(nights) == 3
    assert all(night.startswith(f"rds:{name}-") and night.endswith("-02-00") for night in nights)
    assert snapshots(later, name) == nights[-2:]
    assert chosen in happened(events, "snapshot lapsed")
    # What a drill wrote down a while ago is gone; what it copied is not.
    asked = {"DBInstanceIdentifier": later.name("late"), "DBInstanceClass": "db.t4g.micro"}
    restore = rds.restore_db_instance_from_db_snapshot
    later.refused("DBSnapshotNotFound", restore, **asked, DBSnapshotIdentifier=chosen)
    assert sorted(snapshots(later, name, "manual")) == sorted([manual, copied])
    after = window(later, instance)
    assert before["EarliestTime"] <= before["LatestTime"] < after["EarliestTime"] <= after["LatestTime"]
    later.refused(
        "InvalidParameterValue",
        rds.restore_db_instance_to_point_in_time,
        SourceDBInstanceIdentifier=name,
        TargetDBInstanceIdentifier=asked["DBInstanceIdentifier"],
        RestoreTime=before["LatestTime"],
    )
    for snapshot in (manual, copied):
        rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot)


@pytest.mark.lab_only
@pytest.mark.behaviour("TIME-WINDOW-WAITS")
@pytest.mark.behaviour("TIME-WINDOW-NO-REBOOT")
def test_what_waits_for_the_window_and_what_it_does_not_do(later: Cloud, instance: dict[str, Any]) -> None:
    rds, name = later.client("rds"), instance["DBInstanceIdentifier"]
    assert later.home is not None
    # The week may be at any day by now.
    tomorrow = datetime.fromisoformat(life.status(later.home)["calendar"]) + timedelta(days=1)
    day = f"{tomorrow:%a}".lower()
    rds.modify_db_instance(DBInstanceIdentifier=name, PreferredMaintenanceWindow=f"{day}:05:00-{day}:05:30")
    major = instance["EngineVersion"].split(".")[0]
    group = later.name("group")
    rds.create_db_parameter_group(
        DBParameterGroupName=group, DBParameterGroupFamily=f"postgres{major}", Description="-", Tags=later.tags
    )
    changed = rds.modify_db_instance(
        DBInstanceIdentifier=name, DBInstanceClass="db.t4g.small", DBParameterGroupName=group
    )["DBInstance"]
    assert changed["PendingModifiedValues"] == {"DBInstanceClass": "db.t4g.small"}
    assert look(later, name)["DBInstanceClass"] == "db.t4g.micro"
    events = advance(later, days=2)
    assert happened(events, "changes applied") == [f"{name}: DBInstanceClass"]
    found = await_status(later, name)
    assert (found["DBInstanceClass"], found["PendingModifiedValues"]) == ("db.t4g.small", {})
    assert found["DBParameterGroups"] == [{"DBParameterGroupName": group, "ParameterApplyStatus": "pending-reboot"}]


@pytest.mark.lab_only
@pytest.mark.behaviour("TIME-RETENTION-LOWERED")
def test_a_lower_retention_does_not_wait_for_any_window(later: Cloud, instance: dict[str, Any]) -> None:
    rds, name = later.client("rds"), instance["DBInstanceIdentifier"]
    assert len(snapshots(later, name)) == 2
    rds.modify_db_instance(DBInstanceIdentifier=name, BackupRetentionPeriod=1)
    later.until(lambda: len(snapshots(later, name)) == 1, "one snapshot left")
    assert await_status(later, name)["BackupRetentionPeriod"] == 1


@pytest.mark.lab_only
@pytest.mark.behaviour("TIME-STOPPED-NO-BACKUP")
@pytest.mark.behaviour("TIME-STOPPED-SEVEN-DAYS")
def test_a_stopped_instance_keeps_its_backups_and_is_started_after_a_week(
    later: Cloud, instance: dict[str, Any]
) -> None:
    name = instance["DBInstanceIdentifier"]
    # So that no night falls between the end of the week and the look: nights are at two o'clock.
    advance(later, seconds=seconds_until(later, 3))
    before = snapshots(later, name)
    later.client("rds").stop_db_instance(DBInstanceIdentifier=name)
    await_status(later, name, "stopped")
    # One that runs beside it, whose backups become too old meanwhile.
    running = create(later, "running", BackupRetentionPeriod=1)["DBInstanceIdentifier"]
    try:
        events = advance(later, days=6)
        assert len(happened(events, "snapshot taken")) == 6
        assert not any(name in taken for taken in happened(events, "snapshot taken"))
        assert snapshots(later, name) == before != []
        assert look(later, name)["DBInstanceStatus"] == "stopped"
        assert happened(advance(later, days=1, hours=1), "instance started") == [name]
        await_status(later, name)
        assert snapshots(later, name) == before
    finally:
        delete(later, running)
    assert happened(advance(later, days=1), "snapshot lapsed") == before


@pytest.mark.behaviour("TIME-RETENTION-ZERO")
def test_retention_zero_deletes_every_automated_snapshot_at_once(later: Cloud) -> None:
    rds = later.client("rds")
    made = create(later, "zero", BackupRetentionPeriod=1)
    name = made["DBInstanceIdentifier"]
    try:
        window(later, made)
        assert snapshots(later, name)
        rds.modify_db_instance(DBInstanceIdentifier=name, BackupRetentionPeriod=0, ApplyImmediately=True)
        later.until(lambda: not snapshots(later, name), "no automated snapshots")
        await_status(later, name)
        later.refused(
            "PointInTimeRestoreNotEnabled",
            rds.restore_db_instance_to_point_in_time,
            SourceDBInstanceIdentifier=name,
            TargetDBInstanceIdentifier=later.name("never"),
            UseLatestRestorableTime=True,
        )
    finally:
        delete(later, name)


@pytest.mark.lab_only
@pytest.mark.behaviour("TIME-RETAINED-EXPIRE")
def test_retained_backups_end_with_the_retention_that_was_in_force(later: Cloud, instance: dict[str, Any]) -> None:
    rds, asked = later.client("rds"), {"DbiResourceId": instance["DbiResourceId"]}
    advance(later, days=1)
    delete(later, instance["DBInstanceIdentifier"], DeleteAutomatedBackups=False)
    # A day after its last snapshot, and that was taken at two o'clock.
    advance(later, seconds=max(0, seconds_until(later, 2) - 3600))
    kept = rds.describe_db_instance_automated_backups(**asked)["DBInstanceAutomatedBackups"][0]
    assert (kept["Status"], kept["BackupRetentionPeriod"]) == ("retained", 1)
    assert len(happened(advance(later, hours=2), "retained backups expired")) == 1
    later.refused("DBInstanceAutomatedBackupNotFound", rds.describe_db_instance_automated_backups, **asked)
