"""What goes wrong in one run, all of it drawn from the seed: with single calls, and with the world as a whole."""

from dataclasses import dataclass, field
from random import Random
from typing import Literal

Failure = Literal["throttled", "failing", "failed after", "lost before", "lost after", "late", "sent twice"]

CHANGING: tuple[Failure, ...] = (
    "throttled",
    "failing",
    "failed after",
    "lost before",
    "lost after",
    "lost after",
    "late",
    "sent twice",
    "sent twice",
)
LOOKING: tuple[Failure, ...] = ("throttled", "failing", "lost before")
LATE = 20.0
"""Seconds that a call whose answer nobody waited for may still take to have its effect."""

STATUSES = (
    "backing-up",
    "configuring-enhanced-monitoring",
    "modifying",
    "storage-initialization",
    "a-status-that-nobody-has-heard-of",
)
FATAL = (
    "incompatible-restore",
    "incompatible-network",
    "inaccessible-encryption-credentials",
    "storage-full",
    "failed",
    "restore-error",
)


USUAL = (0, 1, 2, 3, 4, 5, 7, 8, 10, 11, 12, 13, 14)
LONG = (6, 9)


@dataclass
class Troubles:
    """Made from a seed. None of it is known to the product."""

    chance: Random
    rate: float = 0.0
    """How many of a hundred calls go wrong, as a fraction."""
    mishaps: dict[int, Failure] = field(default_factory=dict)
    """What happens to the changing call of a number, counted from one."""
    silent: tuple[float, float] = (0.0, 0.0)
    """From when to when no region answers."""
    expired: tuple[float, float] = (0.0, 0.0)
    """From when to when the credentials have run out."""
    clock_steps: list[tuple[float, float]] = field(default_factory=list)
    """When the wall clock is set, and by how many seconds."""
    stop_at: float | None = None
    """When somebody asks the run to stop."""
    without_capacity: tuple[str, ...] = ()
    over_quota: bool = False
    stuck: bool = False
    """What is being made never becomes available."""
    between: tuple[str, ...] | None = None
    """The statuses that a restore goes through on its way; None leaves them to chance."""
    fatal: str = ""
    """The status in which what is being made ends instead."""
    no_deletion_until: float = 0.0
    deletion_stuck: bool = False
    damage: dict[str, int] = field(default_factory=dict)
    """Tables that a restore brings back with other content."""
    damaged_copies: int = 0
    """How many of the first copies of objects hold other bytes."""
    deaf_databases: float = 0.0
    """How often a database cannot be asked."""
    squatter: bool = False
    """Somebody else's instance has the scratch instance's name already."""
    swapped: bool = False
    """Somebody renames the scratch instance, and gives its name and tags to another one."""
    changed: int = 0
    """How many changing calls there were."""
    kept: list[int] = field(default_factory=list)
    """Which of them were to the control store: lines of the journal, and leases."""

    @classmethod
    def none(cls, seed: int = 1) -> "Troubles":
        """Fair weather."""
        return cls(Random(seed))  # noqa: S311 - repeatable, not secret

    @classmethod
    def drawn(cls, chance: Random) -> "Troubles":
        """A quarter of the runs have none; the others any number of them, most only a few."""
        made = cls(chance)
        if chance.random() < 0.25:
            return made
        made.rate = chance.choice((0.0, 0.0, 0.003, 0.01, 0.05))
        for _ in range(chance.choice((0, 1, 1, 2, 3))):
            made.mishaps[chance.randrange(1, 60)] = chance.choice(CHANGING)
        for _ in range(chance.choice((0, 1, 1, 2, 3))):
            made._one(chance)
        return made

    def _one(self, chance: Random) -> None:
        begin = chance.random() * 150
        # What is stuck is looked at until a deadline: the longest runs by far, and so the rarest.
        match chance.choice(USUAL if chance.random() < 0.95 else LONG):
            case 0:
                self.silent = (begin, begin + chance.choice((3, 30, 300)))
            case 1:
                self.expired = (begin, begin + chance.choice((3, 30, 4000)))
            case 2:
                self.clock_steps.append((begin, chance.choice((-3600, -5, 5, 3600, 90000))))
            case 3:
                self.stop_at = begin
            case 4:
                self.without_capacity = chance.choice((("db.t4g.medium",), ("db.t4g.medium", "db.m6g.large")))
            case 5:
                self.over_quota = True
            case 6:
                self.stuck = True
            case 7:
                self.fatal = chance.choice(FATAL)
            case 8:
                self.no_deletion_until = begin + chance.choice((60, 200))
            case 9:
                self.deletion_stuck = True
            case 10:
                self.damage = {"public.ledger": 4711}
            case 11:
                self.damaged_copies = 1
            case 12:
                self.deaf_databases = 0.2
            case 13:
                self.squatter = True
            case _:
                self.swapped = True

    def calm(self) -> None:
        """From here on nothing goes wrong any more, so that what is left to do can be done."""
        self.rate = self.deaf_databases = self.no_deletion_until = 0.0
        self.mishaps = {}
        self.silent = self.expired = (0.0, 0.0)
        self.stuck = self.deletion_stuck = False

    def of_call(
        self, now: float, *, changing: bool, kept: bool = False
    ) -> Failure | Literal["silent", "expired"] | None:
        """What goes wrong with one call, if anything."""
        self.changed += changing
        if changing and kept:
            self.kept.append(self.changed)
        if changing and self.changed in self.mishaps:
            return self.mishaps[self.changed]
        if self.silent[0] <= now < self.silent[1]:
            return "silent"
        if self.expired[0] <= now < self.expired[1]:
            return "expired"
        if not self.rate or self.chance.random() >= self.rate:
            return None
        return self.chance.choice(CHANGING if changing else LOOKING)

    def life_of_a_restore(self, now: float) -> list[tuple[float, str]]:
        """From when on a restored instance has which status."""
        after = now + self.chance.choice((20, 45, 90))
        if self.stuck:
            return [(now, "creating")]
        if self.fatal:
            going = [(after + 30, "gone")] if self.fatal in ("deleting", "deleted") else []
            return [(now, "creating"), (after, self.fatal), *going]
        between = self.chance.sample(STATUSES, self.chance.randrange(3)) if self.between is None else self.between
        life = [(now, "creating"), *((after + 8 * number, status) for number, status in enumerate(between))]
        return [*life, (after + 8 * len(between), "available")]

    def life_of_a_snapshot(self, now: float, first: str) -> list[tuple[float, str]]:
        if self.stuck:
            return [(now, first)]
        return [(now, first), (now + self.chance.choice((10, 40)), "failed" if self.fatal else "available")]
