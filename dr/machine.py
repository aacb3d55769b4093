"""The machine that a process of ours runs on: its name, clock, threads, chance and disk. A simulator brings its own."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, SystemRandom
from threading import Event as Flag

from dr.clock import Clock, SystemClock
from dr.journal import Journal
from dr.questions import Questions
from dr.report.model import Report
from dr.report.write import write
from dr.sharing import SystemThreads, Threads


@dataclass(frozen=True)
class Machine:
    """This machine, and the process on it that executes this."""

    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)
    clock: Callable[[Flag], Clock] = SystemClock
    """A clock whose sleep ends when the flag is set."""
    threads: Threads = field(default_factory=SystemThreads)
    chance: Random = field(default_factory=SystemRandom)
    journal: type[Journal] = Journal
    """How a journal is written to this machine's disk."""
    report: Callable[[Report, Path], None] = write
    """How a report is written beside it."""
    ask: Questions = field(default_factory=Questions)
    """Whoever answers for the databases."""
    lives: Callable[[int], bool] = lambda pid: Path(f"/proc/{pid}").exists()
    """Whether a process of this number is at work on this machine."""
