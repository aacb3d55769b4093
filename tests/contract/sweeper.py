"""Deletes what runs of the contract suite left in a real account, in both regions.

A thing is the suite's if its name begins with the suite's prefix and it carries the suite's tag; of what may lack the
tag (a copy without tags, the backups of an instance that is gone), if its source was named like the suite's.

    python -m tests.contract.sweeper        whatever any run left, in the account of your credentials
"""

from typing import Any

from botocore.exceptions import ClientError

from tests.contract.cloud import PREFIX, PRIMARY, RECOVERY, TAG, Cloud

UNTIL_LATER = ("InvalidDBInstanceState", "InvalidDBSnapshotState", "InvalidDBInstanceAutomatedBackupState")
NOT_THERE = ("DBInstanceNotFound", "DBSnapshotNotFound", "DBInstanceAutomatedBackupNotFound")
Tags = list[dict[str, str]]


def sweep(cloud: Cloud, run: str | None = None) -> list[str]:
    """Delete what one run left, or what all did; the ARNs of what was deleted. Raises AssertionError for the rest."""
    swept: list[str] = []
    regions = {name: cloud.client("rds", name) for name in (PRIMARY, RECOVERY)}
    # Backups that follow an instance are kept when it goes, so they are told first.
    for kind in (_followers, _instances, _snapshots, _backups, _parameter_groups, _subnet_groups):
        for rds in regions.values():
            swept += kind(cloud, rds, run)
    return swept


def ours(name: str, tags: Tags, run: str | None) -> bool:
    """Whether the name and the tags are both those of the suite (of one run, if it is given)."""
    values = {tag["Value"] for tag in tags if tag["Key"] == TAG}
    return _named(name, run) and bool(values) and run in (None, *values)


def _named(name: str, run: str | None) -> bool:
    return name.startswith(PREFIX) and (run is None or f"-{run}-" in name)


def _all(rds: Any, operation: str, member: str, **given: Any) -> list[dict[str, Any]]:
    pages = rds.get_paginator(operation).paginate(**given)
    return [found for page in pages for found in page[member]]


def _attempt(call: Any, **given: Any) -> bool:
    """Whether it is done: False where it has to be tried again later."""
    try:
        call(**given)
    except ClientError as problem:
        found = problem.response["Error"]["Code"]
        if found in UNTIL_LATER:
            return False
        if found not in NOT_THERE:
            raise
    return True


def _followers(cloud: Cloud, rds: Any, run: str | None) -> list[str]:
    del cloud
    for backup in _all(rds, "describe_db_instance_automated_backups", "DBInstanceAutomatedBackups"):
        if backup["Status"] in ("pending", "replicating") and _named(backup["DBInstanceIdentifier"], run):
            _attempt(rds.stop_db_instance_automated_backups_replication, SourceDBInstanceArn=backup["DBInstanceArn"])
    return []


def _instances(cloud: Cloud, rds: Any, run: str | None) -> list[str]:
    def left() -> list[dict[str, Any]]:
        found = _all(rds, "describe_db_instances", "DBInstances")
        return [one for one in found if ours(one["DBInstanceIdentifier"], one.get("TagList", []), run)]

    arns = [one["DBInstanceArn"] for one in left()]

    def away() -> bool:
        for one in left():
            name = {"DBInstanceIdentifier": one["DBInstanceIdentifier"]}
            if one["DBInstanceStatus"] == "deleting":
                continue
            if one["DeletionProtection"]:
                _attempt(rds.modify_db_instance, **name, DeletionProtection=False)
            else:
                _attempt(rds.delete_db_instance, **name, SkipFinalSnapshot=True, DeleteAutomatedBackups=True)
        return not left()

    cloud.until(away, f"{arns} gone", 2 * 3600)
    return arns


def _snapshots(cloud: Cloud, rds: Any, run: str | None) -> list[str]:
    found = [
        one
        for one in _all(rds, "describe_db_snapshots", "DBSnapshots", SnapshotType="manual")
        if ours(one["DBSnapshotIdentifier"], one.get("TagList", []), run)
        or (_named(one["DBSnapshotIdentifier"], run) and _named(one["DBInstanceIdentifier"], run))
    ]
    for one in found:
        name = one["DBSnapshotIdentifier"]
        cloud.until(
            lambda name=name: _attempt(rds.delete_db_snapshot, DBSnapshotIdentifier=name),  # type: ignore[misc]
            f"{name} deleted",
            2 * 3600,
        )
    return [one["DBSnapshotArn"] for one in found]


def _backups(cloud: Cloud, rds: Any, run: str | None) -> list[str]:
    del cloud
    found = [
        one["DBInstanceAutomatedBackupsArn"]
        for one in _all(rds, "describe_db_instance_automated_backups", "DBInstanceAutomatedBackups")
        if one["Status"] == "retained" and _named(one["DBInstanceIdentifier"], run)
    ]
    for arn in found:
        _attempt(rds.delete_db_instance_automated_backup, DBInstanceAutomatedBackupsArn=arn)
    return found


def _parameter_groups(cloud: Cloud, rds: Any, run: str | None) -> list[str]:
    del cloud
    swept = []
    for group in _all(rds, "describe_db_parameter_groups", "DBParameterGroups"):
        name, arn = group["DBParameterGroupName"], group["DBParameterGroupArn"]
        if _named(name, run) and ours(name, rds.list_tags_for_resource(ResourceName=arn)["TagList"], run):
            rds.delete_db_parameter_group(DBParameterGroupName=name)
            swept.append(arn)
    return swept


def _subnet_groups(cloud: Cloud, rds: Any, run: str | None) -> list[str]:
    del cloud
    swept = []
    for group in _all(rds, "describe_db_subnet_groups", "DBSubnetGroups"):
        name, arn = group["DBSubnetGroupName"], group["DBSubnetGroupArn"]
        if _named(name, run) and ours(name, rds.list_tags_for_resource(ResourceName=arn)["TagList"], run):
            rds.delete_db_subnet_group(DBSubnetGroupName=name)
            swept.append(arn)
    return swept


if __name__ == "__main__":
    for line in sweep(Cloud(None, 1.0)):
        print(line)  # noqa: T201 - a command for people
