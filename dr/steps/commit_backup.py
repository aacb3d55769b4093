"""Write the record that makes a backup count. It comes last, so a backup that was cut short has none."""

from pydantic import TypeAdapter

from dr import catalog, facts
from dr.context import Context
from dr.errors import Refused
from dr.records import BackupRecord, BucketRecord, DatabaseRecord, Document
from dr.recovery import SourceFacts
from dr.runbook import CommitBackup


def commit_backup(step: CommitBackup, context: Context) -> None:
    """Name every document of this backup by its hash, in one document of its own."""
    plan = context.plan
    names = {step.asset: step.snapshot for step in plan.steps if step.action == "take_snapshot"}
    databases = {
        asset: DatabaseRecord(
            source=SourceFacts.model_validate(context.fact(facts.source_of(asset))),
            database=str(context.fact(facts.database_of(asset))),
            instant=context.moment(facts.instant_of(asset)),
            baseline=Document.model_validate(context.fact(facts.baseline_of(asset))),
            snapshot=names[asset],
            snapshot_baseline=TypeAdapter(Document | None).validate_python(
                context.fact(facts.snapshot_baseline_of(asset))
            ),
        )
        for asset in plan.databases
    }
    buckets = {
        asset: BucketRecord(
            bucket=context.bucket(asset).bucket,
            copy_=context.bucket(asset).copy_,
            manifests=TypeAdapter(dict[str, Document]).validate_python(context.fact(facts.manifests_of(asset))),
        )
        for asset in plan.buckets
    }
    record = BackupRecord(
        run=plan.run,
        application=plan.application,
        instant=min(database.instant for database in databases.values()),
        committed_at=context.clock.now(),
        databases=databases,
        buckets=buckets,
    )
    # It makes the backup count, and on a folder no call to AWS asks for the permit.
    context.aws.assert_permitted()
    name = f"backups/{plan.application}/{plan.run}.json"
    try:
        context.store.create(name, record.model_dump_json(by_alias=True).encode())
    except Refused:
        # Of a process of this run that died before it could say so: taken over when it says the same.
        there = catalog.record(context.store, name)
        if there.model_copy(update={"committed_at": record.committed_at}) != record:
            raise
    context.say(f"committed {name} in the {step.site} site's control store {context.store.shown}")
