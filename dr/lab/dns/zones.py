"""Hosted zones as the name servers know them, and the changes that are still on their way to them.

Route 53 accepts a change first (PENDING) and has it on all of its name servers a little later (INSYNC). What is asked
over DNS sees a change only then, all of its batch at once.
"""

import secrets
import string
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import dns.name

from dr.lab.dns.records import Record, wire_name

PROPAGATION = 30.0
"""AWS's seconds from PENDING to INSYNC. Source: botocore's model, which says "generally within 60". Assumed: 30."""

Group = tuple[Record, ...]


@dataclass(frozen=True)
class Zone:
    """A zone as it is answered from; `groups` holds the record sets of one name by type."""

    identifier: str
    name: dns.name.Name
    private: bool
    groups: dict[dns.name.Name, dict[str, Group]] = field(repr=False)
    nodes: frozenset[dns.name.Name] = field(repr=False)
    """Every name that exists, also those that only have names below them."""

    @classmethod
    def of(cls, identifier: str, name: str, private: bool, records: Iterable[Record]) -> "Zone":
        apex = wire_name(name)
        groups: dict[dns.name.Name, dict[str, Group]] = {}
        nodes = {apex}
        for record in records:
            owner = wire_name(record.name)
            of_name = groups.setdefault(owner, {})
            of_name[record.type] = (*of_name.get(record.type, ()), record)
            while owner != apex:
                nodes.add(owner)
                owner = owner.parent()
        return cls(identifier, apex, private, groups, frozenset(nodes))

    def records(self, name: dns.name.Name, type_: str) -> Group:
        return self.groups.get(name, {}).get(type_, ())


@dataclass(frozen=True)
class Change:
    """One accepted change: what GetChange tells."""

    identifier: str
    submitted: datetime
    due: float
    zone: str
    publishes: Zone | None
    """The zone as it will be; None where it was deleted."""


class Zones:
    """What the name servers know, and the changes that they will know."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._lock = threading.Lock()
        self._known: dict[str, Zone] = {}
        self._waiting: list[Change] = []
        self._changes: dict[str, Change] = {}

    def submit(self, zone: str, publishes: Zone | None) -> Change:
        """Accept a change; the name servers have it after the propagation."""
        identifier = "C" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(20))
        with self._lock:
            due = time.monotonic() + PROPAGATION / self._speed
            change = Change(identifier, datetime.now(UTC), due, zone, publishes)
            self._waiting.append(change)
            self._changes[identifier] = change
        return change

    def change(self, identifier: str) -> Change | None:
        return self._changes.get(identifier)

    @staticmethod
    def in_sync(change: Change) -> bool:
        return time.monotonic() >= change.due

    def zone(self, identifier: str) -> Zone | None:
        """A zone as the name servers know it now."""
        with self._lock:
            self._arrive()
            return self._known.get(identifier)

    def holding(self, name: dns.name.Name, *, private: bool) -> Zone | None:
        """The zone that is responsible for a name: the most specific one, private before public, old before new.

        Assumed: a private zone goes before a public one of the same name only. Zones of one name are told apart on AWS
        by their name servers; here there is one for all of them.
        """
        with self._lock:
            self._arrive()
            held = [zone for zone in self._known.values() if name.is_subdomain(zone.name)]
        seen = [zone for zone in held if private or not zone.private]
        return max(seen, key=lambda zone: (len(zone.name), zone.private), default=None)

    def _arrive(self) -> None:
        now = time.monotonic()
        while self._waiting and self._waiting[0].due <= now:
            change = self._waiting.pop(0)
            if change.publishes is None:
                self._known.pop(change.zone, None)
            else:
                self._known[change.zone] = change.publishes
