"""What the journal says happened: spans, phases, the critical path, and the measured recovery time and point. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from dr.errors import Refused
from dr.events import (
    Aborted,
    Closed,
    Covered,
    Entry,
    Found,
    Intended,
    Learned,
    Observed,
    Opened,
    Remains,
    Removed,
    StepFinished,
    StepStarted,
    TeardownStarted,
    Thing,
)
from dr.facts import INSTANT, RESTORABLE_AT_START, instant_of, newest_heartbeat_of
from dr.plan import Plan
from dr.provenance import opening, plan_of
from dr.recovery import Fact, in_utc, stamp
from dr.runbook import AnyStep
from dr.verification import Coverage, Finding

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
}


class Span(Fact):
    """One step, from its start to its end. Open-ended when the run died in it; without a start when it never began."""

    step: AnyStep
    started_at: datetime | None = None
    finished_at: datetime | None = None
    seconds: float | None = None
    outcome: Literal["done", "errored", "interrupted", "not_reached"] = "not_reached"
    detail: str = ""


class PhaseSpan(Fact):
    name: str
    started_at: datetime
    finished_at: datetime
    seconds: float


class Timeline(Fact):
    """A run, as its journal tells it."""

    plan: Plan
    tool: str
    started_at: datetime
    finished_at: datetime
    closed: bool
    """The last event is `closed`. Without it the run is still at work, was killed, or its journal was cut."""
    aborted: str | None
    spans: tuple[Span, ...]
    phases: tuple[PhaseSpan, ...]
    critical_path: tuple[str, ...]
    learned: dict[str, object]
    findings: dict[str, tuple[Finding, ...]]
    coverage: dict[str, Coverage]
    created: tuple[Thing, ...]
    """Scratch that was made, or may have been made: an intent without its observation counts."""
    removed: tuple[Thing, ...]
    remaining: tuple[Thing, ...]
    regions_called: dict[str, int]
    rta_seconds: float | None
    rpa_seconds: float | None
    rpa_explained: str

    @property
    def instant(self) -> datetime | None:
        """The moment that was restored to, or that a backup's baselines bracket."""
        names = [INSTANT] if self.plan.kind == "test" else [instant_of(asset) for asset in self.plan.databases]
        return min((moment for name in names if (moment := _moment(self.learned, name))), default=None)


SCRATCH = ("instance", "objects")
CHANGED = "no run writes that: the journal was changed"


def read(entries: Sequence[Entry]) -> Timeline:
    """Turn a journal's entries into a timeline.

    Raises Refused for what no run writes: a beginning without `opened`, a step that ends without having begun.
    """
    opened = opening([entry.body for entry in entries])
    plan = plan_of(opened)
    spans = {step.name: Span(step=step) for step in plan.steps}
    begun: dict[str, Entry] = {}
    learned: dict[str, object] = {}
    findings: dict[str, list[Finding]] = {}
    coverage: dict[str, Coverage] = {}
    created: dict[str, Thing] = {}
    removed: dict[str, Thing] = {}
    aborted: str | None = None
    closed: Closed | None = None
    teardown: Entry | None = None
    for entry in entries:
        match entry.body:
            case StepStarted(step=name):
                if name not in spans:
                    raise Refused(f"event {entry.n}: the plan has no step {name!r}", hint=CHANGED)
                begun[name] = entry
                spans[name] = spans[name].model_copy(update={"started_at": entry.at, "outcome": "interrupted"})
            case StepFinished(step=name, outcome=outcome, detail=detail):
                if name not in begun:
                    raise Refused(f"event {entry.n}: step {name!r} ends without having begun", hint=CHANGED)
                spans[name] = spans[name].model_copy(
                    update={
                        "finished_at": entry.at,
                        "seconds": entry.monotonic - begun[name].monotonic,
                        "outcome": outcome,
                        "detail": detail,
                    }
                )
            case Learned(name=name, value=value):
                learned[name] = value
            case Found(asset=asset, finding=finding):
                findings.setdefault(asset, []).append(finding)
            case Covered(asset=asset, coverage=seen):
                coverage[asset] = seen
            case Intended(thing=thing) | Observed(thing=thing) if thing.kind in SCRATCH:
                created[str(thing)] = thing
            case Removed(thing=thing):
                removed[str(thing)] = thing
            case Aborted(reason=reason):
                aborted = reason
            case TeardownStarted():
                teardown = entry
            case Closed():
                closed = entry.body
            case Remains() | Opened() | Intended() | Observed():
                pass
    ordered = tuple(spans[step.name] for step in plan.steps)
    phases = _phases(ordered, begun)
    if teardown:
        phases = (*phases, _phase("teardown", teardown, entries[-1]))
    rpa, explained = _rpa(plan, entries[0].at, learned)
    return Timeline(
        plan=plan,
        tool=opened.tool,
        started_at=entries[0].at,
        finished_at=entries[-1].at,
        closed=isinstance(entries[-1].body, Closed),
        aborted=aborted,
        spans=ordered,
        phases=phases,
        critical_path=_critical_path(ordered),
        learned=learned,
        findings={asset: tuple(found) for asset, found in findings.items()},
        coverage=coverage,
        created=tuple(created.values()),
        removed=tuple(removed.values()),
        remaining=tuple(thing for name, thing in created.items() if name not in removed),
        regions_called=closed.regions_called if closed else {},
        rta_seconds=_rta(entries, ordered),
        rpa_seconds=rpa,
        rpa_explained=explained,
    )


