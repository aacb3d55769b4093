"""The self-challenge in whole runs: only proven scratch is damaged, and a kill in it is no real damage."""

import pytest

from dr.events import Challenged, Intended, Learned
from dr.facts import CHALLENGE
from dr.report.rebuild import report_of
from dr.verification import Coverage, Finding
from tests.simulation.cloud.account import RECOVERY, STRANGER
from tests.simulation.databases import SimulatedDatabases
from tests.simulation.ending import Next
from tests.simulation.performance import Cast, Performance, perform
from tests.simulation.test_simulation import fair
from tests.simulation.troubles import Troubles


def challenged(made: Performance) -> list[Challenged]:
    return [event for event in made.reading(made.plan).events if isinstance(event, Challenged)]


def test_chance_draws_what_is_planted_and_each_is_found() -> None:
    drawn = {challenged(perform(seed, kind="test", troubles=Troubles.none()))[0].kind for seed in range(1, 9)}
    assert len(drawn) > 2, drawn


def test_it_is_marked_and_announced_before_anything_is_damaged() -> None:
    events = fair("test").reading(fair("test").plan).events
    (answer,) = challenged(fair("test"))
    marks = [n for n, event in enumerate(events) if isinstance(event, Learned) and event.name == CHALLENGE]
    announced = [
        n
        for n, event in enumerate(events)
        if isinstance(event, Intended) and event.operation in ("PlantDamage", "CopyObject")
    ]
    assert answer.found
    assert marks[-1] < announced[-1] < events.index(answer)


def test_a_kill_late_in_a_run_is_gone_on_with() -> None:
    """Whoever goes on plants once more, finds it, and verifies nothing that was damaged: the run passes."""
    points = fair("test").first.points
    late = points[len(points) // 2 :]
    assert len(late) > 10
    for kill_at in late[::2]:
        made = perform(1, kind="test", troubles=Troubles.none(), kill_at=kill_at, then=(Next("resume", "one"),))
        assert not made.wrongs, made.told()
        if challenged(made):
            # From the journal: whoever died after its last event has left nothing to go on with.
            report = report_of(made.reading(made.plan))
            assert report.verdict == "passed", report.reasons


class Blind(SimulatedDatabases):
    """Plants, and sees nothing of it afterwards."""

    def plant(self, *arguments: object, **more: object) -> str:
        subject = super().plant(*arguments, **more)  # type: ignore[arg-type]
        for instance in self._account.regions[RECOVERY].instances.values():
            instance.planted.clear()
        return subject


def test_checks_that_see_nothing_fail_the_run() -> None:
    for seed in range(1, 20):
        made = perform(seed, Cast(databases=Blind), kind="test", troubles=Troubles.none())
        (answer,) = challenged(made)
        if answer.asset == "receipts-db":
            assert made.report is not None
            assert made.report.verdict == "failed"
            assert "no check found it" in made.report.reasons[0]
            return
    pytest.fail("no seed drew a database")


class Silent(Blind):
    """Plants, and gets no answer afterwards."""

    def plant(self, *arguments: object, **more: object) -> str:
        self.planted = True
        return super().plant(*arguments, **more)

    def schema(self, *arguments: object, **more: object) -> list[Finding]:
        found = super().schema(*arguments, **more)  # type: ignore[arg-type]
        if not getattr(self, "planted", False):
            return found
        return [one.model_copy(update={"outcome": "errored", "detail": "no answer"}) for one in found]

    def content(self, *arguments: object, **more: object) -> tuple[list[Finding], Coverage]:
        found, coverage = super().content(*arguments, **more)  # type: ignore[arg-type]
        if not getattr(self, "planted", False):
            return found, coverage
        return [one.model_copy(update={"outcome": "errored", "detail": "no answer"}) for one in found], coverage


def test_checks_that_cannot_answer_have_overlooked_nothing() -> None:
    for seed in range(1, 20):
        made = perform(seed, Cast(databases=Silent), kind="test", troubles=Troubles.none())
        if not challenged(made):
            assert made.report is not None
            assert made.report.verdict == "inconclusive", made.report.reasons
            return
    pytest.fail("no seed drew a database")


def test_an_instance_that_took_the_name_is_not_damaged() -> None:
    for seed in range(1, 9):
        troubles = Troubles.none(seed)
        troubles.swapped = True
        made = perform(seed, kind="test", troubles=troubles)
        strangers = [one for one in made.account.regions[RECOVERY].instances.values() if one.maker == STRANGER]
        assert not any(one.planted for one in strangers)
