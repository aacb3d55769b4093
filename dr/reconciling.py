"""Settle what a process announced and did not live to record: look, and write down what is there.

Only what proves to be the run's own is recorded. What is not there is left to its step, which asks for it again; what
is something else under our name is left alone, and the step that meets it says so.
"""

from dr.aws import backups, rds, snapshots
from dr.claims import TAG_RUN
from dr.context import Context
from dr.events import Removed, Thing
from dr.replay import Past
from dr.scratch import creations, describe, resource_id_of

CREATING = ("RestoreDBInstance", "CreateDBSnapshot", "CopyDBSnapshot", "StartDBInstanceAutomatedBackupsReplication")
"""What of the operations brings a thing into being. Others (a password, objects, a removal) are simply done again."""


def reconcile(context: Context, past: Past) -> None:
    """Look at every open intent of a run, and record those that took effect.

    An instance that is gone is recorded too, with all that was known of it: another one may come to bear its name.
    """
    for made in creations(context.journal.reading()):
        if made.kind == "instance" and made.resource_id and describe(context.aws, made) is None:
            thing = Thing(kind=made.kind, name=made.name, region=made.region)
            context.journal.append(Removed(thing=thing))
            context.say(f"{thing}: it is gone; did somebody sweep the run?")
    for intent in past.open_intents:
        if intent.operation not in CREATING:
            continue
        thing = intent.thing
        there, resource_id = _look(context, thing)
        if there:
            context.observe(intent.operation, thing, resource_id)
        context.say(f"{thing}: {intent.operation} {'had taken effect' if there else 'left nothing to be seen'}")


def _look(context: Context, thing: Thing) -> tuple[bool, str | None]:
    """Whether the thing is there and this run's own; and what identifies it."""
    run = context.plan.run
    if thing.kind == "instance":
        instance = rds.instance(context.aws, thing.region, thing.name, role="scratch")
        if instance is None or instance.tags.get(TAG_RUN) != run:
            return False, None
        # Tags come along when somebody restores it: what the journal knows by its resource id is no other thing.
        known = resource_id_of(context.journal.reading(), thing)
        return (True, instance.resource_id) if known in (None, instance.resource_id) else (False, None)
    if thing.kind == "snapshot":
        snapshot = snapshots.snapshot(context.aws, thing.region, thing.name)
        return (True, snapshot.arn) if snapshot and snapshot.tags.get(TAG_RUN) == run else (False, None)
    # Backups are sent for the source's sake, whoever asked for it.
    return bool(backups.sent(context.aws, thing.region, thing.name)), None
