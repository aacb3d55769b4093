"""The table of error codes, held against the service models that declare them."""

import botocore.session
import pytest
from botocore.retries.standard import ThrottledRetryableChecker

from dr.aws import codes
from dr.aws.codes import hint, kind, missing

SERVICES = ("rds", "s3", "kms", "secretsmanager", "sts", "ec2", "resourcegroupstaggingapi")


@pytest.mark.parametrize("service", SERVICES)
def test_the_wire_code_means_what_its_shape_means(service: str) -> None:
    shapes = botocore.session.get_session().get_service_model(service).error_shapes
    wire = {shape.name: shape.metadata.get("error", {}).get("code", shape.name) for shape in shapes}
    assert {name: (kind(name), missing(name)) for name in wire} == {
        name: (kind(code), missing(code)) for name, code in wire.items()
    }


def test_every_declared_trouble_of_a_restore_has_a_hint_or_a_kind() -> None:
    model = botocore.session.get_session().get_service_model("rds")
    for operation in ("RestoreDBInstanceToPointInTime", "RestoreDBInstanceFromDBSnapshot", "CopyDBSnapshot"):
        for shape in model.operation_model(operation).error_shapes:
            assert hint(shape.metadata["error"]["code"], "rds", operation)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("Throttling", "transient"),
        ("ThrottlingException", "transient"),
        ("RequestLimitExceeded", "transient"),
        ("ServiceUnavailable", "transient"),
        ("InternalFailure", "transient"),
        ("SlowDown", "transient"),
        ("ConditionalRequestConflict", "transient"),
        ("PriorRequestNotComplete", "transient"),
        ("ResponseParserError", "transient"),
        ("ReadTimeoutError", "transient"),
        ("InvalidDBInstanceState", "wait"),
        ("InvalidDBSubnetGroupStateFault", "wait"),
        ("InvalidDBInstanceAutomatedBackupState", "wait"),
        ("DependencyViolation", "wait"),
        ("KMSInvalidStateException", "wait"),
        ("DBInstanceAlreadyExists", "already"),
        ("DBClusterAlreadyExistsFault", "already"),
        ("PreconditionFailed", "already"),
        ("InsufficientDBInstanceCapacity", "capacity"),
        ("InsufficientDBClusterCapacityFault", "capacity"),
        ("DBSubnetGroupDoesNotCoverEnoughAZs", "capacity"),
        ("InstanceQuotaExceeded", "quota"),
        ("QuotaExceeded.DBSecurityGroup", "quota"),
        ("KMSKeyNotAccessibleFault", "permanent"),
        ("InvalidParameterCombination", "permanent"),
        ("AccessDenied", "permanent"),
        ("SomethingNewFault", "permanent"),
    ],
)
def test_kinds(code: str, expected: str) -> None:
    assert kind(code) == expected


@pytest.mark.parametrize(
    "code", ["404", "NoSuchBucket", "NoSuchVersion", "InvalidGroup.NotFound", "DBSubnetGroupNotFoundFault"]
)
def test_missing(code: str) -> None:
    assert missing(code)


@pytest.mark.parametrize("code", ["ProfileNotFound", "ConfigNotFound", "AccessDenied", "403", "InvalidDBInstanceState"])
def test_not_missing(code: str) -> None:
    assert not missing(code)


def test_a_refusal_names_the_action_to_allow() -> None:
    assert "rds:CopyDBSnapshot" in hint("AccessDenied", "rds", "CopyDBSnapshot")
    assert "s3:ListBucketVersions" in hint("AccessDenied", "s3", "ListObjectVersions")
    assert "kms:DescribeKey" in hint("AccessDeniedException", "kms", "DescribeKey")


def test_the_tables_do_not_overlap() -> None:
    tables = [codes.TRANSIENT, codes.WAIT, codes.CAPACITY, codes.CREDENTIALS, codes.DENIED, codes.MISSING]
    assert len(frozenset().union(*tables)) == sum(len(table) for table in tables)


def test_what_botocore_calls_throttling_is_throttling() -> None:
    said = set(ThrottledRetryableChecker._THROTTLED_ERROR_CODES)
    # A transaction under way is no throttling; and what is over its limit, AWS says of quotas too.
    others = {"TransactionInProgressException", "LimitExceededException"}
    assert {code for code in said if not codes.throttled(code)} == others
    assert codes.TRANSIENT | {"EC2Throttled"} >= codes.THROTTLED
