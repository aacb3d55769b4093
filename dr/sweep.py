"""Find scratch that nobody looks after any more, and remove what can be proven ours.

Abandoned is what a dead run left: its journal is on this machine and no process holds it. Expired is what outlived its
expiry tag, whoever made it. What carries our tags but stands in no journal here is shown and left alone: tags prove
nothing by themselves.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event as Flag
from typing import Literal

from dr import catalog, journal
from dr.aws import tagging
from dr.claims import TAG_PURPOSE, TAG_RUN, Allowance, Creation
from dr.clock import Clock, Deadline
from dr.drill import House
from dr.errors import FiredrillError, Refused
from dr.events import Closed, Thing
from dr.journal import FILE, Reading
from dr.provenance import assert_ours, opening, plan_of
from dr.recovery import stamp
from dr.replay import replay
from dr.resuming import deliver
from dr.scratch import creations, describe, protected_by
from dr.teardown import remove

UNDER_WAY = timedelta(minutes=15)
"""How long a call that nobody answered may still have its effect."""

Fate = Literal["removed", "would be removed", "left alone", "remains"]


@dataclass(frozen=True)
class Swept:
    """One thing that a sweep came across, and what became of it."""

    thing: str
    run: str
    fate: Fate
    reason: str


def sweep(house: House, *, dry_run: bool, say: Callable[[str], None]) -> list[Swept]:
    """Go through every journal in the store, then through what the tagging API knows in both regions.

    What goes wrong with one run, or with one region, is part of the result: it must not keep other scratch alive.
    Raises Refused where there is no store to look into.
    """
    if not house.runs.is_dir():
        raise Refused(
            f"no run was ever journaled in {house.runs}",
            hint="sweep from where the runs were started, with their estate",
        )
    clock = house.machine.clock(Flag())
    found: list[Swept] = []
    protected = protected_by(house.estate, [])
    for name in house.estate.applications:
        try:
            protected |= protected_by(house.estate, catalog.records(house.store, name))
        except FiredrillError as problem:
            found.append(Swept("backup records", name, "left alone", problem.message))
    folders = sorted(path.parent for path in house.runs.glob(f"*/{FILE}"))
    for folder in folders:
        try:
            found += _sweep_run(house, folder, protected, dry_run, say, clock)
        except FiredrillError as problem:
            found.append(Swept("scratch", folder.name, "remains", problem.message))
    if not dry_run:
        _receipt(house, found, clock)
    return found + list(_strangers(house, {folder.name for folder in folders}))


def _receipt(house: House, found: list[Swept], clock: Clock) -> None:
    """What a sweep removed, and what it could not, stays in the control store: nobody has to believe a terminal."""
    touched = [asdict(one) for one in found if one.fate in ("removed", "remains")]
    if touched:
        house.store.create(f"sweeps/{stamp(clock.now())}.json", json.dumps(touched, indent=2).encode())


def _sweep_run(
    house: House, folder: Path, protected: set[str], dry_run: bool, say: Callable[[str], None], clock: Clock
) -> Iterator[Swept]:
    here = journal.read(folder / FILE)
    if not dry_run and _behind(house, folder, here) and (said := deliver(house, folder.name)):
        say(said)
    if here.entries and isinstance(here.events[-1], Closed) and not creations(here):
        return
    # Another machine may have taken the run up since.
    reading = house.reading(folder.name)
    left = creations(reading)
    if not left:
        return
    plan = plan_of(opening(reading.events))
    if plan.run != folder.name:
        raise Refused(f"journal {folder / FILE} is that of run {plan.run}", hint="it was copied here, or renamed")
    try:
        assert_ours(plan, house.estate)
    except Refused as theirs:
        yield Swept("scratch", folder.name, "left alone", theirs.message)
        return
    if reason := _at_work(house, folder, reading, clock):
        for creation in left:
            yield Swept(_shown(creation), folder.name, "left alone", reason)
        return
    allowance = Allowance(left[0].run, len(left), house.estate.deletions_per_run)
    for creation in left:
        if describe(house.aws, creation) is None:
            if not creation.answered and _elapsed(house, reading, clock) < UNDER_WAY:
                reason = "its run ended while nobody had answered: it may still come to be; sweep again in a while"
                yield Swept(_shown(creation), folder.name, "left alone", reason)
            continue
        if dry_run:
            yield Swept(_shown(creation), folder.name, "would be removed", "its run is over")
            continue
        say(f"removing {_shown(creation)} of {folder.name} …")
        house.aws.permit(partial(_assert_over, house, folder, reading))
        try:
            deadline = Deadline.within(clock, max(120.0, 3600 / house.connection.time_scale))
            every = max(0.2, 10 / house.connection.time_scale)
            remove(house.aws, creation, protected, allowance, clock, deadline, every)
        except FiredrillError as problem:
            yield Swept(_shown(creation), folder.name, "remains", str(problem))
        else:
            yield Swept(_shown(creation), folder.name, "removed", "its run is over")
        finally:
            house.aws.permit(None)


def _assert_over(house: House, folder: Path, reading: Reading) -> None:
    """Asked before each call that removes something. Raises Refused when somebody goes on with the run by now.

    Waiting until a thing is gone takes minutes, in which the run may give its name to another one.
    """
    if journal.alive(folder / FILE) or house.reading(folder.name).head_sha256 != reading.head_sha256:
        raise Refused(f"{folder.name} was taken up while it was swept", hint="what it still needs is its own again")


def _elapsed(house: House, reading: Reading, clock: Clock) -> timedelta:
    """Since a run's last event. Somebody may have set the wall clock; the monotonic one begins anew at most."""
    last = reading.entries[-1]
    by_wall = clock.now() - last.at
    passed = timedelta(seconds=clock.monotonic() - last.monotonic)
    here = replay(reading.events).host == house.machine.host
    return min(by_wall, passed) if here and passed >= timedelta(0) else by_wall


def _behind(house: House, folder: Path, here: Reading) -> bool:
    """Whether a run went on here without the control store, which may not know of it yet."""
    overridden = bool(here.entries) and replay(here.events).overrides
    return bool(overridden and house.ledger(folder.name)) and not journal.alive(folder / FILE)


def _at_work(house: House, folder: Path, reading: Reading, clock: Clock) -> str:
    """Why a run may still be at work; empty when it is over. Another machine's lock cannot be seen: expiry decides."""
    past = replay(reading.events)
    if journal.alive(folder / FILE):
        return "its run is still at work"
    expires = datetime.fromisoformat(str(past.opened.plan.get("expires_at")))
    if past.host != house.machine.host and not past.closed and clock.now() < expires:
        return f"its run was at work on {past.host}; this machine may remove it from {stamp(expires)} on"
    return ""


def _strangers(house: House, known: set[str]) -> Iterator[Swept]:
    for site in ("primary", "recovery"):
        region = house.estate.site(site).region
        try:
            tagged = tagging.tagged(house.aws, region)
        except FiredrillError as problem:
            yield Swept(f"everything tagged in {region}", "", "left alone", problem.message)
            continue
        for arn, tags in tagged:
            run = tags.get(TAG_RUN, "")
            if tags.get(TAG_PURPOSE) == "scratch" and run not in known:
                yield Swept(arn, run, "left alone", "no journal here created it; sweep from where its run was started")


def _shown(creation: Creation) -> str:
    return str(Thing(kind=creation.kind, name=creation.name, region=creation.region))
