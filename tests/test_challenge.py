"""The self-challenge, judged: found, not found, not done, switched off; and what a kill in it leaves behind."""

from typing import Any

import pytest
import stories
from stories import BUCKET, DATABASE, START

from dr.challenge import FOUND_BY, Mark, finders, possible
from dr.events import Challenged, Event, Resumed, StepFinished, StepStarted
from dr.journal import Reading
from dr.plan import LEVEL_OF, Plan
from dr.planning import choose, plan_test
from dr.replay import left_to_do, replay
from dr.report.model import Report
from dr.report.rebuild import report_of
from dr.timeline import read
from dr.verdict import judge
from dr.verification import Finding

PLAN = stories.test_plan()
WHOLE = stories.passed_run(PLAN)


def judged(events: list[Event]) -> tuple[str, str]:
    verdict, reasons = judge(read(stories.entries(events)))
    return verdict, "; ".join(reasons)


def test_it_is_the_last_step_and_waits_for_every_answer() -> None:
    step = PLAN.steps[-1]
    assert step.action == "challenge"
    assert set(step.needs) == {f"verify {DATABASE}", f"verify {BUCKET}", "verify references"}


def test_whatever_may_be_planted_has_a_check_of_the_plan_to_find_it() -> None:
    assert {one.kind for one in possible(PLAN)} == set(FOUND_BY)
    assert set(FOUND_BY.values()) <= LEVEL_OF.keys()
    for depth in ("L1", "L2", "L4", "L8"):
        plan = stories.test_plan(depth=depth)
        assert all(FOUND_BY[one.kind] in plan.expected_checks[one.asset] for one in possible(plan))


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (stories.test_plan(challenge=False), "switched off"),
        (
            plan_test(
                stories.estate().model_copy(update={"challenge": False}), stories.receipts(), START, site="recovery"
            ),
            "switched off",
        ),
        (
            plan_test(stories.estate(), choose(stories.estate(), [DATABASE])[0], START, site="recovery", depth="L1"),
            "no check of this depth could find what is planted",
        ),
    ],
)
def test_a_test_without_one_says_so_among_what_was_not_tested(plan: Plan, why: str) -> None:
    assert all(step.action != "challenge" for step in plan.steps)
    assert f"challenge: {why}" in plan.left_out


def test_found_is_no_finding_of_the_run_and_leaves_the_verdict_alone() -> None:
    verdict, _ = judged(WHOLE)
    assert verdict == "passed"
    report = told(WHOLE)
    assert report.challenge is not None
    assert (report.challenge.found, report.challenge.seed, report.challenge.by) == (True, 7, ("content",))
    assert all(finding.outcome != "failed" for asset in report.assets for finding in asset.findings)


def test_not_found_is_a_failed_run() -> None:
    events = [
        one.model_copy(update={"found": False, "by": ()}) if isinstance(one, Challenged) else one for one in WHOLE
    ]
    verdict, reasons = judged(events)
    assert verdict == "failed"
    assert "row deleted in receipts.public.accounts (seed 7) was planted, and no check found it" in reasons


def test_not_done_is_inconclusive() -> None:
    without = [one for one in WHOLE if not isinstance(one, Challenged)]
    assert judged(without)[0] == "inconclusive"
    errored: Any = [
        one.model_copy(update={"outcome": "errored", "detail": "nothing could be planted"})
        if isinstance(one, StepFinished) and one.step == "challenge"
        else one
        for one in without
    ]
    verdict, reasons = judged(errored)
    assert verdict == "inconclusive"
    assert "nothing could be planted" in reasons


def test_a_kill_in_it_repeats_the_challenge_and_no_verification() -> None:
    mark = next(i for i, one in enumerate(WHOLE) if isinstance(one, StepStarted) and one.step == "challenge") + 2
    left = left_to_do(PLAN, replay(WHOLE[:mark]))
    assert left["challenge"] == "to do"
    assert {left[f"verify {asset}"] for asset in (DATABASE, BUCKET)} | {left["verify references"]} == {"done"}
    # The scratch that it needs is looked at again, as for any step; nothing is asked of it but by the challenge.
    assert left[f"restore {DATABASE}"] == "again"


def test_one_that_was_not_found_stays_so_whatever_a_second_process_finds() -> None:
    place = next(i for i, one in enumerate(WHOLE) if isinstance(one, Challenged))
    missed = WHOLE[place].model_copy(update={"found": False, "by": ()})
    again: list[Event] = [Resumed(tool="t", host="h", pid=2), StepStarted(step="challenge")]
    assert judged([*WHOLE[:place], missed, *again, *WHOLE[place:]])[0] == "failed"


def test_only_what_says_so_of_the_damaged_thing_and_did_not_before_has_found_it() -> None:
    bad = Finding(check="content", level="L4", outcome="failed", subject="receipts.public.accounts")
    mark = Mark(seed=7, asset=DATABASE, kind="row deleted", subject=bad.subject)
    other = bad.model_copy(update={"subject": "receipts.public.ledger"})
    assert finders(mark, [], [bad, other]) == ["content"]
    assert finders(mark, [], [other, bad.model_copy(update={"outcome": "errored"})]) == []
    assert finders(mark, [bad], [bad]) == []
    assert finders(mark, [bad], [bad.model_copy(update={"observed": "one row less"})]) == ["content"]


def told(events: list[Event]) -> Report:
    return report_of(Reading(entries=tuple(stories.entries(events)), head_sha256="0" * 64))
