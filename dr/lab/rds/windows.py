"""The daily backup window and the weekly maintenance window: their form, their length, and that they keep apart.

Form, the half hour and that neither may conflict with the other: CreateDBInstance in botocore's model.
"""

import re

from dr.lab.rds.faults import Fault

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CLOCK = r"([01]\d|2[0-3]):([0-5]\d)"
DAILY = re.compile(f"{CLOCK}-{CLOCK}", re.ASCII)
WEEKLY = re.compile(f"({'|'.join(DAYS)}):{CLOCK}-({'|'.join(DAYS)}):{CLOCK}", re.ASCII)
DAY, WEEK = 24 * 60, 7 * 24 * 60
SHORTEST = 30
BACKUPS = ("02:00-02:30", "10:00-10:30")
MAINTENANCES = ("sun:04:00-sun:04:30", "sun:12:00-sun:12:30")
"""The defaults. AWS draws a half hour at random; that it avoids what was asked for is assumed."""


def backup(given: str | None, maintenance: str | None = None) -> str:
    """The backup window asked for, or a default beside the maintenance window asked for. Raises Fault."""
    if given is None:
        return next(one for one in BACKUPS if maintenance is None or not _meet(one, _maintenance(maintenance)))
    if not DAILY.fullmatch(given):
        raise Fault("InvalidParameterValue", f"Invalid preferred backup window {given[:50]!r}: give hh24:mi-hh24:mi.")
    _long_enough(given, _daily(given), DAY)
    return given


def maintenance(given: str | None, backup: str) -> str:
    """The maintenance window asked for, or a default beside the backup window. Raises Fault where the two meet."""
    if given is None:
        return next(one for one in MAINTENANCES if not _meet(backup, one))
    lowered = _maintenance(given)
    if _meet(backup, lowered):
        raise Fault(
            "InvalidParameterValue",
            f"The backup window {backup} and the maintenance window {lowered} must not overlap.",
        )
    return lowered


def _maintenance(given: str) -> str:
    lowered = given.lower()
    if not given.isascii() or not WEEKLY.fullmatch(lowered):
        raise Fault(
            "InvalidParameterValue",
            f"Invalid preferred maintenance window {given[:50]!r}: give ddd:hh24:mi-ddd:hh24:mi.",
        )
    _long_enough(lowered, _weekly(lowered), WEEK)
    return lowered


def _daily(window: str) -> tuple[int, int]:
    """Start, in minutes of the day, and length."""
    from_hour, from_minute, to_hour, to_minute = (int(part) for part in re.findall(r"\d+", window))
    start = from_hour * 60 + from_minute
    return start, (to_hour * 60 + to_minute - start) % DAY


def _weekly(window: str) -> tuple[int, int]:
    """Start, in minutes of the week, and length."""
    first, last = (DAYS.index(day) * DAY for day in re.findall(r"[a-z]+", window))
    from_hour, from_minute, to_hour, to_minute = (int(part) for part in re.findall(r"\d+", window))
    start = first + from_hour * 60 + from_minute
    return start, (last + to_hour * 60 + to_minute - start) % WEEK


def _long_enough(window: str, start_and_length: tuple[int, int], period: int) -> None:
    if not SHORTEST <= start_and_length[1] < period:
        raise Fault("InvalidParameterValue", f"The window {window} must be at least {SHORTEST} minutes long.")


def _meet(backup: str, maintenance: str) -> bool:
    daily, length = _daily(backup)
    begin, width = _weekly(maintenance)
    starts = [day * DAY + daily for day in range(7)]
    return any((start - begin) % WEEK < width or (begin - start) % WEEK < length for start in starts)
