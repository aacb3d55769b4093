"""How many requests Route 53 takes: few, and the same few for everything."""

import threading
import time

from dr.lab.front.route53_reading import Wrong

PER_SECOND = 5
"""Requests of an account in one of AWS's seconds, whatever they are. Source: developer guide, DNSLimitations."""


class Pace:
    """`rate` requests in a second of this machine, and as many at once as AWS allows in one of its own."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._left, self._at = float(PER_SECOND), time.monotonic()
        self._lock = threading.Lock()

    def take(self) -> None:
        """One more request. Raises Wrong where it is one too many."""
        with self._lock:
            now = time.monotonic()
            self._left = min(float(PER_SECOND), self._left + (now - self._at) * self._rate)
            self._at = now
            if self._left < 1:
                raise Wrong("Throttling", "Rate exceeded")
            self._left -= 1
