"""A backup holds its assets: another one of them at once is refused, and one that lost them stops."""

from concurrent.futures import Future
from threading import Event

import pytest

from dr.claims import backup_name
from dr.clock import SystemClock
from dr.drill import carry_out, prepare_backup
from dr.errors import Refused
from dr.holding import acquire, holding
from dr.lease import Lease, Starter, this_process
from tests.runs.conftest import Runner

DATABASE = "receipts/receipts-db"


def _silent(text: str) -> None:
    del text


def test_a_second_backup_of_an_asset_is_refused_and_leaves_nothing(runner: Runner) -> None:
    house, clock, first = runner.house, SystemClock(), this_process("the-first-backup")
    plan = prepare_backup(house, runner.choice())
    with (
        holding(house.store, clock, [DATABASE], first, _silent, time_to_live=1.0),
        pytest.raises(Refused, match=f"{DATABASE} is held by the-first-backup .* since ") as caught,
    ):
        carry_out(house, plan, stopping=Event(), say=_silent)
    assert caught.value.hint
    assert not (house.runs / plan.run).exists()


def test_a_backup_that_is_pre_empted_makes_no_further_call_that_changes_something(backed_up: Runner) -> None:
    house, clock = backed_up.house, SystemClock()
    plan = prepare_backup(house, backed_up.choice())
    known = set(house.store.names("backups/"))
    failover = Starter(house.store, clock, DATABASE, this_process("a-failover"), exclusive=True)
    taken: list[Lease] = []

    def watch(name: str, future: "Future[None]") -> None:
        del future
        if name == "snapshot receipts-db":
            # At the same moment as a renewal it may take a second attempt.
            taken.append(acquire(failover, clock, 1.0))

    report = carry_out(house, plan, stopping=Event(), say=_silent, watch=watch)
    (lease,) = taken
    assert report.verdict == "inconclusive"
    (step,) = [step for step in report.steps if step.name == "snapshot receipts-db"]
    assert step.outcome == "errored"
    assert any("held by a-failover" in reason for reason in report.reasons), report.reasons
    snapshots = backed_up.rds("eu-west-1").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    assert backup_name(plan.run, "receipts-db") not in {one["DBSnapshotIdentifier"] for one in snapshots}
    assert set(house.store.names("backups/")) == known
    lease.check()
    lease.give_back()
