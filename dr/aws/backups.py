"""Automated backups: from when to when a database can be restored, in its own region and in the one they go to."""

from collections.abc import Iterator, Mapping
from typing import Any

from dr.aws import rds
from dr.aws.clients import Aws
from dr.errors import AwsError
from dr.estate import SiteName
from dr.recovery import RecoveryWindow

_SENT = ("pending", "replicating", "active", "creating")
"""Statuses of automated backups that are, or are about to be, sent to a region; `retained` ones no longer are."""


def recovery_windows(
    aws: Aws,
    region: str,
    site: SiteName,
    asset: str,
    *,
    resource_id: str | None = None,
    source_instance: str | None = None,
) -> list[RecoveryWindow]:
    """The windows that a region holds of a database: of itself, replicated to here, or retained after its deletion.

    A replicated one carries its ARN, the only name by which it can be restored here; one of this region carries none,
    because there the resource id is the name to restore by. By instance name alone, an earlier bearer of the name has
    windows as well: give the resource id where it is known.
    """
    parameters: dict[str, str] = {}
    if resource_id:
        parameters["DbiResourceId"] = resource_id
    if source_instance:
        parameters["DBInstanceIdentifier"] = source_instance.lower()
    found = _all(aws, region, f"automated backups of {asset}", **parameters)
    windows = [_read(one, region, site, asset) for one in found]
    # What still grows comes first: a retained window never reaches a new instant.
    return sorted(windows, key=lambda window: not window.grows)


def start_backup_replication(
    aws: Aws,
    region: str,
    source_arn: str,
    kms_key: str | None,
    retention_days: int,
) -> str:
    """Have automated backups sent to this region from now on, and return the ARN that they have here.

    Called in the region that they go to; where they are sent already, nothing is changed. The first window opens only
    when the first backup has arrived.
    """
    if there := sent(aws, region, source_arn):
        return there
    parameters: dict[str, Any] = {"KmsKeyId": kms_key} if kms_key else {}
    try:
        answer = aws.change(
            "rds",
            region,
            "StartDBInstanceAutomatedBackupsReplication",
            f"automated backups of {source_arn}",
            role="recover",
            patient=True,
            SourceDBInstanceArn=source_arn,
            BackupRetentionPeriod=retention_days,
            **parameters,
        )
    except AwsError:
        # Whatever was said, or was not: where they are sent now, there is nothing left to ask for.
        if there := sent(aws, region, source_arn):
            return there
        raise
    return str(answer["DBInstanceAutomatedBackup"]["DBInstanceAutomatedBackupsArn"])


def sent(aws: Aws, region: str, source_arn: str) -> str | None:
    """The ARN under which a region receives a source's automated backups now; None where they are not sent."""
    name = source_arn.rpartition(":")[2]
    for there in _all(aws, region, f"automated backups of {name}", DBInstanceIdentifier=name):
        if there.get("DBInstanceArn") == source_arn and there.get("Status") in _SENT:
            return str(there["DBInstanceAutomatedBackupsArn"])
    return None


def _all(aws: Aws, region: str, about: str, **parameters: Any) -> Iterator[dict[str, Any]]:
    operation, key = "DescribeDBInstanceAutomatedBackups", "DBInstanceAutomatedBackups"
    return rds.each(aws, region, operation, key, about, **parameters)


def _read(raw: Mapping[str, Any], region: str, site: SiteName, asset: str) -> RecoveryWindow:
    window = raw.get("RestoreWindow") or {}
    source_region = raw.get("DBInstanceArn", "").split(":")[3:4] or [raw.get("Region", region)]
    return RecoveryWindow(
        asset=asset,
        site=site,
        backup_arn=raw.get("DBInstanceAutomatedBackupsArn") if source_region != [region] else None,
        resource_id=raw["DbiResourceId"],
        earliest=rds.utc_or_none(window.get("EarliestTime")),
        latest=rds.utc_or_none(window.get("LatestTime")),
        encrypted=raw.get("Encrypted", False),
        status=raw.get("Status", "unknown"),
        kms_key=raw.get("KmsKeyId"),
        retention_days=raw.get("BackupRetentionPeriod"),
    )
