"""A circuit breaker for one region: where nothing has answered for a while, nobody waits for an answer any more.

Only silence counts: connections that are refused, and answers that do not come in time. Whoever throttles, refuses a
request or fails has answered. While it is open calls fail at once, but for one each few seconds, which finds out
whether the region is back: any answer closes it again. All threads of a process share it.
"""

import threading
from datetime import datetime
from typing import Final

from dr.clock import Clock
from dr.errors import Unreachable
from dr.recovery import stamp

FAILURES: Final = 3
"""Attempts in a row that nobody answers."""
SILENCE: Final = 10.0
"""Seconds over which they were made. Many threads meet three refusals within the moment that a restart takes."""
PAUSE: Final = 5.0
"""Seconds between two attempts while it is open."""
CODE: Final = "RegionSilent"


class Breaker:
    """What is known of one region's silence."""

    def __init__(self, place: str, clock: Clock) -> None:
        self.place = place
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._first = self._latest = 0.0
        self._since: datetime | None = None
        self._last = ""
        self._next = 0.0
        """When the next attempt is due, by the monotonic clock: while it is open."""

    @property
    def open(self) -> bool:
        with self._lock:
            return self._is_open()

    def admit(self, operation: str) -> None:
        """Ask before each attempt. Raises Unreachable while the region is silent and no attempt is due."""
        with self._lock:
            if not self._is_open():
                return
            now = self._clock.monotonic()
            if now >= self._next:
                # Whoever asks first tries; the others learn of the answer, or try after another pause.
                self._next = now + PAUSE
                return
            since = stamp(self._since) if self._since else "some time"
            raise Unreachable(
                f"{operation} in {self.place}: not tried, because nothing there has answered since {since} "
                f"({self._failures} attempts in a row; the last: {self._last})",
                operation=operation,
                code=CODE,
                region=self.place,
                hint=f"is {self.place} down (the AWS Health Dashboard), or this machine's own network? `dr lab status` "
                f"tells for the lab; the next attempt is due in {self._next - now:.0f} s",
                transient=True,
            )

    def failed(self, how: str) -> None:
        """An attempt was not answered."""
        with self._lock:
            now = self._clock.monotonic()
            if self._failures == 0:
                self._first, self._since = now, self._clock.now()
            was_open = self._is_open()
            self._failures += 1
            self._last, self._latest = how, now
            if self._is_open() and not was_open:
                self._next = now + PAUSE

    def answered(self) -> None:
        """An attempt was answered, whatever the answer was."""
        with self._lock:
            self._failures = 0

    def _is_open(self) -> bool:
        return self._failures >= FAILURES and self._latest - self._first >= SILENCE
