"""Databases for the contract tests: small, tagged, and gone afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from tests.contract.cloud import PRIMARY, Cloud

PASSWORD = "correct-horse-battery"
Shown = dict[str, Any]
Tags = list[dict[str, str]]


def order(name: str, **more: Any) -> Shown:
    """What CreateDBInstance needs, for the smallest instance there is."""
    return {
        "DBInstanceIdentifier": name,
        "DBInstanceClass": "db.t4g.micro",
        "Engine": "postgres",
        "AllocatedStorage": 20,
        "MasterUsername": "owner",
        "MasterUserPassword": PASSWORD,
        "BackupRetentionPeriod": 0,
        "PubliclyAccessible": False,
        **more,
    }


def look(cloud: Cloud, name: str, region: str = PRIMARY) -> Shown:
    """An instance as it is now."""
    shown: Shown = cloud.client("rds", region).describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    return shown


def settled(cloud: Cloud, name: str, region: str = PRIMARY, status: str = "available") -> Shown:
    """An instance, once it has this status."""
    client = cloud.client("rds", region)

    def there() -> Shown | None:
        shown: Shown = client.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return shown if shown["DBInstanceStatus"] == status else None

    return cloud.until(there, f"{name} {status}")


def drained(cloud: Cloud, name: str, region: str = PRIMARY) -> Shown:
    """An instance, once nothing is pending any more and it is available."""

    def there() -> Shown | None:
        shown = look(cloud, name, region)
        return shown if shown["DBInstanceStatus"] == "available" and not shown["PendingModifiedValues"] else None

    return cloud.until(there, f"nothing pending for {name}")


def snapshot_settled(cloud: Cloud, name: str, region: str = PRIMARY, status: str = "available") -> Shown:
    """A manual snapshot, once it has this status."""
    client = cloud.client("rds", region)

    def there() -> Shown | None:
        shown: Shown = client.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]
        return shown if shown["Status"] == status else None

    return cloud.until(there, f"{name} {status}", 4 * 3600)


def restorable(cloud: Cloud, name: str, moment: datetime, region: str = PRIMARY) -> datetime:
    """The latest restorable time of an instance, once it has reached a moment."""

    def there() -> datetime | None:
        latest: datetime | None = look(cloud, name, region).get("LatestRestorableTime")
        return latest if latest and latest >= moment else None

    return cloud.until(there, f"{name} restorable to {moment}")


def delete(cloud: Cloud, name: str, region: str = PRIMARY, **more: Any) -> None:
    """Delete an instance, with nothing left of it unless told so, and wait until it is gone."""
    client = cloud.client("rds", region)
    client.delete_db_instance(DBInstanceIdentifier=name, **{"SkipFinalSnapshot": True, **more})
    gone(cloud, name, region)


def gone(cloud: Cloud, name: str, region: str = PRIMARY) -> None:
    """Wait until an instance does not exist any more."""
    client = cloud.client("rds", region)

    def away() -> bool:
        try:
            client.describe_db_instances(DBInstanceIdentifier=name)
        except ClientError as problem:
            if problem.response["Error"]["Code"] == "DBInstanceNotFound":
                return True
            raise
        return False

    cloud.until(away, f"{name} gone")


def code(call: Any, **request: Any) -> str:
    """What a call says: an error code, or `accepted`."""
    try:
        call(**request)
    except ClientError as problem:
        return str(problem.response["Error"]["Code"])
    return "accepted"


@contextmanager
def instance(cloud: Cloud, stem: str, tags: Tags | None = None, **more: Any) -> Iterator[Shown]:
    """An instance in the primary region, for as long as it is needed."""
    name = cloud.name(stem)
    cloud.client("rds").create_db_instance(**order(name, Tags=tags or cloud.tags, **more))
    try:
        yield settled(cloud, name)
    finally:
        delete(cloud, name)
