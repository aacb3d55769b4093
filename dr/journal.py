"""The journal of one run: append an event durably, read a journal back, take up one whose writer died.

Each line (`dr.chain`) is flushed to the disk before the call that it announces is made. Only the last one may be torn:
a kill can cut it short, and then what it announced had not begun.

Two writers never own the same event. On one machine the lock on the file sees to it: it is held as long as its process
lives, and not a moment longer. Where the control store is a bucket, the ledger does: see `dr.ledger`.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Self

from dr.chain import Reading, parse, parsed, sealed, whole_lines
from dr.clock import Clock
from dr.errors import FiredrillError, Refused, Unable
from dr.events import Covered, Entry, Event, Found, Learned, StepStarted
from dr.ledger import Ledger
from dr.sharing import SYSTEM, Threads

FILE = "journal.jsonl"
WAITING = (Found, Covered, Learned, StepStarted)
"""Events that announce no call: the ledger gets them with the next event that does, or with the end of their step.
Until then they are worth nothing to anybody else, since a step that did not end is done again. Bad news is the
exception: a second look may be a lucky one."""
FRESH = 1.0
"""Seconds for which nobody asks again whether the run is still ours: a call under way takes longer than that."""


class Journal:
    """The journal being written. One process holds it: the lock tells others that its run is alive."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        ledger: Ledger | None = None,
        *,
        take_up: bool = False,
        threads: Threads = SYSTEM,
    ) -> None:
        """A new journal; or, with `take_up`, one whose writer is dead.

        Raises Refused when a new one exists already, and when the writer of one to be taken up is still alive.
        """
        self._clock = clock
        self._lock = threads.lock()
        self._path = path
        self._ledger = ledger
        self._over: FiredrillError | None = None
        self._unwritten: Unable | None = None
        """Why the last event is missing. An earlier announcement may still be worked off: see `assert_ours`."""
        self._asked = clock.monotonic()
        """Since when nobody knows whether the run is still ours."""
        self._torn = False
        self._file = _taken_up(path) if take_up else _new(path)
        try:
            raw = self._agreed() if take_up else b""
            self._entries, self._head = parsed(raw, str(path))
        except BaseException:
            self._file.close()
            raise
        self._length = len(raw)
        sync_folder(path.parent)

    def append(self, event: Event) -> None:
        """Write one event and force it to the disk; where there is a ledger, to that as well.

        Raises Unable when that fails, and Refused when somebody else writes this journal now: whoever announces a call
        here must then not make it.
        """
        with self._lock:
            if self._over:
                raise self._over
            entry = Entry(
                n=len(self._entries) + 1,
                at=self._clock.now(),
                monotonic=self._clock.monotonic(),
                prev=self._head,
                body=event,
            )
            line = sealed(entry.model_dump_json().encode())
            try:
                self._write(line)
            except OSError as problem:
                self._torn = True
                self._unwritten = Unable(
                    f"journal {self._path}: event {entry.n} could not be written: {problem.strerror}",
                    hint="nothing more is changed without a journal; free the disk, then `dr resume` or `dr sweep`",
                )
                raise self._unwritten from problem
            self._torn, self._unwritten = False, None
            self._length += len(line)
            self._head = hashlib.sha256(line).hexdigest()
            self._entries.append(entry)
            if self._ledger:
                self._announce(self._ledger, entry.n, line, waits=_waits(event))

    def _announce(self, ledger: Ledger, number: int, line: bytes, *, waits: bool) -> None:
        ledger.add(number, line)
        if waits:
            return
        self._settle(ledger.flush)

    def assert_ours(self) -> None:
        """Ask before each call that changes something. Raises Refused when somebody else writes this journal now.

        One announcement may stand for many calls, and a process that was paused does not know of it: its clock does.
        Raises Unable while nothing can be written: what the calls under way come to would be known to nobody.
        """
        with self._lock:
            if problem := self._over or self._unwritten:
                raise problem
            if self._ledger and self._clock.monotonic() - self._asked > FRESH:
                self._settle(self._ledger.assert_ours)

    def _settle(self, ask: Callable[[], None]) -> None:
        before = self._clock.monotonic()
        try:
            ask()
        except Refused as problem:
            # For good: whatever this process would still write or change is another one's business now.
            self._over = problem
            raise
        self._asked = before

    def _write(self, line: bytes) -> None:
        """The whole line, or none of it: what stands behind a torn line could never be read back.

        The cut comes first, so that it also mends what an earlier failure left, once the disk has room again.
        """
        now = os.fstat(self._file.fileno())
        if now.st_nlink == 0 or (now.st_size != self._length and not self._torn):
            # Where a lock does not reach (a folder shared by machines, a hand that deletes), this is the last guard.
            self._over = Refused(
                f"journal {self._path}: it was deleted, or somebody else writes it",
                hint="nothing more is changed by this process; look at `dr runs`",
            )
            raise self._over
        os.ftruncate(self._file.fileno(), self._length)
        _put(self._file, line, self._length)
        os.fsync(self._file.fileno())

    def _agreed(self) -> bytes:
        """What was journaled so far, as both the file and the ledger will say from now on.

        What the file has beyond the ledger was never announced to anybody: it follows with the next event. Where the
        two differ, or the ledger has more, somebody took the run up elsewhere, and the ledger is right.
        """
        with self._path.open("rb") as file:
            local = whole_lines(file.read())
        raw = self._ledger.settle(local) if self._ledger else local
        try:
            if raw != local:
                # Cut first: a line half of which is another's would be damage, and a torn one is not.
                os.ftruncate(self._file.fileno(), 0)
                _put(self._file, raw, 0)
            os.ftruncate(self._file.fileno(), len(raw))
            os.fsync(self._file.fileno())
        except OSError as problem:
            raise Unable(f"journal {self._path}: cannot be written: {problem.strerror}") from problem
        return raw

    def reading(self) -> Reading:
        """What was written so far."""
        with self._lock:
            return Reading(entries=tuple(self._entries), head_sha256=self._head)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _waits(event: Event) -> bool:
    return isinstance(event, WAITING) and not (isinstance(event, Found) and event.finding.outcome == "failed")


def _put(file: FileIO, content: bytes, at: int) -> None:
    """All of it. An almost full disk takes a part without complaint, and refuses the rest."""
    written = 0
    while written < len(content):
        written += os.pwrite(file.fileno(), content[written:], at + written)


def _new(path: Path) -> FileIO:
    try:
        file = path.open("xb", buffering=0)
    except FileExistsError as problem:
        raise Refused(f"{path}: this run already has a journal", hint="every run has a name of its own") from problem
    except OSError as problem:
        raise Unable(f"journal {path}: cannot be created: {problem.strerror}") from problem
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _taken_up(path: Path) -> FileIO:
    try:
        # Created where it is missing: on another machine, all that there is stands in the ledger.
        file = FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b")
    except OSError as problem:
        raise Refused(f"journal {path}: {problem.strerror}") from problem
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as problem:
        file.close()
        raise Refused(
            f"{path.parent.name} is still at work in another process",
            hint="let it end, or stop it there first (Ctrl-C)",
        ) from problem
    return file


def read(path: Path) -> Reading:
    """Read a journal back. Raises Refused when its chain is broken anywhere but in a torn last line."""
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise Refused(f"journal {path}: {problem.strerror}") from problem
    return parse(raw, str(path))


def alive(path: Path) -> bool:
    """Whether a process on this machine is still writing this journal."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def sync_folder(folder: Path) -> None:
    """Force a folder's own list of names to the disk: a file that it forgets was never written."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
