"""A plan fixes every name, expects every check, and says all of it before anything begins."""

import re
from graphlib import TopologicalSorter

import pytest
import stories
from stories import BUCKET, DATABASE, START, estate

from dr.errors import Refused
from dr.plan import LEVEL_OF, Plan
from dr.planning import Choice, choose, plan_backup, plan_test, run_name
from dr.preview import preview
from dr.recovery import AtTime
from dr.verification import LEVELS

RDS_NAME = re.compile(r"[a-z](-?[a-z0-9])*")


def test_nothing_named_means_everything() -> None:
    assert choose(estate(), []) == [
        Choice(application="receipts", databases=(DATABASE,), buckets=(BUCKET,)),
        Choice(application="ledgers", databases=("north", "south"), buckets=()),
    ]


def test_an_asset_stands_for_itself_alone() -> None:
    assert choose(estate(), [BUCKET]) == [Choice(application="receipts", databases=(), buckets=(BUCKET,))]


@pytest.mark.parametrize(
    "names", [["receipts", DATABASE], [DATABASE, "receipts"], [BUCKET, DATABASE], ["receipts"] * 2]
)
def test_an_application_is_not_made_smaller_by_naming_its_parts(names: list[str]) -> None:
    assert choose(estate(), names) == [Choice(application="receipts", databases=(DATABASE,), buckets=(BUCKET,))]


def test_assets_keep_the_order_of_the_estate() -> None:
    assert choose(estate(), ["south", "north"])[0].databases == ("north", "south")


def test_an_unknown_name_is_refused_with_every_known_one() -> None:
    with pytest.raises(Refused, match="'reciepts'") as caught:
        choose(estate(), ["reciepts"])
    assert all(name in (caught.value.hint or "") for name in ("receipts", "ledgers", DATABASE, BUCKET, "north"))


def test_a_run_is_named_by_time_and_kind() -> None:
    name = run_name("test", "receipts", START)
    assert re.fullmatch(r"20261120T021500Z-test-receipts-[0-9a-f]{4}", name)
    assert run_name("backup", "receipts", START) < run_name("backup", "receipts", START.replace(minute=16))


def _plans() -> list[Plan]:
    both = [choice for name in (["receipts"], ["ledgers"], [DATABASE]) for choice in choose(estate(), name)]
    tests = [plan_test(estate(), one, START, site="recovery") for one in [*both, *choose(estate(), [BUCKET])]]
    return tests + [plan_backup(estate(), one, START) for one in both]


@pytest.mark.parametrize("plan", _plans(), ids=lambda plan: plan.run[:-5])
class TestEveryPlan:
    def test_can_be_walked(self, plan: Plan) -> None:
        names = [step.name for step in plan.steps]
        assert len(set(names)) == len(names)
        assert {need for step in plan.steps for need in step.needs} <= set(names)
        TopologicalSorter({step.name: step.needs for step in plan.steps}).prepare()

    def test_fixes_names_that_rds_takes(self, plan: Plan) -> None:
        instances = [step.instance for step in plan.steps if step.action == "restore_database"]
        snapshots = [step.snapshot for step in plan.steps if step.action == "take_snapshot"]
        assert len(instances + snapshots) == len(plan.databases)
        assert len(set(instances)) == len(instances)
        assert len(set(snapshots)) == len(snapshots)
        assert all(len(name) <= 63 and RDS_NAME.fullmatch(name) for name in instances + snapshots)

    def test_previews_every_created_name(self, plan: Plan) -> None:
        text = preview(plan)
        for step in plan.steps:
            assert step.name in text
            for field in ("instance", "snapshot", "prefix"):
                assert getattr(step, field, "") in text
        assert plan.run in text
        assert plan.target in text
        assert all(left in text for left in plan.left_out)

    def test_survives_the_journal(self, plan: Plan) -> None:
        assert Plan.model_validate(plan.model_dump(mode="json", by_alias=True)) == plan

    def test_creates_only_where_it_says(self, plan: Plan) -> None:
        if plan.kind == "test":
            assert {step.site for step in plan.steps} == {plan.site}


