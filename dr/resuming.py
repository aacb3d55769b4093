"""A run whose process died: go on with it by the same loop, or give it up by the same teardown.

Everything that can be refused is refused by looking. Then the journal is taken up, and its next event says who writes
now: a process that was not as dead as it seemed is stopped by its own next event.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event as Flag

from dr import catalog, journal
from dr.context import Context
from dr.documents import estate_of, parse
from dr.drill import TOOL, House, concluded, held, permitted, run_folder, surroundings
from dr.errors import Interrupted, Refused
from dr.events import Intended, Observed, Resumed, Thing
from dr.journal import FILE, Reading
from dr.plan import Plan
from dr.provenance import assert_ours, plan_of
from dr.replay import Past, replay
from dr.report import shelf
from dr.report.model import Report
from dr.run import Watch, give_up, run
from dr.scratch import protected_by

NEVERMIND = "if that process is dead, say so with --take-over; if it is not, its own next event stops it"


@dataclass(frozen=True)
class Stopped:
    """A run that is not at work, as it was planned and as far as it came."""

    house: House
    """With the estate of the plan: see `look`."""
    plan: Plan
    past: Past
    reading: Reading
    estate_changed: bool
    also_protected: frozenset[str]
    """What the estate of today protects."""

    def made(self) -> list[Thing]:
        """Everything that the run created or may have created, scratch or not."""
        things = [event.thing for event in self.reading.events if isinstance(event, Intended | Observed)]
        return list({str(thing): thing for thing in things}.values())


def look(house: House, asked: str, *, take_over: bool = False) -> Stopped:
    """Find a run, on this machine or in the control store, and make sure that it may be taken up. Changes nothing.

    It goes on with the estate that it was planned with: applications, sites and objectives. Who we are (roles), where
    the control store is and which certificates to trust are as they are now. Raises Refused for a run that is closed,
    or that may still be at work.
    """
    run = _find(house, asked)
    reading = house.reading(run)
    past = replay(reading.events)
    if past.closed:
        raise Refused(f"{run} is closed: there is nothing to go on with", hint=f"`dr report {run}` tells how it ended")
    _alive(house, run, past, take_over)
    if not past.opened.estate:
        raise Refused(
            f"{run} was journaled by {past.opened.tool}, which did not keep its estate", hint="`dr sweep` clears up"
        )
    plan = plan_of(past.opened)
    if plan.run != run:
        raise Refused(f"{run}: its journal is that of {plan.run}", hint="was a folder renamed or copied by hand?")
    now = house.estate
    changed = past.opened.estate != house.document.text
    planned = estate_of(parse(Path(f"estate of {run}"), past.opened.estate.encode())) if changed else now
    assert_ours(plan, planned)
    if planned.account != now.account:
        raise Refused(
            f"{run} was planned for account {planned.account}; the estate is account {now.account} now",
            hint="is this the right --estate?",
        )
    kept = {"roles": now.roles, "control": now.control, "certificate_authority": now.certificate_authority}
    return Stopped(
        house=replace(house, estate=planned.model_copy(update=kept)),
        plan=plan,
        past=past,
        reading=reading,
        estate_changed=changed,
        also_protected=frozenset(protected_by(now, catalog.records(house.store, plan.application))),
    )


def resume(stopped: Stopped, *, stopping: Flag, say: Callable[[str], None], watch: Watch | None = None) -> Report:
    """Go on with a run to its end, and judge it as any other. Its recovery time counts from its first event."""

    def go_on(context: Context) -> None:
        with suppress(Interrupted):
            run(context, stopping, watch)

    return _taken_up(stopped, stopping, say, go_on)


def abort(stopped: Stopped, *, say: Callable[[str], None]) -> Report:
    """Give a run up: remove its scratch, and close its journal. What a backup made lasts, and is only listed."""
    reason = f"given up by `dr abort` on {stopped.house.machine.host}"
    return _taken_up(stopped, Flag(), say, lambda context: give_up(context, reason))


def _taken_up(
    stopped: Stopped, stopping: Flag, say: Callable[[str], None], finish: Callable[[Context], None]
) -> Report:
    house, plan, here = stopped.house, stopped.plan, stopped.house.machine
    folder, clock = run_folder(house, plan, exist_ok=True), here.clock(stopping)
    with here.journal(folder / FILE, clock, house.ledger(plan.run), take_up=True, threads=here.threads) as book:
        if book.reading().head_sha256 != stopped.reading.head_sha256:
            raise Refused(
                f"{plan.run} went on while it was looked at", hint="another process has it: look at `dr runs`"
            )
        book.append(Resumed(tool=TOOL, host=here.host, pid=here.pid, estate_changed=stopped.estate_changed))
        context = surroundings(house, plan, clock, book, say)
        # What a dead process of this run held is taken over at once: the journal is ours.
        with held(house, plan, stopping, say) as leases, permitted(house, leases, book):
            finish(replace(context, protected=context.protected | stopped.also_protected))
        return concluded(house, book, folder)


def _find(house: House, asked: str) -> str:
    """The name of a run. Whole ones are looked for in the control store too, where this machine may know nothing."""
    if shelf.is_name(asked):
        ledger = house.ledger(asked)
        if (house.runs / asked / FILE).exists() or (ledger and ledger.read()):
            return asked
    return shelf.find(house.runs, asked)


def _alive(house: House, run: str, past: Past, take_over: bool) -> None:
    """Raises Refused where the run's last process is alive, or may be. A lock tells, on the machine that holds it."""
    path = house.runs / run / FILE
    if path.exists() and journal.alive(path):
        raise Refused(f"{run} is still at work in process {past.pid}", hint="let it end, or stop it there (Ctrl-C)")
    if take_over:
        return
    if past.host != house.machine.host:
        raise Refused(
            f"{run} was written last on {past.host}: whether it is at work there, nobody can see from here",
            hint=NEVERMIND,
        )
    if not path.exists() and house.machine.lives(past.pid):
        raise Refused(f"{run} may still be at work in process {past.pid}, from another folder", hint=NEVERMIND)
