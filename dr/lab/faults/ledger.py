"""What was injected into a lab, and how to undo it."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dr.errors import Refused
from dr.lab.faults import catalogue

Undo = Callable[[], None]


@dataclass(frozen=True)
class Done:
    """What an injection did: in words, and how to undo it, where that can be done."""

    told: str
    undo: Undo | None = None
    met: Callable[[], int] | None = None
    """How many calls it has met so far, where it waits for calls."""


Injector = Callable[[dict[str, Any]], Done]
"""Takes every option of the fault, None where it was not given. Raises Refused where the fault cannot be."""


@dataclass(frozen=True)
class _Entry:
    name: str
    at: datetime
    options: dict[str, Any]
    done: Done


class Ledger:
    """The faults of one lab."""

    def __init__(self, injectors: Mapping[str, Injector]) -> None:
        self.injectors = injectors
        self._lock = threading.Lock()
        self._entries: list[_Entry] = []

    def inject(self, name: str, given: Mapping[str, Any]) -> str:
        """Inject a fault; returns what it did. Raises Refused."""
        options = catalogue.read(name, given)
        if name not in self.injectors:
            raise Refused(f"this lab cannot do {name}")
        done = self.injectors[name](options)
        with self._lock:
            self._entries.append(_Entry(name, datetime.now(UTC), options, done))
        return done.told

    def clear(self, name: str | None) -> list[str]:
        """Undo every fault of a name, or all; returns what was undone. What cannot be undone is forgotten."""
        if name is not None:
            catalogue.entry(name)
        with self._lock:
            gone = [entry for entry in self._entries if name in (None, entry.name)]
            self._entries = [entry for entry in self._entries if entry not in gone]
        for entry in reversed(gone):
            if entry.done.undo:
                entry.done.undo()
        return [f"{entry.name}: {entry.done.told}" for entry in gone]

    def told(self) -> list[dict[str, Any]]:
        """As `dr lab status` shows them."""
        with self._lock:
            return [
                {
                    "name": entry.name,
                    "at": entry.at.isoformat(timespec="seconds"),
                    "told": entry.done.told,
                    "met": entry.done.met() if entry.done.met else None,
                    "options": {name: value for name, value in entry.options.items() if value is not None},
                }
                for entry in self._entries
            ]
