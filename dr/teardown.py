"""Destroy what a run claims, and see it gone. Whatever cannot be removed is written down, with the reason."""

from collections.abc import Collection

from dr.aws import changes, s3
from dr.aws.clients import Aws
from dr.aws.codes import kind
from dr.claims import Allowance, Creation
from dr.clock import Clock, Deadline
from dr.context import Context
from dr.errors import AwsError, FiredrillError
from dr.events import Remains, Removed, Thing
from dr.scratch import claim, creations
from dr.wait import until

LOOKS_FOR_THE_UNANSWERED = 6


def tear_down(context: Context) -> None:
    """Remove all scratch of the run. Each removal is an event; so is each thing that remains."""
    left = creations(context.journal.reading())
    if not left:
        return
    clock = context.clock.undisturbed()
    allowance = Allowance(context.plan.run, len(left), context.estate.deletions_per_run)
    for creation in left:
        thing = Thing(kind=creation.kind, name=creation.name, region=creation.region)
        context.say(f"removing {thing} …")
        context.intend("Delete", thing)
        try:
            deadline, every = context.deadline(3600), context.interval(10)
            remove(context.aws, creation, context.protected, allowance, clock, deadline, every)
        except FiredrillError as problem:
            context.journal.append(Remains(thing=thing, reason=str(problem)))
            context.say(f"{thing} remains: {problem}")
        else:
            context.journal.append(Removed(thing=thing))


def remove(
    aws: Aws,
    creation: Creation,
    protected: Collection[str],
    allowance: Allowance,
    clock: Clock,
    deadline: Deadline,
    every: float,
) -> None:
    """Prove that a thing is scratch, delete it, and wait until it is gone. A thing that never came to be is gone.

    Raises Refused when the proof fails or the run has removed enough, Unable when it is still there at the deadline.
    """

    # A restore or a copy whose answer was lost may show up a little later: one look that finds nothing is not enough.
    looks = 1 if creation.answered else LOOKS_FOR_THE_UNANSWERED

    def left() -> str:
        nonlocal looks
        claimed = claim(aws, creation, protected)
        if claimed is None:
            looks -= 1
            return "not there yet" if looks > 0 else ""
        allowance.spend(claimed)
        try:
            if claimed.kind == "instance":
                changes.delete_instance(aws, claimed)
            else:
                s3.delete_objects(aws, claimed)
        except AwsError as problem:
            # It is being created or modified: AWS lets it go when that has ended.
            if kind(problem.code) != "wait":
                raise
            return problem.message
        return "on its way out"

    until(
        left,
        lambda reason: not reason,
        what=f"{creation.kind} {creation.name} in {creation.region} to be gone",
        clock=clock,
        deadline=deadline,
        every=every,
    )
