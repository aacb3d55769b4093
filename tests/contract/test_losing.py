"""What a client meets when a region, a service or an answer is lost, and what an instance then says of itself."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
    WaiterError,
)

from dr import connection as connections
from dr.lab import life
from tests.contract.cloud import Cloud

PASSWORD = "correct-horse-battery"
SILENCE = 0.5
pytestmark = pytest.mark.lab_only


@contextmanager
def outage(cloud: Cloud, mode: str, region: str, service: str | None = None, delay: float = 0.0) -> Iterator[None]:
    assert cloud.home is not None
    asked = {"region": region, "mode": mode, "service": service, "delay": delay}
    life.command(cloud.home, "outage", asked)
    try:
        yield
    finally:
        life.command(cloud.home, "heal", {"region": region})


@contextmanager
def fault(cloud: Cloud, name: str, **options: Any) -> Iterator[None]:
    assert cloud.home is not None
    life.command(cloud.home, "inject", {"name": name, "options": options})
    try:
        yield
    finally:
        life.command(cloud.home, "clear", {"name": name})


def asking(cloud: Cloud, patience: float = 20.0) -> Callable[[], Any]:
    """A call that changes nothing, with botocore's `standard` retries: three attempts."""
    retries: Any = {"mode": "standard", "total_max_attempts": 3}
    config = Config(connect_timeout=patience, read_timeout=patience, retries=retries)
    return cloud.client("rds", config=config).describe_db_instances  # type: ignore[no-any-return]


def requests(cloud: Cloud, service: str = "rds") -> int:
    assert cloud.home is not None
    return int(life.status(cloud.home)["requests"][cloud.primary].get(service, 0))


@pytest.mark.behaviour("LOSS-REFUSED-IS-QUICK")
def test_a_refused_connection_is_learnt_at_once(cloud: Cloud) -> None:
    call = asking(cloud)
    call()
    with outage(cloud, "refuse", cloud.primary):
        began = time.monotonic()
        with pytest.raises(EndpointConnectionError):
            call()
        assert time.monotonic() - began < 10  # far from three times the timeout


@pytest.mark.behaviour("LOSS-BLACKHOLE-COSTS-TIMEOUT-TIMES-ATTEMPTS")
def test_a_blackhole_costs_the_read_timeout_times_the_attempts(cloud: Cloud) -> None:
    call, before = asking(cloud, patience=SILENCE), requests(cloud)
    with outage(cloud, "blackhole", cloud.primary):
        began = time.monotonic()
        with pytest.raises(ReadTimeoutError):
            call()
        assert time.monotonic() - began >= 3 * SILENCE
    assert requests(cloud) - before == 3


@pytest.mark.behaviour("LOSS-503-IS-RETRIED")
def test_a_503_is_retried_and_then_told(cloud: Cloud) -> None:
    call, before = asking(cloud), requests(cloud)
    with outage(cloud, "error", cloud.primary, "rds"), pytest.raises(ClientError) as caught:
        call()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert requests(cloud) - before == 3


@pytest.mark.behaviour("LOSS-THROTTLING-GIVES-UP-SOON")
def test_throttling_is_given_up_after_three_attempts(cloud: Cloud) -> None:
    call, before = asking(cloud), requests(cloud)
    with fault(cloud, "throttle-storm", region=cloud.primary, service="rds", calls=4):
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["Error"]["Code"] == "Throttling"
        call()  # one throttled call is left: the second attempt gets through
    assert requests(cloud) - before == 5


@pytest.mark.behaviour("LOSS-GLOBAL-ENDPOINT-ALONE")
def test_the_global_endpoint_fails_alone(cloud: Cloud) -> None:
    route53 = cloud.client("route53")
    route53.list_hosted_zones()
    with outage(cloud, "refuse", "global"):
        # The first attempt meets the reset of the connection that stood, every later one a closed port.
        with pytest.raises((ConnectionClosedError, EndpointConnectionError)):
            route53.list_hosted_zones()
        asking(cloud)()
    route53.list_hosted_zones()


@pytest.mark.behaviour("LOSS-RESPONSE-LOST-EFFECT-STAYS")
def test_a_lost_response_leaves_its_effect(cloud: Cloud) -> None:
    rds, name = cloud.client("rds"), cloud.name("lost")
    given = {
        "DBParameterGroupName": name,
        "DBParameterGroupFamily": rds.describe_db_engine_versions(Engine="postgres")["DBEngineVersions"][0][
            "DBParameterGroupFamily"
        ],
        "Description": "made, and nobody was told",
        "Tags": cloud.tags,
    }
    lost = fault(cloud, "lost-response", region=cloud.primary, service="rds", operation="CreateDBParameterGroup")
    with lost, pytest.raises(ConnectionClosedError):
        rds.create_db_parameter_group(**given)
    cloud.refused("DBParameterGroupAlreadyExists", rds.create_db_parameter_group, **given)
    rds.delete_db_parameter_group(DBParameterGroupName=name)


