"""What counts of the time behind an instance that was stopped now and then."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dr.lab.rds.pauses import Pause, back, counted

START = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = st.integers(1, 200).map(lambda hours: timedelta(hours=hours))


def test_a_stop_in_between_and_one_that_lasts() -> None:
    day = timedelta(days=1)
    pauses = [Pause(START + day, START + 3 * day), Pause(START + 6 * day)]
    assert counted(pauses, START, START + 5 * day) == 3 * day
    assert counted(pauses, START + 2 * day, START + 4 * day) == day
    assert counted(pauses, START, START + 9 * day) == 4 * day
    assert back(pauses, START + 9 * day, 4 * day) == START
    assert back(pauses, START + 9 * day, 3 * day) == START + 3 * day
    assert back(pauses, START + 9 * day, 2 * day) == START + 4 * day


@given(st.lists(HOURS, max_size=9), HOURS)
def test_the_way_back_counts_what_it_was_asked_for(lengths: list[timedelta], by: timedelta) -> None:
    """By turns it runs and stands; an odd last stretch is a stop that lasts."""
    moments = [START]
    for length in lengths:
        moments.append(moments[-1] + length)
    pauses = [Pause(*between) for between in zip(moments[1::2], [*moments[2::2], None], strict=False)]
    now = moments[-1] + timedelta(hours=1)
    assert counted(pauses, back(pauses, now, by), now) == by
