"""A region in which nothing answers is not waited for, and is found again."""

import socket
import threading

import pytest
from stories import HandClock

from dr.aws import rds
from dr.aws.breaker import CODE, FAILURES, PAUSE, SILENCE, Breaker
from dr.aws.clients import Aws
from dr.aws.patience import ATTEMPTS
from dr.clock import Deadline
from dr.errors import Unreachable
from dr.wait import SILENCE as LONGEST_SILENCE
from dr.wait import until

from .scripted import OTHER, REGION, Server, refusal, server

GOOD = (200, "text/xml", "<R><DescribeDBInstancesResult><DBInstances/></DescribeDBInstancesResult></R>")


def silent(clock: HandClock, seconds: float = SILENCE, failures: int = FAILURES) -> Breaker:
    """A region that has not answered so many attempts, spread over so many seconds."""
    breaker = Breaker(REGION, clock)
    for number in range(failures):
        clock.passed += seconds / (failures - 1) if number else 0
        breaker.failed("ReadTimeoutError")
    return breaker


def admitted(breaker: Breaker) -> bool:
    try:
        breaker.admit("DescribeDBInstances")
    except Unreachable:
        return False
    return True


def test_it_opens_and_says_what_since_when_and_what_to_look_at() -> None:
    clock = HandClock()
    breaker = silent(clock)
    with pytest.raises(Unreachable) as caught:
        breaker.admit("CopyDBSnapshot")
    said = str(caught.value)
    assert (caught.value.code, caught.value.region, caught.value.transient) == (CODE, REGION, True)
    assert (
        f"CopyDBSnapshot in {REGION}: not tried, because nothing there has answered since 2026-11-20T02:15:00" in said
    )
    assert f"{FAILURES} attempts in a row; the last: ReadTimeoutError" in said
    assert "hint: is eu-central-1 down" in said
    assert f"due in {PAUSE:.0f} s" in said


@pytest.mark.parametrize(("seconds", "failures"), [(SILENCE, FAILURES - 1), (SILENCE - 0.1, 50)])
def test_neither_few_failures_nor_many_at_one_moment_open_it(seconds: float, failures: int) -> None:
    assert admitted(silent(HandClock(), seconds, failures))


def test_any_answer_starts_the_count_anew() -> None:
    clock = HandClock()
    breaker = silent(clock, SILENCE * 2, FAILURES - 1)
    breaker.answered()
    breaker.failed("ConnectTimeoutError")
    assert admitted(breaker)


def test_one_attempt_after_each_pause_finds_out_whether_the_region_is_back() -> None:
    clock = HandClock()
    breaker = silent(clock)
    clock.passed += PAUSE
    assert [admitted(breaker) for _ in range(5)] == [True, False, False, False, False]
    breaker.failed("ReadTimeoutError")
    assert not admitted(breaker)
    clock.passed += PAUSE
    assert admitted(breaker)
    breaker.answered()
    assert [admitted(breaker) for _ in range(5)] == [True] * 5


def test_of_many_threads_one_tries() -> None:
    clock = HandClock()
    breaker = silent(clock)
    clock.passed += PAUSE
    together = threading.Barrier(16)
    tried: list[bool] = []

    def ask() -> None:
        together.wait()
        tried.append(admitted(breaker))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(tried) == [False] * 15 + [True]


def down(clock: HandClock) -> tuple[Aws, socket.socket]:
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))  # bound but not listening: nobody answers, and nobody else gets the port
    return Server(f"http://127.0.0.1:{taken.getsockname()[1]}").aws(clock=clock), taken


def test_calls_to_a_region_that_is_down_fail_at_once_and_those_to_another_do_not() -> None:
    clock = HandClock()
    with server(GOOD) as made:
        aws = made.aws(clock=clock)
        assert rds.instances(aws, OTHER) == []
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
            aws.connection.endpoints[REGION] = dict.fromkeys(aws.connection.endpoints[REGION], nowhere)
            for _ in range(2):
                with pytest.raises(Unreachable):
                    rds.instances(aws, REGION)
                clock.passed += SILENCE
            before = aws.calls[REGION]
            for _ in range(100):
                with pytest.raises(Unreachable):
                    rds.instances(aws, REGION)
            assert aws.calls[REGION] == before + 1  # the one that was due
        assert rds.instances(aws, OTHER) == []


def test_a_wait_lives_through_a_short_silence_and_not_through_a_long_one() -> None:
    clock = HandClock()
    aws, taken = down(clock)
    looks: list[float] = []

    def look() -> object:
        looks.append(clock.passed)
        return rds.instances(aws, REGION)

    with taken, pytest.raises(Unreachable):
        until(look, bool, what="it", clock=clock, deadline=Deadline.within(clock, 3600), every=PAUSE + SILENCE)
    assert LONGEST_SILENCE <= clock.passed < LONGEST_SILENCE + 2 * (PAUSE + SILENCE)
    # The first call had all its attempts, and each look after it one.
    assert aws.calls[REGION] == ATTEMPTS + len(looks) - 1


def test_whoever_throttles_or_fails_has_answered() -> None:
    clock = HandClock()
    with server(refusal("AccessDenied", 403)) as made:
        aws = made.aws(clock=clock)
        for _ in range(2 * FAILURES):
            clock.passed += SILENCE
            with pytest.raises(Exception, match="AccessDenied") as caught:
                rds.instances(aws, REGION)
            assert not isinstance(caught.value, Unreachable)
