"""Look, decide, sleep, look again, give up in time."""

import threading
from collections.abc import Iterator

import pytest
from stories import HandClock

from dr.clock import Deadline, SystemClock
from dr.errors import Interrupted, Unable
from dr.wait import until


def _looks(*answers: str) -> Iterator[str]:
    yield from answers
    while True:
        yield answers[-1]


def test_what_is_ready_is_returned_without_a_sleep() -> None:
    clock = HandClock()
    seen = until(lambda: 7, lambda _: True, what="seven", clock=clock, deadline=Deadline.within(clock, 0), every=5)
    assert seen == 7
    assert clock.sleeps == []


def test_it_looks_until_it_is_ready() -> None:
    clock = HandClock()
    looks = _looks("creating", "creating", "available")
    seen = until(
        lambda: next(looks),
        lambda status: status == "available",
        what="it",
        clock=clock,
        deadline=Deadline.within(clock, 60),
        every=10,
    )
    assert seen == "available"
    assert len(clock.sleeps) == 2
    assert all(10 <= seconds <= 11 for seconds in clock.sleeps)


def test_it_gives_up_exactly_at_the_deadline_and_says_what_it_saw() -> None:
    clock = HandClock()
    looks: list[float] = []
    with pytest.raises(Unable, match="instance x to be available: not after 25 s; last seen: CREATING") as caught:
        until(
            lambda: looks.append(clock.passed) or "creating",
            lambda _: False,
            what="instance x to be available",
            clock=clock,
            deadline=Deadline.within(clock, 25),
            every=10,
            shown=str.upper,
        )
    assert looks[-1] == pytest.approx(25)  # the last look is at the end, not before it
    assert clock.passed == pytest.approx(25)
    assert caught.value.hint


def test_the_clock_may_have_run_out_before_the_first_look() -> None:
    clock = HandClock()
    deadline = Deadline.within(clock, 5)
    clock.sleep(100)
    with pytest.raises(Unable, match="last seen: 1"):
        until(lambda: 1, lambda _: False, what="it", clock=clock, deadline=deadline, every=1)
    assert deadline.remaining() == 0


def test_falsy_answers_are_answers() -> None:
    clock = HandClock()
    assert (
        until(
            lambda: None, lambda seen: seen is None, what="it", clock=clock, deadline=Deadline.within(clock, 1), every=1
        )
        is None
    )


@pytest.mark.parametrize("where", ["look", "ready"])
def test_whoever_looks_may_end_the_wait(where: str) -> None:
    clock = HandClock()
    calls: list[str] = []

    def act(name: str) -> bool:
        calls.append(name)
        if name == where:
            raise Unable("instance x has failed")
        return False

    with pytest.raises(Unable, match="instance x has failed"):
        until(
            lambda: act("look"),
            lambda _: act("ready"),
            what="it",
            clock=clock,
            deadline=Deadline.within(clock, 60),
            every=1,
        )
    assert calls.count(where) == 1


def test_a_request_to_stop_ends_the_wait() -> None:
    stopping = threading.Event()
    clock = SystemClock(stopping)

    def look() -> int:
        stopping.set()
        return 0

    with pytest.raises(Interrupted):
        until(look, bool, what="it", clock=clock, deadline=Deadline.within(clock, 60), every=30)


def test_the_teardown_waits_on_although_it_was_asked_to_stop() -> None:
    stopping = threading.Event()
    stopping.set()
    clock = SystemClock(stopping).undisturbed()
    looks = iter([0, 0, 1])
    assert (
        until(lambda: next(looks), bool, what="it", clock=clock, deadline=Deadline.within(clock, 5), every=0.001) == 1
    )
