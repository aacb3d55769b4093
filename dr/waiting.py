"""Waiting for RDS: until an instance or a snapshot is available, or gone, with the whole table of statuses in mind."""

from collections.abc import Callable

from dr.aws import rds, snapshots, statuses
from dr.clock import Deadline
from dr.context import Context
from dr.errors import Unable
from dr.wait import until


def instance_available(context: Context, region: str, identifier: str, deadline: Deadline) -> rds.Instance:
    """Wait until an instance is available with nothing pending, twice in a row.

    A modified instance keeps saying `available` for some seconds after the call: once is not enough.
    Raises Unable at once for a status that no waiting mends, and when the instance vanishes.
    """
    good = 0
    report = _unheard_of(context, f"instance {identifier}")

    def ready(seen: rds.Instance | None) -> bool:
        nonlocal good
        if seen is None:
            raise Unable(f"instance {identifier} vanished while it was waited for", hint="look at its events")
        report(seen.status)
        if seen.standing == "fatal":
            why = statuses.WHY.get(seen.status.lower(), "no waiting mends this: look at its events")
            raise Unable(f"instance {identifier} is {seen.status}", hint=why)
        good = good + 1 if seen.standing == "ok" and not seen.pending else 0
        return good >= 2

    seen = until(
        lambda: rds.instance(context.aws, region, identifier, role="scratch"),
        ready,
        what=f"instance {identifier} to be available",
        clock=context.clock,
        deadline=deadline,
        every=context.interval(10),
        shown=lambda last: last.status if last else "absent",
    )
    if seen is None:
        raise Unable(f"instance {identifier} vanished while it was waited for")
    return seen


def snapshot_available(context: Context, region: str, identifier: str, deadline: Deadline) -> snapshots.Snapshot:
    """Wait until a snapshot is available. Raises Unable when it fails or vanishes."""
    report = _unheard_of(context, f"snapshot {identifier}")

    def ready(seen: snapshots.Snapshot | None) -> bool:
        if seen is None:
            raise Unable(f"snapshot {identifier} vanished while it was waited for", hint="was its source deleted?")
        report(seen.status)
        if statuses.snapshot_standing(seen.status) == "fatal":
            raise Unable(f"snapshot {identifier} is {seen.status}", hint="look at its events")
        return statuses.snapshot_standing(seen.status) == "ok"

    seen = until(
        lambda: snapshots.snapshot(context.aws, region, identifier),
        ready,
        what=f"snapshot {identifier} to be available",
        clock=context.clock,
        deadline=deadline,
        every=context.interval(15),
        shown=lambda last: f"{last.status}, {last.percent} %" if last else "absent",
    )
    if seen is None:
        raise Unable(f"snapshot {identifier} vanished while it was waited for")
    return seen


def _unheard_of(context: Context, shown: str) -> Callable[[str], None]:
    """Tells, once for each, of statuses that nobody has heard of: they are waited for like any that will pass."""
    told: set[str] = set()

    def report(status: str) -> None:
        if not statuses.known(status) and status not in told:
            told.add(status)
            context.say(f"{shown} is {status!r}, a status that this version does not know: waiting until the deadline")

    return report
