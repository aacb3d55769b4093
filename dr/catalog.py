"""What a site really holds, looked up: recovery windows, recovery points, and the records of committed backups."""

from pydantic import ValidationError

from dr.aws import backups, s3, snapshots
from dr.aws.clients import Aws
from dr.beats import HeartbeatObject, newest_of, read_object
from dr.errors import AwsError, Refused
from dr.estate import Application, SiteName
from dr.plan import Plan
from dr.records import BackupRecord, Limits
from dr.recovery import RecoveryPoint, RecoveryWindow
from dr.store import Store

LARGEST_HEARTBEAT = 65_536
"""Bytes. Ours has less than a hundred; but whoever may write to production's bucket may write this object."""


def records(store: Store, application: str) -> list[BackupRecord]:
    """Every committed backup of an application. Raises Refused for a record that cannot be read."""
    return [record(store, name) for name in store.names(f"backups/{application}/")]


def record(store: Store, name: str) -> BackupRecord:
    """One committed backup. Raises Refused for a record that cannot be read."""
    try:
        return BackupRecord.model_validate_json(store.read(name))
    except ValidationError as problem:
        raise Refused(
            f"control store: {name} in {store.shown} is not a backup record",
            hint="it was changed or cut short; move it away to go on without that backup",
        ) from problem


def sources(aws: Aws, plan: Plan, application: Application, known: list[BackupRecord]) -> dict[str, str]:
    """asset -> resource id of its source: as the newest backup recorded it, else as the site's own backups name it.

    The source itself is not asked: its region may be the one that is lost.
    """
    found: dict[str, str] = {}
    for record in sorted(known, key=lambda one: one.instant):
        found |= {asset: database.source.resource_id for asset, database in record.databases.items()}
    for asset in plan.databases:
        if asset not in found:
            instance = application.databases[asset].instance
            held = backups.recovery_windows(aws, plan.region(plan.site), plan.site, asset, source_instance=instance)
            if not held:
                raise Refused(
                    f"{asset}: {plan.region(plan.site)} holds no automated backup of instance {instance}",
                    hint="run `dr backup` first, or look at the instance name in the estate",
                )
            found[asset] = held[0].resource_id
    return found


def limits(aws: Aws, plan: Plan, application: Application, sources: dict[str, str]) -> Limits:
    """How far each asset of a plan can be restored in the plan's site. `sources`: asset -> resource id."""
    region = plan.region(plan.site)
    named = {
        asset: bucket.bucket if plan.site == "primary" else bucket.copy_
        for asset, bucket in application.buckets.items()
        if asset in plan.buckets
    }
    objects = {
        asset: _heartbeat(aws, region, bucket, application.buckets[asset].heartbeat) for asset, bucket in named.items()
    }
    told = [one for one in objects.values() if one is not None]
    alone = len(application.databases) == 1
    return Limits(
        windows={asset: window(aws, region, plan.site, asset, sources[asset]) for asset in plan.databases},
        objects={asset: one.at if one else None for asset, one in objects.items()},
        beats={asset: beat for asset in plan.databases if (beat := newest_of(told, asset, alone=alone)) is not None},
    )


def window(aws: Aws, region: str, site: SiteName, asset: str, resource_id: str) -> RecoveryWindow:
    """The recovery window of one source in one site. Raises Refused when the site holds no automated backup of it."""
    found = backups.recovery_windows(aws, region, site, asset, resource_id=resource_id)
    if not found:
        raise Refused(
            f"{asset}: no automated backup of {resource_id} in {region}",
            hint="`dr backup` starts the replication; give it time to arrive",
        )
    return found[0]


def points(aws: Aws, region: str, site: SiteName, asset: str, instance: str, resource_id: str) -> list[RecoveryPoint]:
    """The snapshots and copies of one database in one site: of this source, not of an earlier bearer of its name."""
    return snapshots.recovery_points(aws, region, site, asset, instance, resource_id=resource_id)


def _heartbeat(aws: Aws, region: str, bucket: str, key: str) -> HeartbeatObject | None:
    """The newest heartbeat object in a bucket; None when it has none.

    Raises Refused for an object that is none.
    """
    try:
        content = s3.read(aws, region, bucket, key, most=LARGEST_HEARTBEAT)
    except AwsError as problem:
        if problem.code in ("NoSuchKey", "404"):
            return None
        raise
    try:
        return read_object(content)
    except ValueError as problem:
        raise Refused(
            f"s3://{bucket}/{key} is not a heartbeat object", hint="does something else write this key?"
        ) from problem
