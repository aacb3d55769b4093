"""How long the steps of a run took: spans, the phases that they make up, and the chain that decided the end. Pure."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal

from dr.recovery import Fact
from dr.runbook import AnyStep

PHASES = {
    "ensure_replication": "prepare",
    "record_baseline": "record",
    "record_objects": "record",
    "take_snapshot": "snapshot",
    "copy_snapshot": "copy",
    "prove_window": "prove",
    "prove_objects": "prove",
    "commit_backup": "commit",
    "choose_instant": "choose",
    "restore_database": "recover",
    "restore_bucket": "recover",
    "verify_database": "verify",
    "verify_bucket": "verify",
    "verify_references": "verify",
    "challenge": "challenge",
}


class Span(Fact):
    """One step, from its start to its end. Open-ended when the run died in it; without a start when it never began."""

    step: AnyStep
    started_at: datetime | None = None
    finished_at: datetime | None = None
    seconds: float | None = None
    """From its first start to its last end, whatever lay in between."""
    attempts: int = 0
    outcome: Literal["done", "errored", "interrupted", "not_reached"] = "not_reached"
    detail: str = ""


class PhaseSpan(Fact):
    name: str
    started_at: datetime
    finished_at: datetime
    seconds: float


def phases_of(spans: Sequence[Span], begun: Collection[str]) -> tuple[PhaseSpan, ...]:
    """What the steps that ended amount to: a phase lasts from the first start in it to the last end."""
    named: dict[str, list[Span]] = {}
    for span in spans:
        if span.step.name in begun and span.finished_at:
            named.setdefault(PHASES[span.step.action], []).append(span)
    result = []
    for name, members in named.items():
        start = min(span.started_at for span in members if span.started_at)
        end = max(span.finished_at for span in members if span.finished_at)
        result.append(PhaseSpan(name=name, started_at=start, finished_at=end, seconds=(end - start).total_seconds()))
    return tuple(sorted(result, key=lambda phase: phase.started_at))


def critical_path(spans: Sequence[Span]) -> tuple[str, ...]:
    """The chain of steps that decided the run's end: from the last end back through the need that ended last."""
    by_name = {span.step.name: span for span in spans if span.finished_at}
    path: list[str] = []
    current = max(by_name.values(), key=_end, default=None)
    while current:
        path.append(current.step.name)
        current = max((by_name[need] for need in current.step.needs if need in by_name), key=_end, default=None)
    return tuple(reversed(path))


def _end(span: Span) -> datetime:
    if span.finished_at is None:
        raise ValueError(f"step {span.step.name} has no end")
    return span.finished_at
