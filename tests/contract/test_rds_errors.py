"""What is no request, and what the lab does not do: an error that a client can read, and the server lives."""

import random
import re
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from dr import connection as connections
from dr.lab.rds.server import OPERATIONS
from tests.contract.cloud import PRIMARY, Cloud
from tests.contract.small_instances import code

HERE = Path(__file__).parent
VERSION = "2014-10-31"
SEEDS = 60


def post(cloud: Cloud, body: bytes, *, sign: bool = True) -> tuple[int, str]:
    """The status and the error code for a body, whatever it is, signed like any request of ours."""
    assert cloud.home is not None
    found = connections.read({connections.VARIABLE: str(cloud.home.connection)})
    assert found.credentials is not None
    url = str(found.endpoint("rds", PRIMARY))
    kind = "application/x-www-form-urlencoded; charset=utf-8"
    request = AWSRequest("POST", url, {"Content-Type": kind}, body)
    if sign:
        mine = Credentials(found.credentials.access_key_id, found.credentials.secret_access_key)
        SigV4Auth(mine, "rds", PRIMARY).add_auth(request)
    http = HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        http.request("POST", "/", body, dict(request.headers.items()))
        answer = http.getresponse()
        text = answer.read()
    finally:
        http.close()
    tree = ElementTree.fromstring(text)  # noqa: S314 - our own lab answers
    codes = [element.text or "" for element in tree.iter() if element.tag.rpartition("}")[2] == "Code"]
    return answer.status, codes[0] if codes else "accepted"


def form(action: str, **fields: str) -> bytes:
    return urlencode({"Action": action, "Version": VERSION, **fields}).encode()


@pytest.mark.lab_only
@pytest.mark.behaviour("RDS-MALFORMED")
@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"", "MissingAction"),
        (b"\x00\xff\xfe\x80 garbage", "MalformedInput"),
        (b"Action=DescribeDBInstances&Filters=%ff%fe", "MalformedInput"),
        (b"Action=DescribeDBInstances&" + b"N" * 900_000 + b"=1", "accepted"),
        (b"Action=DescribeDBInstances&" + b"N" * 1_100_000 + b"=1", "MalformedInput"),
        (b"Action=DescribeDBInstances" + b"&Filters.Filter" + b".1" * 50_000 + b"=x", "MissingParameter"),
        (form("DescribeDBInstances", **{"Filters.Filter.99999999999999999999.Name": "x"}), "accepted"),
        (form("DescribeDBInstances", **{"Filters.Filter.-1.Name": "x"}), "accepted"),
        (form("DescribeDBInstances", MaxRecords="-1"), "InvalidParameterValue"),
        (form("DescribeDBInstances", MaxRecords="9" * 400), "MalformedInput"),
        (form("DescribeDBInstances", MaxRecords="٤٢"), "MalformedInput"),
        (form("DescribeDBInstances", DBInstanceIdentifier="a\x00b"), "DBInstanceNotFound"),
        (form("DescribeEvents", EndTime="0001-01-01T00:00:00Z"), "accepted"),
        (form("DescribeEvents", StartTime="9999-12-31T23:59:59-14:00"), "MalformedInput"),
        (form("DescribeEvents", Duration="-5"), "InvalidParameterValue"),
        (form("DeleteDBInstance", DBInstanceIdentifier="x", SkipFinalSnapshot="maybe"), "MalformedInput"),
        (form("AddTagsToResource", ResourceName="arn:aws:rds:", **{"Tags.Tag.1.Key": "k"}), "InvalidParameterValue"),
    ],
)
def test_what_is_no_request_is_an_error_of_the_sender(cloud: Cloud, body: bytes, refusal: str) -> None:
    status, found = post(cloud, body)
    assert found == refusal
    assert status < 500
    assert code(cloud.client("rds").describe_db_instances) == "accepted"


@pytest.mark.lab_only
@pytest.mark.behaviour("RDS-MANY-INDEXES")
def test_a_request_of_many_indexes_costs_no_more_than_its_length(cloud: Cloud) -> None:
    fields = {f"Filters.Filter.{number}.Values.Value.1": "x" for number in range(1, 2400)}
    fields |= {f"Filters.Filter.{number}.Name": "colour" for number in range(1, 2400)}
    # Read name by name against every index this took 1.48 s; read as a tree it took 0.045 s.
    assert post(cloud, form("DescribeDBInstances", **fields)) == (400, "InvalidParameterValue")


@pytest.mark.lab_only
@pytest.mark.behaviour("RDS-UNSIGNED")
def test_without_a_signature_nothing_is_answered(cloud: Cloud) -> None:
    assert post(cloud, form("DescribeDBInstances"), sign=False) == (403, "MissingAuthenticationToken")


@pytest.mark.lab_only
@pytest.mark.behaviour("RDS-NOISE")
def test_noise_is_never_more_than_a_refusal(cloud: Cloud) -> None:
    seed = random.randrange(10**9)  # noqa: S311 - noise, not secrets
    chance = random.Random(seed)  # noqa: S311
    reading = sorted(name for name in OPERATIONS if name.startswith(("Describe", "List", "Copy", "Delete", "Restore")))
    values = [
        "",
        "-1",
        "0",
        "\x00",
        "\u202e",
        "9" * 18,
        "true",
        "a" * 3000,
        "arn:aws:rds:eu-west-1:1:db:",
        "%",
        "'\"<>",
    ]
    names = ["DBInstanceIdentifier", "DBSnapshotIdentifier", "DbiResourceId", "MaxRecords", "Filters.Filter.1.Name"]
    names += ["SourceDBSnapshotIdentifier", "TargetDBSnapshotIdentifier", "RestoreTime", "Tags.Tag.1.Key", "KmsKeyId"]
    names += ["ResourceName", "TargetDBInstanceIdentifier", "UseLatestRestorableTime", "AllocatedStorage", "Iops"]
    for _ in range(SEEDS):
        fields = {name: chance.choice(values) for name in chance.sample(names, 6)}
        status, found = post(cloud, form(chance.choice(reading), **fields))
        assert status < 500, (seed, fields, found)


@pytest.mark.behaviour("RDS-UNKNOWN-OPERATION")
def test_an_operation_that_is_none_is_a_clean_error(cloud: Cloud) -> None:
    refused = cloud.refused("InvalidAction", _unheard_of(cloud.client("rds")))
    assert refused.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def _unheard_of(client: Any) -> Any:
    """A call that goes out under the name of an operation that does not exist."""

    def rename(params: dict[str, Any], **_: Any) -> None:
        params["body"]["Action"] = "ExplodeDBInstance"

    client.meta.events.register("before-call.rds.DescribeDBInstances", rename)
    return client.describe_db_instances


@pytest.mark.lab_only
@pytest.mark.behaviour("RDS-NOT-IN-THE-LAB")
def test_what_the_lab_lacks_is_said_as_plainly(rds: Any) -> None:
    assert "DescribeDBProxies" not in OPERATIONS
    assert code(rds.describe_db_proxies) == "InvalidAction"


def test_every_operation_of_the_lab_is_called_by_the_suite() -> None:
    """By stock boto3, whose clients hold every answer to the model. That each is also answered is the tests' affair."""
    written = "".join(file.read_text() for file in sorted(HERE.glob("*.py")))
    called = {name.replace("_", "") for name in re.findall(r"\.([a-z]+(?:_[a-z]+)+)\b", written)}
    called |= {name.replace("_", "") for name in re.findall(r"paginate|\"(describe_[a-z_]+)\"", written) if name}
    assert {name for name in OPERATIONS if name.lower() not in called} == set()
