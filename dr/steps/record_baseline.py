"""Record what is true of a database around one whole second, while it goes on being written to."""

from dr import facts, promises
from dr.aws import rds
from dr.context import Context
from dr.errors import Unable
from dr.recovery import stamp
from dr.runbook import RecordBaseline
from dr.sources import reading_login
from dr.store import keep
from dr.verification import Finding


def record_baseline(step: RecordBaseline, context: Context) -> None:
    """Open the bracket, read both of its sides, and put the baseline into the control store."""
    database = context.database(step.asset)
    source = rds.instance(context.aws, context.region(step.site), database.instance)
    if source is None:
        raise Unable(f"instance {database.instance} is not in {context.region(step.site)}")
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
    )
    for name, held in recorded.databases.items():
        for key, table in held.tables.items():
            if table.unread:
                context.find(
                    step.asset,
                    Finding(
                        check="content",
                        level="L4",
                        outcome="errored",
                        subject=f"{name}.{key}",
                        detail=f"not in the baseline: {table.unread}",
                    ),
                )
    document = keep(
        context.store,
        f"baselines/{step.asset}/{stamp(recorded.instant)}-{context.plan.run}",
        recorded.model_dump_json(by_alias=True).encode(),
    )
    seen = source.facts()
    context.learn(facts.source_of(step.asset), seen.model_dump(mode="json"))
    # The recovery site cannot be asked for it, and the source cannot once it is lost: it is judged while it is there.
    for finding in promises.of_the_source(step.asset, database.promises, seen, f"at {stamp(recorded.instant)}"):
        context.find(step.asset, finding)
    context.learn(facts.database_of(step.asset), database.database or source.database or "postgres")
    context.learn(facts.instant_of(step.asset), stamp(recorded.instant))
    context.learn(facts.baseline_of(step.asset), document.model_dump())
