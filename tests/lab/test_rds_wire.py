"""The Query protocol: what goes in and out, and that nothing hostile gets more than an AWS error."""

import random
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import botocore.parsers
import botocore.serialize
import pytest
from botocore.exceptions import ClientError

from dr.lab.rds import faults, names, states
from dr.lab.rds.faults import Fault
from dr.lab.rds.server import OPERATIONS
from dr.lab.rds.wire import Wire, stamp
from tests.lab.rds_fixtures import PRIMARY, RdsLab

WIRE = Wire()
VERSION = "2014-10-31"


def sent(operation: str, given: dict[str, Any]) -> bytes:
    """What boto3 would send."""
    serializer = botocore.serialize.create_serializer("query", include_validation=True)
    request = serializer.serialize_to_request(given, WIRE.model.operation_model(operation))
    return urlencode(request["body"]).encode()


def test_what_boto3_sends_is_what_we_read() -> None:
    given = {
        "SourceDBInstanceIdentifier": "a",
        "TargetDBInstanceIdentifier": "b",
        "RestoreTime": datetime(2026, 11, 20, 2, 15, tzinfo=UTC),
        "UseLatestRestorableTime": False,
        "BackupRetentionPeriod": 0,
        "MultiAZ": False,
        "DeletionProtection": True,
        "VpcSecurityGroupIds": ["sg-1", "sg-2"],
        "Tags": [{"Key": "ü&<>", "Value": ""}, {"Key": "b", "Value": "c d"}],
        "ProcessorFeatures": [{"Name": "coreCount", "Value": "2"}],
    }
    operation, read = WIRE.read(sent("RestoreDBInstanceToPointInTime", given))
    assert operation.name == "RestoreDBInstanceToPointInTime"
    assert read == given


def test_an_empty_list_is_a_list_and_an_absent_one_is_not() -> None:
    _, read = WIRE.read(f"Action=ModifyDBInstance&Version={VERSION}&DBInstanceIdentifier=a&Tags=&Unheard=of".encode())
    assert read == {"DBInstanceIdentifier": "a"}
    _, read = WIRE.read(f"Action=DescribeEvents&Version={VERSION}&EventCategories=".encode())
    assert read == {"EventCategories": []}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MissingAction"),
        (b"\x00\xff\xfe", "MalformedInput"),
        (b"%ff%fe=1", "MalformedInput"),
        (b"{}", "MalformedInput"),
        (b"Action=Explode", "InvalidAction"),
        (b"Action=DescribeDBInstances&Version=1999-01-01", "InvalidAction"),
        (b"Action=DescribeDBInstances&Action=DeleteDBInstance", "MalformedInput"),
        (b"Action=DescribeDBInstances&MaxRecords=many", "MalformedInput"),
        (b"Action=DescribeDBInstances&MaxRecords=99999999999999999999", "MalformedInput"),
        (b"Action=DescribeDBInstances&MaxRecords=5", "InvalidParameterValue"),
        (b"Action=DescribeDBInstances&Filters.Filter.1.Name=x", "MissingParameter"),
        (b"Action=DeleteDBInstance", "MissingParameter"),
        (b"Action=DeleteDBInstance&DBInstanceIdentifier=a&SkipFinalSnapshot=perhaps", "MalformedInput"),
        (b"Action=DescribeEvents&StartTime=yesterday", "MalformedInput"),
        (b"Action=DescribeEvents&StartTime=0001-01-01T00:00:00%2B14:00", "MalformedInput"),
        (b"Action=CreateDBInstanceReadReplica&DBInstanceIdentifier=a", "InvalidParameterCombination"),
        (b"Action=DescribeDBInstances&" + b"&".join(b"a%d=1" % n for n in range(6000)), "MalformedInput"),
        (b"Action=" + b"A" * 2_000_000, "MalformedInput"),
        (b"Action=DescribeDBInstances&DBInstanceIdentifier=%00%01<>%26", "DBInstanceNotFound"),
    ],
)
def test_hostile_requests_get_an_aws_error(rds_lab: RdsLab, body: bytes, code: str) -> None:
    status, headers, answer = rds_lab.rds.handle(PRIMARY, body, "request")
    assert (status, headers["Content-Type"]) == (404 if code.endswith("NotFound") else 400, "text/xml")
    parsed = botocore.parsers.create_parser("query").parse(
        {"status_code": status, "headers": headers, "body": answer}, None
    )
    assert parsed["Error"]["Code"] == code
    assert parsed["ResponseMetadata"]["RequestId"] == "request"


def test_noise_never_ends_in_anything_but_xml(rds_lab: RdsLab) -> None:
    seed = random.randrange(10**9)  # noqa: S311 - noise, not secrets
    chance = random.Random(seed)  # noqa: S311
    operations = sorted(OPERATIONS)
    values = [
        "",
        "true",
        "0",
        "-1",
        "9" * 17,
        "2026-11-20T00:00:00Z",
        "a",
        "arn:aws:rds:::::",
        "%",
        "\u2028",
        "a" * 999,
    ]
    for _ in range(400):
        operation = WIRE.model.operation_model(chance.choice(operations))
        fields = {"Action": operation.name, "Version": VERSION}
        for name, shape in operation.input_shape.members.items() if operation.input_shape else ():
            if chance.random() < 0.6:
                depth = {"list": ".member.1", "structure": ".Name"}.get(shape.type_name, "")
                fields[name + depth] = chance.choice(values)
        status, _, answer = rds_lab.rds.handle(PRIMARY, urlencode(fields).encode(), "r")
        assert status < 500, (seed, fields, answer)
        assert answer.startswith((b"<ErrorResponse", f"<{operation.name}Response".encode())), (seed, fields)


