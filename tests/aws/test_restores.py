"""What a restore says on the wire: every setting whose default is dangerous, each time."""

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dr import claims
from dr.aws.restores import RestoreRequest, restore_from_snapshot, restore_to_time
from dr.errors import AwsError, Refused
from dr.recovery import RecoveryPoint, RecoveryWindow, SourceFacts

from .scripted import OTHER, REGION, refusal, server

T = datetime(2026, 11, 20, 2, 15, tzinfo=UTC)
SOURCE = SourceFacts(
    identifier="orders",
    arn=f"arn:aws:rds:{OTHER}:123456789012:db:orders",
    resource_id="db-SOURCE",
    engine="postgres",
    engine_version="15.5",
    instance_class="db.m6g.large",
    storage_type="gp3",
    allocated_gib=100,
    iops=3000,
    throughput=125,
    port=5433,
    master_username="owner",
    database="orders",
    encrypted=True,
    kms_key="k",
    lifecycle_support=None,
)
REQUEST = RestoreRequest(
    name="firedrill-x",
    instance_class="db.t4g.medium",
    subnet_group="scratch",
    security_group_id="sg-1",
    parameter_group="scratch-pg15",
    tags=claims.tags("r-test-a-1", "orders", "scratch", T),
    source=SOURCE,
)
WINDOW = RecoveryWindow(
    asset="orders",
    site="recovery",
    backup_arn=f"arn:aws:rds:{REGION}:123456789012:auto-backup:ab-1",
    resource_id="db-SOURCE",
    earliest=T - timedelta(days=1),
    latest=T,
    encrypted=True,
    status="replicating",
)
POINT = RecoveryPoint(
    asset="orders", site="recovery", kind="copy", identifier="snap", arn="a", time=T, status="available", encrypted=True
)
STATED = {
    "DBInstanceClass": "db.t4g.medium",
    "DBSubnetGroupName": "scratch",
    "VpcSecurityGroupIds.VpcSecurityGroupId.1": "sg-1",
    "DBParameterGroupName": "scratch-pg15",
    "Port": "5433",
    "StorageType": "gp3",
    "EngineLifecycleSupport": "open-source-rds-extended-support",
    "BackupRetentionPeriod": "0",
    "DeletionProtection": "false",
    "MultiAZ": "false",
    "PubliclyAccessible": "false",
    "AutoMinorVersionUpgrade": "false",
    "CopyTagsToSnapshot": "false",
    "EnableIAMDatabaseAuthentication": "false",
    "Tags.Tag.1.Key": "firedrill:asset",
    "Tags.Tag.1.Value": "orders",
    "Tags.Tag.2.Key": "firedrill:expires",
    "Tags.Tag.2.Value": "2026-11-20T02:15:00Z",
    "Tags.Tag.3.Key": "firedrill:purpose",
    "Tags.Tag.3.Value": "scratch",
    "Tags.Tag.4.Key": "firedrill:run",
    "Tags.Tag.4.Value": "r-test-a-1",
}


def answer(action: str, **fields: str) -> tuple[int, str, str]:
    given = {
        "DBInstanceIdentifier": "firedrill-x",
        "DBInstanceArn": "arn",
        "DbiResourceId": "db-NEW",
        "Engine": "postgres",
        "DBInstanceClass": "db.t4g.medium",
        "DBInstanceStatus": "creating",
    } | fields
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in given.items())
    listed = f"<DBInstances><DBInstance>{inner}</DBInstance></DBInstances>"
    one = f"<DBInstance>{inner}</DBInstance>"
    result = listed if action == "DescribeDBInstances" else one
    return 200, "text/xml", f"<{action}Response><{action}Result>{result}</{action}Result></{action}Response>"


def stated(source: str) -> dict[str, str]:
    """What every request states, of which the last is what it is made from."""
    return STATED | {"Tags.Tag.5.Key": "firedrill:source", "Tags.Tag.5.Value": source}


def to_time(window: RecoveryWindow = WINDOW, request: RestoreRequest = REQUEST, time: datetime = T) -> dict[str, str]:
    with server(answer("RestoreDBInstanceToPointInTime")) as made:
        instance = restore_to_time(made.aws(), REGION, request, window, time)
        assert (instance.resource_id, instance.endpoint, instance.standing) == ("db-NEW", None, "pending")
        return made.form("RestoreDBInstanceToPointInTime")


def test_a_replicated_backup_is_named_by_its_arn_alone() -> None:
    assert to_time() == stated("db-SOURCE at 2026-11-20T02:15:00Z") | {
        "TargetDBInstanceIdentifier": "firedrill-x",
        "SourceDBInstanceAutomatedBackupsArn": WINDOW.backup_arn,
        "RestoreTime": "2026-11-20T02:15:00Z",
    }


