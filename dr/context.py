"""What a step may touch: every source of time, randomness and effect comes to it from here."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from random import Random, SystemRandom
from typing import Any

from pydantic import SecretStr, TypeAdapter

from dr import catalog, facts
from dr.aws.clients import Aws
from dr.clock import Clock, Deadline
from dr.connection import Connection
from dr.errors import Unable
from dr.estate import Application, Bucket, Database, Estate, Site, SiteName
from dr.events import Covered, Found, Intended, Learned, Observed, Thing
from dr.journal import Journal
from dr.plan import Plan
from dr.questions import Questions
from dr.records import BackupRecord, Document
from dr.sharing import SYSTEM, Threads
from dr.store import Store, keep, verified
from dr.verification import Coverage, Finding

LEAST_PATIENCE = 120.0
"""Seconds. However fast the lab's time passes, the machine that it runs on is not faster for it."""
LINES_AT_ONCE = 5000
"""Of a stream that is kept: some megabytes in memory, and few documents."""


@dataclass
class Context:
    """One run's surroundings."""

    estate: Estate
    plan: Plan
    connection: Connection
    aws: Aws
    clock: Clock
    journal: Journal
    store: Store
    say: Callable[[str], None]
    """Tell whoever watches. Never a row's value, never a secret."""
    protected: frozenset[str]
    """Resource ids and names that nothing may delete: settled before the first step, so that no teardown has to ask."""
    passwords: dict[str, SecretStr] = field(default_factory=dict)
    """asset -> the one-time password of its scratch instance. Lives here only, and dies with the process."""
    threads: Threads = SYSTEM
    chance: Random = field(default_factory=SystemRandom)
    ask: Questions = field(default_factory=Questions)
    """Whoever answers for the databases."""
    step: str = ""
    """The step that this is handed to: see `of`."""
    _learned: dict[str, object] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, step: str) -> "Context":
        """The same surroundings for one step, whose name goes with what it finds."""
        return replace(self, step=step)

    def recall(self, facts: Mapping[str, object]) -> None:
        """Know again what the journal says that an earlier process learned."""
        with self._lock:
            self._learned |= facts

    @property
    def application(self) -> Application:
        return self.estate.applications[self.plan.application]

    def database(self, asset: str) -> Database:
        return self.application.databases[asset]

    def bucket(self, asset: str) -> Bucket:
        return self.application.buckets[asset]

    def site(self, name: SiteName) -> Site:
        return self.estate.site(name)

    def region(self, name: SiteName) -> str:
        return self.plan.regions[name]

    def learn(self, name: str, value: object) -> None:
        """Journal a fact. Facts are how steps meet: they never hand values to each other."""
        self.journal.append(Learned(name=name, value=value))
        with self._lock:
            self._learned[name] = value

    def fact(self, name: str) -> object:
        """A fact that an earlier step journaled. Raises Unable when none did."""
        with self._lock:
            if name not in self._learned:
                raise Unable(f"nobody has found out {name!r} yet", hint="an earlier step did not finish")
            return self._learned[name]

    def knows(self, name: str) -> bool:
        """Whether a step of this run journaled a fact, in this process or in one that died."""
        with self._lock:
            return name in self._learned

    def moment(self, name: str) -> datetime:
        """A fact that is a moment."""
        return datetime.fromisoformat(str(self.fact(name)))

    def find(self, asset: str, finding: Finding) -> None:
        """Journal what a check answered."""
        self.journal.append(Found(asset=asset, finding=finding, step=self.step))

    def cover(self, asset: str, coverage: Coverage) -> None:
        """Journal how much of an asset was compared."""
        self.journal.append(Covered(asset=asset, coverage=coverage, step=self.step))

    def keep(self, name: str, rows: list[Any]) -> None:
        """Keep what is too long for the journal beside it, for a later step of this run, whoever performs that."""
        document = keep(self.store, f"{self.plan.run}/{name}", json.dumps(rows).encode())
        self.learn(facts.kept(name), document.model_dump())

    def kept(self, name: str) -> list[Any]:
        """What an earlier step kept. Raises Unable when it is not there or not whole."""
        document = Document.model_validate(self.fact(facts.kept(name)))
        return list(json.loads(verified(self.store, document)))

    def keep_lines(self, name: str, lines: Iterable[str]) -> None:
        """Keep a stream, however long, in documents of some thousand lines each."""
        documents: list[dict[str, Any]] = []
        rest = iter(lines)
        while part := list(islice(rest, LINES_AT_ONCE)):
            stem = f"{self.plan.run}/{name}-{len(documents):05}"
            documents.append(keep(self.store, stem, "\n".join(part).encode()).model_dump())
        self.learn(facts.kept_lines(name), documents)

    def kept_lines(self, name: str) -> Iterator[str]:
        """A stream that an earlier step kept, read a document at a time. Raises Unable when one is not whole."""
        for raw in TypeAdapter(list[Document]).validate_python(self.fact(facts.kept_lines(name))):
            yield from verified(self.store, raw).decode().split("\n")

    def intended(self, thing: Thing) -> bool:
        """Whether this run announced a change of this thing before, in this process or in one that died."""
        events = self.journal.reading().events
        return any(isinstance(event, Intended) and event.thing == thing for event in events)

    def intend(self, operation: str, thing: Thing) -> None:
        """Journal an effect before it. After a kill, the journal knows what may exist."""
        self.journal.append(Intended(operation=operation, thing=thing))

    def observe(self, operation: str, thing: Thing, resource_id: str | None = None) -> None:
        """Journal an effect after it."""
        self.journal.append(Observed(operation=operation, thing=thing, resource_id=resource_id))

    def records(self) -> list[BackupRecord]:
        """Every committed backup of the application."""
        return catalog.records(self.store, self.plan.application)

    def deadline(self, seconds: float) -> Deadline:
        """A deadline in seconds of AWS's time."""
        return Deadline.within(self.clock, max(LEAST_PATIENCE, seconds / self.connection.time_scale))

    def interval(self, seconds: float) -> float:
        """A polling interval in seconds of AWS's time, not so short that looking becomes work."""
        return max(0.2, seconds / self.connection.time_scale)
