"""The table of what operations need: complete for what the product calls, and exact about resources."""

import ast
from pathlib import Path

import botocore.session
import pytest

import dr.aws
from dr.lab.front.exchange import Headers, Request
from dr.lab.iam import calls, needs, table_s3
from dr.lab.iam.guard import TABLE
from dr.lab.rds.server import OPERATIONS

ACCOUNT, REGION = "123456789012", "eu-central-1"
SERVICES = ("rds", "s3", "kms", "ec2", "secretsmanager", "resourcegroupstaggingapi", "sts")


def called_by_the_product() -> set[tuple[str, str]]:
    """Every operation that `dr/aws` names, read from its source: (service, operation)."""
    session = botocore.session.get_session()
    known = {service: set(session.get_service_model(service).operation_names) for service in SERVICES}
    found = set()
    for path in Path(dr.aws.__path__[0]).glob("*.py"):
        if path.name == "codes.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            service = next((service for service in SERVICES if text in known[service]), None)
            if service:
                found.add((service, text))
    return found


def test_every_operation_that_the_product_calls_is_in_the_table() -> None:
    called = called_by_the_product()
    assert ("rds", "RestoreDBInstanceToPointInTime") in called
    assert ("s3", "CopyObject") in called
    missing = {
        (service, operation)
        for service, operation in called
        if service != "s3" and operation not in TABLE[{"resourcegroupstaggingapi": "tagging"}.get(service, service)]
    }
    assert not missing


def test_every_operation_of_our_rds_is_in_the_table() -> None:
    assert not OPERATIONS.keys() - TABLE["rds"].keys()


def test_the_table_names_only_operations_that_exist() -> None:
    session = botocore.session.get_session()
    for service, rows in TABLE.items():
        name = {"tagging": "resourcegroupstaggingapi"}.get(service, service)
        known = set(session.get_service_model(name).operation_names)
        # The messages that STS encodes are not part of what RDS or S3 say.
        assert not rows.keys() - known - {"DecodeAuthorizationMessage"}, service


def rds(**parameters: str) -> list[tuple[str, str]]:
    operation = parameters.pop("Action")
    call = calls.Call(ACCOUNT, REGION, "rds", operation, parameters)
    return [(one.action, one.resource) for one in needs.wanted(call, TABLE["rds"][operation])]


def arn(kind: str, name: str, region: str = REGION) -> str:
    return f"arn:aws:rds:{region}:{ACCOUNT}:{kind}:{name}"


def test_a_restore_is_authorised_against_everything_it_touches() -> None:
    action = "rds:RestoreDBInstanceFromDBSnapshot"
    assert rds(
        Action="RestoreDBInstanceFromDBSnapshot",
        DBSnapshotIdentifier="Nightly",
        DBInstanceIdentifier="Scratch",
        DBSubnetGroupName="isolated",
    ) == [
        (action, arn("snapshot", "nightly")),
        (action, arn("db", "scratch")),
        (action, arn("subgrp", "isolated")),
        (action, arn("pg", "default.postgres15")),
        (action, arn("og", "default:postgres-15")),
    ]


def test_a_copy_is_authorised_against_both_snapshots() -> None:
    source = arn("snapshot", "nightly", "eu-west-1")
    found = rds(Action="CopyDBSnapshot", SourceDBSnapshotIdentifier=source, TargetDBSnapshotIdentifier="copy")
    assert [resource for _, resource in found] == [source, arn("snapshot", "copy")]


def test_a_listing_is_authorised_against_all_or_the_one_that_is_named() -> None:
    assert rds(Action="DescribeDBInstances") == [("rds:DescribeDBInstances", arn("db", "*"))]
    assert rds(Action="DescribeDBInstances", DBInstanceIdentifier="A") == [("rds:DescribeDBInstances", arn("db", "a"))]


def s3(method: str, target: str, **headers: str) -> list[tuple[str, str]]:
    lines = [(name.replace("_", "-"), value) for name, value in headers.items()]
    request = Request(method, target, Headers(lines), b"", "id")
    return [(one.action, one.resource.removeprefix("arn:aws:s3:::")) for one in table_s3.wanted(request)]


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/", [("s3:ListAllMyBuckets", "*")]),
        ("HEAD", "/b", [("s3:ListBucket", "b")]),
        ("GET", "/b?list-type=2&prefix=a%2F", [("s3:ListBucket", "b")]),
        ("GET", "/b?versions&prefix=a", [("s3:ListBucketVersions", "b")]),
        ("GET", "/b?versioning", [("s3:GetBucketVersioning", "b")]),
        ("PUT", "/b?replication", [("s3:PutReplicationConfiguration", "b")]),
        ("GET", "/b/a%2Fb%20c", [("s3:GetObject", "b/a/b c")]),
        ("HEAD", "/b/k?versionId=1", [("s3:GetObjectVersion", "b/k")]),
        ("GET", "/b/k?tagging&versionId=1", [("s3:GetObjectVersionTagging", "b/k")]),
        ("GET", "/b/k?attributes", [("s3:GetObjectAttributes", "b/k"), ("s3:GetObject", "b/k")]),
        ("DELETE", "/b/k", [("s3:DeleteObject", "b/k")]),
        ("DELETE", "/b/k?versionId=null", [("s3:DeleteObjectVersion", "b/k")]),
        ("PUT", "/b/k?uploadId=1&partNumber=1", [("s3:PutObject", "b/k")]),
        ("DELETE", "/b/k?uploadId=1", [("s3:AbortMultipartUpload", "b/k")]),
    ],
)
def test_the_actions_of_s3(method: str, target: str, expected: list[tuple[str, str]]) -> None:
    assert s3(method, target) == expected


def test_a_write_needs_more_by_its_headers() -> None:
    assert s3("PUT", "/b/k", x_amz_tagging="a=b", x_amz_object_lock_mode="GOVERNANCE") == [
        ("s3:PutObject", "b/k"),
        ("s3:PutObjectRetention", "b/k"),
        ("s3:PutObjectTagging", "b/k"),
    ]
    assert s3("PUT", "/b/k", x_amz_copy_source="/c/d%20e?versionId=7") == [
        ("s3:PutObject", "b/k"),
        ("s3:GetObjectVersion", "c/d e"),
    ]


def test_what_is_not_in_the_table_of_s3_is_not_passed_over() -> None:
    for method, target in (("POST", "/b"), ("PATCH", "/b/k"), ("DELETE", "/b/k?acl")):
        with pytest.raises(table_s3.UnknownOperation):
            s3(method, target)


def form(body: str, query: str = "") -> calls.Call:
    request = Request("POST", f"/?{query}" if query else "/", Headers(), body.encode(), "id")
    return calls.read(ACCOUNT, REGION, "rds", request)


def test_tags_are_read_however_a_request_spells_them() -> None:
    call = form("Action=CreateDBSnapshot&Tags.Tag.1.Key=run&Tags.Tag.1.Value=7&Tags.Tag.2.Key=owner")
    assert call.operation == "CreateDBSnapshot"
    assert call.tags == {"run": "7", "owner": ""}
    assert form("Action=X&Tags.member.1.Key=run&Tags.member.1.Value=7").tags == {"run": "7"}
    assert form("Action=RemoveTagsFromResource&TagKeys.member.1=run").tag_keys == ("run",)


def test_a_form_that_could_be_read_in_two_ways_is_not_read() -> None:
    assert form("Action=A&Action=B").operation == ""
    assert form("Action=DescribeDBInstances", query="Action=DeleteDBInstance").operation == ""
