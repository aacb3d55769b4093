"""Have the automated backups of a database copied to the recovery site, continuously."""

from dr.aws import backups, rds
from dr.context import Context
from dr.errors import Refused
from dr.events import Thing
from dr.runbook import EnsureReplication


def ensure_replication(step: EnsureReplication, context: Context) -> None:
    """Start the replication of automated backups where it does not run yet.

    Raises Refused when the source takes no automated backups: to switch them on changes production.
    """
    database = context.database(step.asset)
    source = rds.instance(context.aws, context.region("primary"), database.instance)
    if source is None:
        raise Refused(f"instance {database.instance} is not in {context.region('primary')}")
    if source.retention_days == 0:
        raise Refused(
            f"instance {database.instance} takes no automated backups: its retention is 0",
            hint="set its backup retention period; firedrill does not change production in a backup",
        )
    here = context.region(step.site)
    windows = backups.recovery_windows(context.aws, here, step.site, step.asset, resource_id=source.resource_id)
    if any(window.grows for window in windows):
        return
    lasting = context.site(step.site).recovery
    if lasting is None:
        raise Refused(
            f"the {step.site} site has no recovery section", hint="name its kms_key, to encrypt the copies with"
        )
    thing = Thing(kind="replication", name=source.arn, region=here)
    context.intend("StartDBInstanceAutomatedBackupsReplication", thing)
    backups.start_backup_replication(
        context.aws,
        here,
        source.arn,
        lasting.kms_key if source.encrypted else None,
        source.retention_days,
    )
    context.observe("StartDBInstanceAutomatedBackupsReplication", thing)
