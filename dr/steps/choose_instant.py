"""Choose T: the one moment to which every asset of the run is restored. Journaled before any restore begins."""

from dataclasses import dataclass
from datetime import datetime

from dr import catalog, control_plane, facts
from dr.context import Context
from dr.records import Chosen, Limits
from dr.records import choose_instant as rule
from dr.recovery import AtPoint, RecoveryPoint, RecoveryWindow, parse_target, stamp
from dr.runbook import ChooseInstant
from dr.verification import Finding
from dr.wait import until

PROMPT = 10.0
"""Seconds for an answer that tells how far a site is behind. A slower one makes that more, never less."""
ROUNDS = 3


def choose_instant(step: ChooseInstant, context: Context) -> None:
    """Ask the site what it holds, apply the rule, and wait until the window has reached a baseline's instant."""
    plan = context.plan
    region = context.region(step.site)
    known = context.records()
    sources = catalog.sources(context.aws, plan, context.application, known)
    target = parse_target(plan.target)
    told = _promptly(context, sources)
    context.learn(facts.ASKED_AT, stamp(told.after))
    limits = told.limits
    if (newest := limits.latest()) is not None:
        context.learn(facts.RESTORABLE_AT_START, stamp(newest))
    held_here = {
        point.identifier: point
        for asset in plan.databases
        for point in catalog.points(
            context.aws, region, step.site, asset, context.database(asset).instance, sources[asset]
        )
    }
    points = {name: point for name, point in held_here.items() if point.status == "available"}
    chosen = rule(target, known, limits, sources, {name: point.time for name, point in points.items()})
    context.learn(facts.INSTANT, stamp(chosen.instant))
    context.learn(facts.CHOSEN, chosen.model_dump(mode="json"))
    context.say(f"instant {stamp(chosen.instant)}: {chosen.reason}")
    if not isinstance(target, AtPoint):
        told = _wait_for_windows(step, context, chosen, sources)
        limits = told.limits
    for asset, beat in limits.beats.items():
        context.learn(facts.told_heartbeat_of(asset), beat.model_dump(mode="json"))
    lasting = context.site(step.site).recovery
    about_the_place = control_plane.of_the_place(context, region, lasting) if plan.databases else []
    for asset, window in limits.windows.items():
        name = chosen.snapshots.get(asset)
        held = points[name] if name else window
        context.learn(
            facts.recovery_point_of(asset), f"snapshot {name}" if name else f"{window.backup_arn or window.resource_id}"
        )
        context.find(asset, _judge(asset, held, region, chosen))
        says = control_plane.says_of(region, told.before, told.after, sources[asset], window, held_here)
        for finding in (*control_plane.of_a_database(context, asset, says, held, known), *about_the_place):
            context.find(asset, finding)
    for asset in plan.buckets:
        bucket = context.bucket(asset)
        name = bucket.bucket if step.site == "primary" else bucket.copy_
        context.learn(facts.recovery_point_of(asset), f"s3://{name}, versions of the instant")
        arrived = limits.objects.get(asset)
        # A committed backup has seen every object of its instant there; for any other, the newest heartbeat tells.
        proven = chosen.record is not None or (arrived is not None and arrived >= chosen.instant)
        context.find(
            asset,
            Finding(
                check="recovery_point",
                level="L0",
                outcome="passed" if proven else "errored",
                subject=f"s3://{name}",
                expected=f"objects up to {stamp(chosen.instant)}",
                observed=f"heartbeat object of {stamp(arrived)}" if arrived else "no heartbeat object",
            ),
        )


@dataclass(frozen=True)
class Told:
    """What the site holds, and between which moments it said so: how far it is behind follows from all three."""

    limits: Limits
    before: datetime
    after: datetime


def _ask(context: Context, sources: dict[str, str]) -> Told:
    before = context.clock.now()
    limits = catalog.limits(context.aws, context.plan, context.application, sources)
    return Told(limits, before, context.clock.now())


def _promptly(context: Context, sources: dict[str, str]) -> Told:
    """Ask again when the answer was slow, a few times."""
    for _ in range(ROUNDS):
        told = _ask(context, sources)
        if (told.after - told.before).total_seconds() < PROMPT:
            break
    return told


def _wait_for_windows(step: ChooseInstant, context: Context, chosen: Chosen, sources: dict[str, str]) -> Told:
    return until(
        lambda: _ask(context, sources),
        lambda told: all(window.holds(chosen.instant) for window in told.limits.windows.values()),
        what=f"the {step.site} site's windows to reach {stamp(chosen.instant)}",
        clock=context.clock,
        deadline=context.deadline(step.timeout),
        every=context.interval(30),
        shown=lambda told: "; ".join(f"{asset}: {window.shown()}" for asset, window in told.limits.windows.items()),
    )


def _judge(asset: str, held: RecoveryPoint | RecoveryWindow, region: str, chosen: Chosen) -> Finding:
    """L0: what is restored from is where it was promised, and it is encrypted."""
    arn = held.arn if isinstance(held, RecoveryPoint) else held.backup_arn
    shown = f"{arn or asset}, {f'of {stamp(held.time)}' if isinstance(held, RecoveryPoint) else held.shown()}"
    elsewhere = arn is not None and f":{region}:" not in arn
    return Finding(
        check="recovery_point",
        level="L0",
        outcome="failed" if elsewhere or not held.encrypted else "passed",
        subject=asset,
        expected=f"an encrypted recovery point in {region} that reaches {stamp(chosen.instant)}",
        observed=f"{shown}, {'encrypted' if held.encrypted else 'not encrypted'}",
    )