def test_two_plans_of_one_second_share_no_name() -> None:
    names = {
        step.instance for _ in range(20) for step in stories.test_plan().steps if step.action == "restore_database"
    }
    assert len(names) > 15  # four hexadecimal digits: two alike are unlikely, not impossible


def test_everything_is_expected_of_a_whole_application() -> None:
    plan = stories.test_plan()
    of_database = set(LEVEL_OF) - {"replica", "objects", "object_metadata", "references"}
    assert {asset: set(checks) for asset, checks in plan.expected_checks.items()} == {
        DATABASE: of_database,
        BUCKET: {"recovery_point", "replica", "objects", "object_metadata"},
        "receipts": {"references"},
    }
    assert plan.required_checks == {DATABASE: ("content", "schema", "heartbeat")}
    assert plan.left_out == ()


@pytest.mark.parametrize("depth", LEVELS)
@pytest.mark.parametrize("names", [["receipts"], [DATABASE], [BUCKET]])
def test_something_is_expected_of_every_asset_at_every_depth(depth: str, names: list[str]) -> None:
    (choice,) = choose(estate(), names)
    plan = plan_test(estate(), choice, START, site="recovery", depth=depth)  # type: ignore[arg-type]
    for asset in (*plan.databases, *plan.buckets):
        assert plan.expected_checks[asset]
    asked = {check for checks in plan.expected_checks.values() for check in checks}
    assert all(LEVEL_OF[check] <= depth for check in asked)


def test_a_part_expects_nothing_between_parts_and_says_what_it_leaves_out() -> None:
    plan = plan_test(estate(), choose(estate(), [DATABASE])[0], START, site="recovery")
    assert "receipts" not in plan.expected_checks
    assert plan.left_out == (f"{BUCKET}: left out of this run",)
    assert not [step for step in plan.steps if step.action == "verify_references"]


def test_every_check_of_a_level_is_planned_before_the_verification_that_answers_it() -> None:
    plan = stories.test_plan()
    before = {step.name: step.needs for step in plan.steps}
    assert before[f"verify {DATABASE}"] == (f"restore {DATABASE}",)
    assert before[f"restore {DATABASE}"] == ("choose instant",)
    assert set(before["verify references"]) == {f"verify {DATABASE}", f"verify {BUCKET}"}


def test_a_backup_commits_after_everything_else() -> None:
    plan = stories.backup_plan()
    needed = {need for step in plan.steps for need in step.needs}
    assert {step.name for step in plan.steps} - needed == {"commit"}
    assert plan.steps[-1].action == "commit_backup"
    assert plan.expected_checks == {}


def test_a_bucket_alone_cannot_be_backed_up() -> None:
    with pytest.raises(Refused, match=BUCKET):
        plan_backup(estate(), choose(estate(), [BUCKET])[0], START)


def test_a_site_without_scratch_cannot_be_tested_in() -> None:
    with pytest.raises(Refused, match="primary site has no scratch"):
        plan_test(estate(), stories.receipts(), START, site="primary")


def test_the_target_stands_in_the_plan() -> None:
    assert stories.test_plan().target == "latest"
    assert stories.test_plan(target=AtTime(START)).target == "2026-11-20T02:15:00Z"
    assert stories.test_plan().expires_at > START


def test_a_test_that_would_create_more_than_a_run_may_remove_is_refused() -> None:
    narrow = estate().model_copy(update={"deletions_per_run": 1})
    (choice,) = choose(narrow, ["receipts"])
    with pytest.raises(Refused, match="would create 2 scratch things, and one run may remove 1") as caught:
        plan_test(narrow, choice, START, site="recovery")
    assert "deletions_per_run" in (caught.value.hint or "")
    assert plan_test(estate(), choice, START, site="recovery")
