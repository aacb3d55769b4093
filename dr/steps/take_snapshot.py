"""Take a snapshot of a database, between two sides of a baseline of its own."""

import secrets
from datetime import datetime

from dr import facts
from dr.aws import rds, snapshots
from dr.claims import tags
from dr.context import Context
from dr.errors import Unable
from dr.events import Thing
from dr.recovery import stamp
from dr.runbook import TakeSnapshot
from dr.sources import source_login
from dr.waiting import snapshot_available


def take_snapshot(step: TakeSnapshot, context: Context) -> None:
    """Create the snapshot and wait. AWS does not reveal its instant: it lies between the sides of the bracket."""
    database = context.database(step.asset)
    region = context.region(step.site)
    source = rds.instance(context.aws, region, database.instance)
    if source is None:
        raise Unable(f"instance {database.instance} is not in {region}")
    thing = Thing(kind="snapshot", name=step.snapshot, region=region)

    def take() -> datetime:
        context.intend("CreateDBSnapshot", thing)
        taken = snapshots.create_snapshot(
            context.aws,
            region,
            database.instance,
            step.snapshot,
            tags(context.plan.run, step.asset, "backup", None),
            role="recover",
        )
        context.observe("CreateDBSnapshot", thing, taken.arn)
        ready = snapshot_available(context, region, step.snapshot, context.deadline(step.timeout))
        if ready.time is None:
            raise Unable(f"snapshot {step.snapshot} does not say of when it is")
        return ready.time

    recorded = context.ask.capture(
        step.asset,
        source.resource_id,
        lambda dbname: source_login(context, step.asset, dbname),
        context.clock,
        seed=secrets.randbits(63),
        first=database.database or source.database or "postgres",
        say=context.say,
        around=take,
    )
    document = context.store.create(
        f"baselines/{step.asset}/{step.snapshot}-{stamp(recorded.instant)}.json",
        recorded.model_dump_json(by_alias=True).encode(),
    )
    context.learn(facts.snapshot_instant_of(step.asset), stamp(recorded.instant.replace(microsecond=0)))
    context.learn(facts.snapshot_baseline_of(step.asset), document.model_dump())
