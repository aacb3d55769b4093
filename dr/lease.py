"""Who may act on an application or an asset, with an epoch that only grows.

A lease is one document of the control store, replaced only by somebody who saw its present state. Its holder renews it.
A starter that has seen it unchanged for its time to live takes it over: by the starter's own monotonic clock, because
nobody else's clock can be believed. Who has lost a lease learns it at the next check, which stands before each call
that changes something: so at most the one call that is past its check already is still made.

An exclusive lease pre-empts: it is taken at once from a holder whose own is not exclusive. So a failover, which holds
its application and each asset of it exclusively, does not wait for a nightly backup.
"""

from datetime import datetime
from typing import Final, Literal

from pydantic import Field, ValidationError

from dr.clock import Clock
from dr.errors import LeaseLost, Refused
from dr.machine import Machine
from dr.recovery import Fact, stamp
from dr.sharing import SYSTEM, Threads
from dr.store import Seen, Store

TIME_TO_LIVE: Final = 15.0
"""Seconds without a renewal after which somebody else may have it. A holder that is merely slow, and that nobody waits
behind, keeps it: a late renewal is as good as one in time."""
_ROUNDS: Final = 3


class Holder(Fact):
    """A process that works for a run."""

    run: str
    host: str
    pid: int
    token: str
    """Unlike any other holder's, so that no state of a lease ever comes again."""

    def __str__(self) -> str:
        return f"{self.run} (process {self.pid} on {self.host})"


def this_process(run: str, machine: Machine | None = None) -> Holder:
    """Whoever executes this, in the name of a run."""
    here = machine or Machine()
    return Holder(run=run, host=here.host, pid=here.pid, token=here.chance.randbytes(8).hex())


class Record(Fact):
    """What the document of a lease says. No two states of it are equal."""

    schema_: Literal["firedrill.lease/1"] = Field(default="firedrill.lease/1", alias="schema")
    epoch: int
    """Grows with each holder, and stays when a lease is given back."""
    renewals: int
    holder: Holder | None
    """None: it was given back."""
    exclusive: bool
    since: datetime
    """By the holder's wall clock: for people, never for a decision."""

    def held(self) -> str:
        return f"by {self.holder} since {stamp(self.since)}, epoch {self.epoch}"


class Lease:
    """A lease that was got. Threads may share it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        name: str,
        record: Record,
        mark: str,
        renewed: float,
        time_to_live: float,
        threads: Threads,
    ) -> None:
        """`renewed`: the moment on `clock` before the write that got it."""
        self.name = name
        self.time_to_live = time_to_live
        self._store = store
        self._clock = clock
        self._record = record
        self._mark = mark
        self._renewed = renewed
        self._lock = threads.lock()

    @property
    def epoch(self) -> int:
        return self._record.epoch

    def check(self) -> None:
        """Ask before each call that changes something. Raises LeaseLost when somebody else has the lease."""
        # No clock can tell that it was pre-empted.
        self._mine(self._store.look(_document(self.name)))
        # Renewals that did not happen (the process was paused, say) bring the moment near at which it may be taken.
        if self._clock.monotonic() - self._renewed > self.time_to_live / 2:
            self.renew()

    def renew(self) -> None:
        """Show that the holder lives. Raises LeaseLost when somebody else has the lease."""
        self._replace(self._record.holder)

    def give_back(self) -> None:
        """Let the next one have it at once. Raises LeaseLost when somebody else has it already."""
        self._replace(None)

    def _replace(self, holder: Holder | None) -> None:
        document = _document(self.name)
        with self._lock:
            for _ in range(_ROUNDS):
                before = self._clock.monotonic()
                self._record = self._record.model_copy(update={"renewals": self._record.renewals + 1})
                content = _content(self._record.model_copy(update={"holder": holder}))
                mark = self._store.replace(document, content, self._mark)
                if mark is not None:
                    self._mark, self._renewed = mark, before
                    return
                # Perhaps by a write of our own that was answered by nobody, and arrived all the same.
                self._mark = self._mine(self._store.look(document)).mark
        raise LeaseLost(
            f"lease of {self.name}: it changes faster than it can be renewed", hint="does something else write it?"
        )

    def _mine(self, found: Seen | None) -> Seen:
        record = _read(self.name, found)
        if found and record and (record.epoch, record.holder) == (self._record.epoch, self._record.holder):
            return found
        now = f"held {record.held()}" if record and record.holder else "given back" if record else "gone"
        raise LeaseLost(
            f"lease of {self.name}, epoch {self.epoch}: lost; it is {now}",
            hint="nothing more is changed by this run; begin another one when that one has ended",
        )


class Starter:
    """Somebody who wants a lease, and remembers since when it has looked the way it looks."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        name: str,
        holder: Holder,
        *,
        exclusive: bool = False,
        time_to_live: float = TIME_TO_LIVE,
        threads: Threads = SYSTEM,
    ) -> None:
        self.name = name
        self._store = store
        self._clock = clock
        self._holder = holder
        self._exclusive = exclusive
        self._time_to_live = time_to_live
        self._threads = threads
        self._looked = False
        self._mark: str | None = None
        self._since = 0.0

    def attempt(self) -> Lease | None:
        """Take the lease if it may be taken now; None when it may not yet.

        Raises Refused when its holder was seen to be alive.
        """
        document = _document(self.name)
        found = self._store.look(document)
        now = self._clock.monotonic()
        record = _read(self.name, found)
        mark = found.mark if found else None
        changed = self._looked and mark != self._mark
        if changed or not self._looked:
            self._looked, self._mark, self._since = True, mark, now
        if not self._may_take(record, now):
            if changed and record:
                raise Refused(
                    f"{self.name} is held {record.held()}",
                    hint="wait until that run has ended: `dr runs` shows it when it has",
                )
            return None
        taken = Record(
            epoch=(record.epoch if record else 0) + 1,
            renewals=0,
            holder=self._holder,
            exclusive=self._exclusive,
            since=self._clock.now(),
        )
        new = self._store.replace(document, _content(taken), mark)
        if new is None:
            return None
        return Lease(self._store, self._clock, self.name, taken, new, now, self._time_to_live, self._threads)

    def _may_take(self, record: Record | None, now: float) -> bool:
        if record is None or record.holder is None:
            return True
        return (
            # Whoever resumes a run owns its journal, and with it everything that the run held.
            record.holder.run == self._holder.run
            or (self._exclusive and not record.exclusive)
            or now - self._since >= self._time_to_live
        )


def _document(name: str) -> str:
    return f"leases/{name}.json"


def _content(record: Record) -> bytes:
    return record.model_dump_json(by_alias=True).encode()


def _read(name: str, found: Seen | None) -> Record | None:
    if found is None:
        return None
    try:
        return Record.model_validate_json(found.content)
    except ValidationError as problem:
        raise Refused(
            f"control store: {_document(name)} is not a lease",
            hint="it was changed by something else; move it away when no run holds it",
        ) from problem
