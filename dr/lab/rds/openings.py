"""When backup and maintenance windows open. Forms: `02:00-02:30` daily, `sun:04:00-sun:04:30` weekly, UTC."""

from datetime import datetime, timedelta

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def opens_after(window: str, moment: datetime) -> datetime:
    """When a window opens next, strictly after a moment of the calendar."""
    *day, hour, minute = window.split("-")[0].split(":")
    opens = moment.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    if day:
        opens += timedelta(days=DAYS.index(day[0]) - moment.weekday())
    period = WEEK if day else DAY
    return opens if opens > moment else opens + period


def opened_by(window: str, moment: datetime) -> datetime:
    """When a daily window opened last, at the latest at this moment of the calendar."""
    return opens_after(window, moment) - DAY