def test_a_backup_of_this_region_is_named_by_the_resource_id_alone() -> None:
    sent = to_time(WINDOW.model_copy(update={"backup_arn": None}))
    assert sent == stated("db-SOURCE at 2026-11-20T02:15:00Z") | {
        "TargetDBInstanceIdentifier": "firedrill-x",
        "SourceDbiResourceId": "db-SOURCE",
        "RestoreTime": "2026-11-20T02:15:00Z",
    }


def test_a_snapshot_restore_states_the_same() -> None:
    with server(answer("RestoreDBInstanceFromDBSnapshot")) as made:
        restore_from_snapshot(made.aws(), REGION, REQUEST, POINT)
        sent = made.form("RestoreDBInstanceFromDBSnapshot")
    assert sent == stated("a") | {"DBInstanceIdentifier": "firedrill-x", "DBSnapshotIdentifier": "snap"}


def test_the_account_is_asserted_before_the_restore() -> None:
    with server(answer("RestoreDBInstanceFromDBSnapshot")) as made:
        restore_from_snapshot(made.aws(), REGION, REQUEST, POINT)
        assert [one["Action"] for one in made.asked] == ["GetCallerIdentity", "RestoreDBInstanceFromDBSnapshot"]


def test_other_zones_are_sent_as_utc() -> None:
    sent = to_time(time=datetime.fromisoformat("2026-11-20T03:15:00+01:00"))
    assert sent["RestoreTime"] == "2026-11-20T02:15:00Z"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"storage_type": "gp3", "allocated_gib": 500, "iops": 12000, "throughput": 500}, ("12000", "500")),
        ({"storage_type": "io2", "allocated_gib": 100, "iops": 5000, "throughput": None}, ("5000", None)),
        ({"storage_type": "gp3", "allocated_gib": 399}, (None, None)),
    ],
)
def test_speeds_are_stated_where_aws_lets_us(facts: dict[str, Any], expected: tuple[str | None, str | None]) -> None:
    sent = to_time(request=REQUEST.model_copy(update={"source": SOURCE.model_copy(update=facts)}))
    assert (sent.get("Iops"), sent.get("StorageThroughput")) == expected
    assert sent["StorageType"] == facts["storage_type"]


def test_the_sources_own_lifecycle_support_is_kept() -> None:
    off = "open-source-rds-extended-support-disabled"
    source = SOURCE.model_copy(update={"lifecycle_support": off})
    assert to_time(request=REQUEST.model_copy(update={"source": source}))["EngineLifecycleSupport"] == off


@pytest.mark.parametrize(
    ("window", "time", "complaint"),
    [
        (WINDOW, T + timedelta(seconds=1), "outside of the recovery window"),
        (WINDOW, T - timedelta(days=2), "outside of the recovery window"),
        (WINDOW, T.replace(tzinfo=None), "not a whole second with a zone"),
        (WINDOW, T - timedelta(milliseconds=1), "not a whole second with a zone"),
        (WINDOW.model_copy(update={"resource_id": "db-OTHER"}), T, "is of db-OTHER"),
        (WINDOW.model_copy(update={"latest": None}), T, "empty"),
        (WINDOW.model_copy(update={"backup_arn": f"arn:aws:rds:{OTHER}:1:auto-backup:ab-1"}), T, "is not in"),
    ],
)
def test_what_cannot_be_restored_is_refused_before_anything_is_sent(
    window: RecoveryWindow, time: datetime, complaint: str
) -> None:
    with server(refusal("Unexpected")) as made:
        with pytest.raises(Refused, match=complaint):
            restore_to_time(made.aws(), REGION, REQUEST, window, time)
        assert made.asked == []


def test_an_instance_without_tags_of_its_own_is_refused() -> None:
    with server(refusal("Unexpected")) as made, pytest.raises(Refused, match="would lack the tags firedrill:asset"):
        restore_from_snapshot(made.aws(), REGION, REQUEST.model_copy(update={"tags": {"a": "b"}}), POINT)


def tag_list(tags: dict[str, str]) -> str:
    return "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in tags.items())


OURS = {
    "TagList": tag_list({**REQUEST.tags, claims.TAG_SOURCE: "a"}),
    "MasterUsername": "owner",
    "StorageType": "gp3",
    "StorageEncrypted": "true",
    "DBSubnetGroup": "<DBSubnetGroupName>scratch</DBSubnetGroupName>",
    "VpcSecurityGroups": "<VpcSecurityGroupMembership><VpcSecurityGroupId>sg-1</VpcSecurityGroupId>"
    "</VpcSecurityGroupMembership>",
    "DBParameterGroups": "<DBParameterGroup><DBParameterGroupName>scratch-pg15</DBParameterGroupName>"
    "</DBParameterGroup>",
}
"""What RDS says of an instance that this very request made."""
TAKEN = refusal("DBInstanceAlreadyExists")
SILENCE = 200, "text/html", "<html>somebody on the way answers instead<br>"


