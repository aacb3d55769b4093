"""The passing of time: what the control plane does by itself when its time has come.

Whoever has something to do at certain times offers a `Duty`. A thread looks every few seconds whether one is due, so
that a lab which is left alone lives through its nights; `dr lab advance` makes the calendar leap from one due time to
the next, and what is due is done at each.
"""

import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dr.lab.calendar import NOTHING, Calendar

LOOK_EVERY = 10.0
"""Seconds of machine time."""
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Event:
    """One thing that the passing of time brought about."""

    at: datetime
    """Calendar time."""
    kind: str
    """`snapshot taken`, `snapshot lapsed` and so on: what a summary counts."""
    subject: str
    """What it happened to, with its region."""

    def described(self) -> dict[str, str]:
        return {"at": self.at.isoformat(timespec="seconds"), "kind": self.kind, "subject": self.subject}


@dataclass(frozen=True)
class Duty:
    """Something that is to be done at certain times."""

    due: Callable[[], datetime | None]
    """When next, by the calendar; None where nothing waits. After `perform`, a time that is still to come."""
    perform: Callable[[], Iterable[Event]]
    """Do everything that is due by now."""


class Passing:
    """All duties of a lab, done in time."""

    def __init__(self, calendar: Calendar, duties: Sequence[Duty], settle: Callable[[], None] = lambda: None) -> None:
        """`settle` is called when an advance has come to its end: for what has to catch up with the new date."""
        self._calendar = calendar
        self._duties = duties
        self._settle = settle
        self._one_at_a_time = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="passing of time", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more. What is being done ends with the servers that it needs."""
        self._stop.set()

    def step(self, most: timedelta) -> dict[str, Any]:
        """Leap to the next due time, but not further than `most`, and do what is due there.

        The answer says how many seconds were leapt, what the calendar says now, and what happened.
        """
        with self._one_at_a_time:
            due = [moment for duty in self._duties if (moment := duty.due())]
            gap = min([most, *(moment - self._calendar.now for moment in due)])
            gap = max(gap, NOTHING)
            self._calendar.leap(gap)
            events = self._perform()
            if gap == most:
                self._settle()
            return {
                "advanced_seconds": gap.total_seconds(),
                "calendar": self._calendar.now.isoformat(timespec="seconds"),
                "events": [event.described() for event in events],
            }

    def _perform(self) -> list[Event]:
        events: list[Event] = []
        for duty in self._duties:
            moment = duty.due()
            if moment and moment <= self._calendar.now and not self._stop.is_set():
                events += duty.perform()
        return events

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_EVERY):
            try:
                with self._one_at_a_time:
                    self._perform()
            except Exception:  # noqa: BLE001 - the edge of a thread: the next look may succeed, the log says why not this
                traceback.print_exc(file=sys.stderr)


def daily(calendar: Calendar, work: Callable[[datetime], Iterable[Event]]) -> Duty:
    """A duty of every midnight (UTC); `work` is told the calendar time. Days that nobody was there for count once."""
    done = [calendar.now]

    def due() -> datetime:
        return done[0].replace(hour=0, minute=0, second=0, microsecond=0) + DAY

    def perform() -> Iterable[Event]:
        done[0] = calendar.now
        return work(done[0])

    return Duty(due, perform)
