"""The calendar, the windows that it opens and the duties that it brings due; no lab is up here."""

from datetime import UTC, datetime, timedelta

import pytest

from dr.lab.calendar import Calendar
from dr.lab.passing import Duty, Event, Passing, daily
from dr.lab.rds import openings

DAY = timedelta(days=1)
MOMENT = timedelta(seconds=5)
"""More than a test takes between two looks at the clock."""


def about(found: timedelta, expected: timedelta) -> bool:
    return abs(found - expected) < MOMENT


def test_what_was_before_a_leap_is_older_after_it() -> None:
    calendar = Calendar()
    before = datetime.now(UTC)
    calendar.leap(10 * DAY)
    between = datetime.now(UTC)
    calendar.leap(3 * DAY)
    after = datetime.now(UTC)
    assert about(calendar.age(before), 13 * DAY)
    assert about(calendar.age(between), 3 * DAY)
    assert about(calendar.age(after), timedelta(0))
    assert calendar.ahead == 13 * DAY
    assert about(calendar.now - datetime.now(UTC), 13 * DAY)


def test_a_reading_is_the_way_back_and_a_leapt_over_one_is_the_leap() -> None:
    calendar = Calendar()
    start = datetime.now(UTC)
    assert calendar.moment(start - DAY) == start - DAY
    calendar.leap(10 * DAY)
    leapt = datetime.now(UTC)
    calendar.leap(10 * DAY)
    for moment in (start, leapt, datetime.now(UTC)):
        assert calendar.moment(calendar.reading(moment)) == moment
    assert start < calendar.moment(start + DAY) == calendar.moment(start + 9 * DAY) < leapt
    assert leapt < calendar.moment(start + 15 * DAY) <= datetime.now(UTC)


def test_the_calendar_does_not_go_back_and_tells_of_every_leap() -> None:
    calendar, told = Calendar(), []
    calendar.on_leap.append(told.append)
    calendar.leap(DAY)
    with pytest.raises(ValueError, match="does not go back"):
        calendar.leap(-DAY)
    assert told == [DAY]


@pytest.mark.parametrize(
    ("window", "moment", "opens"),
    [
        ("02:00-02:30", "2026-11-20 01:59", "2026-11-20 02:00"),
        ("02:00-02:30", "2026-11-20 02:00", "2026-11-21 02:00"),
        ("23:45-00:15", "2026-12-31 23:50", "2027-01-01 23:45"),
        ("sun:04:00-sun:04:30", "2026-11-20 12:00", "2026-11-22 04:00"),
        ("fri:12:00-fri:12:30", "2026-11-20 12:00", "2026-11-27 12:00"),
        ("mon:00:00-mon:00:30", "2026-11-20 12:00", "2026-11-23 00:00"),
        ("sat:23:59-sun:00:29", "2026-11-22 00:10", "2026-11-28 23:59"),
    ],
)
def test_windows_open(window: str, moment: str, opens: str) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert openings.opens_after(window, at) == datetime.fromisoformat(opens).replace(tzinfo=UTC)


class Nights:
    """A duty of every midnight that counts itself."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self.done: list[datetime] = []
        self.duty = daily(calendar, self.perform)

    def perform(self, now: datetime) -> list[Event]:
        self.done.append(now)
        return [Event(now, "night", "here")]


def test_an_advance_stops_at_everything_that_is_due_on_the_way() -> None:
    calendar = Calendar()
    nights, settled = Nights(calendar), []
    passing = Passing(calendar, [nights.duty], lambda: settled.append(calendar.now))
    remaining, events = 5 * DAY, []
    steps = 0
    while remaining > timedelta(0):
        step = passing.step(remaining)
        remaining -= timedelta(seconds=step["advanced_seconds"])
        events += step["events"]
        steps += 1
    assert (steps, len(events), len(settled)) == (6, 5, 1)
    assert all(night - night.replace(hour=0, minute=0, second=0, microsecond=0) < MOMENT for night in nights.done)
    assert calendar.ahead == 5 * DAY


def test_what_waits_for_nothing_is_leapt_over_at_once() -> None:
    calendar = Calendar()
    step = Passing(calendar, [Duty(lambda: None, list)]).step(40 * DAY)
    assert (step["advanced_seconds"], step["events"]) == (40 * DAY.total_seconds(), [])


def test_days_that_nobody_was_there_for_count_once() -> None:
    calendar = Calendar()
    nights = Nights(calendar)
    calendar.leap(30 * DAY)
    step = Passing(calendar, [nights.duty]).step(timedelta(seconds=1))
    assert (step["advanced_seconds"], len(nights.done)) == (0, 1)
