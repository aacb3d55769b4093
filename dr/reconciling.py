"""Settle what a process announced and did not live to record: look, and say what is there.

What is not there is left to its step, which asks for it again. So is what is there: the step knows what it would have
asked for, and takes over only what was made from the same source with the same configuration. A name and a tag prove
less than that, and are recorded by nobody as if they were proof.
"""

from dr.aws import backups, rds, snapshots
from dr.claims import TAG_RUN
from dr.context import Context
from dr.events import Removed, Thing
from dr.replay import Past
from dr.scratch import creations, describe

CREATING = ("RestoreDBInstance", "CreateDBSnapshot", "CopyDBSnapshot", "StartDBInstanceAutomatedBackupsReplication")
"""What of the operations brings a thing into being. Others (a password, objects, a removal) are simply done again."""


def reconcile(context: Context, past: Past) -> None:
    """Look at every open intent of a run, and say which took effect.

    An instance that is gone is recorded, with all that was known of it: another one may come to bear its name.
    """
    for made in creations(context.journal.reading()):
        if made.kind == "instance" and made.resource_id and describe(context.aws, made) is None:
            thing = Thing(kind=made.kind, name=made.name, region=made.region)
            context.journal.append(Removed(thing=thing))
            context.say(f"{thing}: it is gone; did somebody sweep the run?")
    for intent in past.open_intents:
        if intent.operation in CREATING:
            there = _stands(context, intent.thing)
            context.say(
                f"{intent.thing}: {intent.operation} {'had taken effect' if there else 'left nothing to be seen'}"
            )


def _stands(context: Context, thing: Thing) -> bool:
    """Whether something is there that says it is this run's own."""
    run = context.plan.run
    if thing.kind == "instance":
        instance = rds.instance(context.aws, thing.region, thing.name, role="scratch")
        return instance is not None and instance.tags.get(TAG_RUN) == run
    if thing.kind == "snapshot":
        snapshot = snapshots.snapshot(context.aws, thing.region, thing.name)
        return snapshot is not None and snapshot.tags.get(TAG_RUN) == run
    # Backups are sent for the source's sake, whoever asked for it.
    return bool(backups.sent(context.aws, thing.region, thing.name))
