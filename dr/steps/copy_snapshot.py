"""Copy the snapshot to the recovery site, and wait until it is there."""

from dr.aws import snapshots
from dr.claims import tags
from dr.context import Context
from dr.errors import Refused, Unable
from dr.events import Thing
from dr.runbook import CopySnapshot
from dr.waiting import snapshot_available


def copy_snapshot(step: CopySnapshot, context: Context) -> None:
    """Ask the destination region for the copy: it is made there, with a key of that region.

    Raises Unable when the copy arrives unencrypted although its source is not.
    """
    here, home = context.region(step.site), context.region("primary")
    lasting = context.site(step.site).recovery
    if lasting is None:
        raise Refused(
            f"the {step.site} site has no recovery section", hint="name its kms_key, to encrypt the copies with"
        )
    source = snapshots.snapshot(context.aws, home, step.snapshot)
    if source is None:
        raise Unable(f"snapshot {step.snapshot} is not in {home}")
    thing = Thing(kind="snapshot", name=step.snapshot, region=here)
    context.intend("CopyDBSnapshot", thing)
    copied = snapshots.copy_snapshot(
        context.aws,
        here,
        source,
        step.snapshot,
        lasting.kms_key if source.encrypted else None,
        tags(context.plan.run, step.asset, "backup", None),
    )
    context.observe("CopyDBSnapshot", thing, copied.arn)
    arrived = snapshot_available(context, here, step.snapshot, context.deadline(step.timeout))
    if source.encrypted and not arrived.encrypted:
        raise Unable(f"the copy of {step.snapshot} in {here} is not encrypted; its source is")
