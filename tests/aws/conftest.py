"""A lab of our own for the whole session, with what an estate takes for granted, and an Aws that reaches it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from dr.aws.clients import Aws
from dr.connection import Connection
from dr.connection import read as read_connection
from dr.lab import life
from dr.lab.home import Home
from tests.room import public_folder

ACCOUNT = "123456789012"
PRIMARY, RECOVERY = "eu-west-1", "eu-central-1"
GROUP = "firedrill-scratch"
KEY = "alias/firedrill"
SPEED = 300


def eventually(look: Callable[[], Any], *, within: float = 90) -> Any:
    """The first true thing that `look` sees."""
    until = time.monotonic() + within
    while not (seen := look()):
        assert time.monotonic() < until, "not in time"
        time.sleep(0.05)
    return seen


def documents(region: str) -> str:
    return f"orders-documents-{region}"


def scratch(region: str) -> str:
    return f"orders-scratch-{region}"


@cache
def _session() -> boto3.Session:
    """Reading a service's model takes longer than using it."""
    return boto3.Session()


class Raw:
    """Clients that owe nothing to dr.aws: what a test arranges, or checks behind its back, goes through these."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._clients: dict[tuple[str, str], Any] = {}

    def __call__(self, service: str, region: str) -> Any:
        if (service, region) not in self._clients:
            keys = self.connection.credentials
            assert keys
            make: Callable[..., Any] = _session().client
            self._clients[service, region] = make(
                service,
                region_name=region,
                endpoint_url=self.connection.endpoint(service, region),
                aws_access_key_id=keys.access_key_id,
                aws_secret_access_key=keys.secret_access_key,
                config=Config(s3={"addressing_style": "path"}),
            )
        return self._clients[service, region]


@pytest.fixture(scope="package")
def lab() -> Iterator[Path]:
    """The home of a lab that is up; everything it wrote is gone afterwards."""
    top = public_folder("aws")
    home = top / "lab"
    log = (top / "log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "dr.lab.daemon", str(home), "--speed", str(SPEED)], stdout=log, stderr=log
    )
    try:
        eventually(lambda: process.poll() is not None or _ready(home))
        assert process.poll() is None, (top / "log").read_text()
        yield home
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        log.close()
        shutil.rmtree(top)


@contextmanager
def lost_answer(home: Path, region: str, service: str, operation: str) -> Iterator[None]:
    """The next call of an operation takes effect, and nobody hears of it. Fails where no such call came."""
    options = {"region": region, "service": service, "operation": operation, "times": 1}
    life.command(Home(home), "inject", {"name": "lost-response", "options": options})
    yield
    fault = next(one for one in reversed(life.status(Home(home))["faults"]) if one["options"] == options)
    assert fault["met"] == 1, fault


def _ready(home: Path) -> bool:
    record = home / "lab.json"
    return record.exists() and bool(json.loads(record.read_text() or "{}").get("ready"))


@pytest.fixture(scope="package")
def raw(lab: Path) -> Raw:
    """The lab with networks, groups, keys and buckets in both regions, and replication from the one to the other."""
    made = Raw(read_connection({"DR_CONNECTION": str(lab / "connection.json")}))
    for region in (PRIMARY, RECOVERY):
        _groups_and_keys(made, region)
        for bucket in (documents(region), scratch(region)):
            made("s3", region).create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
            made("s3", region).put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    made("s3", PRIMARY).put_bucket_replication(
        Bucket=documents(PRIMARY),
        ReplicationConfiguration={
            "Role": f"arn:aws:iam::{ACCOUNT}:role/replication",
            "Rules": [
                {
                    "ID": "everything",
                    "Priority": 1,
                    "Status": "Enabled",
                    "Filter": {},
                    "DeleteMarkerReplication": {"Status": "Enabled"},
                    "Destination": {"Bucket": f"arn:aws:s3:::{documents(RECOVERY)}"},
                }
            ],
        },
    )
    return made


def _groups_and_keys(raw: Raw, region: str) -> None:
    ec2, rds, kms = raw("ec2", region), raw("rds", region), raw("kms", region)
    network = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [network]}])["Subnets"]
    rds.create_db_subnet_group(
        DBSubnetGroupName=GROUP, DBSubnetGroupDescription="x", SubnetIds=[subnet["SubnetId"] for subnet in subnets]
    )
    made = ec2.create_security_group(GroupName=GROUP, Description="x", VpcId=network)
    everywhere = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.revoke_security_group_egress(GroupId=made["GroupId"], IpPermissions=everywhere)
    nearby = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "172.31.0.0/16"}]}
    ec2.authorize_security_group_ingress(GroupId=made["GroupId"], IpPermissions=[nearby])
    version = rds.describe_db_engine_versions(Engine="postgres", DefaultOnly=True)["DBEngineVersions"][0]
    family = "postgres" + version["EngineVersion"].split(".")[0]
    rds.create_db_parameter_group(DBParameterGroupName=GROUP, DBParameterGroupFamily=family, Description="x")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName=KEY, TargetKeyId=key["KeyId"])


@pytest.fixture(scope="package")
def aws(raw: Raw) -> Aws:
    return Aws(raw.connection, ACCOUNT, environment={})


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests has credentials of their own, perhaps: none of them may matter."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
