"""Every kind of run, killed (-9) at every event of its journal and at every call that changes something.

In three positions: before the call, after the call and before its record, after its record. That is: before and after a
line of the journal reaches the disk, before and after it reaches the control store, and before and after each call.
"""

from collections import Counter
from collections.abc import Sequence

import pytest

from tests.simulation.ending import Next
from tests.simulation.performance import Performance, perform
from tests.simulation.test_simulation import DAILY, KINDS, fair
from tests.simulation.troubles import Troubles

END = tuple[Next, ...]
GONE_ON_WITH: tuple[END, ...] = ((Next("resume", "one"),), (Next("resume", "two"),))
GIVEN_UP: tuple[END, ...] = ((Next("sweep", "one"),), (Next("abort", "one"),), (Next("abort", "six"),))
ENDS = GONE_ON_WITH + GIVEN_UP
"""What follows the kill: on the same machine, which is "one", or on another."""

NOTHING_TO_DO = ("no run", "does not begin with `opened`", "is closed")


def killed(kind: str, effect: int, then: END, *, torn: bool = False) -> Performance:
    made = perform(1, kind=kind, troubles=Troubles.none(), kill_at=effect, torn=torn, then=then)
    assert made.killed
    assert not made.wrongs, (kind, effect, then, made.told())
    return made


def turn(number: int, ends: int) -> int:
    """Which end follows the kill of this number: each in its turn.

    An event has a moment before it and one after it, in turn. An even number of ends begins each round with another
    one: else half of them would see nothing but the moments before.
    """
    return (number + (number // ends if ends % 2 == 0 else 0)) % ends


def all_killed(kind: str, effects: Sequence[int], ends: Sequence[END], *, torn: bool = False) -> Counter[str]:
    """Die at each of these, and come to an end in one way after the other."""
    came: Counter[str] = Counter()
    for number, effect in enumerate(effects):
        then = ends[turn(number, len(ends))]
        made = killed(kind, effect, then, torn=torn)
        verb = then[0].verb
        came[f"{verb}: {made.report.verdict if made.report else 'nothing to conclude'}"] += 1
        resumed = made.stage.acts[1] if len(made.stage.acts) > 1 else None
        if resumed and resumed.report and verb == "resume":
            # Nothing else was wrong: whoever goes on with it earns what the run would have earned.
            assert resumed.report.verdict == "passed", (kind, effect, then, resumed.report.reasons)
        elif resumed and verb != "sweep":
            # It died before its first event stood where that machine looks, or after its last one.
            why = resumed.problem.message if resumed.problem else ""
            assert resumed.report or any(one in why for one in NOTHING_TO_DO), (kind, effect, then, str(resumed))
    return came


@pytest.mark.parametrize("ends", [2, 3, 4, 5])
def test_each_end_follows_a_kill_before_an_event_and_one_after_it(ends: int) -> None:
    seen = {(number % 2, turn(number, ends)) for number in range(2 * ends)}
    assert len(seen) == 2 * ends


@pytest.mark.parametrize("kind", DAILY)
def test_a_kill_at_every_event_and_every_call_is_gone_on_with(kind: str) -> None:
    points = fair(kind).first.points
    came = all_killed(kind, points, GONE_ON_WITH)
    assert came["resume: passed"] > 0.9 * len(points) > 70, came


@pytest.mark.parametrize("kind", DAILY)
def test_a_kill_at_every_second_of_them_is_given_up_or_swept(kind: str) -> None:
    """The soak does so after all of them."""
    points = fair(kind).first.points[::2]
    came = all_killed(kind, points, GIVEN_UP)
    assert came["abort: inconclusive"] > 0.5 * len(points), came
    assert sum(number for what, number in came.items() if what.startswith("sweep")) > 0.3 * len(points), came


@pytest.mark.parametrize("kind", DAILY)
def test_a_kill_in_the_middle_of_every_line_of_the_journal(kind: str) -> None:
    lines = fair(kind).first.lines
    all_killed(kind, lines, ENDS, torn=True)
    assert len(lines) > 25


@pytest.mark.soak(20)
@pytest.mark.parametrize("end", range(len(ENDS)))
@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_at_every_effect_whatever(kind: str, end: int) -> None:
    """At every effect at all, with every end."""
    all_killed(kind, range(1, fair(kind).first.lines[-1] + 1), ENDS[end : end + 1])
