"""Every operation that botocore knows, asked for: an answer, or an error that any client of AWS can read.

What the lab lacks it says plainly, and never by a stack trace, a page, an empty answer or silence.
"""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.cloud import RECOVERY, Cloud, a_lab
from tests.contract.conftest import SPEED
from tests.contract.requests import least

pytestmark = pytest.mark.lab_only

LACKING = {
    "s3": ("NotImplemented", 501),
    "kms": ("UnknownOperationException", 400),
    "secretsmanager": ("UnknownOperationException", 400),
    "resourcegroupstaggingapi": ("UnknownOperationException", 400),
}
"""How each service says that it has no such operation; all others say it as the Query protocol does."""
QUERY_LACKING = ("InvalidAction", 400)
SIGNED_FOR_OTHERS = {"ListDirectoryBuckets", "WriteGetObjectResponse"}
"""Signed for other services (S3 Express, S3 Object Lambda), which the lab does not have."""


@pytest.fixture(scope="module")
def spare() -> Iterator[Cloud]:
    """A lab of our own: what a sweep leaves behind must not be in anybody's way."""
    with a_lab(SPEED) as one:
        yield one


Known = Callable[[Any], dict[str, Any]]


def a_bucket(s3: Any) -> dict[str, Any]:
    """A bucket with an object and an upload that waits for its parts."""
    name = f"swept-{uuid.uuid4()}"
    where = {"LocationConstraint": s3.meta.region_name}
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=where)
    s3.put_object(Bucket=name, Key="key", Body=b"swept")
    csv: dict[str, Any] = {"CSV": {}}
    rule = {"ID": "1", "Prefix": "", "Status": "Enabled", "Expiration": {"Days": 1}}
    return {
        "Bucket": name,
        "Key": "key",
        "CopySource": f"{name}/key",
        "UploadId": s3.create_multipart_upload(Bucket=name, Key="upload")["UploadId"],
        "CreateBucketConfiguration": where,
        "VersioningConfiguration": {"Status": "Enabled"},
        "ACL": "private",
        "LifecycleConfiguration": {"Rules": [rule]},
        "RestoreRequest": {"Days": 1},
        "Expression": "SELECT * FROM s3object",
        "ExpressionType": "SQL",
        "InputSerialization": csv,
        "OutputSerialization": csv,
        "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "x"}]},
    }


def a_key(kms: Any) -> dict[str, Any]:
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    grant = kms.create_grant(KeyId=key, GranteePrincipal="arn:aws:iam::123456789012:root", Operations=["Decrypt"])
    return {"KeyId": key, "ReplicaRegion": RECOVERY, "NumberOfBytes": 16, "GrantToken": grant["GrantToken"]}


def a_secret(secrets: Any) -> dict[str, Any]:
    made = secrets.create_secret(Name=f"swept-{uuid.uuid4()}", SecretString="swept")
    return {"SecretId": made["ARN"], "AddReplicaRegions": [{"Region": RECOVERY}], "Tags": [{"Key": "a", "Value": "b"}]}


def a_zone(route53: Any) -> dict[str, Any]:
    made = route53.create_hosted_zone(Name="swept.test", CallerReference=str(uuid.uuid4()))
    zone = made["HostedZone"]["Id"].rpartition("/")[2]
    return {"HostedZoneId": zone, "Id": zone, "Name": "swept.test", "CallerReference": str(uuid.uuid4())}


def nothing(_: Any) -> dict[str, Any]:
    return {}


KNOWN: dict[str, Known] = {
    "rds": nothing,
    "s3": a_bucket,
    "sts": nothing,
    "kms": a_key,
    "secretsmanager": a_secret,
    "route53": a_zone,
    "resourcegroupstaggingapi": nothing,
}


def said(client: Any, method: str, request: dict[str, Any]) -> tuple[str, int, str]:
    """Code (`accepted` for none), status and request id of the answer, as stock boto3 reads them."""
    try:
        answer = getattr(client, method)(**request)
    except ClientError as problem:
        answer = problem.response
    facts = answer["ResponseMetadata"]
    code = str(answer.get("Error", {}).get("Code", "accepted"))
    return code, int(facts["HTTPStatusCode"]), str(facts.get("RequestId", ""))


def unclean(service: str, code: str, status: int, request_id: str) -> bool:
    """Whether no client could make sense of this: a code that is a number is botocore's word for an empty answer."""
    lacking, lacking_status = LACKING.get(service, QUERY_LACKING)
    expected = status == lacking_status if code == lacking else status < 500
    return not (request_id and code and not code.isdigit() and expected)


def asked(cloud: Cloud, service: str, known_of: Known) -> dict[str, tuple[str, int, str]]:
    """What is said to each operation of a service."""
    # Whether the simulated services' answers to what no estate needs have every member is another matter.
    client = cloud.client(service, held=False)
    model = client.meta.service_model
    return {
        operation: said(client, method, least(model.operation_model(operation), known_of(client)))
        for method, operation in client.meta.method_to_api_mapping.items()
        if operation not in SIGNED_FOR_OTHERS
    }


@pytest.mark.behaviour("LAB-LACKS-CLEANLY")
@pytest.mark.parametrize("service", KNOWN)
def test_every_operation_is_answered_or_refused_cleanly(spare: Cloud, service: str) -> None:
    found = asked(spare, service, KNOWN[service])
    assert {operation: answer for operation, answer in found.items() if unclean(service, *answer)} == {}
    lacking, _ = LACKING.get(service, QUERY_LACKING)
    assert {"accepted", lacking} <= {code for code, _, _ in found.values()}


@pytest.mark.soak(30)
@pytest.mark.parametrize("service", ["ec2", "iam", "sns"])
def test_what_the_lab_hardly_needs_is_refused_cleanly_too(spare: Cloud, service: str) -> None:
    """A thousand operations, of which an estate needs ten: here the simulated service may stumble over nonsense, as
    long as it says so like AWS."""
    found = asked(spare, service, nothing)
    stumbled = {"InternalError", "InternalFailure"}
    assert {
        operation: answer
        for operation, answer in found.items()
        if unclean(service, *answer) and not (answer[0] in stumbled and answer[2])
    } == {}


@pytest.mark.behaviour("LAB-S3-NAMES-ITS-SUBRESOURCES")
def test_an_operation_that_s3_lacks_is_not_taken_for_another(spare: Cloud) -> None:
    s3 = spare.client("s3")
    known = a_bucket(s3)
    where = {"Bucket": known["Bucket"]}
    empty = a_bucket(s3)["Bucket"]
    s3.delete_object(Bucket=empty, Key="key")
    spare.refused("NotImplemented", s3.delete_bucket_inventory_configuration, Bucket=empty, Id="weekly")
    s3.head_bucket(Bucket=empty)
    sealed = {"SSEKMS": {"KMSKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/none"}}
    spare.refused("NotImplemented", s3.update_object_encryption, **where, Key="key", ObjectEncryption=sealed)
    assert s3.get_object(**where, Key="key")["Body"].read() == b"swept"
