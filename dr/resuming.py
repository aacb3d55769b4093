"""A run whose process died: go on with it by the same loop, or give it up by the same teardown.

Everything that can be refused is refused by looking. Then the journal is taken up, and its next event says who writes
now: a process that was not as dead as it seemed is stopped by its own next event.

Where the control store does not answer, nothing can stop anybody. Then a run goes on by a signed override alone, by the
journal that stands on this machine; what it did is brought to the control store when that answers again.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event as Flag

from dr import approval, journal
from dr.approval import Override
from dr.aws.codes import throttled
from dr.chain import Reading
from dr.context import Context
from dr.documents import estate_of, parse
from dr.drill import TOOL, House, concluded, held, permitted, run_folder, surroundings, untouchable
from dr.errors import AwsError, Interrupted, Refused
from dr.events import Intended, Observed, Overridden, Resumed, Thing
from dr.journal import FILE
from dr.ledger import Ledger
from dr.plan import Plan
from dr.provenance import assert_ours, plan_of
from dr.replay import Past, replay
from dr.report import shelf
from dr.report.model import Report
from dr.run import Watch, give_up, run

UNGUARDED = (
    "no lease: nobody else is kept from what this run acts on",
    "no ledger: another machine may go on with the same run and learn of nothing",
    "no backup records: scratch is proven by journal and tags, but not held against the resource ids of the sources",
)
"""What a run under an override goes without."""
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
    overridden: Overridden | None = None
    """What is journaled where the control store does not answer, and somebody signed that the run goes on."""

    def made(self) -> list[Thing]:
        """Everything that the run created or may have created, scratch or not."""
        things = [event.thing for event in self.reading.events if isinstance(event, Intended | Observed)]
        return list({str(thing): thing for thing in things}.values())


def look(house: House, asked: str, *, take_over: bool = False, override: Override | None = None) -> Stopped:
    """Find a run, on this machine or in the control store, and make sure that it may be taken up. Changes nothing.

    `override`: the control store does not answer, and this run may go on all the same. It has to be the house of
    somebody who entered alone.

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
    overridden = _overridden(house, override, plan, past) if override else None
    kept = {"roles": now.roles, "control": now.control, "certificate_authority": now.certificate_authority}
    return Stopped(
        house=replace(house, estate=planned.model_copy(update=kept)),
        plan=plan,
        past=past,
        reading=reading,
        estate_changed=changed,
        also_protected=untouchable(house, now, plan.application),
        overridden=overridden,
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
        changed, torn = stopped.estate_changed, stopped.reading.torn
        book.append(Resumed(tool=TOOL, host=here.host, pid=here.pid, estate_changed=changed, torn=torn))
        context = surroundings(house, plan, clock, book, say)
        if stopped.overridden:
            book.append(stopped.overridden)
        # What a dead process of this run held is taken over at once: the journal is ours.
        with held(house, plan, stopping, say) as leases, permitted(house, leases, book):
            finish(replace(context, protected=context.protected | stopped.also_protected))
        report = concluded(house, book, folder)
    if stopped.overridden and (said := deliver(house, plan.run)):
        say(said)
    return report


def deliver(house: House, run: str) -> str:
    """Bring to the control store what a run did while that did not answer: what became of it, in a sentence.

    Nothing is said where nothing was missing there.
    """
    raw = (house.runs / run / FILE).read_bytes()
    try:
        behind = Ledger(house.store, run).catch_up(raw[: raw.rfind(b"\n") + 1])
    except Refused as taken:
        return f"the control store answers, and was left as it is: {taken.message}"
    except AwsError as problem:
        return (
            f"the journal of {run} stands on this machine alone: the control store does not answer "
            f"({problem.message}); `dr sweep` brings it there once it does"
        )
    return f"the control store answers: {behind} events of {run} were brought there" if behind else ""


def _overridden(house: House, override: Override, plan: Plan, past: Past) -> Overridden:
    """What the journal will say of an override. Raises Refused where it is not good, or not needed."""
    approval.check(override, house.estate, plan, house.machine.clock(Flag()).now(), past.overrides)
    return Overridden(
        person=override.person,
        reason=override.reason,
        nonce=override.nonce,
        expires=override.expires,
        silence=_silence(house),
        unguarded=UNGUARDED,
    )


def _silence(house: House) -> str:
    """What became of an attempt to reach the control store. Raises Refused where there is nothing to override."""
    if not house.store.regions:
        raise Refused(
            f"the control store is the folder {house.store.shown}: whoever has the run's journal has that too",
            hint="an override is for a control store in a bucket that does not answer",
        )
    said = "everything is there"
    try:
        next(house.store.names("leases/"), None)
    except AwsError as problem:
        if problem.transient and not throttled(problem.code):
            return problem.message
        said = problem.message
    raise Refused(
        f"the control store {house.store.shown} answers ({said}): there is nothing to override",
        hint="the same command without --override",
    )


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
