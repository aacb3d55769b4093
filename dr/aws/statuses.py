"""What the status of an instance or a snapshot means to somebody who waits for it.

AWS invents new ones now and then: an unknown status is pending, until the deadline, and `known` tells that it should
be reported. botocore's own waiters take most of the fatal ones for pending, and burn half an hour.
"""

from typing import Final, Literal

Standing = Literal["ok", "pending", "fatal"]

_OK = ("available", "storage-optimization", "storage-initialization")
_PENDING = (
    "backing-up", "backtracking", "configuring-associated-roles", "configuring-enhanced-monitoring",
    "configuring-iam-database-auth", "configuring-log-exports", "converting-to-vpc", "creating", "delete-precheck",
    "maintenance", "modifying", "moving-to-vpc", "rebooting", "renaming", "resetting-master-credentials", "starting",
    "storage-config-upgrade", "update-iam-db-auth", "upgrading",
)  # fmt: skip
_FATAL = (
    "deleted", "deleting", "failed", "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable", "incompatible-create", "incompatible-network",
    "incompatible-option-group", "incompatible-parameters", "incompatible-restore", "insufficient-capacity",
    "restore-error", "stopped", "stopping", "storage-full",
)  # fmt: skip

STATUSES: Final[dict[str, Standing]] = {
    **dict.fromkeys(_OK, "ok"),
    **dict.fromkeys(_PENDING, "pending"),
    **dict.fromkeys(_FATAL, "fatal"),
}
"""Of an instance that somebody waits for to become usable."""

SNAPSHOT_STATUSES: Final[dict[str, Standing]] = {
    "available": "ok",
    "creating": "pending",
    "copying": "pending",
    "modifying": "pending",
    "pending": "pending",
    "deleted": "fatal",
    "deleting": "fatal",
    "failed": "fatal",
    "incompatible-restore": "fatal",
    "incompatible-parameters": "fatal",
}

WHY: Final[dict[str, str]] = {
    "inaccessible-encryption-credentials": "its KMS key is disabled, deleted or out of reach; this cannot be undone",
    "inaccessible-encryption-credentials-recoverable": "its KMS key is disabled or out of reach; enable the key",
    "incompatible-network": "the subnet group has no free addresses, or its VPC changed",
    "incompatible-option-group": "the option group does not fit the engine",
    "incompatible-parameters": "the parameter group does not fit the instance class: look at memory parameters",
    "incompatible-restore": "RDS could not restore to that point; look at its events",
    "insufficient-capacity": "no capacity for this instance class; try another class",
    "restore-error": "RDS could not restore to that point; look at its events",
    "storage-full": "its storage is full",
    "stopped": "somebody stopped it",
}


def standing(status: str) -> Standing:
    """Of an instance: usable, on its way, or beyond waiting."""
    return STATUSES.get(status.lower(), "pending")


def snapshot_standing(status: str) -> Standing:
    """Of a snapshot."""
    return SNAPSHOT_STATUSES.get(status.lower(), "pending")


def known(status: str) -> bool:
    """Whether this status is one that we have heard of."""
    return status.lower() in STATUSES or status.lower() in SNAPSHOT_STATUSES
