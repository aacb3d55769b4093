"""Wait until the recovery site itself says that it can restore a database to the instant of its baseline."""

from dr import facts
from dr.aws import backups
from dr.context import Context
from dr.recovery import RecoveryWindow, SourceFacts, stamp
from dr.runbook import ProveWindow
from dr.wait import until


def prove_window(step: ProveWindow, context: Context) -> None:
    """Look at the destination's own window: the source's says nothing about what has arrived."""
    instant = context.moment(facts.instant_of(step.asset))
    source = SourceFacts.model_validate(context.fact(facts.source_of(step.asset)))

    def look() -> RecoveryWindow | None:
        found = backups.recovery_windows(
            context.aws, context.region(step.site), step.site, step.asset, resource_id=source.resource_id
        )
        return found[0] if found else None

    seen = until(
        look,
        lambda window: window is not None and window.holds(instant),
        what=f"the window of {step.asset} in {context.region(step.site)} to reach {stamp(instant)}",
        clock=context.clock,
        deadline=context.deadline(step.timeout),
        every=context.interval(30),
        shown=lambda window: window.shown() if window else "no replicated backup",
    )
    if seen:
        context.say(f"{step.asset}: restorable in {context.region(step.site)} from {seen.shown()}")
