"""Whose journal this is: the plan that its run began with, and whether it belongs to this estate.

A control store is a folder or a bucket, and somebody else's run may come to lie in it. What such a run created is not
ours to finish or to remove, whatever names it uses. Pure.
"""

from collections.abc import Sequence

from pydantic import ValidationError

from dr.errors import Refused
from dr.estate import Estate
from dr.events import Event, Opened
from dr.plan import Plan


def opening(events: Sequence[Event]) -> Opened:
    """The first event of a journal. Raises Refused when it is not `opened`, as that of every run is."""
    first = events[0] if events else None
    if not isinstance(first, Opened):
        raise Refused(
            "a journal begins with `opened`, and this one does not",
            hint="its first line was not written; nothing had begun" if first is None else "no run of ours wrote it",
        )
    return first


def plan_of(opened: Opened) -> Plan:
    """The plan of a run. Raises Refused for one that this version cannot perform or read."""
    try:
        plan = Plan.model_validate(opened.plan)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        raise Refused(
            f"run {opened.run}: its plan cannot be read: {place}: {first['msg']}",
            hint="was it made by another version of dr, or changed?",
        ) from problem
    if plan.run != opened.run:
        raise Refused(f"run {opened.run}: its plan is that of run {plan.run}", hint="the journal was changed")
    return plan


def assert_ours(plan: Plan, estate: Estate) -> None:
    """Raises Refused when a plan was made for another account, or for another estate."""
    hint = "it belongs to somebody else's control store: use their estate"
    if plan.account != estate.account:
        raise Refused(
            f"run {plan.run} is of account {plan.account}, and this estate is of account {estate.account}", hint=hint
        )
    regions = {"primary": estate.sites.primary.region, "recovery": estate.sites.recovery.region}
    if plan.regions != regions:
        raise Refused(
            f"run {plan.run} is of another estate: its regions are {', '.join(plan.regions.values())}, "
            f"and ours are {', '.join(regions.values())}",
            hint=hint,
        )
    application = estate.applications.get(plan.application)
    unknown = {*plan.databases, *plan.buckets} - (
        {*application.databases, *application.buckets} if application else set()
    )
    if application is None or unknown:
        what = f"asset {min(unknown)}" if application else f"application {plan.application}"
        raise Refused(f"run {plan.run} is of another estate: this one has no {what}", hint=hint)
