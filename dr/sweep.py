"""Find scratch that nobody looks after any more, and remove what can be proven ours.

Three sources are united. Journals, on this machine and in a control store that others share, say what runs created: it
is removed where its run is over and tags and resource id agree. The tagging API and the names of instances, in both
regions, say what else calls itself scratch: where its run is known and cannot account for it, it remains, and a person
has to look; where its run is not known here, it is left alone. Tags prove nothing by themselves, and an expiry among
them is only told.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from threading import Event as Flag

from dr import catalog
from dr.abandoned import Broom, Swept, sweep_run
from dr.aws import rds, tagging
from dr.aws.rds import Instance
from dr.clock import Clock
from dr.drill import House
from dr.errors import FiredrillError, Refused
from dr.journal import FILE
from dr.recovery import stamp
from dr.report import shelf
from dr.scratch import protected_by
from dr.strangers import NAMES, Sighted, united

KEPT = ("removed", "remains", "could not look")
"""Fates that the receipt tells of."""


def sweep(house: House, *, dry_run: bool, say: Callable[[str], None]) -> list[Swept]:
    """Go through what AWS shows in both regions, and through every journal that this house knows of.

    What goes wrong with one run, or with one region, is part of the result: it must not keep other scratch alive.
    Raises Refused where there is no journal to go by.
    """
    if not house.runs.is_dir() and not house.store.regions:
        raise Refused(
            f"no run was ever journaled in {house.runs}",
            hint="sweep from where the runs were started, with their estate",
        )
    clock = house.machine.clock(Flag())
    found: list[Swept] = []
    protected = protected_by(house.estate, [])
    unread: list[str] = []
    for name in house.estate.applications:
        try:
            protected |= protected_by(house.estate, catalog.records(house.store, name))
        except FiredrillError as problem:
            unread.append(name)
            found.append(Swept("backup records", name, "could not look", problem.message))
    # Before the journals: whatever is seen here and is a run's own was announced by then.
    seen = _seen(house, found)
    runs = _runs(house, found)
    broom = Broom(house, clock, say, dry_run, protected, tuple(unread), seen)
    for run, parts in sorted(runs.items()):
        try:
            found += sweep_run(broom, run, parts)
        except FiredrillError as problem:
            found.append(Swept("scratch", run, "remains", problem.message))
    found += _strangers(broom, runs)
    if not dry_run:
        found += _receipt(house, found, clock)
    return found


def _seen(house: House, found: list[Swept]) -> list[Sighted]:
    """What calls itself scratch in both regions. Where nobody could look is added to what was found."""
    seen: list[Sighted] = []
    for site in ("primary", "recovery"):
        region = house.estate.site(site).region
        tagged: list[tuple[str, dict[str, str]]] = []
        named: list[Instance] | None = None
        try:
            tagged = tagging.tagged(house.aws, region)
        except FiredrillError as problem:
            found.append(Swept(f"everything tagged in {region}", "", "could not look", problem.message))
        try:
            named = rds.instances(house.aws, region, NAMES)
        except FiredrillError as problem:
            found.append(Swept(f"instances named {NAMES}* in {region}", "", "could not look", problem.message))
        seen += united(region, tagged, named)
    return seen


def _runs(house: House, found: list[Swept]) -> dict[str, Sequence[str]]:
    """Every run that left a journal here or in the control store, and what stands of it in the latter."""
    runs: dict[str, Sequence[str]] = {path.parent.name: () for path in house.runs.glob(f"*/{FILE}")}
    if house.store.regions:
        try:
            runs |= shelf.in_store(house.store)
        except FiredrillError as problem:
            found.append(Swept(f"runs in {house.store.shown}", "", "could not look", problem.message))
    return runs


def _strangers(broom: Broom, runs: dict[str, Sequence[str]]) -> Iterator[Swept]:
    """What no run that is known here says anything of."""
    for one in broom.seen:
        if one.key in broom.dealt or one.run in runs:
            continue
        reason = (
            "no journal here created it; sweep from where its run was started"
            if one.tagged
            else "its name says scratch, and its tags do not: look at who made it"
        )
        yield Swept(one.arn, one.run, "left alone", reason + one.expired(broom.clock.now()))


def _receipt(house: House, found: list[Swept], clock: Clock) -> list[Swept]:
    """What a sweep removed, and what it could not, stays in the control store: nobody has to believe a terminal."""
    touched = [asdict(one) for one in found if one.fate in KEPT]
    if not touched:
        return []
    name = f"sweeps/{stamp(clock.now())}-{house.machine.chance.randbytes(4).hex()}.json"
    try:
        house.store.create(name, json.dumps(touched, indent=2).encode())
    except FiredrillError as problem:
        return [Swept(f"receipt {name}", "", "could not record", problem.message)]
    return []
