"""`passed` is earned. Whatever is taken away from a run that passed, it does not pass any more.

What may go without a loss, because no part of the proof rests on it, is named in `beside_the_proof`.
"""

from collections.abc import Callable
from typing import Any

import pytest
import stories
from hypothesis import given, settings
from hypothesis import strategies as st
from stories import BUCKET, DATABASE, TABLES, entries, finding

from dr import facts
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
    Overridden,
    Remains,
    Removed,
    StepFinished,
    TeardownStarted,
)
from dr.plan import LEVEL_OF, Plan
from dr.timeline import read
from dr.verdict import Verdict, judge
from dr.verification import Finding, Outcome

PLAN = stories.test_plan()
RUN = stories.passed_run(PLAN)
PROVING_FACTS = (facts.RESTORABLE_AT_START, facts.INSTANT, facts.newest_heartbeat_of(DATABASE))


def beside_the_proof(event: Event) -> bool:
    """What a passed run can lose and still be one.

    Intents, observations, removals and the start of the teardown tell what scratch was made and what is left of it:
    that is judged apart, and an otherwise passed run with scratch left ends in its own exit code. Facts by which steps
    meet are followed by what they led to; those that the measured times are made of are part of the proof.
    """
    match event:
        case Intended() | Observed() | Removed() | Remains() | TeardownStarted():
            return True
        case Learned(name=name):
            return name not in PROVING_FACTS
        case _:
            return False


def verdict(events: list[Event], seconds: float = 1.0) -> tuple[Verdict, tuple[str, ...]]:
    return judge(read(entries(events, seconds)))


def survives(events: list[Event]) -> bool:
    """Whether what is left of a journal still passes; one that no run writes does not even have a verdict."""
    try:
        return verdict(events)[0] == "passed"
    except Refused:
        return False


def changed(change: Callable[[Event], Event], run: list[Event] = RUN) -> list[Event]:
    return [change(event) for event in run]


def with_plan(**changes: Any) -> list[Event]:
    plan = Plan.model_validate(PLAN.model_dump(mode="json", by_alias=True) | changes)
    return [stories.opened(plan), *RUN[1:]]


def test_a_whole_run_passes() -> None:
    assert verdict(RUN) == ("passed", ("every expected check answered: 25 findings, none of them bad",))


@pytest.mark.parametrize("index", range(len(RUN)), ids=lambda i: f"{i}-{RUN[i].event}")
def test_without_any_one_event_it_does_not_pass(index: int) -> None:
    assert survives(RUN[:index] + RUN[index + 1 :]) == beside_the_proof(RUN[index])


@settings(max_examples=150, deadline=None)
@given(st.sets(st.integers(0, len(RUN) - 1), min_size=1))
def test_without_any_several_events_it_passes_only_if_none_was_evidence(gone: set[int]) -> None:
    left = [event for index, event in enumerate(RUN) if index not in gone]
    assert survives(left) == all(beside_the_proof(RUN[index]) for index in gone)


@pytest.mark.parametrize("length", range(1, len(RUN)))
def test_cut_short_anywhere_it_does_not_pass(length: int) -> None:
    assert verdict(RUN[:length])[0] == "inconclusive"


FINDINGS = [(index, event) for index, event in enumerate(RUN) if isinstance(event, Found)]


@pytest.mark.parametrize(("index", "event"), FINDINGS, ids=[f"{e.finding.check}-{i}" for i, e in FINDINGS])
@pytest.mark.parametrize(("outcome", "expected"), [("failed", "failed"), ("errored", "inconclusive")])
def test_every_single_finding_counts(index: int, event: Found, outcome: Outcome, expected: Verdict) -> None:
    bad = Found(asset=event.asset, finding=event.finding.model_copy(update={"outcome": outcome, "detail": "why so"}))
    result, reasons = verdict([*RUN[:index], bad, *RUN[index + 1 :]])
    assert result == expected
    assert event.finding.check in reasons[0]
    assert "why so" in reasons[0]


