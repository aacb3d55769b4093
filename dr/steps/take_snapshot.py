"""Take a snapshot of a database, between two sides of a baseline of its own."""

from datetime import datetime

from dr import facts
from dr.aws import rds, snapshots
from dr.claims import tags
from dr.context import Context
from dr.errors import Unable
from dr.events import Thing
from dr.recovery import SourceFacts, stamp
from dr.runbook import TakeSnapshot
from dr.sources import reading_login
from dr.store import keep
from dr.verification import Finding
from dr.waiting import snapshot_available


def take_snapshot(step: TakeSnapshot, context: Context) -> None:
    """Create the snapshot and wait. AWS does not reveal its instant: it lies between the sides of the bracket."""
    database = context.database(step.asset)
    region = context.region(step.site)
    source = rds.instance(context.aws, region, database.instance)
    if source is None:
        raise Unable(f"instance {database.instance} is not in {region}")
    recorded_of = SourceFacts.model_validate(context.fact(facts.source_of(step.asset))).resource_id
    if source.resource_id != recorded_of:
        raise Unable(
            f"instance {source.identifier} in {region} is {source.resource_id} now; the baseline is of {recorded_of}",
            hint="it was replaced while this backup was under way: take another one",
        )
    thing = Thing(kind="snapshot", name=step.snapshot, region=region)
    if context.intended(thing) and _take_over(step, context, source, thing):
        return

    def take() -> datetime:
        context.intend("CreateDBSnapshot", thing)
        taken = snapshots.create_snapshot(
            context.aws,
            region,
            source.identifier,
            step.snapshot,
            tags(context.plan.run, step.asset, "backup", None),
            resource_id=source.resource_id,
        )
        context.observe("CreateDBSnapshot", thing, taken.arn)
        return _moment(step, context)

    recorded = context.ask.capture(
        step.asset,
        source.resource_id,
        lambda dbname: reading_login(context, step.asset, dbname),
        context.clock,
        seed=context.chance.getrandbits(63),
        first=database.database or source.database or "postgres",
        say=context.say,
        tier=database.reading.hashing,
        workers=database.reading.workers,
        rate=database.reading.rate,
        asking=[one for one in context.application.assertions if one.database == step.asset],
        around=take,
    )
    document = keep(
        context.store,
        f"baselines/{step.asset}/{step.snapshot}-{stamp(recorded.instant)}",
        recorded.model_dump_json(by_alias=True).encode(),
    )
    context.learn(facts.snapshot_instant_of(step.asset), stamp(recorded.instant.replace(microsecond=0)))
    context.learn(facts.snapshot_baseline_of(step.asset), document.model_dump())


def _moment(step: TakeSnapshot, context: Context) -> datetime:
    """Wait for the snapshot, and say of when it is."""
    ready = snapshot_available(context, context.region(step.site), step.snapshot, context.deadline(step.timeout))
    if ready.time is None:
        raise Unable(f"snapshot {step.snapshot} does not say of when it is")
    return ready.time


def _take_over(step: TakeSnapshot, context: Context, source: rds.Instance, thing: Thing) -> bool:
    """Go on with the snapshot of a process that died, if there is one. True when there was.

    Its bracket died with that process, and no other can be put around it: the backup says so, and is no worse for any
    restore to a time.
    """
    given = tags(context.plan.run, step.asset, "backup", None)
    taken = snapshots.own_snapshot(
        context.aws, thing.region, source.identifier, step.snapshot, source.resource_id, given
    )
    if taken is None:
        return False
    context.observe("CreateDBSnapshot", thing, taken.arn)
    instant = _moment(step, context).replace(microsecond=0)
    context.find(
        step.asset,
        Finding(
            check="content",
            level="L4",
            outcome="not_available",
            subject=step.snapshot,
            detail="the run died while it was taken: no baseline stands around it, only around the backup's instant",
        ),
    )
    context.learn(facts.snapshot_instant_of(step.asset), stamp(instant))
    context.learn(facts.snapshot_baseline_of(step.asset), None)
    return True
