"""What the recovery site itself says of a database's backups, asked before anything is restored. (L0)

A promise that is broken fails the run's verdict and does not stop it: the restore goes on as far as it can, because
what comes back late or under the wrong key is still what one has. Only the site that is restored in is called.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from dr import promises
from dr.aws import ec2, kms, rds
from dr.context import Context
from dr.errors import Refused
from dr.estate import Lasting
from dr.promises import CHECK, KeyState, SiteSays
from dr.records import BackupRecord
from dr.recovery import RecoveryPoint, RecoveryWindow, stamp
from dr.verification import Finding, asked

FORCED_TLS = "rds.force_ssl"


def of_a_database(
    context: Context, asset: str, says: SiteSays, source: RecoveryPoint | RecoveryWindow, known: list[BackupRecord]
) -> list[Finding]:
    """Every promise about one database. `source`: what it will be restored from; `known`: committed backups."""
    promised = context.application.objectives
    records = [
        one for one in known if asset in one.databases and one.databases[asset].source.resource_id == says.resource_id
    ]
    committed = {one.databases[asset].snapshot: one.committed_at for one in records}
    found = list(promises.of_the_site(asset, says, source, committed, rpo=promised.rpo, retention=promised.retention))
    if source.encrypted:
        found += asked(CHECK, "L0", asset, lambda: [_key(context, asset, says.region, source)])
    if records:
        newest = max(records, key=lambda one: one.instant)
        seen = f"by {newest.run}, before {stamp(newest.committed_at)}"
        found += promises.of_the_source(asset, context.database(asset).promises, newest.databases[asset].source, seen)
    return found


def of_the_place(context: Context, region: str, lasting: Lasting | None) -> list[Finding]:
    """What a failover would build with, and whether there is room for it."""
    application = context.plan.application

    def place() -> Iterator[Finding]:
        if lasting is not None:
            missing, tls = _missing(context, region, lasting)
            yield promises.of_the_place(application, region, missing, tls, lasting.parameter_group)
        count = len(context.plan.databases)
        needed = {"DBInstances": count, "ManualSnapshots": count}
        yield promises.of_the_quota(application, region, rds.quotas(context.aws, region), needed)

    return asked(CHECK, "L0", application, place)


def says_of(
    region: str,
    before: datetime,
    after: datetime,
    resource_id: str,
    window: RecoveryWindow,
    points: Mapping[str, RecoveryPoint],
) -> SiteSays:
    mine = tuple(point for point in points.values() if point.asset == window.asset)
    return SiteSays(region=region, asked_at=before, told_at=after, resource_id=resource_id, window=window, points=mine)


def _key(context: Context, asset: str, region: str, source: RecoveryPoint | RecoveryWindow) -> Finding:
    found = kms.key(context.aws, region, source.kms_key) if source.kms_key else None
    state = KeyState(arn=found.arn if found else None, state=found.state if found else None)
    return promises.of_the_key(asset, source, region, state)


def _missing(context: Context, region: str, lasting: Lasting) -> tuple[list[str], str | None]:
    """What of the recovery section is not there, and what its parameter group says of TLS."""
    missing = []
    if rds.subnet_group(context.aws, region, lasting.subnet_group) is None:
        missing.append(f"subnet group {lasting.subnet_group}")
    try:
        ec2.security_group(context.aws, region, lasting.security_group)
    except Refused:
        missing.append(f"security group {lasting.security_group}")
    key = kms.key(context.aws, region, lasting.kms_key)
    if key is None or not key.enabled:
        missing.append(f"an enabled key {lasting.kms_key}")
    if rds.parameter_group(context.aws, region, lasting.parameter_group) is None:
        return [*missing, f"parameter group {lasting.parameter_group}"], None
    return missing, rds.parameters(context.aws, region, lasting.parameter_group, FORCED_TLS).get(FORCED_TLS)
