"""Which baseline proves a restore: that of the very instant, or the one around the snapshot that it was made from."""

from pydantic import ValidationError

from dr import facts
from dr.context import Context
from dr.errors import Unable
from dr.manifest import BucketBaseline
from dr.records import BackupRecord, Chosen, Document
from dr.recovery import stamp
from dr.store import verified
from dr.verification import InstanceBaseline


class NoBaseline(Unable):
    """None was recorded: known, and not merely unread."""


def baseline_for(context: Context, asset: str) -> InstanceBaseline:
    """The baseline of a database for the run's instant. Raises NoBaseline when there is none, and Unable when it
    cannot be read or is not whole.
    """
    chosen = Chosen.model_validate(context.fact(facts.CHOSEN))
    database = _record(context, chosen).databases.get(asset)
    if database is None:
        raise NoBaseline(f"the backup {chosen.record} has no baseline of {asset}")
    document = database.snapshot_baseline if asset in chosen.snapshots else database.baseline
    if document is None or (asset not in chosen.snapshots and database.instant != chosen.instant):
        raise NoBaseline(f"the backup {chosen.record} has no baseline of {asset} at this instant")
    try:
        return InstanceBaseline.model_validate_json(verified(context.store, document))
    except ValidationError as problem:
        raise Unable(f"baseline {document.name} of {asset} is not a baseline") from problem


def manifest_for(context: Context, asset: str) -> BucketBaseline:
    """The manifest of a bucket for the run's instant. Raises NoBaseline when there is none, and Unable when it
    cannot be read or is not whole.
    """
    chosen = Chosen.model_validate(context.fact(facts.CHOSEN))
    bucket = _record(context, chosen).buckets.get(asset)
    document: Document | None = bucket.manifests.get(stamp(chosen.instant)) if bucket else None
    if document is None:
        raise NoBaseline(f"the backup {chosen.record} has no manifest of {asset} at this instant")
    try:
        return BucketBaseline.model_validate_json(verified(context.store, document))
    except ValidationError as problem:
        raise Unable(f"manifest {document.name} of {asset} is not a manifest") from problem


def _record(context: Context, chosen: Chosen) -> BackupRecord:
    if chosen.record is None:
        raise NoBaseline(
            "no baseline was recorded at this instant: there is nothing independent to compare with",
            hint="a test of `latest` goes to an instant that has one",
        )
    for record in context.records():
        if record.run == chosen.record:
            return record
    raise Unable(
        f"the record of backup {chosen.record} is not in {context.store.shown} any more",
        hint="this run goes to its instant: who removed it?",
    )
