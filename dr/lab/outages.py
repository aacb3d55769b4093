"""What is lost now: per region, and per service where only one of them is; asked by every port of the lab.

`databases` stands beside the services that sign their requests: it is PostgreSQL itself, behind its own ports.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dr.errors import Refused

MODES = {
    "blackhole": "connections are accepted and nothing is ever answered; established ones fall silent",
    "refuse": "the port is closed; established connections are reset",
    "error": "HTTP 503; databases end their sessions with 57P01 and refuse new ones",
    "throttle": "every call is throttled, in the words of its service; databases are not affected",
    "slow": "every answer is delayed",
}
"""mode -> what it does."""

CUT_OFF = frozenset({"blackhole", "refuse", "error"})
"""Modes in which nothing passes between this region and another one either."""

DATABASES = "databases"
PLACES = {
    "eu-west-1": ("rds", "s3", "kms", "sts", "secretsmanager", "ec2", "sns", "tagging", DATABASES),
    "eu-central-1": ("rds", "s3", "kms", "sts", "secretsmanager", "ec2", "sns", "tagging", DATABASES),
    "global": ("route53", "iam", "sts"),
}
"""What can be lost where: services by the name that they are signed for."""

LONGEST_DELAY = 3600.0


@dataclass(frozen=True)
class Outage:
    """How something is lost."""

    mode: str
    delay: float = 0.0
    """Seconds, as they pass here and not on AWS; of a slow one only."""


class Outages:
    """The outages of a lab. Whoever has to act at once listens; whoever answers a request looks."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._now: dict[tuple[str, str | None], Outage] = {}
        self._listeners: list[Callable[[str], None]] = []

    def listen(self, act: Callable[[str], None]) -> None:
        """Call `act` with the region after each change."""
        self._listeners.append(act)

    def declare(self, place: str, outage: Outage, service: str | None = None) -> None:
        """Lose a region, or one service of it. Raises Refused for what is not there to be lost."""
        _check(place, service)
        if outage.mode not in MODES:
            raise Refused(f"there is no outage mode {outage.mode!r}", hint=f"the modes are {', '.join(MODES)}")
        if outage.mode == "slow" and not 0 < outage.delay <= LONGEST_DELAY:
            raise Refused(f"a delay of {outage.delay:g} s is not possible", hint=f"above 0, up to {LONGEST_DELAY:g}")
        if outage.mode == "throttle" and service == DATABASES:
            raise Refused("databases are not throttled", hint="only API calls are; `slow` delays databases too")
        with self._changed:
            self._now[place, service] = outage
        self._tell(place)

    def heal(self, place: str, service: str | None = None) -> bool:
        """Bring back a region with everything in it, or one service. Whether anything was lost."""
        _check(place, service)
        with self._changed:
            gone = [key for key in self._now if key[0] == place and service in (None, key[1])]
            for key in gone:
                del self._now[key]
        self._tell(place)
        return bool(gone)

    def of(self, place: str, service: str | None) -> Outage | None:
        """What holds for a service; what was said of it alone comes before what was said of the whole region."""
        with self._changed:
            return self._now.get((place, service)) or self._now.get((place, None))

    def whole(self, place: str) -> Outage | None:
        """What holds for the whole region, whatever was said of single services."""
        with self._changed:
            return self._now.get((place, None))

    def alone(self, place: str) -> bool:
        """Whether anything was said of single services."""
        with self._changed:
            return any(region == place and service for region, service in self._now)

    def wait(self, seconds: float) -> None:
        """Until the next change, but not for longer than this."""
        with self._changed:
            self._changed.wait(seconds)

    def rest(self, place: str, service: str | None, seconds: float) -> None:
        """Stay for so long, unless the slowness ends before."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            outage = self.of(place, service)
            if outage is None or outage.mode != "slow":
                return
            self.wait(left)

    def told(self) -> list[dict[str, Any]]:
        """As `dr lab status` shows them."""
        with self._changed:
            return [
                {"region": place, "service": service, "mode": outage.mode, "delay": outage.delay}
                for (place, service), outage in self._now.items()
            ]

    def _tell(self, place: str) -> None:
        for act in self._listeners:
            act(place)
        with self._changed:
            self._changed.notify_all()


def _check(place: str, service: str | None) -> None:
    if place not in PLACES:
        raise Refused(f"the lab has no region {place!r}", hint=f"it has {', '.join(PLACES)}")
    if service is not None and service not in PLACES[place]:
        raise Refused(f"{place} has no service {service!r}", hint=f"it has {', '.join(PLACES[place])}")
