"""Instances of the contract suite: small ones, named and tagged for the sweeper, and the way into their databases."""

import secrets
from collections.abc import Callable
from typing import Any

import psycopg
from botocore.exceptions import ClientError

from dr import connection as connections
from tests.contract.cloud import PRIMARY, Cloud

MASTER = "owner"
Instance = dict[str, Any]


def password() -> str:
    """A password that nobody used before."""
    return secrets.token_urlsafe(18)


def create(cloud: Cloud, stem: str, *, region: str = PRIMARY, **changes: Any) -> str:
    """Begin to create an instance without backups; returns its name."""
    name = cloud.name(stem)
    given = {
        "DBInstanceIdentifier": name,
        "DBInstanceClass": "db.t4g.micro",
        "Engine": "postgres",
        "AllocatedStorage": 20,
        "MasterUsername": MASTER,
        "BackupRetentionPeriod": 0,
        "PubliclyAccessible": cloud.on_aws,
        "Tags": cloud.tags,
        **changes,
    }
    cloud.client("rds", region).create_db_instance(**given)
    return name


def look(cloud: Cloud, name: str, region: str = PRIMARY) -> Instance:
    found: Instance = cloud.client("rds", region).describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    return found


def until(cloud: Cloud, name: str, region: str, so: Callable[[Instance], Any], what: str) -> Instance:
    """The instance as soon as something is so."""

    def seen() -> Instance | None:
        found = look(cloud, name, region)
        return found if so(found) else None

    return cloud.until(seen, f"{name}: {what}")


def available(cloud: Cloud, name: str, region: str = PRIMARY) -> Instance:
    """The instance as soon as it is available, and nothing that was asked of it is pending."""
    return until(
        cloud,
        name,
        region,
        lambda one: one["DBInstanceStatus"] == "available" and not one["PendingModifiedValues"],
        "available",
    )


def enter(
    cloud: Cloud, instance: Instance, secret: str, *, user: str = MASTER, sslmode: str = "verify-full"
) -> psycopg.Connection:
    """A session in database `postgres`, each statement its own transaction."""
    where = {"host": instance["Endpoint"]["Address"], "port": str(instance["Endpoint"]["Port"])}
    if cloud.home is not None:
        lab = connections.read({connections.VARIABLE: str(cloud.home.connection)})
        where |= {"hostaddr": str(lab.address(where["host"])), "sslrootcert": str(lab.certificate_authority)}
    return psycopg.connect(
        psycopg.conninfo.make_conninfo(
            dbname="postgres", user=user, password=secret, sslmode=sslmode, connect_timeout="10", **where
        ),
        autocommit=True,
    )


def ask(connection: psycopg.Connection, query: str) -> Any:
    """The one value that a query gives."""
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def delete(cloud: Cloud, name: str, region: str = PRIMARY) -> None:
    """Delete an instance, whatever state it is getting into, and see it gone."""
    rds = cloud.client("rds", region)

    def gone() -> bool:
        try:
            if look(cloud, name, region)["DBInstanceStatus"] != "deleting":
                rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        except ClientError as problem:
            code = problem.response["Error"]["Code"]
            if code == "DBInstanceNotFound":
                return True
            if code != "InvalidDBInstanceState":
                raise
        return False

    cloud.until(gone, f"{name} gone")
