"""Now, sleep, deadline: the one source of time, so that a test or a simulator can bring its own."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Protocol

from dr.errors import Interrupted

_WITH_SUSPENSIONS = getattr(time, "CLOCK_BOOTTIME", None)
"""Linux has it, others do not."""


class Clock(Protocol):
    """Wall time is data; durations come from the monotonic clock, which nobody can set back."""

    def now(self) -> datetime:
        """The moment, in UTC."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment."""

    def sleep(self, seconds: float) -> None:
        """Let time pass. Raises Interrupted when the run was asked to stop."""

    def undisturbed(self) -> "Clock":
        """The same time, with a sleep that no request to stop ends: for the teardown."""


class SystemClock:
    """The machine's own clock. Once `stopping` is set, every sleep ends with Interrupted."""

    def __init__(self, stopping: Event | None = None) -> None:
        self._stopping = stopping or Event()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        # Unlike CLOCK_MONOTONIC it goes on while the machine is suspended: a laptop that wakes has missed something.
        return time.clock_gettime(_WITH_SUSPENSIONS) if _WITH_SUSPENSIONS is not None else time.monotonic()

    def sleep(self, seconds: float) -> None:
        if self._stopping.wait(max(0.0, seconds)):
            raise Interrupted("stopped on request")

    def undisturbed(self) -> Clock:
        return SystemClock()


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock after which nobody waits any longer."""

    clock: Clock
    at: float
    seconds: float

    @classmethod
    def within(cls, clock: Clock, seconds: float) -> "Deadline":
        return cls(clock, clock.monotonic() + seconds, seconds)

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - self.clock.monotonic())

    def passed(self) -> bool:
        return self.remaining() == 0.0


_BOUND: ContextVar[Deadline | None] = ContextVar("bound", default=None)


@contextmanager
def bounded(deadline: Deadline) -> Iterator[None]:
    """What is done within is bounded by a deadline, and by those around it: see `time_is_up`."""
    outer = _BOUND.get()
    token = _BOUND.set(outer if outer and outer.at < deadline.at else deadline)
    try:
        yield
    finally:
        _BOUND.reset(token)


def time_is_up() -> bool:
    """Whether the deadline of what this thread is doing has passed: whoever would try once more does not."""
    bound = _BOUND.get()
    return bound is not None and bound.passed()


def handed_on() -> Callable[[], None]:
    """For the beginning of a thread that works for this one: it is bounded by what bounds this one now."""
    bound = _BOUND.get()

    def begin() -> None:
        _BOUND.set(bound)

    return begin
