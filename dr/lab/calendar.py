"""The control plane's clock. The data plane's is the machine's, and cannot be moved.

A lab has two clocks, and every moment in it belongs to one of them.

*Machine time* dates what happened: PostgreSQL's commits, WAL, base backups, and everything that an answer of the API
dates. It is what a client's own clock shows, so an answer can be compared with a row, and a `RestoreTime` with both.

*Calendar time* decides what is due: backup and maintenance windows, retention, expiry. It runs as fast as machine time
(the lab's speed is about how long work takes, not about how long a day is), and leaps ahead when it is told to. What
happened before a leap is older after it by the length of the leap; what happened after it is not. Only the names of
automated snapshots, which AWS derives from the backup window, show calendar time.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

NOTHING = timedelta(0)


@dataclass(frozen=True)
class _Leap:
    at: datetime
    """Machine time."""
    before: timedelta
    after: timedelta
    """How far the calendar was ahead of the machine before and after."""


class Calendar:
    """Calendar time, and how it maps to machine time. All moments are aware, in UTC."""

    def __init__(self) -> None:
        self._leaps: list[_Leap] = []
        self._lock = threading.Lock()
        self.on_leap: list[Callable[[timedelta], None]] = []
        """Told by how much, just before the leap: whoever keeps deadlines as machine time brings them nearer."""

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    @property
    def ahead(self) -> timedelta:
        """How far the calendar is ahead of the machine."""
        leaps = self._leaps
        return leaps[-1].after if leaps else NOTHING

    def reading(self, moment: datetime) -> datetime:
        """What the calendar said at a moment of machine time."""
        leaps = self._leaps
        return moment + next((leap.after for leap in reversed(leaps) if leap.at <= moment), NOTHING)

    def moment(self, reading: datetime) -> datetime:
        """When, in machine time, the calendar said this; for a reading that was leapt over, when that leap was made."""
        for leap in reversed(self._leaps):
            if reading >= leap.at + leap.after:
                return reading - leap.after
            if reading >= leap.at + leap.before:
                return leap.at
        return reading

    def age(self, moment: datetime) -> timedelta:
        """How long ago, by the calendar, a moment of machine time was."""
        return self.now - self.reading(moment)

    def leap(self, by: timedelta) -> None:
        """Move the calendar ahead."""
        if by < NOTHING:
            raise ValueError(f"the calendar does not go back: {by}")
        with self._lock:
            for tell in self.on_leap:
                tell(by)
            self._leaps = [*self._leaps, _Leap(datetime.now(UTC), self.ahead, self.ahead + by)]
