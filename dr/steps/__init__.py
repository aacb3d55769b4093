"""One step per file, one function each. `perform` is the only way in, and the type checker insists that it is complete.

Steps never import one another and never hand values to each other: they meet at the names that the plan fixed, and at
facts in the journal.
"""

from typing import assert_never

from dr.context import Context
from dr.runbook import (
    AnyStep,
    Challenge,
    ChooseInstant,
    CommitBackup,
    CopySnapshot,
    EnsureReplication,
    ProveObjects,
    ProveWindow,
    RecordBaseline,
    RecordObjects,
    RestoreBucket,
    RestoreDatabase,
    TakeSnapshot,
    VerifyBucket,
    VerifyDatabase,
    VerifyReferences,
)
from dr.steps.challenge import challenge
from dr.steps.choose_instant import choose_instant
from dr.steps.commit_backup import commit_backup
from dr.steps.copy_snapshot import copy_snapshot
from dr.steps.ensure_replication import ensure_replication
from dr.steps.prove_objects import prove_objects
from dr.steps.prove_window import prove_window
from dr.steps.record_baseline import record_baseline
from dr.steps.record_objects import record_objects
from dr.steps.restore_bucket import restore_bucket
from dr.steps.restore_database import restore_database
from dr.steps.take_snapshot import take_snapshot
from dr.steps.verify_bucket import verify_bucket
from dr.steps.verify_database import verify_database
from dr.steps.verify_references import verify_references


def perform(step: AnyStep, context: Context) -> None:
    """Do one step. Raises Unable when it could not be done; bad news about data is journaled, not raised."""
    match step:
        case EnsureReplication():
            ensure_replication(step, context)
        case RecordBaseline():
            record_baseline(step, context)
        case RecordObjects():
            record_objects(step, context)
        case TakeSnapshot():
            take_snapshot(step, context)
        case CopySnapshot():
            copy_snapshot(step, context)
        case ProveWindow():
            prove_window(step, context)
        case ProveObjects():
            prove_objects(step, context)
        case CommitBackup():
            commit_backup(step, context)
        case ChooseInstant():
            choose_instant(step, context)
        case RestoreDatabase():
            restore_database(step, context)
        case RestoreBucket():
            restore_bucket(step, context)
        case VerifyDatabase():
            verify_database(step, context)
        case VerifyBucket():
            verify_bucket(step, context)
        case VerifyReferences():
            verify_references(step, context)
        case Challenge():
            challenge(step, context)
        case _:
            assert_never(step)
