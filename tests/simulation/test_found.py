"""What the simulator found, each told without chance: red before the product was mended."""

import pytest

from tests.simulation.performance import perform
from tests.simulation.troubles import Troubles


@pytest.mark.parametrize("call", [1, 2, 3, 4, 5])
def test_a_copy_whose_answer_was_lost_and_that_arrives_late_is_removed_too(call: int) -> None:
    """S3 goes on copying when nobody waits for the answer any more: one look that finds nothing is not enough."""
    for seed in range(8):
        troubles = Troubles.none(seed)
        troubles.over_quota = True  # the database's restore fails at once, and so the teardown comes early
        troubles.mishaps = {call: "late"}
        made = perform(seed, kind="test", troubles=troubles)
        assert made.wrongs == [], made.told()


def test_a_sweep_right_after_a_kill_does_not_take_what_is_still_under_way_for_nothing() -> None:
    """A request outlives the process that sent it: what a sweep does not find yet, it must not pass over in silence."""
    for seed in range(3):
        for effect in range(50, 80):  # around the request for the database
            made = perform(seed, kind="snapshot", troubles=Troubles.none(effect), kill_at=effect)
            assert made.wrongs == [], (effect, made.told())


def test_a_copy_that_was_sent_twice_is_no_bad_news_about_the_data() -> None:
    """botocore repeats a request whose answer was lost: of two equal versions the run knows one."""
    for number in range(1, 6):
        troubles = Troubles.none()
        troubles.mishaps = {number: "sent twice"}
        made = perform(1, kind="test", troubles=troubles)
        assert made.wrongs == [], (number, made.told())
        assert made.report is not None
        assert made.report.verdict == "passed", made.report.reasons
