"""What a journal says happened: spans, phases, the critical path, what was measured, and what scratch is left."""

from datetime import timedelta

import pytest
import stories
from stories import BUCKET, DATABASE, INSTANT, START, entries

from dr import facts
from dr.durations import elapsed
from dr.errors import Refused
from dr.events import (
    Aborted,
    Closed,
    Covered,
    Event,
    Found,
    Intended,
    Learned,
    Observed,
    Opened,
    Removed,
    Resumed,
    StepFinished,
    StepStarted,
)
from dr.recovery import stamp
from dr.spans import PHASES
from dr.timeline import Timeline, read

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
    assert {asset: len(found) for asset, found in timeline.findings.items()} == {DATABASE: 20, BUCKET: 4, "receipts": 1}
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
    assert path == ("choose instant", f"restore {BUCKET}", f"verify {BUCKET}", "verify references", "challenge")


def test_phases_cover_their_steps_and_the_teardown() -> None:
    phases = {phase.name: phase for phase in told(stories.passed_run(PLAN)).phases}
    assert set(phases) == {"choose", "recover", "verify", "challenge", "teardown"}
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


AGAIN = Resumed(tool="firedrill 0", host="here", pid=2)
VERIFY = f"verify {DATABASE}"


class TestGoneOnWith:
    """Another process goes on with a run whose own died in the verification of the database."""

    def died(self, *instead: Event) -> list[Event]:
        """The run up to the middle of that step; what is given; and the step again, to the end."""
        events = stories.passed_run(PLAN)
        begun, ended = place(events, StepStarted, VERIFY), place(events, StepFinished, VERIFY)
        inside = [
            one.model_copy(update={"step": VERIFY}) if isinstance(one, Found | Covered) else one
            for one in events[begun:ended]
        ]
        return [*events[:begun], *inside, *instead, AGAIN, *inside, *events[ended:]]

    def test_what_an_attempt_found_that_did_not_end_counts_no_longer(self) -> None:
        once, again = told(stories.passed_run(PLAN)), told(self.died())
        assert again.findings == once.findings
        assert again.coverage == once.coverage
        (span,) = [span for span in again.spans if span.step.name == VERIFY]
        assert (span.attempts, span.outcome, again.resumed) == (2, "done", 1)

    def test_what_was_wrong_once_stays_wrong(self) -> None:
        wrong = Found(asset=DATABASE, finding=stories.finding("content", "failed"), step=VERIFY)
        timeline = told(self.died(wrong))
        assert [one.check for one in timeline.findings[DATABASE] if one.outcome == "failed"] == ["content"]

    def test_an_answer_of_an_attempt_that_died_does_not_replace_a_missing_one(self) -> None:
        events = self.died()
        lost = max(i for i, one in enumerate(events) if isinstance(one, Found) and one.finding.check == "schema")
        del events[lost]
        assert "schema" not in {one.check for one in told(events).findings[DATABASE]}

    def test_recovery_time_counts_from_the_first_event_and_over_the_gap(self) -> None:
        """The other process has another monotonic clock; only the wall clock spans the time when nobody worked."""
        some = entries(self.died())
        gap = next(i for i, one in enumerate(some) if isinstance(one.body, Resumed))
        later = [
            one
            if i < gap
            else one.model_copy(update={"at": one.at + timedelta(minutes=10), "monotonic": one.monotonic - 900})
            for i, one in enumerate(some)
        ]
        whole, late = read(some).rta_seconds, read(later).rta_seconds
        assert whole is not None
        assert late == pytest.approx(whole + 600)

    def test_a_wall_clock_that_was_set_back_shortens_nothing(self) -> None:
        some = entries(self.died())
        gap = next(i for i, one in enumerate(some) if isinstance(one.body, Resumed))
        back = [
            one if i < gap else one.model_copy(update={"at": one.at - timedelta(hours=1)}) for i, one in enumerate(some)
        ]
        assert read(back).rta_seconds == read(some).rta_seconds
        # On another host the monotonic clocks have nothing to do with one another: no time is added, and none taken.
        elsewhere = AGAIN.model_copy(update={"host": "elsewhere"})
        moved = [one.model_copy(update={"body": elsewhere}) if isinstance(one.body, Resumed) else one for one in back]
        assert elapsed(moved) == sorted(elapsed(moved))

    def test_a_site_that_is_asked_again_owes_what_it_owed_at_first(self) -> None:
        first = told(stories.passed_run(PLAN)).rpa_seconds
        events = stories.passed_run(PLAN)
        begun = place(events, StepStarted, "choose instant")
        claim = Learned(name=facts.RESTORABLE_AT_START, value=stamp(START + timedelta(minutes=5)))
        again = [*events[: begun + 3], AGAIN, StepStarted(step="choose instant"), claim, *events[begun + 3 :]]
        assert told(again).rpa_seconds == first