@pytest.mark.behaviour("LOSS-CAPACITY-IS-PER-CLASS")
def test_no_capacity_for_one_class_leaves_the_next(cloud: Cloud) -> None:
    rds, name = cloud.client("rds", cloud.recovery), cloud.name("small")
    given = {
        "DBInstanceIdentifier": name,
        "Engine": "postgres",
        "AllocatedStorage": 20,
        "MasterUsername": "owner",
        "MasterUserPassword": PASSWORD,
        "BackupRetentionPeriod": 0,
        "Tags": cloud.tags,
    }
    with fault(cloud, "no-capacity", **{"region": cloud.recovery, "class": "db.t4g.medium", "times": 5}):
        cloud.refused(
            "InsufficientDBInstanceCapacity", rds.create_db_instance, DBInstanceClass="db.t4g.medium", **given
        )
        with fault(cloud, "quota", region=cloud.recovery, quota="instances", value=0):
            cloud.refused("InstanceQuotaExceeded", rds.create_db_instance, DBInstanceClass="db.m6g.large", **given)
        rds.create_db_instance(DBInstanceClass="db.m6g.large", **given)
    cloud.until(lambda: _available(rds, name), f"{name} available")
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


@pytest.fixture(scope="module")
def instance(cloud: Cloud) -> Iterator[dict[str, Any]]:
    """An instance behind a security group of its own, which lets this machine in."""
    ec2, rds, name = cloud.client("ec2"), cloud.client("rds"), cloud.name("reached")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName=name, Description="of one test", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[RULE])
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        Engine="postgres",
        DBInstanceClass="db.t4g.medium",
        AllocatedStorage=20,
        MasterUsername="owner",
        MasterUserPassword=PASSWORD,
        BackupRetentionPeriod=0,
        VpcSecurityGroupIds=[group],
        Tags=cloud.tags,
    )
    found = cloud.until(lambda: _available(rds, name), f"{name} available")
    yield found
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


RULE = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "127.0.0.1/32"}]}


def _available(rds: Any, name: str) -> dict[str, Any] | None:
    (found,) = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    return dict(found) if found["DBInstanceStatus"] == "available" else None


def enter(cloud: Cloud, instance: dict[str, Any], patience: int = 20) -> psycopg.Connection:
    assert cloud.home is not None
    connection = connections.read({connections.VARIABLE: str(cloud.home.connection)})
    return psycopg.connect(
        host=instance["Endpoint"]["Address"],
        hostaddr="127.0.0.1",
        port=instance["Endpoint"]["Port"],
        dbname="postgres",
        user="owner",
        password=PASSWORD,
        sslmode="verify-full",
        sslrootcert=str(connection.certificate_authority),
        connect_timeout=patience,
        autocommit=True,
    )


@pytest.mark.behaviour("LOSS-SECURITY-GROUP-KEEPS-ESTABLISHED")
def test_revoking_a_rule_keeps_established_connections(cloud: Cloud, instance: dict[str, Any]) -> None:
    ec2, group = cloud.client("ec2"), instance["VpcSecurityGroups"][0]["VpcSecurityGroupId"]
    with enter(cloud, instance) as established:
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[RULE])
        assert established.execute("select 1").fetchone() == (1,)
        with pytest.raises(psycopg.OperationalError, match="timeout"):
            enter(cloud, instance, patience=2)
        assert established.execute("select 2").fetchone() == (2,)
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[RULE])
        enter(cloud, instance).close()


@pytest.mark.behaviour("LOSS-DATABASES-GO-WITH-THE-REGION")
def test_the_databases_of_a_lost_region_are_lost_too(cloud: Cloud, instance: dict[str, Any]) -> None:
    assert cloud.home is not None
    established = enter(cloud, instance)
    with outage(cloud, "blackhole", cloud.primary):
        before = life.status(cloud.home)["database_connections_accepted"][cloud.primary]
        with pytest.raises(psycopg.OperationalError, match="timeout"):
            enter(cloud, instance, patience=2)
        after = life.status(cloud.home)["database_connections_accepted"][cloud.primary]
        assert after == before + 1
    assert established.execute("select 1").fetchone() == (1,)  # it fell silent, and goes on
    with outage(cloud, "error", cloud.primary):
        with pytest.raises(psycopg.errors.AdminShutdown):
            established.execute("select 1")
        with pytest.raises(psycopg.OperationalError, match="refused"):
            enter(cloud, instance)
    with enter(cloud, instance) as established, outage(cloud, "refuse", cloud.primary, "databases"):
        asking(cloud)()  # the API is there
        with pytest.raises(psycopg.OperationalError):
            established.execute("select 1")
    with enter(cloud, instance) as established, outage(cloud, "slow", cloud.primary, delay=0.3):
        began = time.monotonic()
        established.execute("select 1")
        assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("status", ["restore-error", "storage-full", "firedrill-unheard-of"])
@pytest.mark.behaviour("LOSS-WAITER-MISSES-STATUSES")
def test_the_waiter_does_not_know_some_failures(cloud: Cloud, instance: dict[str, Any], status: str) -> None:
    rds, name = cloud.client("rds"), instance["DBInstanceIdentifier"]
    with fault(cloud, "instance-status", region=cloud.primary, instance=name, status=status):
        assert rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["DBInstanceStatus"] == status
        with pytest.raises(WaiterError, match="Max attempts exceeded"):
            rds.get_waiter("db_instance_available").wait(
                DBInstanceIdentifier=name, WaiterConfig={"Delay": 0, "MaxAttempts": 3}
            )
        snapshot = {"DBInstanceIdentifier": name, "DBSnapshotIdentifier": cloud.name("never")}
        cloud.refused("InvalidDBInstanceState", rds.create_db_snapshot, **snapshot)
    assert _available(rds, name)
