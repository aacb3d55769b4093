"""Every legal transition of an instance and of a snapshot, and how long AWS stays in each state at the least.

A transition that is not in these tables is a bug of the lab: `move` asserts, it does not obey.
"""

KEY_LOST = "inaccessible-encryption-credentials-recoverable"
KEY_GONE = "inaccessible-encryption-credentials"

INSTANCE: dict[str, frozenset[str]] = {
    "creating": frozenset(
        {"backing-up", "available", "failed", "incompatible-restore", "incompatible-parameters", "deleting"}
    ),
    "backing-up": frozenset({"available", "failed"}),
    "available": frozenset(
        {
            "backing-up",
            "modifying",
            "renaming",
            "resetting-master-credentials",
            "rebooting",
            "stopping",
            "deleting",
            KEY_LOST,
        }
    ),
    "modifying": frozenset(
        {
            "available",
            "backing-up",
            "resetting-master-credentials",
            "renaming",
            "rebooting",
            "storage-optimization",
            "failed",
        }
    ),
    "resetting-master-credentials": frozenset({"available", "modifying", "backing-up", "renaming", "failed"}),
    "renaming": frozenset({"available", "backing-up", "storage-optimization", "failed"}),
    "storage-optimization": frozenset({"available", "backing-up", "deleting", KEY_LOST}),
    "rebooting": frozenset({"available", "backing-up", "incompatible-parameters", "failed"}),
    "stopping": frozenset({"stopped", "failed"}),
    "stopped": frozenset({"starting", "deleting"}),
    "starting": frozenset({"available", "incompatible-parameters", "failed"}),
    "incompatible-parameters": frozenset({"rebooting", "deleting"}),
    "incompatible-restore": frozenset({"deleting"}),
    "failed": frozenset({"deleting"}),
    KEY_LOST: frozenset({"starting", KEY_GONE, "deleting"}),
    KEY_GONE: frozenset({"deleting"}),
    "deleting": frozenset({"deleted", "failed"}),
    "deleted": frozenset(),
}

SNAPSHOT: dict[str, frozenset[str]] = {
    "creating": frozenset({"available", "failed"}),
    "copying": frozenset({"available", "failed", "deleted"}),
    "available": frozenset({"deleted"}),
    "failed": frozenset({"deleted"}),
    "deleted": frozenset(),
}

BACKUP: dict[str, frozenset[str]] = {
    "creating": frozenset({"active", "retained", "deleted"}),
    "active": frozenset({"retained", "deleted"}),
    "pending": frozenset({"replicating", "retained"}),
    "replicating": frozenset({"retained"}),
    "retained": frozenset({"deleting"}),
    "deleting": frozenset({"deleted"}),
    "deleted": frozenset(),
}

DWELL: dict[str, float] = {
    "creating": 30,
    "backing-up": 20,
    "modifying": 15,
    "renaming": 15,
    "resetting-master-credentials": 15,
    "rebooting": 15,
    "stopping": 20,
    "starting": 20,
    "deleting": 20,
    "snapshot": 15,
    "copying": 30,
    "replicating": 60,
    "storage-optimization": 120,
    # The volume of a restore is loaded from S3 behind the user's back.
    "initializing": 900,
    # AWS accepts a modification and goes on saying `available` for some seconds.
    "accepted": 5,
}
"""The least number of AWS's seconds in a state."""

USABLE = frozenset({"available", "storage-optimization"})
UNREACHABLE = frozenset(
    {
        KEY_LOST,
        KEY_GONE,
        "incompatible-network",
        "incompatible-option-group",
        "insufficient-capacity",
        "restore-error",
    }
)
"""In these nobody gets in; whoever is in stays."""
DELETABLE = (
    USABLE
    | UNREACHABLE - {"incompatible-option-group"}
    | {"stopped", "failed", "incompatible-restore", "incompatible-parameters", "storage-full"}
)
BROKEN = frozenset({"failed", "incompatible-restore", "incompatible-parameters"})
NO_ENDPOINT = frozenset({"creating", "incompatible-restore"})

ON_DEMAND = UNREACHABLE | {"maintenance", "storage-full", "storage-optimization", "firedrill-unheard-of"}
"""What an instance is only when somebody asks for it: see the fault `instance-status`. The last one stands for every
status that AWS has yet to invent."""
for _status in ON_DEMAND:
    INSTANCE[_status] = INSTANCE.get(_status, frozenset()) | {"available", "deleting"}
INSTANCE["available"] |= ON_DEMAND
INSTANCE["creating"] |= ON_DEMAND


def check(table: dict[str, frozenset[str]], name: str, old: str, new: str) -> None:
    """Raises AssertionError for a transition that AWS does not have."""
    if new not in table[old]:
        raise AssertionError(f"{name}: {old} -> {new} is not a legal transition")
