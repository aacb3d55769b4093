"""What a journal says happened: spans, phases, the critical path, what was measured, and what scratch is left."""

from datetime import timedelta

import pytest
import stories
from stories import BUCKET, DATABASE, INSTANT, START, entries

from dr import facts
from dr.errors import Refused
from dr.events import Aborted, Closed, Event, Intended, Learned, Observed, Opened, Removed, StepFinished, StepStarted
from dr.timeline import PHASES, Timeline, read

PLAN = stories.test_plan()


def told(events: list[Event], seconds: float = 1.0) -> Timeline:
    return read(entries(events, seconds))


def place(events: list[Event], kind: type, name: str) -> int:
    return next(i for i, event in enumerate(events) if isinstance(event, kind) and getattr(event, "step", "") == name)


def test_a_whole_run() -> None:
    events = stories.passed_run(PLAN)
    timeline = told(events)
    assert timeline.closed
    assert timeline.aborted is None
    assert {span.outcome for span in timeline.spans} == {"done"}
    assert [span.step.name for span in timeline.spans] == [step.name for step in PLAN.steps]
    assert timeline.instant == INSTANT
    assert timeline.started_at == START
    assert timeline.finished_at == START + timedelta(seconds=len(events) - 1)
    assert timeline.regions_called == {"eu-central-1": 40}
    assert {asset: len(found) for asset, found in timeline.findings.items()} == {DATABASE: 12, BUCKET: 2, "receipts": 1}
    assert timeline.coverage[BUCKET].objects_compared == 12


def test_recovery_time_ends_at_the_last_verification_not_at_the_end() -> None:
    events = stories.passed_run(PLAN)
    proof = place(events, StepFinished, "verify references")
    assert told(events, 3.0).rta_seconds == pytest.approx(3.0 * proof)
    assert told(events, 3.0).rta_seconds != pytest.approx(3.0 * place(events, StepFinished, f"restore {DATABASE}"))


@pytest.mark.parametrize("outcome", ["errored", "interrupted"])
@pytest.mark.parametrize("step", [f"verify {DATABASE}", f"verify {BUCKET}", "verify references"])
def test_no_recovery_time_without_every_verification(step: str, outcome: str) -> None:
    events = stories.passed_run(PLAN)
    events[place(events, StepFinished, step)] = StepFinished(step=step, outcome=outcome)  # type: ignore[arg-type]
    assert told(events).rta_seconds is None
    del events[place(events, StepFinished, step)]
    assert told(events).rta_seconds is None


def test_recovery_point_adds_the_sites_lag_and_the_heartbeats() -> None:
    timeline = told(stories.passed_run(PLAN))
    assert timeline.rpa_seconds == pytest.approx(20.5)
    assert "20.0 s before" in timeline.rpa_explained
    assert "0.5 s older" in timeline.rpa_explained


@pytest.mark.parametrize("name", [facts.RESTORABLE_AT_START, facts.INSTANT, facts.newest_heartbeat_of(DATABASE)])
def test_no_recovery_point_without_its_three_facts(name: str) -> None:
    events = [event for event in stories.passed_run(PLAN) if not (isinstance(event, Learned) and event.name == name)]
    assert told(events).rpa_seconds is None
    assert told(events).rpa_explained


def test_a_site_ahead_of_the_run_owes_nothing_for_it() -> None:
    ahead = Learned(name=facts.RESTORABLE_AT_START, value="2026-11-20T02:16:00Z")
    events: list[Event] = [
        ahead if isinstance(event, Learned) and event.name == ahead.name else event
        for event in stories.passed_run(PLAN)
    ]
    assert told(events).rpa_seconds == pytest.approx(0.5)


def test_the_critical_path_runs_back_through_the_need_that_ended_last() -> None:
    path = told(stories.passed_run(PLAN)).critical_path
    assert path == ("choose instant", f"restore {BUCKET}", f"verify {BUCKET}", "verify references")


def test_phases_cover_their_steps_and_the_teardown() -> None:
    phases = {phase.name: phase for phase in told(stories.passed_run(PLAN)).phases}
    assert set(phases) == {"choose", "recover", "verify", "teardown"}
    assert phases["recover"].seconds > phases["choose"].seconds
    assert all(phase.seconds == (phase.finished_at - phase.started_at).total_seconds() for phase in phases.values())


def test_every_action_belongs_to_a_phase() -> None:
    actions = {step.action for plan in (PLAN, stories.backup_plan()) for step in plan.steps}
    assert actions == set(PHASES)


def test_a_step_that_the_run_died_in_is_open_ended() -> None:
    events = stories.passed_run(PLAN)
    cut = events[: place(events, StepStarted, f"verify {DATABASE}") + 2]
    timeline = told(cut)
    spans = {span.step.name: span for span in timeline.spans}
    assert spans[f"restore {DATABASE}"].outcome == "done"
    assert spans[f"verify {DATABASE}"].outcome == "interrupted"
    assert spans[f"verify {DATABASE}"].seconds is None
    assert spans["verify references"].outcome == "not_reached"
    assert not timeline.closed


class TestScratch:
    def test_what_was_removed_is_gone(self) -> None:
        timeline = told(stories.passed_run(PLAN))
        assert timeline.created == timeline.removed == stories.things(PLAN)
        assert timeline.remaining == ()

    def test_what_was_not_removed_remains(self) -> None:
        events = [event for event in stories.passed_run(PLAN) if not isinstance(event, Removed)]
        assert told(events).remaining == stories.things(PLAN)

    def test_an_intent_alone_may_have_made_something(self) -> None:
        events = [event for event in stories.passed_run(PLAN) if not isinstance(event, Observed | Removed)]
        assert told(events).remaining == stories.things(PLAN)
        events = [event for event in stories.passed_run(PLAN) if not isinstance(event, Intended | Removed)]
        assert told(events).remaining == stories.things(PLAN)

    def test_recovery_points_of_a_backup_are_no_scratch(self) -> None:
        plan = stories.backup_plan()
        snapshot = stories.things(PLAN)[0].model_copy(update={"kind": "snapshot"})
        events: list[Event] = [stories.opened(plan), Observed(operation="CreateDBSnapshot", thing=snapshot)]
        assert told(events).created == ()


class TestWhatNoRunWrites:
    def test_nothing_at_all(self) -> None:
        with pytest.raises(Refused, match="begins with `opened`"):
            read([])

    def test_another_beginning(self) -> None:
        with pytest.raises(Refused, match="begins with `opened`"):
            told(stories.passed_run(PLAN)[1:])

    def test_an_end_without_a_beginning(self) -> None:
        with pytest.raises(Refused, match="ends without having begun"):
            told([stories.opened(PLAN), StepFinished(step="choose instant", outcome="done")])

    def test_a_step_that_is_not_in_the_plan(self) -> None:
        with pytest.raises(Refused, match="no step 'x'"):
            told([stories.opened(PLAN), StepStarted(step="x")])

    def test_a_plan_that_is_none(self) -> None:
        opened = Opened(run="r", tool="t", host="h", pid=1, plan={})
        with pytest.raises(Refused, match="its plan cannot be read"):
            told([opened])

    def test_anything_after_the_end(self) -> None:
        closed = Closed(regions_called={})
        assert not told([stories.opened(PLAN), closed, Aborted(reason="late")]).closed
        assert told([stories.opened(PLAN), closed]).closed
