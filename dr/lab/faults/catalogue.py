"""The faults that can be injected, as data: what each one does, what it takes, and how to ask for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dr.errors import Refused

REGIONS = ("eu-west-1", "eu-central-1")
STATUSES = (
    "maintenance",
    "storage-full",
    "storage-optimization",
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
    "incompatible-network",
    "incompatible-option-group",
    "restore-error",
    "insufficient-capacity",
    "firedrill-unheard-of",
)
"""What an instance can be said to be. The last one stands for every status that AWS has yet to invent."""


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


_region = Option("region", "Where.", choices=REGIONS, required=True)
_any_region = Option("region", "Where.", choices=(*REGIONS, "global"), required=True)
_instance = Option("instance", "The identifier of the instance.", required=True)
_bucket = Option("bucket", "The name of the bucket.", required=True)
_key = Option("key", "The key of the object.", required=True)
_version = Option("version", "The version id. Without it, the newest version.")
_times = Option("times", "How often.", int, default=1)

_ENTRIES = (
    Entry(
        "instance-status",
        "An available instance says that it is in another state, and acts so: what needs `available` is refused, and "
        "in states without an endpoint new connections hang. Clearing makes it available again.",
        (_region, _instance, Option("status", "What it says.", choices=STATUSES, required=True)),
        "--region eu-west-1 --instance receipts --status storage-full",
    ),
    Entry(
        "restore-ends",
        "The next restores in a region do not become available: they end in another state.",
        (
            _region,
            Option("status", "Where they end.", choices=("failed", "incompatible-restore", *STATUSES), required=True),
            _times,
        ),
        "--region eu-central-1 --status incompatible-network",
    ),
    Entry(
        "no-capacity",
        "The next creations, restores and starts of instances in a region answer InsufficientDBInstanceCapacity.",
        (_region, _times, Option("class", "Only for this instance class.")),
        "--region eu-central-1 --class db.t4g.medium --times 2",
    ),
    Entry(
        "quota",
        "A quota of a region is lower than it was.",
        (
            _region,
            Option(
                "quota",
                "Which one.",
                choices=("instances", "manual-snapshots", "copies", "replicated-backups"),
                required=True,
            ),
            Option("value", "What it is now.", int, required=True, least=0),
        ),
        "--region eu-central-1 --quota instances --value 1",
    ),
    Entry(
        "lost-response",
        "The next calls of an operation take effect, and then the connection is reset: the caller cannot know.",
        (
            _any_region,
            Option("service", "The service, by the name it is signed for.", required=True),
            Option("operation", "The operation as the API calls it.", required=True),
            _times,
        ),
        "--region eu-central-1 --service rds --operation CreateDBSnapshot",
    ),
    Entry(
        "throttle-storm",
        "The next calls are throttled, so many of them or for so many seconds, in the words of each service.",
        (
            _any_region,
            Option("service", "Only this service."),
            Option("calls", "How many calls.", int),
            Option("seconds", "For how long, as time passes here.", float, least=0.001),
            Option("percent", "How many of a hundred calls, picked by chance.", int, default=100),
        ),
        "--region eu-central-1 --service rds --calls 10",
    ),
    Entry(
        "kms-key",
        "A KMS key is disabled, or is scheduled for deletion.",
        (
            _region,
            Option("key", "Its id, ARN or alias.", required=True),
            Option("state", "What it becomes.", choices=("Disabled", "PendingDeletion"), default="Disabled"),
        ),
        "--region eu-central-1 --key alias/firedrill",
    ),
    Entry(
        "stale-copy",
        "A snapshot holds the bytes of an older one, and goes on claiming its own age.",
        (
            _region,
            Option("snapshot", "The identifier of the snapshot that lies.", required=True),
            Option("older", "The identifier of the snapshot, in any region, whose bytes it gets.", required=True),
        ),
        "--region eu-central-1 --snapshot tonight --older last-week",
    ),
    Entry(
        "copy-stuck",
        "Snapshot copies to a region stop at some per cent, and stay `copying`.",
        (_region, Option("percent", "Where they stop.", int, default=40, least=0)),
        "--region eu-central-1 --percent 40",
    ),
    Entry(
        "backup-replication-stopped",
        "Automated backups of an instance no longer arrive in a region, which goes on saying `replicating`: the "
        "newest restorable time there stands still.",
        (Option("region", "Where they no longer arrive.", choices=REGIONS, required=True), _instance),
        "--region eu-central-1 --instance receipts",
    ),
    Entry(
        "corrupt-page",
        "A page of the largest table in a snapshot's base backup is damaged; the snapshot goes on saying `available`.",
        (_region, Option("snapshot", "Its identifier; automated ones too.", required=True)),
        "--region eu-central-1 --snapshot tonight",
    ),
    Entry(
        "missing-wal",
        "The newest segment of an automated backup's log is lost: a restore to a later instant ends in "
        "`incompatible-restore`.",
        (_region, _instance),
        "--region eu-central-1 --instance receipts",
    ),
    Entry(
        "s3-replication",
        "Versions of a bucket stay PENDING for ever, or FAIL and are not tried again.",
        (_bucket, Option("outcome", "What becomes of them.", choices=("pending", "failed"), required=True)),
        "--bucket receipts-documents-eu-west-1 --outcome pending",
    ),
    Entry(
        "s3-version-missing",
        "A version of an object is gone, and no delete marker tells of it.",
        (_bucket, _key, _version),
        "--bucket receipts-documents-eu-central-1 --key invoices/1.pdf",
    ),
    Entry(
        "s3-wrong-bytes",
        "A version of an object holds wrong bytes of the right size; ETag and checksums are as they were.",
        (_bucket, _key, _version),
        "--bucket receipts-documents-eu-central-1 --key invoices/1.pdf",
    ),
    Entry(
        "replica-lag",
        "A read replica lags behind its source.",
        (_region, _instance, Option("seconds", "By how much.", float, required=True, least=0)),
        "--region eu-central-1 --instance receipts-replica --seconds 600",
    ),
    Entry(
        "replica-stopped",
        "A read replica stops following its source.",
        (_region, _instance),
        "--region eu-central-1 --instance receipts-replica",
    ),
)
CATALOGUE: Mapping[str, Entry] = {entry.name: entry for entry in _ENTRIES}


def entry(name: str) -> Entry:
    """An entry by name. Raises Refused for one that there is not."""
    if name not in CATALOGUE:
        raise Refused(f"there is no fault {name!r}", hint=f"the catalogue has {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def read(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a fault, checked and complete. Raises Refused for what the catalogue does not allow."""
    wanted = {option.name: option for option in entry(name).options}
    if unknown := sorted(given.keys() - wanted.keys()):
        raise Refused(f"{name} takes no {', '.join(unknown)}", hint=f"it takes {', '.join(wanted)}")
    return {option.name: _value(name, option, given.get(option.name)) for option in wanted.values()}


def _value(name: str, option: Option, value: Any) -> Any:
    if value is None:
        if option.required:
            raise Refused(f"{name} needs {option.name}", hint=option.about)
        return option.default
    if option.kind is not str:
        if isinstance(value, bool) or not isinstance(value, (int, float) if option.kind is float else int):
            raise Refused(f"{name}: {option.name} must be a number")
        if value < option.least:
            raise Refused(f"{name}: {option.name} must be {option.least:g} or more")
    elif not isinstance(value, str):
        raise Refused(f"{name}: {option.name} must be a text")
    if option.choices and value not in option.choices:
        raise Refused(f"{name}: {option.name} cannot be {value!r}", hint=f"it is one of {', '.join(option.choices)}")
    return value
