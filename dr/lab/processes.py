"""Processes by identity: a pid and the moment it started, so that a recycled pid is never mistaken or signalled."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One process, and no later one with the same number."""

    pid: int
    started: int
    """Clock ticks between the machine's start and the process's, as /proc tells them."""

    def alive(self) -> bool:
        return started(self.pid) == self.started and _state(self.pid) != "Z"

    def end(self, *signals: signal.Signals, patience: float) -> bool:
        """Send each signal in turn, waiting for the process to go. Whether it went."""
        for sent in signals:
            if not self.alive():
                return True
            try:
                os.kill(self.pid, sent)
            except ProcessLookupError:
                return True
            if wait_until_gone([self], patience):
                return True
        return not self.alive()


def this() -> Process:
    """The process that asks."""
    pid = os.getpid()
    return Process(pid, started(pid) or 0)


def started(pid: int) -> int | None:
    """When a process started, in clock ticks; None when there is none."""
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def session(pid: int) -> int | None:
    """The session that a process belongs to: the pid of the process that opened it."""
    fields = _stat(pid)
    return int(fields[3]) if fields else None


def everything() -> list[Process]:
    """Every process of the machine that can be seen."""
    pids = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal()]
    return [Process(pid, at) for pid in pids if (at := started(pid)) is not None]


def working_directory(pid: int) -> Path | None:
    """Where a process works; None when it is gone, or not ours to look at."""
    return _link(pid, "cwd")


def program(pid: int) -> Path | None:
    """The file that a process runs, even if it was deleted since; None when that cannot be seen."""
    return _link(pid, "exe")


def _link(pid: int, name: str) -> Path | None:
    try:
        return Path(str((_PROC / str(pid) / name).readlink()).removesuffix(" (deleted)"))
    except OSError:
        return None


def wait_until_gone(processes: list[Process], patience: float) -> bool:
    """Wait until none of the processes is alive any more. Whether that came true in time."""
    deadline = time.monotonic() + patience
    while any(process.alive() for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _state(pid: int) -> str | None:
    fields = _stat(pid)
    return fields[0] if fields else None


def _stat(pid: int) -> list[str] | None:
    """The fields after the name, which may itself hold blanks and brackets."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
