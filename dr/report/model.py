"""The report as one frozen value: what `report.json` holds, and what every page is drawn from.

Published as a JSON Schema (`dr report --schema`) and versioned by its `schema` field.
"""

from typing import Literal

from pydantic import Field

from dr.recovery import Fact, Moment
from dr.verification import Coverage, Finding

Verdict = Literal["passed", "failed", "inconclusive"]
RunKind = Literal["backup", "test"]


class ReportedObjectives(Fact):
    rto_seconds: float
    rpo_seconds: float


class Actuals(Fact):
    """Measured, never promised. None: it could not be measured."""

    rta_seconds: float | None
    """From the start of the run to the last verification that the verdict needs."""
    rpa_seconds: float | None
    rpa_explained: str = ""


class Phase(Fact):
    name: str
    started_at: Moment
    finished_at: Moment
    seconds: float


class ReportedAsset(Fact):
    asset: str
    kind: Literal["database", "bucket"]
    site: str
    recovery_point: str
    target: str
    restored_to: str
    depth: str | None
    coverage: Coverage
    findings: tuple[Finding, ...]


class ReportedStep(Fact):
    name: str
    action: str
    site: str
    needs: tuple[str, ...]
    started_at: Moment | None
    finished_at: Moment | None
    seconds: float | None
    outcome: Literal["done", "errored", "not_reached", "interrupted"]
    attempts: int
    waited_for_people_seconds: float = 0.0
    detail: str = ""


class ScratchThing(Fact):
    kind: str
    name: str
    region: str


class ReportedIsolation(Fact):
    """One scratch instance: what proved that it reaches nothing, and what was found in it and switched off."""

    asset: str
    instance: str
    region: str
    proven: dict[str, str]
    """Proof -> what was seen."""
    unproven: tuple[str, ...]
    found: dict[str, int]
    """Kind -> how many there were."""
    disabled: dict[str, int]
    """Kind -> how many were switched off."""
    names: tuple[str, ...]


class ReportedChallenge(Fact):
    """A damage that the run planted in its own scratch after everything was answered, for its checks to find."""

    seed: int
    kind: str
    asset: str
    subject: str
    found: bool
    by: tuple[str, ...]
    """The checks that found it."""


class ScratchLedger(Fact):
    created: tuple[ScratchThing, ...]
    removed: tuple[ScratchThing, ...]
    remaining: tuple[ScratchThing, ...]


class JournalDigest(Fact):
    events: int
    head_sha256: str


class Report(Fact):
    """One run, judged."""

    schema_: Literal["firedrill.report/1"] = Field(default="firedrill.report/1", alias="schema")
    tool: str
    """Name and version of the program that judged."""
    run: str
    kind: RunKind
    application: str
    started_at: Moment
    finished_at: Moment
    verdict: Verdict
    reasons: tuple[str, ...]
    not_tested: tuple[str, ...]
    objectives: ReportedObjectives
    actuals: Actuals
    instant: Moment | None
    phases: tuple[Phase, ...]
    assets: tuple[ReportedAsset, ...]
    steps: tuple[ReportedStep, ...]
    critical_path: tuple[str, ...]
    scratch: ScratchLedger
    isolation: tuple[ReportedIsolation, ...] = ()
    challenge: ReportedChallenge | None = None
    """None: there was none, and `not_tested` or `reasons` say why."""
    regions_called: dict[str, int]
    journal: JournalDigest
