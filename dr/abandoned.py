"""What one run left behind: whether the run is over, what of it can be proven ours, and its removal.

Its journal decides. What only says of itself that it is this run's scratch is described and shown, and stays.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, get_args

from dr import journal
from dr.aws import rds
from dr.chain import Reading
from dr.claims import Allowance, Creation
from dr.clock import Clock, Deadline
from dr.drill import House
from dr.errors import FiredrillError, Refused
from dr.events import Intended, Observed, Thing
from dr.journal import FILE
from dr.over import UNDER_WAY, assert_over, at_work, elapsed, ended, held, nothing_left
from dr.plan import Plan
from dr.provenance import assert_ours, opening, plan_of
from dr.replay import replay
from dr.resuming import deliver
from dr.scratch import MAKES_SCRATCH, assert_gone, creations, describe, kind_of, unanswered
from dr.strangers import Sighted, sighted
from dr.teardown import remove

KINDS: tuple[str, ...] = get_args(Plan.model_fields["kind"].annotation)
"""The kinds of run that this version knows."""

Fate = Literal["removed", "would be removed", "left alone", "remains", "could not look", "could not record"]


@dataclass(frozen=True)
class Swept:
    """One thing that a sweep came across, and what became of it."""

    thing: str
    run: str
    fate: Fate
    reason: str


@dataclass(frozen=True)
class Broom:
    """One sweep: for whom, how, and what it has seen and dealt with so far."""

    house: House
    clock: Clock
    say: Callable[[str], None]
    dry_run: bool
    protected: set[str]
    unread: tuple[str, ...]
    """Applications whose backup records could not be read: what `protected` does not know of."""
    seen: Sequence[Sighted]
    dealt: set[tuple[str, str]] = field(default_factory=set)
    """Name and region of instances of which enough was said."""


def sweep_run(broom: Broom, run: str, parts: Sequence[str]) -> Iterator[Swept]:
    """Deal with everything that is, or says that it is, scratch of a run.

    `parts`: what stands of its journal in a control store that others share. Raises Refused for a journal that cannot
    be trusted.
    """
    house = broom.house
    path = house.runs / run / FILE
    here = journal.read(path) if path.exists() else None
    if here and not broom.dry_run and _behind(house, run, here) and (said := deliver(house, run)):
        broom.say(said)
    seen = [one for one in broom.seen if one.run == run]
    if not seen and (ended(here) if here else nothing_left(house.store, parts)):
        return
    # Another machine may have taken the run up since.
    reading = house.reading(run)
    if not reading.entries and not seen:
        return  # It died before it had written a line: it announced nothing.
    if kind_of(reading) not in KINDS and kind_of(reading) not in MAKES_SCRATCH:
        yield from _unknown(broom, run, reading, seen)
        return
    left = creations(reading)
    named = {(one.name, one.region) for one in left if one.kind == "instance"}
    broom.dealt.update(named, (one.key for one in seen))
    known = {one.resource_id for one in left if one.resource_id}
    late, others = _looked_at(house, reading, [one for one in seen if one.key not in named])
    others = [one for one in others if one.resource_id not in known]
    if not left and not late and not others:
        return
    plan = plan_of(opening(reading.events))
    if plan.run != run:
        raise Refused(f"the journal of {run} is that of run {plan.run}", hint="it was copied here, or renamed")
    shown = [_shown(one) for one in [*left, *late]] + [one.arn for one in others]
    try:
        assert_ours(plan, house.estate)
    except Refused as theirs:
        own = here is not None and plan.account == house.estate.account
        own = own and replay(reading.events).host == house.machine.host
        reason = f"{theirs.message}; it is swept only with the estate that it was planned with" if own else ""
        for thing in shown:
            yield Swept(thing, run, "remains" if own else "left alone", reason or theirs.message)
        return
    if reason := at_work(house, run, plan, reading, broom.clock):
        for thing in shown:
            yield Swept(thing, run, "left alone", reason)
        return
    allowance = Allowance(run, len(left) + len(late), house.estate.deletions_per_run)
    for creation in [*left, *late]:
        yield from _deal(broom, creation, reading, allowance)
    for one in others:
        yield Swept(one.arn, run, "remains", _why_it_stays(one, reading) + one.expired(broom.clock.now()))


def _deal(broom: Broom, creation: Creation, reading: Reading, allowance: Allowance) -> Iterator[Swept]:
    """Remove one thing that the journal says the run created, where it can be proven."""
    house, clock, shown, run = broom.house, broom.clock, _shown(creation), creation.run
    try:
        if describe(house.aws, creation) is None:
            assert_gone(house.aws, creation)
            if not creation.answered and elapsed(house, reading, clock) < UNDER_WAY:
                reason = "its run ended while nobody had answered: it may still come to be; sweep again in a while"
                yield Swept(shown, run, "left alone", reason)
            return
        if broom.unread and creation.kind == "instance" and creation.resource_id is None:
            raise Refused(
                f"{shown}: its journal does not know its resource id, and the backup records of "
                f"{', '.join(broom.unread)} could not be read: it cannot be told from a protected one"
            )
        if broom.dry_run:
            yield Swept(shown, run, "would be removed", "its run is over")
            return
        broom.say(f"removing {shown} of {run} …")
        with _permitted(house, run, reading):
            deadline = Deadline.within(clock, max(120.0, 3600 / house.connection.time_scale))
            every = max(0.2, 10 / house.connection.time_scale)
            remove(house.aws, creation, broom.protected, allowance, clock, deadline, every)
    except FiredrillError as problem:
        yield Swept(shown, run, "remains", problem.message)
    else:
        yield Swept(shown, run, "removed", "its run is over")


@contextmanager
def _permitted(house: House, run: str, reading: Reading) -> Iterator[None]:
    """Have each call that removes something ask whether nobody goes on with the run by now."""
    house.aws.permit(partial(assert_over, house, run, reading))
    try:
        yield
    finally:
        house.aws.permit(None)


def _behind(house: House, run: str, here: Reading) -> bool:
    """Whether a run went on here without the control store, which may not know of it yet."""
    overridden = bool(here.entries) and replay(here.events).overrides
    return bool(overridden and house.ledger(run)) and not held(house, run)


def _looked_at(house: House, reading: Reading, seen: list[Sighted]) -> tuple[list[Creation], list[Sighted]]:
    """Of what is tagged and stands in no open creation: what the run announced all the same, and the rest.

    What is gone by now, or has other tags, is neither.
    """
    late: list[Creation] = []
    others: list[Sighted] = []
    for one in seen:
        found = rds.instance(house.aws, one.region, one.name) if one.name else None
        now = sighted(found) if found else one
        if one.name and (found is None or now.run != one.run):
            continue
        made = unanswered(reading, one.name, one.region)
        if made:
            late.append(made)
        else:
            others.append(now)
    return late, others


def _why_it_stays(one: Sighted, reading: Reading) -> str:
    """What is known of a thing with a run's tags that no open creation of that run accounts for."""
    run = opening(reading.events).run
    for event in reading.events:
        if isinstance(event, Observed) and event.resource_id == one.resource_id and one.resource_id:
            return (
                f"run {run} made it as {event.thing.name}, and took it for gone: was it renamed? "
                "look at it, and remove it by hand"
            )
    if not one.name:
        return f"tagged as scratch of {run}, which makes nothing of this kind: look at who made it"
    return (
        f"tagged as scratch of {run}, whose journal knows of no such thing that is still there: "
        f"look at what restored instance {one.name} in {one.region}, and remove it by hand"
    )


def _unknown(broom: Broom, run: str, reading: Reading, seen: list[Sighted]) -> Iterator[Swept]:
    """A run of a kind that this version has never heard of: whatever it made may be meant to last."""
    made = {
        (event.thing.name, event.thing.region)
        for event in reading.events
        if isinstance(event, Intended | Observed) and event.thing.kind == "instance"
    }
    opening(reading.events)
    broom.dealt.update(made, (one.key for one in seen))
    reason = f"this version knows no runs of kind {kind_of(reading)}: nothing of one is taken for scratch"
    names = [str(Thing(kind="instance", name=name, region=region)) for name, region in sorted(made)]
    others = [one.arn for one in seen if one.key not in made]
    for thing in [*names, *others]:
        yield Swept(thing, run, "left alone", reason)


def _shown(creation: Creation) -> str:
    return str(Thing(kind=creation.kind, name=creation.name, region=creation.region))
