"""What is to go wrong in RDS later: creations without capacity, restores that end badly, stuck copies.

Kept apart from the records, which say what is so now. Call everything here with the world's lock held.
"""

from dataclasses import dataclass, field

from dr.lab.rds.faults import Fault


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


@dataclass
class Mishaps:
    """All of it, until it has happened or is taken back."""

    shortages: list[Shortage] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
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

    def ending(self, region: str) -> str | None:
        """The status in which a restore ends that goes wrong; None for one that goes well."""
        for ending in self.endings:
            if ending.region == region and ending.left:
                ending.left -= 1
                return ending.status
        return None
