"""Health checks: who is looked at, how often, and what follows from what was seen.

The configurations are the simulated Route 53's; what is seen is kept here. Source of the rules: botocore's model of
HealthCheckConfig. One checker looks; AWS has several regions' vote, and more than 18 % of them must find an endpoint
healthy (Route 53 developer guide). Assumed: a new health check passes until enough was seen.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from moto.route53.models import HealthCheck, route53_backends

from dr.lab.dns.probes import Seen, Target, look

CHECKER_REGION, CHECKER_ADDRESS = "us-east-1", "127.0.0.1"
"""Of the one checker there is here."""
ENDPOINTS = ("HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH", "TCP")
_DEEPEST = 8
_SHORTEST_PAUSE = 0.02
"""Seconds here between two looks at most often: at a very fast clock the looks themselves take longer."""


@dataclass(frozen=True)
class Observation:
    """One look, and when it was."""

    seen: Seen
    at: datetime


@dataclass
class _Course:
    """What was seen of one endpoint so far. A new one counts as healthy until enough was seen."""

    well: bool = True
    against: int = 0
    """Looks in a row that contradict `well`."""
    last: Observation | None = None
    last_failure: Observation | None = None

    def note(self, seen: Seen, threshold: int) -> None:
        self.last = Observation(seen, datetime.now(UTC))
        if not seen.well:
            self.last_failure = self.last
        self.against = 0 if seen.well == self.well else self.against + 1
        if self.against >= threshold:
            self.well, self.against = seen.well, 0


class Health:
    """The status of every health check of an account. `watch` is called from any thread once `run` is under way."""

    def __init__(self, account: str, speed: float) -> None:
        self._checks: dict[str, HealthCheck] = route53_backends[account]["aws"].health_checks
        self._speed = speed
        self._courses: dict[str, _Course] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._address_of: Callable[[str], str | None] = lambda _: None

    def attend(self, loop: asyncio.AbstractEventLoop, address_of: Callable[[str], str | None]) -> None:
        """Where to look from, and how to find the address of a name."""
        self._loop, self._address_of = loop, address_of

    def watch(self, identifier: str) -> None:
        """Begin to look at a new health check's endpoint."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._begin, identifier)

    def healthy(self, identifier: str, depth: int = 0) -> bool:
        """Whether a health check passes. Assumed: one that was deleted says nothing against its record."""
        check = self._checks.get(identifier)
        if check is None or depth > _DEEPEST:
            return True
        if check.disabled:
            well = True
        elif check.type_ == "CALCULATED":
            children = [self.healthy(child, depth + 1) for child in check.children or ()]
            well = sum(children) >= int(check.health_threshold or 0)
        else:
            well = self._courses.get(identifier, _Course()).well
        return well != bool(check.inverted)

    def observations(self, identifier: str, *, failures: bool = False) -> list[Observation]:
        """The last look, or the last one that failed; none where nothing was looked at yet."""
        course = self._courses.get(identifier, _Course())
        found = course.last_failure if failures else course.last
        return [found] if found else []

    def _begin(self, identifier: str) -> None:
        task = asyncio.get_running_loop().create_task(self._course(identifier))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _course(self, identifier: str) -> None:
        """Look again and again, by the configuration as it is each time, until the health check is deleted."""
        for check in self._while_there(identifier):
            if not check.disabled:
                seen = await look(_target(check), self._address_of, self._speed)
                self._courses.setdefault(identifier, _Course()).note(seen, int(check.failure_threshold))
            await asyncio.sleep(max(_SHORTEST_PAUSE, int(check.request_interval) / self._speed))
        self._courses.pop(identifier, None)

    def _while_there(self, identifier: str) -> Iterator[HealthCheck]:
        while (check := self._checks.get(identifier)) is not None and check.type_ in ENDPOINTS:
            yield check


def _target(check: HealthCheck) -> Target:
    return Target(
        kind=str(check.type_),
        address=check.ip_address,
        host=check.fqdn,
        port=int(check.port),
        path=check.resource_path or "/",
        search=check.search_string or "",
    )