def test_an_answer_cannot_have_a_shape_that_the_sdk_does_not_know() -> None:
    operation = WIRE.model.operation_model("DescribeDBInstances")
    with pytest.raises(AssertionError, match="has no"):
        WIRE.answer(operation, {"DBInstances": [{"Colour": "red"}]}, "r")
    with pytest.raises(TypeError, match="not a boolean"):
        WIRE.answer(operation, {"DBInstances": [{"MultiAZ": "yes"}]}, "r")


def test_answers_survive_characters_that_xml_does_not_have() -> None:
    operation = WIRE.model.operation_model("ListTagsForResource")
    answer = WIRE.answer(operation, {"TagList": [{"Key": "a<&\x00\ud800", "Value": ""}]}, "r")
    parsed = botocore.parsers.create_parser("query").parse(
        {"status_code": 200, "headers": {}, "body": answer}, operation.output_shape
    )
    assert parsed["TagList"] == [{"Key": "a<&\ufffd\ufffd", "Value": ""}]


def test_times_are_printed_as_rds_prints_them() -> None:
    assert stamp(datetime(2026, 11, 20, 2, 15, tzinfo=UTC)) == "2026-11-20T02:15:00Z"
    assert stamp(datetime(2026, 11, 20, 2, 15, 0, 123456, tzinfo=UTC)) == "2026-11-20T02:15:00.123Z"


def test_an_error_that_an_operation_does_not_declare_is_a_bug() -> None:
    operation = WIRE.model.operation_model("DeleteDBSnapshot")
    assert faults.status_of(Fault("DBSnapshotNotFound", ""), operation) == 404
    assert faults.status_of(Fault("InvalidParameterValue", ""), operation) == 400
    with pytest.raises(AssertionError, match="DeleteDBSnapshot does not declare DBInstanceNotFound"):
        faults.status_of(Fault("DBInstanceNotFound", ""), operation)


def test_an_operation_that_the_lab_lacks_is_a_clean_error(rds_lab: RdsLab) -> None:
    with pytest.raises(ClientError, match="does not implement DescribeDBProxies") as refused:
        rds_lab.client().describe_db_proxies()
    assert refused.value.response["Error"]["Code"] == "InvalidAction"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


# --- names ---


@pytest.mark.parametrize("name", ["a", "A-b-1", "z" * 63])
def test_good_identifiers_are_kept_in_lower_case(name: str) -> None:
    assert names.instance(name) == name.lower()


@pytest.mark.parametrize("name", ["", "1a", "a-", "a--b", "z" * 64, "a_b", "ä", "a b", "-a", "a\n", "\u212a"])
def test_bad_identifiers_are_refused(name: str) -> None:
    with pytest.raises(Fault, match="InvalidParameterValue"):
        names.instance(name)


@pytest.mark.parametrize(
    "secret", ["short12", "x" * 129, 'with"quote', "with/slash", "with@sign", "with space", "ümlaut12"]
)
def test_bad_passwords_are_refused(secret: str) -> None:
    with pytest.raises(Fault, match="not a valid password"):
        names.password(secret)


@pytest.mark.parametrize("user", ["", "1a", "rdsadmin", "rds_superuser", "pg_monitor", "a-b", "x" * 64])
def test_bad_masters_are_refused(user: str) -> None:
    with pytest.raises(Fault, match="MasterUsername"):
        names.master(user)


@pytest.mark.parametrize("tag", [{"Key": ""}, {"Key": "aws:x"}, {"Key": "k" * 129}, {"Key": "a", "Value": "v" * 257}])
def test_bad_tags_are_refused(tag: dict[str, str]) -> None:
    with pytest.raises(Fault, match="Tag"):
        names.tags([tag])


# --- states ---


@pytest.mark.parametrize("table", [states.INSTANCE, states.SNAPSHOT, states.BACKUP])
def test_every_state_that_can_be_reached_is_in_the_table(table: dict[str, frozenset[str]]) -> None:
    for successors in table.values():
        assert successors <= table.keys()
    with pytest.raises(AssertionError, match="not a legal transition"):
        states.check(table, "x", "deleted", "available" if "available" in table else "retained")


def test_only_states_of_aws_are_used() -> None:
    assert states.INSTANCE.keys() - {"deleted", "firedrill-unheard-of"} == {
        "available",
        "backing-up",
        "creating",
        "deleting",
        "failed",
        "inaccessible-encryption-credentials",
        "inaccessible-encryption-credentials-recoverable",
        "incompatible-network",
        "incompatible-option-group",
        "incompatible-parameters",
        "incompatible-restore",
        "insufficient-capacity",
        "maintenance",
        "modifying",
        "rebooting",
        "renaming",
        "resetting-master-credentials",
        "restore-error",
        "starting",
        "stopped",
        "stopping",
        "storage-full",
        "storage-optimization",
    }


def test_generated_names_look_like_those_of_aws() -> None:
    assert re.fullmatch(r"db-[A-Z0-9]{26}", names.resource_id())
    assert re.fullmatch(r"ab-[a-z2-7]{39}", names.backup_id())
    assert re.fullmatch(r"[a-z0-9]{12}", names.host_token())
