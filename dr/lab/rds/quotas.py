"""How much a region gives: resources, and requests per second."""

import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Quotas:
    """What one account may have in one region.

    Instances, manual snapshots and copies: RDS user guide (CHAP_Limits, USER_CopySnapshot). Replicated backups:
    the same guide (USER_ReplicateBackups). Assumed: all other numbers.
    """

    instances: int = 40
    """Retained automated backups have a quota as large (botocore's model); that it is counted apart is assumed."""
    storage: int = 100_000
    """GiB, of all instances together."""
    manual_snapshots: int = 100
    copies: int = 20
    """Snapshot copies in progress into the region."""
    replicated_backups: int = 20
    subnet_groups: int = 50
    parameter_groups: int = 50
    requests: float = 500.0
    """A second, of a wall clock: clients are not sped up. Chosen for the lab, not after AWS."""
    burst: int = 1000
    """Requests that may come at once after a quiet time. Chosen for the lab likewise."""


class Bucket:
    """A token bucket: how many requests may still come now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spent = 0.0
        self._at = time.monotonic()

    def take(self, quotas: Quotas) -> bool:
        """Whether one more request is within the quotas; it counts only if it is."""
        with self._lock:
            now = time.monotonic()
            self._spent = max(0.0, self._spent - (now - self._at) * quotas.requests)
            self._at = now
            if self._spent + 1 > quotas.burst:
                return False
            self._spent += 1
            return True
