"""Clock, threads and journal of a simulated run: the product's own, with the baton passed at every effect."""

import os
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Executor, Future
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event as Flag
from typing import Any

from dr.clock import Clock
from dr.errors import Interrupted
from dr.events import Event, Intended, Learned, Observed, Remains, Removed, StepFinished, StepStarted
from dr.journal import Journal
from tests.simulation.baton import Baton


class SimulatedClock:
    """Time of the baton. The wall clock can be set, by whoever keeps the machine's time; durations cannot."""

    def __init__(self, baton: Baton, start: datetime, stopping: Flag | None = None) -> None:
        self._baton = baton
        self._start = start
        self._stopping = stopping
        self.set_off = timedelta(0)

    def true(self) -> datetime:
        """The moment by a clock that nobody sets."""
        return self._start + timedelta(seconds=self._baton.now)

    def now(self) -> datetime:
        return self.true() + self.set_off

    def monotonic(self) -> float:
        return 1000.0 + self._baton.now

    def sleep(self, seconds: float) -> None:
        self._ask_to_stop()
        self._baton.sleep(seconds)
        self._ask_to_stop()

    def undisturbed(self) -> Clock:
        return _Undisturbed(self, self._baton)

    def _ask_to_stop(self) -> None:
        if self._stopping is not None and self._stopping.is_set():
            raise Interrupted("stopped on request")


class _Undisturbed:
    """The same time, which no request to stop ends."""

    def __init__(self, clock: SimulatedClock, baton: Baton) -> None:
        self.now, self.monotonic = clock.now, clock.monotonic
        self.sleep = baton.sleep

    def undisturbed(self) -> Clock:
        return self


class SimulatedThreads:
    """Threads of which the baton lets one run."""

    def __init__(self, baton: Baton) -> None:
        self._baton = baton

    def pool(self, at_once: int, name: str = "work") -> Executor:
        return _Pool(self._baton, at_once, name)

    def first_done(self, running: Collection["Future[Any]"]) -> "list[Future[Any]]":
        self._baton.wait_for(lambda: any(one.done() for one in running))
        return [one for one in running if one.done()]


class _Future(Future[Any]):
    """A future that is waited for without keeping the baton."""

    def __init__(self, baton: Baton) -> None:
        super().__init__()
        self._baton = baton

    def result(self, timeout: float | None = None) -> Any:
        self._baton.wait_for(self.done)
        return super().result(timeout)


class _Pool(Executor):
    def __init__(self, baton: Baton, at_once: int, name: str) -> None:
        self._baton, self._at_once, self._name = baton, at_once, name
        self._waiting: deque[tuple[_Future, Callable[[], Any]]] = deque()
        self._working = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future = _Future(self._baton)
        self._waiting.append((future, lambda: fn(*args, **kwargs)))
        if self._working < self._at_once:
            self._working += 1
            self._baton.start(self._name, self._work)
        return future

    def _work(self) -> None:
        while self._waiting:
            future, work = self._waiting.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as problem:  # noqa: BLE001 - handed to whoever asks for the result, as any pool does
                future.set_exception(problem)
            self._baton.ended += 1
        self._working -= 1
        self._baton.ended += 1

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if cancel_futures:
            self._waiting.clear()
        if wait:
            self._baton.wait_for(lambda: self._working == 0)


class SimulatedJournal(Journal):
    """The product's journal, on a file. A kill may come before a line is written, in the middle of it, or after."""

    def __init__(self, path: Path, clock: SimulatedClock, baton: Baton) -> None:
        super().__init__(path, clock)
        self._baton = baton
        self._place = path

    def append(self, event: Event) -> None:
        self._baton.effect("before a line of the journal")
        self._baton.note(f"journal   {told(event)}")
        self._baton.lines.append(self._baton.effects + 1)
        dies = self._baton.torn and self._baton.effects + 1 == self._baton.kill_at
        before = self._place.stat().st_size if dies else 0
        super().append(event)
        if dies:
            # How much of the line had reached the disk, nobody can say.
            written = self._place.stat().st_size - before
            os.truncate(self._place, before + written * (self._baton.effects % 8) // 8)
            self._baton.effect("in the middle of a line of the journal")
        self._baton.effect("after a line of the journal")


def told(event: Event) -> str:
    """An event in a few words, without anything that differs from one replay to the next."""
    match event:
        case Intended() | Observed():
            return f"{event.event} {event.operation} {event.thing}"
        case StepStarted() | StepFinished():
            return f"{event.event} {event.step} {getattr(event, 'outcome', '')} {getattr(event, 'detail', '')}".rstrip()
        case Removed() | Remains():
            return f"{event.event} {event.thing} {getattr(event, 'reason', '')}".rstrip()
        case Learned():
            return f"{event.event} {event.name}"
        case _:
            return event.event