@pytest.mark.parametrize("outcome", ["failed", "errored"])
def test_a_finding_that_nobody_expected_counts_too(outcome: Outcome) -> None:
    extra = Found(asset="elsewhere", finding=finding("structure", outcome, "somewhere"))
    assert verdict([*RUN[:-2], extra, *RUN[-2:]])[0] != "passed"


@pytest.mark.parametrize("check", ["heartbeat", "schema"])
def test_what_is_required_must_be_available(check: str) -> None:
    def unavailable(event: Event) -> Event:
        if isinstance(event, Found) and event.finding.check == check:
            return Found(asset=event.asset, finding=event.finding.model_copy(update={"outcome": "not_available"}))
        return event

    result, reasons = verdict(changed(unavailable))
    assert result == "inconclusive"
    assert any(f"{check} of {DATABASE}: required, but not available" in reason for reason in reasons)


def test_what_is_not_available_and_not_required_is_stepped_over() -> None:
    assert any(isinstance(e, Found) and e.finding.outcome == "not_available" for e in RUN)
    result, reasons = verdict(with_plan(required_checks={DATABASE: ["structure"]}))
    assert result == "inconclusive"
    assert reasons == (f"structure of {DATABASE}: required, but not available: amcheck is not offered",)


def test_a_table_that_no_backup_promises_does_not_spoil_required_content() -> None:
    unlogged = Found(asset=DATABASE, finding=finding("content", "not_available", "receipts.public.cache"))
    assert verdict([*RUN[:-2], unlogged, *RUN[-2:]])[0] == "passed"


def test_but_content_that_is_nowhere_available_does() -> None:
    def unavailable(event: Event) -> Event:
        if isinstance(event, Found) and event.finding.check == "content":
            return Found(asset=event.asset, finding=event.finding.model_copy(update={"outcome": "not_available"}))
        return event

    assert verdict(changed(unavailable))[0] == "inconclusive"


def test_a_required_check_that_the_plan_forgot_is_missed() -> None:
    result, reasons = verdict(with_plan(required_checks={DATABASE: ["objects"]}))
    assert result == "inconclusive"
    assert reasons == (f"objects of {DATABASE}: required, but this run has no such check",)


def test_a_required_check_below_the_depth_is_not_missed() -> None:
    plan = stories.test_plan(depth="L1")
    shallow = [
        event
        for event in stories.passed_run(plan)
        if not (isinstance(event, Found) and event.finding.level > "L1") and not isinstance(event, Covered)
    ]
    names = {step.name for step in plan.steps}
    shallow = [event for event in shallow if getattr(event, "step", "") in names | {""}]
    assert verdict(shallow)[0] == "passed"


@pytest.mark.parametrize("asset", [DATABASE, BUCKET])
def test_an_asset_of_which_nothing_is_expected_proves_nothing(asset: str) -> None:
    expected = {name: checks for name, checks in PLAN.expected_checks.items() if name != asset}
    result, reasons = verdict(with_plan(expected_checks=expected, required_checks={}))
    assert result == "inconclusive"
    assert f"nothing was expected of {asset}: no check that would prove it" in reasons


@pytest.mark.parametrize(
    ("asset", "change"),
    [
        (DATABASE, {"tables_expected": 0}),
        (DATABASE, {"tables_compared": 0}),
        (DATABASE, {"tables_expected": 0, "tables_compared": 0}),
        (DATABASE, {"tables_compared": 2}),
        (DATABASE, {"tables_expected": 2}),
        (DATABASE, {"tables_expected": 4, "tables_compared": 4}),
        (BUCKET, {"objects_expected": 0}),
        (BUCKET, {"objects_compared": 0}),
        (BUCKET, {"objects_expected": 0, "objects_compared": 0}),
        (BUCKET, {"objects_compared": 11}),
        (BUCKET, {"objects_expected": 11}),
    ],
)
def test_what_was_not_compared_is_not_passed(asset: str, change: dict[str, int]) -> None:
    def less(event: Event) -> Event:
        if isinstance(event, Covered) and event.asset == asset:
            return Covered(asset=asset, coverage=event.coverage.model_copy(update=change))
        return event

    result, reasons = verdict(changed(less))
    assert result == "inconclusive"
    assert asset in reasons[0]