@pytest.mark.parametrize("said", [TAKEN, SILENCE])
def test_the_instance_of_an_earlier_attempt_is_adopted(said: tuple[int, str, str]) -> None:
    ours = answer("DescribeDBInstances", **OURS, DBInstanceStatus="available")
    with server(said, ours) as made:
        assert restore_from_snapshot(made.aws(), REGION, REQUEST, POINT).status == "available"


def test_rds_keeps_the_names_of_groups_in_lower_case() -> None:
    """However the estate spells them, what it names is what stands there."""
    typed = REQUEST.model_copy(update={"subnet_group": "Scratch", "parameter_group": "Scratch-PG15"})
    with server(TAKEN, answer("DescribeDBInstances", **OURS)) as made:
        assert restore_from_snapshot(made.aws(), REGION, typed, POINT).parameter_group == "scratch-pg15"


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"Iops": "12000", "StorageThroughput": "500"}, ""),
        ({"Iops": "3000", "StorageThroughput": "500"}, "its iops is 3000, not 12000"),
        ({"Iops": "12000", "StorageThroughput": "125"}, "its throughput is 125, not 500"),
    ],
)
def test_speeds_that_were_asked_for_are_part_of_what_is_adopted(told: dict[str, str], complaint: str) -> None:
    large = REQUEST.source.model_copy(update={"allocated_gib": 400, "iops": 12000, "throughput": 500})
    request = REQUEST.model_copy(update={"source": large})
    expected = pytest.raises(Refused, match=complaint) if complaint else contextlib.nullcontext()
    with server(TAKEN, answer("DescribeDBInstances", **OURS | told)) as made, expected:
        restore_from_snapshot(made.aws(), REGION, request, POINT)


def test_an_attempt_that_left_nothing_fails_as_it_failed() -> None:
    with (
        server(SILENCE, refusal("DBInstanceNotFound")) as made,
        pytest.raises(AwsError, match="RestoreDBInstanceFromDBSnapshot"),
    ):
        restore_from_snapshot(made.aws(), REGION, REQUEST, POINT)


def test_the_class_of_an_earlier_attempt_may_be_another_of_the_estates() -> None:
    ours = answer("DescribeDBInstances", **OURS | {"DBInstanceClass": "db.m6g.large"})
    request = REQUEST.model_copy(update={"acceptable": ("db.t4g.medium", "db.m6g.large")})
    with server(TAKEN, ours) as made:
        assert restore_from_snapshot(made.aws(), REGION, request, POINT).instance_class == "db.m6g.large"


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("TagList", tag_list({**REQUEST.tags, claims.TAG_RUN: "another", claims.TAG_SOURCE: "a"}), "tag firedrill:run"),
        ("TagList", tag_list({**REQUEST.tags, claims.TAG_ASSET: "b", claims.TAG_SOURCE: "a"}), "tag firedrill:asset"),
        ("TagList", tag_list({**REQUEST.tags, claims.TAG_SOURCE: "b"}), "tag firedrill:source is 'b', not 'a'"),
        ("TagList", "", "tag firedrill:run is None"),
        ("Engine", "mysql", "its engine is 'mysql'"),
        ("DBInstanceClass", "db.x1.32xlarge", "its instance class"),
        ("MasterUsername", "somebody", "its master username"),
        ("StorageEncrypted", "false", "its encrypted is False"),
        ("DBParameterGroups", "", "its parameter group"),
        ("VpcSecurityGroups", "", "its security groups"),
        ("DBSubnetGroup", "", "its subnet group"),
        ("PubliclyAccessible", "true", "its public is True"),
        ("DeletionProtection", "true", "its deletion protection"),
        ("BackupRetentionPeriod", "7", "its retention days"),
    ],
)
def test_what_is_not_this_runs_own_is_not_adopted(field: str, value: str, complaint: str) -> None:
    theirs = answer("DescribeDBInstances", **OURS | {field: value})
    with server(TAKEN, theirs) as made, pytest.raises(Refused, match="is not what this run asks for") as caught:
        restore_from_snapshot(made.aws(), REGION, REQUEST, POINT)
    assert complaint in caught.value.message


def test_what_the_journal_knows_by_another_resource_id_is_not_adopted() -> None:
    """Its tags came along when somebody restored it under this name."""
    known = REQUEST.model_copy(update={"known_as": "db-OURS"})
    theirs = answer("DescribeDBInstances", **OURS | {"DbiResourceId": "db-THEIRS"})
    with server(TAKEN, theirs) as made, pytest.raises(Refused, match="resource id is 'db-THEIRS', not 'db-OURS'"):
        restore_from_snapshot(made.aws(), REGION, known, POINT)
