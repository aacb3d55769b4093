"""The journal as a bucket holds it for everybody: what stands there was announced, and by one writer alone.

An object bears the number of its first line, and is created only if there is none of that name. Whoever writes goes on
from what stands there, so two writers reach for the same name, and one of them learns that the run is no longer his.
That holds for an object of several lines as well, because the first of them names it: named by its last line, two
objects could hold the same event.

A folder as the control store needs none of this: the run's own folder stands in it, and the lock on the journal
decides.
"""

from collections.abc import Iterator
from typing import Protocol

from dr.errors import Refused


class Shelf(Protocol):
    """What a ledger needs of the control store."""

    shown: str

    def create(self, name: str, content: bytes) -> object:
        """Write a document that does not exist yet. Raises Refused when it does."""

    def read(self, name: str) -> bytes:
        """The bytes of a document."""

    def names(self, prefix: str) -> Iterator[str]:
        """Every name that begins with a prefix, in order."""


class Ledger:
    """One run's journal in the control store."""

    def __init__(self, store: Shelf, run: str) -> None:
        self._store = store
        self._prefix = f"{run}/journal/"
        self._run = run
        self._first = 1
        """The number of the first line that does not stand there yet."""
        self._unsent = b""

    @property
    def shown(self) -> str:
        return f"{self._store.shown.rstrip('/')}/{self._prefix}"

    def add(self, number: int, line: bytes) -> None:
        """Keep a line for the next flush."""
        if not self._unsent:
            self._first = number
        self._unsent += line

    def flush(self) -> None:
        """Write what was added. Raises Refused when somebody else wrote the same event first.

        When it raises Unable nobody knows whether it stands there: the lines are kept, and the next flush finds out.
        """
        while self._unsent:
            try:
                self._store.create(self._next, self._unsent)
                there = self._unsent
            except Refused:
                there = self._own()
            self._stands(there)

    def assert_ours(self) -> None:
        """Raises Refused when somebody else wrote the event that is to come next."""
        while self._next in self._store.names(self._next):
            self._stands(self._own())

    def _stands(self, there: bytes) -> None:
        self._unsent = self._unsent[len(there) :]
        self._first += there.count(b"\n")

    @property
    def _next(self) -> str:
        return f"{self._prefix}{self._first:06d}.jsonl"

    def _own(self) -> bytes:
        """What stands where our next lines belong. Raises Refused for another process's.

        Our own, of an earlier flush whose answer was lost, begins like ours.
        """
        there = self._store.read(self._next)
        if not there or not self._unsent.startswith(there):
            raise Refused(
                f"another process took {self._run} over: event {self._first} in {self.shown} is not ours",
                hint="nothing more is changed by this process; the other one finishes the run",
            )
        return there

    def read(self) -> bytes:
        """Every line that stands there, in order; empty when the store knows nothing of this run.

        Names alone are not believed: the chain of hashes in the lines shows whether one is missing.
        """
        return b"".join(self._store.read(name) for name in self._store.names(self._prefix) if name.endswith(".jsonl"))

    def catch_up(self, local: bytes) -> int:
        """Write what a machine's file has beyond what stands there: how many events that were.

        Raises Refused, and writes nothing, where something else stands there: somebody took the run up meanwhile.
        """
        there = self.read()
        if not local.startswith(there):
            raise Refused(
                f"{self._run}: {self.shown} holds other events than this machine from some point on",
                hint="somebody else took the run up meanwhile; both journals are kept: compare what each of them made",
            )
        self._first, self._unsent = there.count(b"\n") + 1, local[len(there) :]
        behind = self._unsent.count(b"\n")
        self.flush()
        return behind

    def settle(self, local: bytes) -> bytes:
        """What is true of this run, given what a machine's own file says; from here on, lines are added behind it."""
        there = self.read()
        raw = local if local.startswith(there) else there
        self._unsent = raw[len(there) :]
        self._first = there.count(b"\n") + 1
        return raw