@pytest.mark.parametrize("outcome", ["errored", "interrupted"])
@pytest.mark.parametrize("step", [step.name for step in PLAN.steps])
def test_every_step_must_be_done(step: str, outcome: str) -> None:
    def undone(event: Event) -> Event:
        if isinstance(event, StepFinished) and event.step == step:
            return StepFinished(step=step, outcome=outcome, detail="AWS said no")  # type: ignore[arg-type]
        return event

    result, reasons = verdict(changed(undone))
    assert result == "inconclusive"
    assert step in reasons[0]


def test_a_stopped_run_has_not_passed() -> None:
    result, reasons = verdict([*RUN[:-4], Aborted(reason="stopped on request"), *RUN[-4:]])
    assert (result, reasons) == ("inconclusive", ("the run was stopped: stopped on request",))


@pytest.mark.parametrize("place", [1, len(RUN) // 2, len(RUN) - 1])
def test_wherever_it_was_stopped(place: int) -> None:
    assert verdict([*RUN[:place], Aborted(reason="a bug"), *RUN[place:]])[0] == "inconclusive"


def test_a_missed_recovery_time_fails() -> None:
    result, reasons = verdict(RUN, seconds=60.0)
    assert result == "failed"
    assert "1800 s were promised (RTO)" in reasons[0]


def test_a_missed_recovery_point_fails() -> None:
    late = Learned(name=facts.newest_heartbeat_of(DATABASE), value="2026-11-20T02:08:00Z")
    result, reasons = verdict(changed(lambda e: late if isinstance(e, Learned) and e.name == late.name else e))
    assert result == "failed"
    assert "300 s were promised (RPO)" in reasons[0]


def test_wrong_outranks_missing_and_comes_first() -> None:
    bad: Event = Found(
        asset=DATABASE, finding=Finding(check="content", level="L4", outcome="failed", subject=TABLES[0])
    )
    result, reasons = verdict([*RUN[:20], bad, Aborted(reason="stopped on request")])
    assert result == "failed"
    assert reasons[0].startswith(f"content of {TABLES[0]}")
    assert len(reasons) > 1


def test_scratch_that_remains_leaves_the_verdict_alone() -> None:
    remains = Remains(thing=stories.things(PLAN)[0], reason="AWS said no")
    left: list[Event] = [remains if isinstance(event, Removed) else event for event in RUN]
    assert verdict(left)[0] == "passed"
    assert read(entries(left)).remaining == stories.things(PLAN)


class TestBackup:
    PLAN = stories.backup_plan()
    RUN = (
        stories.opened(PLAN),
        *(event for step in PLAN.steps for event in stories.step(step.name)),
        TeardownStarted(),
        Closed(regions_called={}),
    )

    def test_passes_when_every_step_is_done(self) -> None:
        assert verdict(list(self.RUN))[0] == "passed"

    @pytest.mark.parametrize("index", range(len(RUN)))
    def test_and_only_then(self, index: int) -> None:
        left = [*self.RUN[:index], *self.RUN[index + 1 :]]
        assert survives(left) == isinstance(self.RUN[index], TeardownStarted)


def test_every_check_has_a_level() -> None:
    assert {check for checks in PLAN.expected_checks.values() for check in checks} == set(LEVEL_OF)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (RUN, "passed"),
        (RUN[:-1], "inconclusive"),
        ([Found(asset=DATABASE, finding=finding("opens", outcome="failed")), *RUN[1:]], "failed"),
    ],
)
def test_an_override_is_told_whatever_the_verdict(events: list[Event], expected: Verdict) -> None:
    word = Overridden(
        person="alice",
        reason="INC-4711",
        nonce="n" * 16,
        expires=stories.START,
        silence="no answer",
        unguarded=("no lease",),
    )
    events = [RUN[0], word, *events[1:]] if expected != "failed" else [RUN[0], word, events[0], *RUN[1:]]
    given, reasons = verdict(events)
    assert given == expected
    assert reasons[-1] == "alice let it go on without its control store (INC-4711): no lease"
