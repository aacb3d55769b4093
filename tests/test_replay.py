"""What another process goes on from: what is done, what is known, and what was announced and never recorded."""

import pytest
import stories
from stories import BUCKET, DATABASE

from dr.errors import Refused
from dr.events import (
    Aborted,
    Event,
    Intended,
    Observed,
    Removed,
    Resumed,
    StepFinished,
    StepStarted,
    TeardownStarted,
)
from dr.replay import left_to_do, replay

PLAN = stories.test_plan()
WHOLE = stories.passed_run(PLAN)
RESTORE, VERIFY, COPY = f"restore {DATABASE}", f"verify {DATABASE}", f"restore {BUCKET}"


def until(kind: type, name: str = "") -> list[Event]:
    """The run up to and with the first such event."""
    place = next(i for i, one in enumerate(WHOLE) if isinstance(one, kind) and name in (getattr(one, "step", ""), ""))
    return WHOLE[: place + 1]


def test_every_prefix_of_a_run_can_be_gone_on_with() -> None:
    """Nothing that is not done is skipped; nothing that is done is done again, but for restores that are still needed.

    A database's password died with its process; a bucket's objects may have been swept.
    """
    for length in range(1, len(WHOLE) + 1):
        past = replay(WHOLE[:length])
        left = left_to_do(PLAN, past)
        for step in PLAN.steps:
            assert (left[step.name] == "to do") == (step.name not in past.done)
        again = {name for name, what in left.items() if what == "again"}
        assert again == {
            restore
            for restore, verify in ((RESTORE, VERIFY), (COPY, f"verify {BUCKET}"))
            if restore in past.done and not {verify, "verify references", "challenge"} <= past.done
        }
        assert past.closed == (length == len(WHOLE))


def test_an_intent_is_open_until_somebody_saw_what_became_of_it() -> None:
    instance, _ = stories.things(PLAN)
    announced = until(Intended)
    assert [one.thing for one in replay(announced).open_intents] == [instance]
    assert replay(until(Observed)).open_intents == ()
    assert replay([*announced, Removed(thing=instance)]).open_intents == ()
    assert len(replay([*announced, *announced[-1:]]).open_intents) == 1


@pytest.mark.parametrize("last", [TeardownStarted(), Aborted(reason="a bug")])
def test_a_run_on_its_way_out_begins_no_step_any_more(last: Event) -> None:
    begun = until(StepStarted, VERIFY)
    assert not replay(begun).ending
    assert replay([*begun, last]).ending


def test_a_step_that_is_begun_again_is_not_done() -> None:
    done = until(StepFinished, RESTORE)
    assert RESTORE in replay(done).done
    assert RESTORE not in replay([*done, StepStarted(step=RESTORE)]).done


def test_the_last_writer_is_known() -> None:
    past = replay([*until(StepStarted), Resumed(tool="t", host="there", pid=7)])
    assert (past.host, past.pid) == ("there", 7)


def test_what_does_not_begin_with_opened_is_refused() -> None:
    for events in ([], WHOLE[1:]):
        with pytest.raises(Refused, match="does not begin with `opened`"):
            replay(events)
