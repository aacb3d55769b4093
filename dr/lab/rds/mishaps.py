"""What is to go wrong in RDS later: creations without capacity, restores that end badly, stuck copies.

Kept apart from the records, which say what is so now. Call everything here with the world's lock held.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from dr.lab.engine.archive import Archive
from dr.lab.engine.cluster import Cluster
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Instance


@dataclass(eq=False)
class Shortage:
    """No capacity for the next instances, of one class or of any."""

    region: str
    instance_class: str | None
    left: int


@dataclass(eq=False)
class Ending:
    """Where the next restores end, instead of becoming available."""

    region: str
    status: str
    left: int


@dataclass(eq=False)
class Spoiling:
    """What the next restore of one instance comes up with. AWS does not tell."""

    region: str
    source: str
    """The identifier of the instance that is restored."""
    recover: Callable[[Archive, datetime, Cluster, dict[str, str]], object] | None = None
    """Done before the log is replayed: see `dr/lab/damage/replays.py`."""
    strike: Callable[[Cluster], object] | None = None
    """Done when it is open, before anybody else enters."""
    furnish: Callable[[Instance], object] | None = None
    """Done to the record of the instance: it gets something else than was asked for."""
    left: int = 1
    met: int = 0


@dataclass
class Mishaps:
    """All of it, until it has happened or is taken back."""

    shortages: list[Shortage] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    spoilings: list[Spoiling] = field(default_factory=list)
    stuck: dict[str, int] = field(default_factory=dict)
    """region -> the per cent at which copies to it stop."""

    def require_capacity(self, region: str, instance_class: str) -> None:
        """Raises Fault where there is none."""
        for shortage in self.shortages:
            if shortage.region == region and shortage.left and shortage.instance_class in (None, instance_class):
                shortage.left -= 1
                raise Fault(
                    "InsufficientDBInstanceCapacity",
                    f"Cannot create a {instance_class} database instance because there is no capacity for it in "
                    f"{region} now. Try another class or another availability zone.",
                )

    def spoiling(self, region: str, source: str, *, replays: bool) -> Spoiling | None:
        """What becomes of a restore that begins now; `replays` says whether it has a log to go astray in."""
        for one in self.spoilings:
            if (one.region, one.source) == (region, source) and one.left and (replays or not one.recover):
                one.left -= 1
                one.met += 1
                return one
        return None

    def ending(self, region: str) -> str | None:
        """The status in which a restore ends that goes wrong; None for one that goes well."""
        for ending in self.endings:
            if ending.region == region and ending.left:
                ending.left -= 1
                return ending.status
        return None
