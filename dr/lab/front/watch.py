"""Stands at one region's port: counts who comes, and loses what is said to be lost, at the socket.

Raising an error inside a service would not do: a client tells a reset from a silence from a 503, and acts differently.
"""

import threading
from collections import Counter
from collections.abc import Callable

from dr.lab.front import refusals
from dr.lab.front.calls import Calls
from dr.lab.front.exchange import Answer, Request
from dr.lab.front.operations import operation_of, service_of
from dr.lab.front.refusals import Refusal, Trouble
from dr.lab.outages import Outages

LOOK_AGAIN = 0.1


class Lost(Exception):  # noqa: N818 - it is what happens to a connection
    """The connection is to be reset, and no answer sent."""


class Watch:
    """What happens to the requests of one region before and after they are answered."""

    def __init__(self, region: str, answer: Callable[[Request], Answer], outages: Outages, calls: Calls) -> None:
        self.region = region
        self._answer = answer
        self._outages = outages
        self._calls = calls
        self._counting = threading.Lock()
        self._requests: Counter[str] = Counter()

    @property
    def requests(self) -> dict[str, int]:
        """service -> how many requests came, whatever became of them."""
        with self._counting:
            return dict(self._requests)

    def arrived(self, request: Request, gone: Callable[[], bool]) -> None:
        """The head of a request is here. Returns when it may be read on. Raises Lost."""
        service = service_of(request)
        with self._counting:
            self._requests[service] += 1
        self._stay(service, gone)

    def answer(self, request: Request) -> Answer:
        """The answer to a whole request. Raises Lost where the request takes effect and nobody learns of it."""
        service = service_of(request)
        outage = self._outages.of(self.region, service)
        if outage is not None and outage.mode in ("error", "throttle"):
            trouble = Trouble.UNAVAILABLE if outage.mode == "error" else Trouble.THROTTLED
            return refusals.refuse(service, Refusal(trouble, f"{service} in {self.region}: an outage"), request.id)
        operation = operation_of(service, request) if self._calls.watched else ""
        if self._calls.throttles(self.region, service, operation):
            return refusals.refuse(service, Refusal(Trouble.THROTTLED, "Rate exceeded"), request.id)
        answer = self._answer(request)
        if answer.status < 300 and self._calls.loses(self.region, service, operation):
            raise Lost
        return answer

    def leaving(self, request: Request, gone: Callable[[], bool]) -> None:
        """An answer is ready. Returns when it may be sent. Raises Lost."""
        service = service_of(request)
        outage = self._outages.of(self.region, service)
        if outage is not None and outage.mode == "slow":
            self._outages.rest(self.region, service, outage.delay)
        self._stay(service, gone)

    def _stay(self, service: str, gone: Callable[[], bool]) -> None:
        """Wait for as long as nothing comes through. Whoever hung up meanwhile is not answered late."""
        while (outage := self._outages.of(self.region, service)) is not None:
            if outage.mode == "refuse":
                raise Lost
            if outage.mode != "blackhole":
                return
            self._outages.wait(LOOK_AGAIN)
            if gone():
                raise Lost
