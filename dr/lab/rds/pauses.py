"""The time that an instance is stopped does not count when RDS asks how old its backups are.

So backups of a stopped instance outlast their retention. All moments are calendar time.

Source: RDS user guide, "Backup retention period".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

NOTHING = timedelta(0)


@dataclass
class Pause:
    """From a stop to the next start; without an end while it lasts."""

    began: datetime
    ended: datetime | None = None


def counted(pauses: Sequence[Pause], since: datetime, now: datetime) -> timedelta:
    """How much of the time since a moment counts."""
    stood = [(pause.ended or now) - max(pause.began, since) for pause in pauses]
    return now - since - sum((max(one, NOTHING) for one in stood), NOTHING)


def back(pauses: Sequence[Pause], now: datetime, by: timedelta) -> datetime:
    """The latest moment since which so much time counts. Pauses come oldest first."""
    for pause in reversed(pauses):
        ran = now - (pause.ended or now)
        if ran >= by:
            break
        by -= ran
        now = pause.began
    return now - by
