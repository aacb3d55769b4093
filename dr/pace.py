"""No faster than was asked: a source is read for hours while people work with it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Lock

from dr.clock import Clock


class Pace:
    """So many bytes a second on average, over everybody who reads. `rate` None is as fast as it goes.

    Time that nobody used is lost: a reader that was held up does not make up for it in one go.
    """

    def __init__(self, clock: Clock, rate: int | None, lock: Callable[[], AbstractContextManager[object]] = Lock):
        self.rate = rate
        self._clock = clock
        self._lock = lock()
        self._free_at = clock.monotonic()

    def wait(self) -> None:
        """Let time pass until what was read so far is paid for. Raises Interrupted where somebody asked to stop."""
        with self._lock:
            left = self._free_at - self._clock.monotonic()
        self._clock.sleep(max(0.0, left))

    def took(self, amount: int) -> None:
        """So many bytes were read."""
        if self.rate is None:
            return
        with self._lock:
            self._free_at = max(self._free_at, self._clock.monotonic()) + amount / self.rate
