"""What the journal says happened, and the measured recovery time and point. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from dr.durations import elapsed
from dr.errors import Refused
from dr.events import (
    Aborted,
    Challenged,
    Closed,
    Covered,
    Entry,
    Found,
    Intended,
    Isolated,
    Learned,
    Observed,
    Opened,
    Overridden,
    Remains,
    Removed,
    Resumed,
    StepFinished,
    StepStarted,
    TeardownStarted,
    Thing,
)
from dr.facts import ASKED_AT, INSTANT, RESTORABLE_AT_START, instant_of, newest_heartbeat_of
from dr.plan import Plan
from dr.provenance import opening, plan_of
from dr.recovery import Fact, in_utc, stamp
from dr.spans import PhaseSpan, Span, critical_path, phases_of
from dr.verification import Coverage, Finding


class Timeline(Fact):
    """A run, as its journal tells it."""

    plan: Plan
    tool: str
    started_at: datetime
    finished_at: datetime
    closed: bool
    """The last event is `closed`. Without it the run is still at work, was killed, or its journal was cut."""
    aborted: str | None
    resumed: int
    """How many times another process went on with the run after one had died."""
    overridden: tuple[str, ...]
    """Who let it go on without its control store, and why."""
    spans: tuple[Span, ...]
    phases: tuple[PhaseSpan, ...]
    critical_path: tuple[str, ...]
    learned: dict[str, object]
    findings: dict[str, tuple[Finding, ...]]
    coverage: dict[str, Coverage]
    isolated: dict[str, Isolated]
    """asset -> the last proof that its scratch instance reaches nothing."""
    challenged: Challenged | None
    """What came of the damage that was planted on purpose."""
    created: tuple[Thing, ...]
    """Scratch that was made, or may have been made: an intent without its observation counts."""
    removed: tuple[Thing, ...]
    remaining: tuple[Thing, ...]
    regions_called: dict[str, int]
    """By the process that closed the journal: one that was killed could not say."""
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
    clock = elapsed(entries)
    begun: dict[str, float] = {}
    learned: dict[str, object] = {}
    found: list[Found] = []
    coverage: dict[str, Covered] = {}
    isolated: dict[str, Isolated] = {}
    session, resumed, claimed = entries[0].at, 0, None
    challenged: Challenged | None = None
    created, removed = dict[str, Thing](), dict[str, Thing]()
    aborted: str | None = None
    closed: Closed | None = None
    teardown: Entry | None = None
    for entry, seconds in zip(entries, clock, strict=True):
        match entry.body:
            case Resumed():
                session, resumed = entry.at, resumed + 1
            case StepStarted(step=name):
                if name not in spans:
                    raise Refused(f"event {entry.n}: the plan has no step {name!r}", hint=CHANGED)
                before = spans[name]
                if name in begun:
                    # What an attempt found that did not end counts no longer: all of it is asked again. But what was
                    # seen to be wrong was wrong: nobody gets rid of that by a kill.
                    found = [one for one in found if one.step != name or one.finding.outcome == "failed"]
                    coverage = {asset: one for asset, one in coverage.items() if one.step != name}
                    isolated = {asset: one for asset, one in isolated.items() if one.step != name}
                begun.setdefault(name, seconds)
                first, times = before.started_at or entry.at, before.attempts + 1
                spans[name] = Span(step=before.step, started_at=first, attempts=times, outcome="interrupted")
            case StepFinished(step=name, outcome=outcome, detail=detail):
                if name not in begun:
                    raise Refused(f"event {entry.n}: step {name!r} ends without having begun", hint=CHANGED)
                ended = {
                    "finished_at": entry.at,
                    "seconds": seconds - begun[name],
                    "outcome": outcome,
                    "detail": detail,
                }
                spans[name] = spans[name].model_copy(update=ended)
            case Learned(name=name, value=value):
                learned[name] = value
                if name == RESTORABLE_AT_START and claimed is None:
                    claimed = (_moment(learned, ASKED_AT) or session, _moment(learned, name))
            case Found():
                found.append(entry.body)
            case Covered(asset=asset):
                coverage[asset] = entry.body
            case Isolated(asset=asset):
                isolated[asset] = entry.body
            case Intended(thing=thing) | Observed(thing=thing) if thing.kind in SCRATCH:
                created[str(thing)] = thing
                removed.pop(str(thing), None)  # It may be there again: a run that was swept was gone on with.
            case Removed(thing=thing):
                removed[str(thing)] = thing
            case Challenged(found=found_it):
                # What was not found once was not found: nobody gets rid of that by a kill.
                challenged = entry.body if challenged is None or challenged.found or not found_it else challenged
            case Aborted(reason=reason):
                aborted = reason
            case TeardownStarted():
                teardown = teardown or entry
            case Closed():
                closed = entry.body
            case Remains() | Opened() | Overridden() | Intended() | Observed():
                pass
    ordered = tuple(spans[step.name] for step in plan.steps)
    phases = phases_of(ordered, begun)
    if teardown:
        seconds = clock[-1] - clock[teardown.n - 1]
        phases = (
            *phases,
            PhaseSpan(name="teardown", started_at=teardown.at, finished_at=entries[-1].at, seconds=seconds),
        )
    rpa, explained = _rpa(plan, claimed, learned)
    findings: dict[str, list[Finding]] = {}
    for one in found:
        findings.setdefault(one.asset, []).append(one.finding)
    return Timeline(
        plan=plan,
        tool=opened.tool,
        started_at=entries[0].at,
        finished_at=entries[-1].at,
        closed=isinstance(entries[-1].body, Closed),
        aborted=aborted,
        resumed=resumed,
        overridden=tuple(str(entry.body) for entry in entries if isinstance(entry.body, Overridden)),
        spans=ordered,
        phases=phases,
        critical_path=critical_path(ordered),
        learned=learned,
        findings={asset: tuple(some) for asset, some in findings.items()},
        coverage={asset: one.coverage for asset, one in coverage.items()},
        isolated=isolated,
        challenged=challenged,
        created=tuple(created.values()),
        removed=tuple(removed.values()),
        remaining=tuple(thing for name, thing in created.items() if name not in removed),
        regions_called=closed.regions_called if closed else {},
        rta_seconds=_rta(entries, clock, ordered),
        rpa_seconds=rpa,
        rpa_explained=explained,
    )


def _rta(entries: Sequence[Entry], clock: Sequence[float], spans: Sequence[Span]) -> float | None:
    """From the start of the run to the last verification: at proof, never at AWS's `available`.

    The start is the first event, however many processes it took: the time in which nobody worked counts.
    """
    last = [span for span in spans if span.step.action.startswith("verify_")]
    if not last or any(span.outcome != "done" for span in last):
        return None
    names = {span.step.name for span in last}
    return max(
        seconds
        for entry, seconds in zip(entries, clock, strict=True)
        if isinstance(entry.body, StepFinished) and entry.body.step in names
    )


def _rpa(
    plan: Plan, told: tuple[datetime, datetime | None] | None, learned: Mapping[str, object]
) -> tuple[float | None, str]:
    """How much would have been lost, had the site been needed when the run began.

    The site claims to hold everything up to a moment; the restore shows how far from its instant the newest heartbeat
    really is. The first part is a claim about now, the second a proof about the instant: both are counted. `told`: when
    the site was asked first, and what it said. Asked again later, a site holds more.
    """
    start, claimed = told or (None, None)
    instant = _moment(learned, INSTANT)
    beats = [_moment(learned, newest_heartbeat_of(asset)) for asset in plan.databases]
    if start is None or claimed is None or instant is None:
        return None, "the site did not say how far it can restore"
    moments = [beat for beat in beats if beat is not None]
    if not moments or len(moments) < len(beats):
        silent = ", ".join(asset for asset, beat in zip(plan.databases, beats, strict=True) if beat is None)
        return None, (
            f"only claimed: the site said that it could restore to {stamp(claimed)}, "
            f"{max(timedelta(0), start - claimed).total_seconds():.1f} s before the start; no heartbeat was found in "
            f"the restore of {silent or 'any database'} that would prove it"
        )
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