def _phases(spans: Sequence[Span], begun: dict[str, Entry]) -> tuple[PhaseSpan, ...]:
    phases: dict[str, list[Span]] = {}
    for span in spans:
        if span.step.name in begun and span.finished_at:
            phases.setdefault(PHASES[span.step.action], []).append(span)
    result = []
    for name, members in phases.items():
        start = min(span.started_at for span in members if span.started_at)
        end = max(span.finished_at for span in members if span.finished_at)
        result.append(PhaseSpan(name=name, started_at=start, finished_at=end, seconds=(end - start).total_seconds()))
    return tuple(sorted(result, key=lambda phase: phase.started_at))


def _phase(name: str, first: Entry, last: Entry) -> PhaseSpan:
    return PhaseSpan(name=name, started_at=first.at, finished_at=last.at, seconds=last.monotonic - first.monotonic)


def _critical_path(spans: Sequence[Span]) -> tuple[str, ...]:
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


def _rta(entries: Sequence[Entry], spans: Sequence[Span]) -> float | None:
    """From the start of the run to the last verification: at proof, never at AWS's `available`."""
    last = [span for span in spans if span.step.action.startswith("verify_")]
    if not last or any(span.outcome != "done" for span in last):
        return None
    names = {span.step.name for span in last}
    ends = [e.monotonic for e in entries if isinstance(e.body, StepFinished) and e.body.step in names]
    return max(ends) - entries[0].monotonic


def _rpa(plan: Plan, start: datetime, learned: dict[str, object]) -> tuple[float | None, str]:
    """How much would have been lost, had the site been needed when the run began.

    The site claims to hold everything up to a moment; the restore shows how far from its instant the newest heartbeat
    really is. The first part is a claim about now, the second a proof about the instant: both are counted.
    """
    claimed = _moment(learned, RESTORABLE_AT_START)
    instant = _moment(learned, INSTANT)
    beats = [_moment(learned, newest_heartbeat_of(asset)) for asset in plan.databases]
    if claimed is None or instant is None:
        return None, "the site did not say how far it can restore"
    moments = [beat for beat in beats if beat is not None]
    if not moments or len(moments) < len(beats):
        return None, "no heartbeat was found: how recent the restore is remains a claim"
    behind = max(timedelta(0), start - claimed)
    gap = max(timedelta(0), instant - min(moments))
    return (behind + gap).total_seconds(), (
        f"at the start the site could restore to {stamp(claimed)}, "
        f"{behind.total_seconds():.1f} s before; the newest heartbeat in the restore is "
        f"{gap.total_seconds():.1f} s older than its instant"
    )


def _moment(learned: Mapping[str, object], name: str) -> datetime | None:
    """A fact that is a moment; None where it was not learned. Raises Refused for one that is no moment."""
    value = learned.get(name)
    if not isinstance(value, str):
        return None
    try:
        return in_utc(datetime.fromisoformat(value))
    except ValueError as problem:
        raise Refused(f"fact {name!r} is no moment: {value!r}", hint=CHANGED) from problem
