"""Whether a run is over, so that what it left may be swept: by its journal, its lock, and its expiry."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from dr import journal
from dr.chain import Reading
from dr.claims import SCRATCH_LIFETIME
from dr.clock import Clock
from dr.drill import House
from dr.errors import Refused
from dr.events import Closed, Opened, Resumed
from dr.journal import FILE
from dr.plan import Plan
from dr.recovery import stamp
from dr.replay import replay
from dr.scratch import creations
from dr.store import Store

UNDER_WAY = timedelta(minutes=15)
"""How long a call that nobody answered may still have its effect."""


def assert_over(house: House, run: str, reading: Reading) -> None:
    """Raises Refused when somebody goes on with the run by now.

    Waiting until a thing is gone takes minutes, in which the run may give its name to another one.
    """
    if held(house, run) or house.reading(run).head_sha256 != reading.head_sha256:
        raise Refused(f"{run} was taken up while it was swept", hint="what it still needs is its own again")


def held(house: House, run: str) -> bool:
    """Whether a process on this machine is writing the journal in this machine's folder."""
    path = house.runs / run / FILE
    return path.exists() and journal.alive(path)


def at_work(house: House, run: str, plan: Plan, reading: Reading, clock: Clock) -> str:
    """Why a run may still be at work; empty when it is over.

    A lock tells where the journal is in this folder. Another machine's cannot be seen: expiry decides.
    """
    past = replay(reading.events)
    if held(house, run):
        return "its run is still at work"
    expires = expiry(plan, reading)
    if past.closed or clock.now() >= expires:
        return ""
    if past.host != house.machine.host:
        return f"its run was at work on {past.host}; this machine may remove it from {stamp(expires)} on"
    if not (house.runs / run / FILE).exists() and house.machine.lives(past.pid):
        return f"its run may be at work here, in process {past.pid} from another folder, until {stamp(expires)}"
    return ""


def expiry(plan: Plan, reading: Reading) -> datetime:
    """From when on anybody may sweep a run: counted anew from each time that somebody took it up."""
    begun = [entry.at for entry in reading.entries if isinstance(entry.body, Opened | Resumed)]
    return max(plan.expires_at, *(at + SCRATCH_LIFETIME for at in begun))


def elapsed(house: House, reading: Reading, clock: Clock) -> timedelta:
    """Since a run's last event. Somebody may have set the wall clock; the monotonic one begins anew at most."""
    last = reading.entries[-1]
    by_wall = clock.now() - last.at
    passed = timedelta(seconds=clock.monotonic() - last.monotonic)
    here = replay(reading.events).host == house.machine.host
    return min(by_wall, passed) if here and passed >= timedelta(0) else by_wall


def ended(here: Reading) -> bool:
    """Whether a journal is closed, and nothing of its run was left."""
    return bool(here.entries) and isinstance(here.events[-1], Closed) and not creations(here)


def nothing_left(store: Store, parts: Sequence[str]) -> bool:
    """Whether a journal in the control store ends in `closed`, and nothing was said to remain before that.

    Read from its end: of an old run these are a few objects, and not all that it ever announced. It proves nothing, and
    nothing rests on it but whether the whole journal is read.
    """
    closed = False
    for name in reversed(parts):
        for line in reversed(store.read(name).splitlines()):
            try:
                event = json.loads(line)["body"]["event"]
            except (ValueError, TypeError, KeyError):
                return False
            if event == "remains" or (not closed and event != "closed"):
                return False
            if event == "teardown_started":
                return True
            closed = True
    return False
