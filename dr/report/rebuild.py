"""From a journal to the report: pure, and possible years later on another machine, with nothing but the journal."""

from dr.chain import Reading
from dr.events import Thing
from dr.facts import available_at, recovery_point_of
from dr.isolation import PROOFS
from dr.plan import LEVEL_OF, Plan
from dr.recovery import stamp
from dr.report.model import (
    Actuals,
    JournalDigest,
    Phase,
    Report,
    ReportedAsset,
    ReportedChallenge,
    ReportedIsolation,
    ReportedObjectives,
    ReportedStep,
    ScratchLedger,
    ScratchThing,
)
from dr.spans import Span
from dr.timeline import Timeline, read
from dr.verdict import judge
from dr.verification import LEVELS, MEANING, Coverage, Level, depth, not_tested


def report_of(journal: Reading) -> Report:
    """Judge one run by its journal alone."""
    timeline = read(journal.entries)
    verdict, reasons = judge(timeline)
    plan = timeline.plan
    findings = [finding for found in timeline.findings.values() for finding in found]
    return Report(
        tool=timeline.tool,
        run=plan.run,
        kind=plan.kind,
        application=plan.application,
        started_at=timeline.started_at,
        finished_at=timeline.finished_at,
        verdict=verdict,
        reasons=reasons,
        not_tested=(*plan.left_out, *_beyond(timeline), *not_tested(findings)),
        objectives=ReportedObjectives(rto_seconds=plan.objectives.rto_seconds, rpo_seconds=plan.objectives.rpo_seconds),
        actuals=Actuals(
            rta_seconds=timeline.rta_seconds, rpa_seconds=timeline.rpa_seconds, rpa_explained=timeline.rpa_explained
        ),
        instant=timeline.instant,
        phases=tuple(Phase(**phase.model_dump()) for phase in timeline.phases),
        assets=_assets(timeline),
        steps=tuple(
            ReportedStep(
                name=span.step.name,
                action=span.step.action,
                site=span.step.site,
                needs=span.step.needs,
                started_at=span.started_at,
                finished_at=span.finished_at,
                seconds=span.seconds,
                outcome=span.outcome,
                attempts=span.attempts,
                detail=span.detail or _precise(timeline, span),
            )
            for span in timeline.spans
        ),
        critical_path=timeline.critical_path,
        scratch=ScratchLedger(
            created=_things(timeline.created), removed=_things(timeline.removed), remaining=_things(timeline.remaining)
        ),
        isolation=_isolation(timeline),
        challenge=_challenge(timeline),
        regions_called=timeline.regions_called,
        journal=JournalDigest(events=len(journal.entries), head_sha256=journal.head_sha256),
    )


def _assets(timeline: Timeline) -> tuple[ReportedAsset, ...]:
    plan = timeline.plan
    instant = timeline.instant
    assets: list[ReportedAsset] = []
    shared = timeline.findings.get(plan.application, ())
    for kind, names in (("database", plan.databases), ("bucket", plan.buckets)):
        for asset in names:
            own = timeline.findings.get(asset, ())
            # What spans assets (rows that name objects) counts for each of them.
            found = (*own, *shared)
            assets.append(
                ReportedAsset(
                    asset=asset,
                    kind="database" if kind == "database" else "bucket",
                    site=plan.site,
                    recovery_point=str(timeline.learned.get(recovery_point_of(asset), "")),
                    target=plan.target,
                    restored_to=stamp(instant) if instant and own else "",
                    depth=depth(found, _applicable(plan, asset)) if plan.kind == "test" else None,
                    coverage=timeline.coverage.get(asset, Coverage()),
                    findings=found,
                )
            )
    return tuple(assets)


def _precise(timeline: Timeline, span: Span) -> str:
    """What AWS itself says of when a step's work was done."""
    if span.step.action != "restore_database":
        return ""
    moment = timeline.learned.get(available_at(span.step.asset))
    return f"RDS's own event: restored at {moment}; then the password was replaced" if moment else ""


def _applicable(plan: Plan, asset: str) -> set[Level]:
    checks = (*plan.expected_checks.get(asset, ()), *plan.expected_checks.get(plan.application, ()))
    return {LEVEL_OF[check] for check in checks}


def _beyond(timeline: Timeline) -> tuple[str, ...]:
    """Levels of the ladder that this run did not try, in words."""
    if timeline.plan.kind != "test":
        return ("restorability: a backup is only proven by restoring it",)
    tried = {LEVEL_OF[check] for checks in timeline.plan.expected_checks.values() for check in checks}
    return (
        *(f"{level}: {MEANING[level]}" for level in LEVELS if level not in tried),
        # What no restore of this kind can look at, on any day.
        *(f"bytes of the files of {asset} (L2): RDS shows them to nobody" for asset in timeline.plan.databases),
    )


def _isolation(timeline: Timeline) -> tuple[ReportedIsolation, ...]:
    return tuple(
        ReportedIsolation(
            asset=asset,
            instance=one.thing.name,
            region=one.thing.region,
            proven=one.proven,
            unproven=tuple(name for name in PROOFS if name not in one.proven),
            found=one.found,
            disabled=one.disabled,
            names=one.names,
        )
        for asset, one in timeline.isolated.items()
    )


def _challenge(timeline: Timeline) -> ReportedChallenge | None:
    one = timeline.challenged
    return ReportedChallenge(**one.model_dump(exclude={"event"})) if one else None


def _things(things: tuple[Thing, ...]) -> tuple[ScratchThing, ...]:
    return tuple(ScratchThing(**thing.model_dump()) for thing in things)
