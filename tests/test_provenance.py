"""A journal that no run of ours wrote, or whose plan cannot be walked, is refused in words; so is somebody else's."""

from typing import Any

import pytest
import stories
from stories import ESTATE, entries, opened, passed_run

from dr.errors import Refused
from dr.estate import Estate
from dr.events import Entry, Event, Learned, Opened
from dr.facts import INSTANT
from dr.plan import Plan
from dr.provenance import assert_ours, opening, plan_of
from dr.timeline import read
from dr.verification import Coverage

PLAN = stories.test_plan()
PLAIN = PLAN.model_dump(mode="json", by_alias=True)
FIRST, SECOND = PLAN.steps[0].name, PLAN.steps[1].name


def begun(**changes: Any) -> Opened:
    return opened(PLAN).model_copy(update={"plan": PLAIN | changes})


def steps(**changes: tuple[str, Any]) -> list[dict[str, Any]]:
    """The plan's steps, with the first one changed."""
    return [PLAIN["steps"][0] | changes, *PLAIN["steps"][1:]]


def test_the_plan_of_a_run_is_read_back() -> None:
    assert plan_of(opening(passed_run(PLAN))) == PLAN
    assert_ours(PLAN, stories.estate())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"steps": steps(needs=(SECOND,))}, f"circle: .*{SECOND}"),
        ({"steps": steps(needs=(FIRST,))}, "circle"),
        ({"steps": steps(needs=("nobody",))}, "needs 'nobody', and there is no such step"),
        ({"steps": steps(name=SECOND)}, "two steps have one name"),
        ({"steps": steps(timeout=0)}, r"steps\.0\.choose_instant\.timeout: Input should be greater than 0"),
        ({"steps": steps(timeout=10**12)}, "less than or equal to"),
        ({"steps": steps(action="format_disk")}, r"steps\.0: "),
        ({"created_at": "2026-11-20T02:15:00"}, "created_at: .*timezone"),
        ({"created_at": "0001-01-01T00:00:00+14:00"}, "created_at: .*no such moment in UTC"),
        ({"objectives": {"rto_seconds": float("nan"), "rpo_seconds": 1}}, "rto_seconds: .*finite"),
        ({"run": "20261120T021500Z-test-receipts-ffff"}, "its plan is that of run 20261120T021500Z-test-receipts-ffff"),
        ({"regions": {"primary": "eu-west-1"}}, "regions: .*at least 2"),
        ({"expected_checks": {stories.DATABASE: ["horoscope"]}}, "'horoscope' is no check; they are recovery_point"),
        ({"required_checks": {stories.DATABASE: [""]}}, "'' is no check"),
        ({"schema": "firedrill.plan/2"}, "schema: Input should be 'firedrill.plan/1'"),
    ],
)
def test_a_plan_that_cannot_be_walked_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says) as caught:
        plan_of(begun(**changes))
    assert PLAN.run in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("events", [[], passed_run(PLAN)[1:]])
def test_a_journal_that_does_not_begin_is_refused(events: list[Event]) -> None:
    with pytest.raises(Refused, match="begins with `opened`"):
        opening(events)


@pytest.mark.parametrize("value", ["soon", "", "2026-11-20T02:14:00", "0001-01-01T00:00:00+14:00", "2026-11-20T25:00Z"])
def test_a_fact_that_is_no_moment_is_refused(value: str) -> None:
    events = [
        Learned(name=INSTANT, value=value) if getattr(one, "name", "") == INSTANT else one for one in passed_run(PLAN)
    ]
    with pytest.raises(Refused, match="fact 'instant' is no moment"):
        read(entries(events)).instant  # noqa: B018 - looking is the test


@pytest.mark.parametrize(
    ("key", "value"), [("at", "2026-11-20T02:14:00"), ("monotonic", "NaN"), ("monotonic", "1e308")]
)
def test_an_event_without_a_moment_is_none(key: str, value: str) -> None:
    line = entries(passed_run(PLAN))[0].model_dump(mode="json")
    with pytest.raises(ValueError, match=key):
        Entry.model_validate(line | {key: float(value) if key == "monotonic" else value})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"account": "999999999999"}, "is of account 123456789012, and this estate is of account 999999999999"),
        ({"sites": ESTATE["sites"] | {"primary": {"region": "eu-north-1"}}}, "its regions are eu-west-1, eu-central-1"),
        ({"applications": {"ledgers": ESTATE["applications"]["ledgers"]}}, "has no application receipts"),
        (
            {"applications": {"receipts": ESTATE["applications"]["receipts"] | {"buckets": {}}}},
            "has no asset receipts-doc",
        ),
    ],
)
def test_a_plan_of_another_estate_is_refused(changes: dict[str, Any], says: str) -> None:
    theirs = Estate.model_validate(ESTATE | changes)
    with pytest.raises(Refused, match=says) as caught:
        assert_ours(PLAN, theirs)
    assert PLAN.run in caught.value.message
    assert caught.value.hint


def test_the_plan_of_a_whole_run_says_the_same_after_reading() -> None:
    assert Plan.model_validate_json(PLAN.model_dump_json(by_alias=True)) == PLAN


@pytest.mark.parametrize("rows", [-1, 10**400])
def test_no_coverage_is_less_than_nothing_or_more_than_can_be(rows: int) -> None:
    with pytest.raises(ValueError, match="rows"):
        Coverage.model_validate({"rows": rows})
