"""The steps that a run can take, on one page: what each is called, and its fields.

A step is its fields here, one function file in `steps/`, one `case` in `steps/__init__.py`, one test file.
"""

from graphlib import CycleError, TopologicalSorter
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from dr.estate import SiteName
from dr.recovery import Fact

YEAR = 366 * 86400


class Step(Fact):
    """What every step has. `needs` names the steps that must have been done before it."""

    name: str
    needs: tuple[str, ...] = ()
    site: SiteName
    timeout: int = Field(gt=0, le=YEAR)
    """How long the step may take, in seconds of AWS's time."""
    on_resume: ClassVar[Literal["observe", "repeat"]] = "observe"
    """What becomes of the step, once done, when another process goes on with the run: its effect stands and is only
    looked at, or it died with the process and the step is done again."""


class EnsureReplication(Step):
    """Automated backups of a database reach the recovery site: started when they do not."""

    action: Literal["ensure_replication"] = "ensure_replication"
    asset: str


class RecordBaseline(Step):
    """Independent truth about one database around one whole second, read from the source."""

    action: Literal["record_baseline"] = "record_baseline"
    asset: str


class RecordObjects(Step):
    """Every object of one bucket as it stood at each instant of the databases: of baselines, and of snapshots."""

    action: Literal["record_objects"] = "record_objects"
    asset: str


class TakeSnapshot(Step):
    """A snapshot of one database, bracketed by a baseline of its own because AWS does not reveal its instant."""

    action: Literal["take_snapshot"] = "take_snapshot"
    asset: str
    snapshot: str


class CopySnapshot(Step):
    """The snapshot's copy in the recovery site, encrypted with a key of that region."""

    action: Literal["copy_snapshot"] = "copy_snapshot"
    asset: str
    snapshot: str


class ProveWindow(Step):
    """The recovery site's own window has passed the baseline's instant."""

    action: Literal["prove_window"] = "prove_window"
    asset: str


class ProveObjects(Step):
    """Every object of the instant has arrived in the recovery site's bucket, under the version that it has at home."""

    action: Literal["prove_objects"] = "prove_objects"
    asset: str


class CommitBackup(Step):
    """Written last: without this record the backup does not count."""

    action: Literal["commit_backup"] = "commit_backup"


class ChooseInstant(Step):
    """The one moment to which every asset of the run is restored."""

    action: Literal["choose_instant"] = "choose_instant"


class RestoreDatabase(Step):
    """A scratch instance, as the source stood at the instant, isolated and with a password that only this run knows."""

    on_resume: ClassVar[Literal["observe", "repeat"]] = "repeat"  # the password lives in memory only
    action: Literal["restore_database"] = "restore_database"
    asset: str
    instance: str


class RestoreBucket(Step):
    """The bucket's objects as they stood at the instant, below a prefix of the scratch bucket."""

    on_resume: ClassVar[Literal["observe", "repeat"]] = "repeat"  # looked at: a sweep may have taken them
    action: Literal["restore_bucket"] = "restore_bucket"
    asset: str
    bucket: str
    prefix: str


class VerifyDatabase(Step):
    """Every check that looks at one restored instance."""

    action: Literal["verify_database"] = "verify_database"
    asset: str


class VerifyBucket(Step):
    """Every check that looks at one restored bucket."""

    action: Literal["verify_bucket"] = "verify_bucket"
    asset: str


class VerifyReferences(Step):
    """Every row that names an object finds it, at the same instant."""

    action: Literal["verify_references"] = "verify_references"


class Challenge(Step):
    """One damage, planted in scratch on purpose after everything was answered: the checks have to find it."""

    action: Literal["challenge"] = "challenge"


AnyStep = Annotated[
    EnsureReplication
    | RecordBaseline
    | RecordObjects
    | TakeSnapshot
    | CopySnapshot
    | ProveWindow
    | ProveObjects
    | CommitBackup
    | ChooseInstant
    | RestoreDatabase
    | RestoreBucket
    | VerifyDatabase
    | VerifyBucket
    | VerifyReferences
    | Challenge,
    Field(discriminator="action"),
]


def walkable(steps: tuple[AnyStep, ...]) -> tuple[AnyStep, ...]:
    """Steps that can be walked to their end. Raises ValueError for names given twice, unknown needs, and circles."""
    needs = {step.name: step.needs for step in steps}
    if len(needs) < len(steps):
        raise ValueError("two steps have one name")
    for name, needed in needs.items():
        if missing := set(needed) - needs.keys():
            raise ValueError(f"step {name!r} needs {min(missing)!r}, and there is no such step")
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as problem:
        raise ValueError(
            f"steps wait for one another in a circle: {' -> '.join(map(repr, problem.args[1]))}"
        ) from problem
    return steps


Steps = Annotated[tuple[AnyStep, ...], AfterValidator(walkable)]
