"""What an entry of the catalogue says of a fault, and the options that many of them take."""

from dataclasses import dataclass
from typing import Any, Literal

REGIONS = ("eu-west-1", "eu-central-1")

Kind = Literal["files", "recovery", "rows", "shape", "restore", "control plane", "objects", "weather"]
KINDS: dict[Kind, str] = {
    "files": "damage to a database's files",
    "recovery": "recoveries that go astray",
    "rows": "what tables hold",
    "shape": "what is said of tables, and who may use them",
    "restore": "what RDS makes of a restore",
    "control plane": "what a restore stands on",
    "objects": "buckets and their copies",
    "weather": "troubles that a run has to live through",
}
"""Every kind, in the order in which they are shown."""
BEYOND_CHECKS = {
    "refused": "the run is refused before anything is created",
    "backup": "the backup is not committed",
    "restore": "the restore does not become available",
    "unread": "what was restored cannot be read",
    "isolation": "the scratch instance is not proven to reach nothing",
    "objectives": "a promise is measured and missed",
    "nothing": "nothing is wrong: it must not alarm",
}
"""What finds a fault where no check of the ladder is asked any more, or none yet."""


@dataclass(frozen=True)
class Option:
    """Something that a fault wants to know."""

    name: str
    about: str
    kind: type = str
    choices: tuple[str, ...] = ()
    default: Any = None
    required: bool = False
    least: float = 1


@dataclass(frozen=True)
class Entry:
    """One fault of the catalogue."""

    name: str
    what: str
    options: tuple[Option, ...]
    example: str
    """The options of an example, as they are typed."""
    number: str
    """A short name of its own, by the family of faults that it belongs to."""
    kind: Kind
    simulates: str
    """What it stands for in the world."""
    caught_at: str = ""
    """The level of the ladder at which a restore test finds it, or a shallower one. Empty: there is nothing to find."""
    caught_by: str = "nothing"
    """The check that has to find it, or one of BEYOND_CHECKS."""
    also: tuple[str, ...] = ()
    """Checks that may find it as well."""


region = Option("region", "Where.", choices=REGIONS, required=True)
any_region = Option("region", "Where.", choices=(*REGIONS, "global"), required=True)
instance = Option("instance", "The identifier of the instance.", required=True)
bucket = Option("bucket", "The name of the bucket.", required=True)
key = Option("key", "The key of the object.", required=True)
version = Option("version", "The version id. Without it, the newest version.")
times = Option("times", "How often.", int, default=1)
restored = (
    Option("region", "Where it is restored.", choices=REGIONS, required=True),
    Option("instance", "The instance that is restored; with --when now, the one to damage.", required=True),
)
when = Option(
    "when",
    "To the next restore, before it is available; or now, to an instance without automated backups.",
    choices=("next-restore", "now"),
    default="next-restore",
)
RESTORED = "--region eu-central-1 --instance receipts"
