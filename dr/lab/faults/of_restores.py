"""What RDS gives a restored instance, although something else was asked for."""

from dr.lab.faults.entries import RESTORED, Entry, restored, when

OPTIONS = restored


def _entry(name: str, number: str, what: str, simulates: str, at: str, by: str, *, also: tuple[str, ...] = ()) -> Entry:
    return Entry(name, what, OPTIONS, RESTORED, number, "restore", simulates, at, by, also)


ENTRIES = (
    _entry(
        "restore-public",
        "R15",
        "The restored instance is publicly accessible.",
        "a default that nobody looked at",
        "L0",
        "isolation",
    ),
    _entry(
        "restore-unencrypted",
        "R14",
        "The restored instance is not encrypted.",
        "a source that never was",
        "L0",
        "isolation",
    ),
    _entry(
        "restore-default-parameters",
        "R05",
        "The restored instance has the default parameter group.",
        "what RDS gives when none is named",
        "L0",
        "isolation",
    ),
    _entry(
        "restore-default-network",
        "R15b",
        "The restored instance is in the default security group, which lets traffic out.",
        "what RDS gives when none is named",
        "L0",
        "isolation",
    ),
    Entry(
        "chains-disagree",
        "A row is missing in the restore of one region, and is there in the other's.",
        (*restored, when),
        RESTORED,
        "R12",
        "restore",
        "one of two chains of backups that was damaged, or that tells of another moment",
        "L4",
        "agreement",
        ("content",),
    ),
)
