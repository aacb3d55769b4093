"""The journal of one run: append an event durably, read a journal back.

One JSON line per event, flushed to the disk before the call that it announces is made. Each line carries the SHA-256 of
the one before, so a line changed, dropped or moved breaks the chain, and ends in its own, because the last line has no
other that could carry it. Only the last line may be torn: a kill can cut it short, and then what it announced had not
begun.
"""

import fcntl
import hashlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from dr.clock import Clock
from dr.errors import Refused, Unable
from dr.events import Entry, Event
from dr.recovery import Fact

FILE = "journal.jsonl"
GENESIS = "0" * 64
SEAL = b',"sha256":"'


class Reading(Fact):
    """A journal as read: its entries, the hash of its last line, and whether a torn line was left out."""

    entries: tuple[Entry, ...]
    head_sha256: str
    torn: bool = False

    @property
    def events(self) -> Sequence[Event]:
        return [entry.body for entry in self.entries]


class Journal:
    """The journal being written. One process holds it: the lock tells others that its run is alive."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._head = GENESIS
        self._length = 0
        self._path = path
        try:
            self._file = path.open("xb", buffering=0)
        except FileExistsError as problem:
            raise Refused(
                f"{path}: this run already has a journal", hint="every run has a name of its own"
            ) from problem
        fcntl.flock(self._file, fcntl.LOCK_EX)
        sync_folder(path.parent)

    def append(self, event: Event) -> None:
        """Write one event and force it to the disk.

        Raises Unable when that fails: whoever announces a call here must then not make it.
        """
        with self._lock:
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
                raise Unable(
                    f"journal {self._path}: event {entry.n} could not be written: {problem.strerror}",
                    hint="nothing more is changed without a journal; free the disk, then `dr sweep`",
                ) from problem
            self._length += len(line)
            self._head = hashlib.sha256(line).hexdigest()
            self._entries.append(entry)

    def _write(self, line: bytes) -> None:
        """The whole line, or none of it: what stands behind a torn line could never be read back.

        The cut comes first, so that it also mends what an earlier failure left, once the disk has room again.
        """
        os.ftruncate(self._file.fileno(), self._length)
        written = 0
        while written < len(line):
            # An almost full disk takes a part of a line without complaint, and refuses the rest.
            written += os.pwrite(self._file.fileno(), line[written:], self._length + written)
        os.fsync(self._file.fileno())

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


def read(path: Path) -> Reading:
    """Read a journal back. Raises Refused when its chain is broken anywhere but in a torn last line."""
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise Refused(f"journal {path}: {problem.strerror}") from problem
    lines = raw.splitlines(keepends=True)
    torn = bool(lines) and not lines[-1].endswith(b"\n")
    if torn:
        lines.pop()
    entries: list[Entry] = []
    head = GENESIS
    for number, line in enumerate(lines, start=1):
        text, seal, _ = line.rpartition(SEAL)
        try:
            entry = Entry.model_validate_json(text + b"}" if seal else line)
        except ValidationError as problem:
            raise Refused(
                f"journal {path}:{number}: not an event", hint="it was changed after it was written"
            ) from problem
        if entry.n != number or entry.prev != head or line != sealed(text + b"}"):
            raise Refused(
                f"journal {path}:{number}: the chain of hashes is broken", hint="it was changed after it was written"
            )
        entries.append(entry)
        head = hashlib.sha256(line).hexdigest()
    return Reading(entries=tuple(entries), head_sha256=head, torn=torn)


def sealed(text: bytes) -> bytes:
    """The line of an entry: its JSON, with the SHA-256 of just that as its last key."""
    return text[:-1] + SEAL + hashlib.sha256(text).hexdigest().encode() + b'"}\n'


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
