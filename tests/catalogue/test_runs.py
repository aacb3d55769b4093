"""Faults that only a whole run can meet: recoveries that go astray, what RDS makes of a restore, keys and copies."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from dr.lab.faults.entries import Entry
from dr.recovery import AtPoint, AtTime
from tests.catalogue.expecting import of, parameter
from tests.catalogue.outcome import assert_caught, assert_needed, of_report
from tests.catalogue.stage import ASSET
from tests.catalogue.told import tell
from tests.catalogue.whole import DOCUMENTS, HERE, RESTORED, THERE, injected, whole_test
from tests.runs.conftest import Runner

pytestmark = pytest.mark.timeout(1200)
"""Each waits for a server that stops and starts several times."""


@pytest.mark.parametrize("entry", [parameter(entry) for entry in of("recovery") if entry.name != "missing-wal"])
def test_a_recovery_that_goes_astray_is_caught(runner: Runner, entry: Entry) -> None:
    with injected(runner, entry.name, **RESTORED):
        outcome = whole_test(runner)
    tell(entry, "", outcome)
    # Any other state than RDS's own for this would be the lab's trouble, and no recovery that went astray.
    assert "incompatible-restore" in outcome.beyond.get("restore", "incompatible-restore")
    assert_caught(entry, outcome)
    assert_needed(entry, outcome)


OPTIONS: dict[str, dict[str, Any]] = {
    "restore-ends": {"region": THERE, "status": "incompatible-network", "times": 1},
    "no-capacity": {"region": THERE, "times": 10},
    "quota": {"region": THERE, "quota": "instances", "value": 0},
    "s3-replication": {"bucket": DOCUMENTS, "outcome": "failed"},
    "kms-key": {"region": THERE, "key": "alias/firedrill", "state": "Disabled"},
}
"""What the faults are asked for with that do not wait for the restore of one instance."""


@pytest.mark.parametrize(
    "entry",
    [
        parameter(entry)
        for entry in of("restore", "control plane")
        if entry.name not in ("stale-copy", "copy-lost", "chains-disagree") and entry.caught_by != "backup"
    ],
)
def test_what_a_restore_stands_on_is_looked_at(runner: Runner, entry: Entry) -> None:
    with injected(runner, entry.name, **OPTIONS.get(entry.name, RESTORED)):
        outcome = whole_test(runner)
    tell(entry, "", outcome)
    assert_caught(entry, outcome)
    assert_needed(entry, outcome)


@pytest.mark.parametrize(
    "entry", [parameter(entry) for entry in of("control plane", "objects") if entry.caught_by == "backup"]
)
def test_a_backup_that_does_not_arrive_is_not_committed(runner: Runner, entry: Entry) -> None:
    with injected(runner, entry.name, **OPTIONS.get(entry.name, RESTORED)):
        outcome = of_report(runner.backup())
    tell(entry, "", outcome)
    assert_caught(entry, outcome)
    assert_needed(entry, outcome)


@pytest.mark.parametrize("entry", [parameter(entry) for entry in of("rows") if entry.caught_by == "references"])
def test_rows_and_objects_that_disagree_are_caught(runner: Runner, entry: Entry) -> None:
    with injected(runner, entry.name, **RESTORED):
        outcome = whole_test(runner, None, "receipts")
    tell(entry, "", outcome)
    assert_caught(entry, outcome)
    assert_needed(entry, outcome)


def test_a_hole_in_the_log_that_is_needed(runner: Runner, entry: Entry) -> None:
    newest = _latest(runner)
    with injected(runner, entry.name, **RESTORED):
        later = _until(lambda: moment if (moment := _latest(runner)) > newest else None)
        outcome = whole_test(runner, AtTime(time=later))
    tell(entry, "", outcome)
    assert_caught(entry, outcome)
    assert_needed(entry, outcome)


def test_a_snapshot_that_is_not_what_it_says(runner: Runner, entry: Entry) -> None:
    """Its copy in the recovery site is what a test restores."""
    copy = _committed(runner)
    given = {"region": THERE, "snapshot": copy}
    if entry.name == "stale-copy":
        given["older"] = next(one for one in _snapshots(runner, HERE) if one.startswith("rds:"))
    with injected(runner, entry.name, **given):
        outcome = whole_test(runner, AtPoint(identifier=copy))
    tell(entry, "", outcome)
    assert_caught(entry, outcome)
    assert_needed(entry, outcome)


def test_a_copy_that_was_promised_and_is_gone_is_missed(runner: Runner, entry: Entry) -> None:
    with injected(runner, entry.name, region=THERE, snapshot=_committed(runner)):
        outcome = whole_test(runner)
    tell(entry, "", outcome)
    assert_caught(entry, outcome)
    assert_needed(entry, outcome)


def test_two_restores_of_one_instant_that_disagree_are_told(runner: Runner, entry: Entry) -> None:
    """The first is made from the source's own backups, the second from their copy."""
    first = runner.test(None, ASSET, site="primary")
    assert first.verdict == "passed", first.reasons
    with injected(runner, entry.name, **RESTORED):
        outcome = whole_test(runner)
    # Other tests damage restores of this instant, and would rightly be told that this one differs.
    (kept,) = (runner.lab.folder / "control" / "restores").rglob(f"*{first.run}.json")
    kept.unlink()
    tell(entry, "", outcome)
    assert_caught(entry, outcome)
    assert_needed(entry, outcome)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The tests of single faults get theirs."""
    single = {
        "test_a_hole_in_the_log_that_is_needed": ("missing-wal",),
        "test_a_snapshot_that_is_not_what_it_says": ("stale-copy", "corrupt-page"),
        "test_a_copy_that_was_promised_and_is_gone_is_missed": ("copy-lost",),
        "test_two_restores_of_one_instant_that_disagree_are_told": ("chains-disagree",),
    }
    if names := single.get(metafunc.function.__name__):
        every = {entry.name: entry for entry in of("recovery", "restore", "files", "control plane")}
        metafunc.parametrize("entry", [parameter(every[name]) for name in names])


def _committed(runner: Runner) -> str:
    """The copy of the one backup that was committed, the first: others here never arrive."""
    return next(one for one in _snapshots(runner, THERE) if one.startswith("firedrill-"))


def _snapshots(runner: Runner, region: str) -> list[str]:
    found = runner.rds(region).describe_db_snapshots()["DBSnapshots"]
    return [one["DBSnapshotIdentifier"] for one in sorted(found, key=lambda one: one["SnapshotCreateTime"])]


def _latest(runner: Runner) -> Any:
    (found,) = runner.rds(THERE).describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"]
    return found["RestoreWindow"]["LatestTime"]


def _until(look: Callable[[], Any], seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while (seen := look()) is None:
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.2)
    return seen
