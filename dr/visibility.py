"""Which transactions fell inside a bracket, told from what two snapshots of the source could see. Pure.

A row of a restore may be on neither side of the bracket and be right all the same: written after the first snapshot
and replaced before the second. Its writer is then a transaction that the first snapshot did not see and that had begun
when the instant came. Numbers given out later belong to nobody who can be in the restore: not in the source, and least
of all those that the restored server gave out itself.
"""

from dataclasses import dataclass
from typing import Literal

_ROUND = 1 << 32
"""A row holds only the low half of its writer's number."""


@dataclass(frozen=True)
class Seen:
    """A `pg_snapshot`: everything below `xmax` had ended, but for those listed, and everything below `xmin` had.

    A replica lists none, however many were running: it keeps them among the savepoints, which are not shown. Of what
    lies between the two numbers nothing is known then.
    """

    xmin: int
    xmax: int
    running: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> "Seen":
        xmin, xmax, running = text.split(":")
        return cls(int(xmin), int(xmax), frozenset(int(number) for number in running.split(",") if number))

    @property
    def oldest(self) -> int:
        """The first that may have been at work."""
        return min(self.running, default=self.xmin)


def widened(number: int, near: int) -> int:
    """The whole of a transaction number of which only the low half is known: the one closest to another."""
    half = _ROUND // 2
    return near + (number - near + half) % _ROUND - half


class Bracket:
    """The transactions between two looks at the source."""

    def __init__(self, before: str, at: str, horizon: int | None = None) -> None:
        """`before` is what the first snapshot saw, `at` what had begun at the instant, both in `pg_snapshot` notation.

        `horizon` is the first number that the restored server gave out itself. With an empty text nothing is inside.
        """
        self._before = Seen.parse(before) if before else None
        self._at = Seen.parse(at) if at else None
        self._horizon = horizon

    def wrote(self, xmin: int) -> Literal["inside", "outside", "perhaps"]:
        """Whether the transaction with this (32-bit) number wrote inside the bracket.

        `perhaps`: older than the first snapshot, and younger than a transaction that was then running. It may be a
        part (a savepoint) of that one, and those have numbers of their own which no snapshot lists; or, where a replica
        was looked at, it may be that one.
        """
        if self._before is None or self._at is None:
            return "outside"
        number = self._at.xmax - (self._at.xmax - xmin) % _ROUND
        if number >= self._at.xmax or (self._horizon is not None and number >= self._horizon):
            return "outside"
        if number >= self._before.xmax or number in self._before.running:
            return "inside"
        return "perhaps" if number >= self._before.oldest else "outside"
