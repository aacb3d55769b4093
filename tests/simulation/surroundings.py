"""Machine, clock, threads and journal of a simulated process: the product's seams, the baton passed at every effect."""

from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from threading import Event as Flag
from typing import Any

from dr.chain import Reading
from dr.clock import Clock
from dr.errors import Interrupted
from dr.events import Event, Intended, Learned, Observed, Remains, Removed, StepFinished, StepStarted
from dr.journal import Journal
from dr.ledger import Ledger
from dr.machine import Machine
from dr.questions import Questions
from dr.report.model import Report
from dr.report.write import JSON, as_json, put
from tests.simulation.baton import Baton, Killed


@dataclass
class Host:
    """A machine with its own idea of the time, and a disk."""

    name: str
    place: Path
    """Where the folders of its runs stand."""
    booted: float
    """Seconds that its monotonic clock is ahead of the simulation's."""
    set_off: timedelta = timedelta(0)
    """How far somebody has set its wall clock off."""


class SimulatedClock:
    """Time of the baton. The wall clock can be set, by whoever keeps the machine's time; durations cannot."""

    def __init__(self, baton: Baton, start: datetime, host: Host, stopping: Flag | None = None) -> None:
        self._baton, self._start, self._host, self._stopping = baton, start, host, stopping

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._baton.now) + self._host.set_off

    def monotonic(self) -> float:
        return self._host.booted + self._baton.now

    def sleep(self, seconds: float) -> None:
        self._ask_to_stop()
        self._baton.sleep(seconds)
        self._ask_to_stop()

    def undisturbed(self) -> Clock:
        return SimulatedClock(self._baton, self._start, self._host)

    def _ask_to_stop(self) -> None:
        if self._stopping is not None and self._stopping.is_set():
            raise Interrupted("stopped on request")


class SimulatedThreads:
    """Threads of which the baton lets one run."""

    def __init__(self, baton: Baton) -> None:
        self.baton = baton

    def pool(self, at_once: int, name: str = "work") -> Executor:
        return _Pool(self.baton, at_once, name)

    def first_done(self, running: Collection["Future[Any]"]) -> "list[Future[Any]]":
        self.baton.wait_for(lambda: any(one.done() for one in running))
        return [one for one in running if one.done()]

    def lock(self) -> AbstractContextManager[object]:
        return _Lock(self.baton)

    @contextmanager
    def beside(self, every: float, work: Callable[[], bool], name: str) -> Iterator[None]:
        stop = Flag()

        def go_on() -> None:
            while not stop.is_set():
                self.baton.sleep(every)
                if stop.is_set() or not work():
                    return

        join = self.baton.start(name.partition(" ")[0], go_on)
        try:
            yield
        finally:
            stop.set()
            join()


class _Lock:
    """Waited for without keeping the baton. It does not open to a process that is gone."""

    def __init__(self, baton: Baton) -> None:
        self._baton, self._taken = baton, False

    def __enter__(self) -> None:
        self._baton.wait_for(lambda: not self._taken)
        if not self._baton.process.alive:
            raise Killed
        self._taken = True

    def __exit__(self, *_: object) -> None:
        self._taken = False
        self._baton.done()


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
            self._baton.done()
        self._working -= 1
        self._baton.done()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if cancel_futures:
            self._waiting.clear()
        if wait:
            self._baton.wait_for(lambda: self._working == 0)


class SimulatedJournal(Journal):
    """The product's journal, on a file. A kill may come before a line is written, in the middle of it, or after."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        ledger: Ledger | None = None,
        *,
        take_up: bool = False,
        threads: SimulatedThreads,
    ) -> None:
        self.baton = threads.baton
        self.place = path
        super().__init__(path, clock, ledger, take_up=take_up, threads=threads)

    def append(self, event: Event) -> None:
        self.baton.note(f"journal   {told(event)}")
        super().append(event)

    def _write(self, line: bytes) -> None:
        process = self.baton.process
        self.baton.effect("before a line of the journal", point=True)
        process.lines.append(process.effects + 1)
        if process.torn and process.effects + 1 == process.kill_at:
            # How much of the line had reached the disk, nobody can say.
            super()._write(line[: len(line) * (process.effects % 8) // 8])
            self.baton.effect("in the middle of a line of the journal")
        super()._write(line)
        self.baton.effect("after a line of the journal", point=True)

    def reading(self) -> Reading:
        if not self.baton.process.alive:
            raise Killed
        return super().reading()


def machine(
    baton: Baton,
    start: datetime,
    host: Host,
    *,
    pid: int,
    chance: Random,
    ask: Questions,
    journal: type[Journal] = SimulatedJournal,
    lives: Callable[[int], bool],
) -> Machine:
    """A process's view of its machine."""
    return Machine(
        host=host.name,
        pid=pid,
        clock=lambda stopping: SimulatedClock(baton, start, host, stopping),
        threads=SimulatedThreads(baton),
        chance=chance,
        journal=journal,
        report=noted,
        ask=ask,
        lives=lives,
    )


def noted(report: Report, folder: Path) -> None:
    """Only what programs read: to draw the page costs as much as a fifth of the story."""
    put(folder / JSON, as_json(report))


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
