"""Hold leases for as long as something is done with them: get them, renew them beside it, give them back."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from dr.clock import Clock
from dr.errors import FiredrillError, LeaseLost
from dr.lease import TIME_TO_LIVE, Holder, Lease, Starter
from dr.plan import Plan
from dr.sharing import SYSTEM, Threads
from dr.store import Store

RENEWALS: Final = 3
"""In a time to live."""
LOOKS: Final = 10
"""In a time to live, by a starter that waits for it to pass."""


def acquire(starter: Starter, clock: Clock, time_to_live: float = TIME_TO_LIVE) -> Lease:
    """Get a lease, waiting only until it is known whether its holder lives: for its time to live at most.

    Raises Refused when the holder does, saying who it is, and Interrupted when the run was asked to stop.
    """
    while (lease := starter.attempt()) is None:
        clock.sleep(time_to_live / LOOKS)
    return lease


@contextmanager
def holding(
    store: Store,
    clock: Clock,
    names: Iterable[str],
    holder: Holder,
    say: Callable[[str], None],
    *,
    exclusive: bool = False,
    time_to_live: float = TIME_TO_LIVE,
    threads: Threads = SYSTEM,
) -> Iterator[list[Lease]]:
    """Hold leases of these names, and renew them until the end. Raises Refused when one cannot be had: then of none."""
    with ExitStack() as stack:
        leases: list[Lease] = []
        # In one order for everybody: of two that want the same names, one gets all.
        for name in sorted(names):
            starter = Starter(
                store, clock, name, holder, exclusive=exclusive, time_to_live=time_to_live, threads=threads
            )
            leases.append(stack.enter_context(_kept(acquire(starter, clock, time_to_live), threads, say)))
        yield leases


def check(leases: Iterable[Lease]) -> None:
    """Raises LeaseLost when somebody else has one of them."""
    for lease in leases:
        lease.check()


def names_of(plan: Plan) -> list[str]:
    """What a run has to hold: a backup each of its assets, a restore test nothing, because it touches its scratch."""
    if plan.kind == "test":
        return []
    return [f"{plan.application}/{asset}" for asset in (*plan.databases, *plan.buckets)]


@contextmanager
def _kept(lease: Lease, threads: Threads, say: Callable[[str], None]) -> Iterator[Lease]:
    """Renew a lease beside whatever is done with it, and give it back at the end."""
    try:
        with threads.beside(lease.time_to_live / RENEWALS, lambda: _renewed(lease), f"lease of {lease.name}"):
            yield lease
    finally:
        try:
            lease.give_back()
        except FiredrillError as problem:
            say(f"lease of {lease.name} was not given back: {problem.message}")


def _renewed(lease: Lease) -> bool:
    """Renew it. False when there is nothing left to renew."""
    try:
        lease.renew()
    except LeaseLost:
        return False  # The next check says so, to whoever can do something about it.
    except FiredrillError:
        return True  # The store did not answer. It is asked again, here and by the next check, which then counts.
    return True
