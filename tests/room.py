"""Where tests keep what they make: in memory, where the machine has that to spare, else in /var/tmp.

A lab makes a cluster of a thousand files for every instance, snapshot and restore. In memory that takes a tenth of the
time that it takes a disk, and everything is forced to disk for nothing.
"""

import os
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - folders of our own are made below it
_DISK = Path("/var/tmp")  # noqa: S108 - the same
_NEEDED = 6 * 2**30
"""Bytes that two workers' labs can come to, with as much again for what works in them."""
VARIABLE = "FIREDRILL_TEST_ROOM"
"""Tells every worker and child what the first process chose: how much memory there is changes while tests run."""


def _roomy(folder: Path) -> bool:
    try:
        found = os.statvfs(folder)
        told = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    except OSError:
        return False
    spare = int(told["MemAvailable"].split()[0]) * 1024
    # Clusters run programs from their own folder.
    allowed = os.access(folder, os.W_OK | os.X_OK) and not found.f_flag & os.ST_NOEXEC
    return allowed and min(spare, found.f_bavail * found.f_frsize) >= _NEEDED


ROOM = Path(os.environ.setdefault(VARIABLE, str(_MEMORY if _roomy(_MEMORY) else _DISK)))


def public_folder(stem: str) -> Path:
    """A new folder that PostgreSQL's own account can pass through, unlike pytest's. The caller removes it."""
    made = Path(tempfile.mkdtemp(prefix=f"firedrill-{stem}-", dir=ROOM))
    made.chmod(0o711)
    return made
