"""What there is in the account, who made it, and the wrongs that were done: the simulation's own truth."""

import heapq
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.simulation.baton import Process

NUMBER = "123456789012"
PRIMARY, RECOVERY = "eu-west-1", "eu-central-1"
LOOKING = 3.0
"""Seconds that a sweep takes, at the most, to read a run's journal and to make the call that rests on it."""
ESTATE, STRANGER = "the estate", "a stranger"


def refuse(code: str, operation: str, status: int = 400) -> ClientError:
    """What botocore raises for an answer that says no."""
    answer: Any = {"Error": {"Code": code, "Message": "simulated"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


@dataclass
class Instance:
    """An instance, and what becomes of it: from which second of the simulation on it has which status."""

    name: str
    resource_id: str
    maker: str
    tags: dict[str, str]
    data: dict[str, int]
    """table -> digest of its content."""
    beats_until: int
    """The second of its newest heartbeat."""
    statuses: list[tuple[float, str]]
    password: str = "production's"
    passwords: list[tuple[float, str]] = field(default_factory=list)
    """A password that was asked for, and from when on it is in force."""
    public: bool = False
    asked: dict[str, Any] = field(default_factory=dict)
    """The settings that it was asked for with, as RDS shows them."""
    late: bool = False
    """See `Account.late`."""
    quiet: bool = False
    """Its first session has switched off whatever could reach out."""
    entered: bool = False
    """Somebody else was in it."""
    planted: dict[str, str] = field(default_factory=dict)
    """Check that has to say no, because a run damaged it on purpose -> of what."""

    def status(self, now: float) -> str:
        return next(status for since, status in reversed(self.statuses) if since <= now)

    def gone(self, now: float) -> bool:
        return self.status(now) == "gone"

    def settle(self, now: float) -> None:
        while self.passwords and self.passwords[0][0] <= now:
            self.password = self.passwords.pop(0)[1]


@dataclass
class Snapshot:
    name: str
    arn: str
    maker: str
    tags: dict[str, str]
    time: datetime
    statuses: list[tuple[float, str]]
    source_arn: str | None = None
    key: str | None = None

    def status(self, now: float) -> str:
        return next(status for since, status in reversed(self.statuses) if since <= now)


@dataclass
class Stored:
    """One version of a key, or a delete marker."""

    version: str
    body: bytes
    modified: datetime
    maker: str
    marker: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    late: bool = False
    """See `Account.late`."""


@dataclass
class Region:
    instances: dict[str, Instance] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    replicated: dict[str, dict[str, Any]] = field(default_factory=dict)
    """ARN of a source -> the automated backup that this region holds of it."""
    buckets: dict[str, dict[str, list[Stored]]] = field(default_factory=dict)
    """bucket -> key -> versions, newest first."""
    events: list[tuple[str, datetime, str]] = field(default_factory=list)


@dataclass
class Journaled:
    """What the journals in the control store say, as its objects arrive."""

    intents: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    """run -> every (operation, thing) that it announced."""
    observed: set[str] = field(default_factory=set)
    """Names of things that some run has seen to exist."""
    writers: dict[str, tuple[str, int, float]] = field(default_factory=dict)
    """run -> host and process that said last that they work for it, and since when."""
    _working: "dict[str, Process]" = field(default_factory=dict)

    def arrive(self, run: str, lines: bytes, process: "Process", now: float) -> None:
        """An object of a run's journal."""
        for line in lines.splitlines():
            body = json.loads(line)["body"]
            match body["event"]:
                case "opened" | "resumed":
                    self.writers[run] = (body["host"], body["pid"], now)
                    before = self._working.get(run, process)
                    before.overtaken = before is not process and before.alive and not before.ended
                    self._working[run] = process
                case "intended":
                    about = body["thing"]
                    thing = f"{about['kind']} {about['name']} in {about['region']}"
                    self.intents.setdefault(run, set()).add((body["operation"], thing))
                case "observed":
                    self.observed.add(body["thing"]["name"])

    def at_work(self, run: str, since: float) -> bool:
        """Whether the process that said last that it works for a run does, and said so before a moment."""
        working = self._working.get(run)
        return working is not None and working.alive and not working.ended and self.writers[run][2] < since

    def announced(self, run: str, operation: str, thing: str, *, sweeping: bool) -> bool:
        """Whether a run announced an operation. To copy objects is also to remove what an earlier attempt left."""
        intents = self.intents.get(run, set())
        if operation == "Delete" and sweeping:
            return any(one == thing for _, one in intents)
        return (operation, thing) in intents or (operation == "Delete" and ("CopyObject", thing) in intents)


@dataclass
class Account:
    """The cloud. Everything that is done to it from outside goes through `cloud/door.py`."""

    start: datetime
    regions: dict[str, Region] = field(default_factory=lambda: {PRIMARY: Region(), RECOVERY: Region()})
    now: float = 0.0
    lag: float = 90.0
    """Seconds that the recovery site's window is behind."""
    acting: "Process | None" = None
    """Whose call is coming in."""
    journaled: "Journaled" = field(default_factory=lambda: Journaled())
    wrongs: list[str] = field(default_factory=list)
    """What nobody may do, and somebody did."""
    secrets: set[str] = field(default_factory=set)
    """Every password that was asked for."""
    looked_at: dict[str, float] = field(default_factory=dict)
    """When an instance of a name was described last."""
    on_the_way: float = 0.0
    """Until when calls are on their way that nobody waits for."""
    past_their_look: list[str] = field(default_factory=list)
    """Instances about which somebody looked for the last time, and may be stopped before the call leaves."""
    made: int = 0
    _later: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)

    def moment(self, now: float | None = None) -> datetime:
        return self.start + timedelta(seconds=self.now if now is None else now)

    def number(self) -> int:
        self.made += 1
        return self.made

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Something that happens by itself, after a while."""
        heapq.heappush(self._later, (self.now + seconds, self.number(), act))

    def arrive_later(self, seconds: float, call: Callable[[], None]) -> None:
        """A call that has its effect when nobody waits for it any more."""
        self.on_the_way = max(self.on_the_way, self.now + seconds)
        self.later(seconds, call)

    @contextmanager
    def past_its_look(self, instance: str) -> Iterator[None]:
        """From the last look of whoever changes or deletes an instance until the call leaves."""
        self.past_their_look.append(instance)
        try:
            yield
        finally:
            self.past_their_look.remove(instance)

    def settle(self, now: float) -> None:
        """Let everything happen whose time has come."""
        while self._later and self._later[0][0] <= now:
            self.now, _, act = heapq.heappop(self._later)
            act()
        self.now = now

    def heal(self) -> None:
        """What was stuck comes to its end: somebody at AWS has looked at it."""
        for region in self.regions.values():
            for one in region.instances.values():
                if (end := {"creating": "available", "deleting": "gone"}.get(one.status(self.now))) is not None:
                    one.statuses.append((self.now, end))

    def changing(self, operation: str, region: str, thing: str, maker: str | None) -> None:
        """Note what is wrong with a change: not announced, or of a thing that somebody else made.

        `maker` is None where the change makes the thing. A sweep deletes what the run's own journal announced; it
        writes none of its own.
        """
        where = f"{thing} in {region}"
        run = self.run or maker or ""
        if maker in (ESTATE, STRANGER) or maker not in (None, run):
            self.wrongs.append(f"{operation} of {where}, which {maker} made")
        elif not self.run and self.journaled.at_work(run, self.now - LOOKING):
            self.wrongs.append(f"{operation} of {where} by a sweep, while its run was at work")
        elif not self.journaled.announced(run, operation, where, sweeping=not self.run):
            self.wrongs.append(f"{operation} of {where} without an intent in the journal")

    @property
    def run(self) -> str:
        """For which run somebody calls."""
        return self.acting.run if self.acting else ""

    @property
    def late(self) -> bool:
        """Whether somebody calls who was past his last check when his run was taken over, and finished elsewhere.

        The threat model admits it: no check can come between a check and its call.
        """
        return self.acting is not None and self.acting.overtaken

    def scratch(self) -> list[str]:
        """What runs have made to throw away, and what still stands."""
        found = []
        for name, region in self.regions.items():
            found += [
                f"instance {one.name} in {name}"
                for one in region.instances.values()
                if one.maker not in (ESTATE, STRANGER) and not one.late and not one.gone(self.now)
            ]
            found += [
                f"objects {bucket}/{key} in {name}"
                for bucket, keys in region.buckets.items()
                if "scratch" in bucket
                for key, versions in keys.items()
                if any(one.maker not in (ESTATE, STRANGER) and not one.late for one in versions)
            ]
        return found
