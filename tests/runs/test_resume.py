"""A run that was killed goes on: whatever the moment, nothing leaks, nothing is done twice, nothing passes unearned.

Each story is one run that dies again and again, at one moment after the other, and is gone on with each time: before a
call, after the call and before its record, after its record. The process kills itself (see `dying.py`). A dozen deaths
here, hundreds at random events in the soak; every event of every kind of run in `tests/simulation`.
"""

import json
import math
import random
import signal
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dr import catalog, chain, journal
from dr.claims import TAG_RUN
from dr.errors import ExitCode
from dr.events import Closed, Opened, Resumed
from dr.plan import Plan
from tests.runs.conftest import Runner
from tests.runs.mortal import Mortal, in_a_bucket, ledger_of
from tests.runs.soaking import COUNT, SECONDS, SEED, batches, rounds

RESTORED = "step_finished:restore receipts-documents"
TEST = (
    ("after", "intended:RestoreDBInstance"),
    ("before", "observed:RestoreDBInstance"),
    ("after", "observed:RestoreDBInstance"),
    ("before", "observed:ModifyDBInstance"),
    ("after", "intended:Delete"),
    ("before", "removed"),
)
DOCUMENTS = (
    ("after", "intended:CopyObject"),
    ("before", "observed:CopyObject"),
)
BACKUP = (
    ("after", "intended:CreateDBSnapshot"),
    ("before", "observed:CreateDBSnapshot"),
    ("before", "observed:CopyDBSnapshot"),
    ("before", "step_finished:commit"),
)


def lived(runner: Runner, deaths: tuple[tuple[str, str], ...], *begin: str) -> tuple[str, Any]:
    """A run that died at each of these moments in turn, and was then left to end: its name, and its report."""
    run = Mortal(runner)
    for number, (position, event) in enumerate(deaths):
        run.dies(position, event, *(begin if number == 0 else ()))
    done = run.dr("resume", run.name, "--json")
    assert done.stdout, done.stderr
    _whole(runner, run.name, len(deaths))
    return run.name, json.loads(done.stdout)


def _whole(runner: Runner, run: str, deaths: int) -> None:
    """The chain is whole, it has its end, and each process said who it was."""
    reading = journal.read(runner.house.runs / run / journal.FILE)
    assert not reading.torn
    assert isinstance(reading.events[0], Opened)
    assert isinstance(reading.events[-1], Closed)
    assert sum(isinstance(event, Resumed) for event in reading.events) == deaths


def test_a_test_of_a_database_that_dies_again_and_again_passes_in_the_end(backed_up: Runner) -> None:
    run, report = lived(backed_up, TEST, "test", "receipts-db")
    assert report["verdict"] == "passed", report["reasons"]
    assert report["scratch"]["remaining"] == []
    assert len(report["scratch"]["created"]) == len(report["scratch"]["removed"]) == 1
    restored = next(step for step in report["steps"] if step["action"] == "restore_database")
    assert restored["attempts"] > 3
    # From the first `opened` to the last proof: all the dying is in it.
    begun = journal.read(backed_up.house.runs / run / journal.FILE).entries[0].at
    proof = next(step["finished_at"] for step in report["steps"] if step["action"] == "verify_database")
    whole = (datetime.fromisoformat(proof) - begun).total_seconds()
    assert report["actuals"]["rta_seconds"] == pytest.approx(whole, abs=1.0)
    assert backed_up.leftovers() == []
    closed = backed_up.lab.dr("resume", run)
    assert closed.returncode == ExitCode.REFUSED
    assert f"{run} is closed" in closed.stderr


def test_a_test_of_a_bucket_that_dies_again_and_again_passes_in_the_end(backed_up: Runner) -> None:
    """What an interrupted copy left is not taken for objects too many."""
    _, report = lived(backed_up, DOCUMENTS, "test", "receipts-documents")
    assert report["verdict"] == "passed", report["reasons"]
    assert backed_up.leftovers() == []


def test_a_backup_that_dies_again_and_again_is_committed_once(backed_up: Runner) -> None:
    run, report = lived(backed_up, BACKUP, "backup", "receipts")
    assert report["verdict"] == "passed", report["reasons"]
    (name,) = {step.snapshot for step in _plan(backed_up, run).steps if step.action == "take_snapshot"}
    for region in ("eu-west-1", "eu-central-1"):
        taken = backed_up.rds(region).describe_db_snapshots()["DBSnapshots"]
        mine = [one for one in taken if {"Key": TAG_RUN, "Value": run} in one["TagList"]]
        assert [one["DBSnapshotIdentifier"] for one in mine] == [name], region
    records = catalog.records(backed_up.house.store, "receipts")
    (record,) = [one for one in records if one.run == run]
    # The bracket around the snapshot died with the process that took it, and nobody says otherwise.
    assert record.databases["receipts-db"].snapshot_baseline is None
    assert any("no baseline stands around it" in one for one in report["not_tested"]), report["not_tested"]
    # The instant of the backup has one all the same, and a test of it is proven to the last row.
    assert backed_up.test(None, "receipts-db").verdict == "passed"


def test_abort_removes_what_a_killed_test_made(backed_up: Runner) -> None:
    run = Mortal(backed_up)
    run.dies("before", "observed:ModifyDBInstance", "test", "receipts-db")
    dry = json.loads(run.dr("abort", run.name, "--dry-run", "--json").stdout)
    assert len(dry["would_be_removed"]) == 1
    assert backed_up.leftovers() != []
    run.dies("after", "intended:Delete", "abort", run.name)
    done = run.dr("abort", run.name, "--json")
    assert done.returncode == ExitCode.PASSED, done.stderr
    assert json.loads(done.stdout)["removed"] == dry["would_be_removed"]
    assert backed_up.leftovers() == []
    _whole(backed_up, run.name, 2)
    report = backed_up.lab.json("report", run.name)
    assert (report["verdict"], report["scratch"]["remaining"]) == ("inconclusive", [])


def test_of_two_that_go_on_with_a_run_at_once_one_does(backed_up: Runner) -> None:
    run = Mortal(backed_up)
    run.dies("after", RESTORED, "test", "receipts-documents")
    both = [run.begins("resume", run.name) for _ in range(2)]
    said = [process.communicate(timeout=200)[1] for process in both]
    assert sorted(process.returncode for process in both) == [ExitCode.PASSED, ExitCode.REFUSED], said
    _whole(backed_up, run.name, 1)
    assert backed_up.leftovers() == []


def test_abort_of_a_backup_deletes_nothing_and_lists(backed_up: Runner) -> None:
    run = Mortal(backed_up)
    run.dies("after", "observed:CreateDBSnapshot", "backup", "receipts")
    done = run.dr("abort", run.name)
    assert done.returncode == ExitCode.PASSED, done.stderr
    (name,) = {step.snapshot for step in _plan(backed_up, run.name).steps if step.action == "take_snapshot"}
    assert f"lasts, if it came to be: snapshot {name} in eu-west-1" in done.stdout
    (still,) = backed_up.rds("eu-west-1").describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"]
    assert still["DBSnapshotIdentifier"] == name
    assert run.dr("abort", run.name).returncode == ExitCode.REFUSED


def test_a_run_at_work_is_neither_resumed_nor_aborted(backed_up: Runner) -> None:
    run = Mortal(backed_up)
    process = run.begins("test", "receipts-db")
    try:
        for verb in ("resume", "abort"):
            done = run.dr(verb, run.name)
            assert done.returncode == ExitCode.REFUSED, done.stderr
            assert "still at work" in done.stderr
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=200)
    assert process.returncode == ExitCode.INTERRUPTED


def test_a_changed_estate_is_noticed_and_does_not_change_the_run(backed_up: Runner, tmp_path: Path) -> None:
    """Not even an estate that was emptied: the run knows what it planned, and what it must not touch."""
    run = Mortal(backed_up)
    run.dies("after", RESTORED, "test", "receipts-documents")
    text = backed_up.lab.estate.read_text()
    changed = tmp_path / "estate.yaml"
    changed.write_text(text.replace("  receipts:\n    # rto", "  renamed:\n    # rto"), encoding="utf-8")
    assert changed.read_text() != text
    done = run.dr("resume", run.name, "--json", "--estate", str(changed))
    assert "is not what it was" in done.stderr
    report = json.loads(done.stdout)
    assert (report["application"], report["verdict"]) == ("receipts", "passed"), report["reasons"]


def test_with_a_bucket_another_machine_goes_on(backed_up: Runner, tmp_path: Path) -> None:
    """Only the control store is left of the first machine: neither its runs' folder nor anything beside it."""
    estate = in_a_bucket(backed_up, tmp_path)
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    first = Mortal(backed_up, estate=estate, cwd=tmp_path / "one")
    first.dies("after", RESTORED, "test", "receipts-documents")
    second = Mortal(backed_up, estate=estate, cwd=tmp_path / "two", name=first.name)
    second.dies("before", "step_finished:verify receipts-documents")
    third = Mortal(backed_up, estate=estate, cwd=tmp_path / "three", name=first.name)
    done = third.dr("resume", first.name, "--json")
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert report["verdict"] == "passed", report["reasons"]
    assert backed_up.leftovers() == []
    # One object for each event that announces, and together they are the journal.
    whole = ledger_of(backed_up, first.name)
    assert whole == (third.runs / first.name / journal.FILE).read_bytes()
    assert chain.parse(whole, "ledger").head_sha256 == report["journal"]["head_sha256"]
    # The first machine comes back: its file ends where it died, and the ledger knows better.
    late = first.dr("resume", first.name)
    assert late.returncode == ExitCode.REFUSED
    assert "is closed" in late.stderr


def _plan(runner: Runner, run: str) -> Plan:
    return Plan.model_validate_json((runner.house.runs / run / "plan.json").read_bytes())


@pytest.mark.soak
@pytest.mark.parametrize(("batch", "size"), batches(2 * COUNT))
def test_killed_at_any_event_a_run_comes_to_its_right_end(fresh: Runner, batch: int, size: int) -> None:
    """A random run, killed at random events, each time right before or right after; then resumed, aborted or swept.

    So many runs were really killed: where one was over before its event came, another one is begun.
    """
    chance = random.Random(f"{SEED} resume {batch}")  # noqa: S311 - repeatable, not secret
    assert fresh.backup().verdict == "passed"
    ends = Counter[str]()
    kills = 0
    for number in rounds(size):
        died = False
        while not died:
            verb = chance.choice(["backup", "test"])
            name = chance.choice(["receipts", "receipts-db"])
            run = Mortal(fresh)
            # Right before the first event nothing has begun yet: then there is nothing to go on with.
            event = chance.randrange(2, 70)
            died = run.may_die(chance.choice(["before", "after"]), str(event), verb, name)
        kills += 1
        for _ in range(chance.choice([0, 0, 0, 1, 2])):
            if run.over:
                break
            # Later deaths come later in the journal; where the run is over by then, it was gone on with.
            event = chance.randrange(event + 1, event + 25)
            died = run.may_die(chance.choice(["before", "after"]), str(event))
            if not died:
                break
            kills += 1
        end = chance.choice(["resume", "resume", "resume", "abort", "sweep"])
        if not died or run.over:
            end = "over already"
        ends[end] += 1
        where = f"{number}: {verb} {name} {run.name}, event {event}, {end}"
        if end == "resume":
            done = run.dr("resume", run.name, "--json")
            assert done.returncode == ExitCode.PASSED, (where, done.stdout, done.stderr)
        elif end in ("abort", "sweep"):
            done = run.dr(end, *((run.name,) if end == "abort" else ()))
            assert done.returncode == ExitCode.PASSED, (where, done.stdout, done.stderr)
        assert fresh.leftovers() == [], where
        reading = journal.read(fresh.house.runs / run.name / journal.FILE)
        assert isinstance(reading.events[-1], Closed) == (end != "sweep"), where
        for region in ("eu-west-1", "eu-central-1"):
            taken = fresh.rds(region).describe_db_snapshots()["DBSnapshots"]
            mine = [one for one in taken if {"Key": TAG_RUN, "Value": run.name} in one["TagList"]]
            assert len(mine) <= (verb == "backup"), where
        committed = [one.run for one in catalog.records(fresh.house.store, "receipts")].count(run.name)
        assert committed == 1 or verb == "test" or end in ("abort", "sweep"), where
    killed = ends.total()
    assert killed == size or not math.isinf(SECONDS)
    said = ", ".join(f"{count} {what}" for what, count in sorted(ends.items()))
    print(f"\nsoak, seed {SEED}, batch {batch}: {killed} runs killed {kills} times, then: {said}", flush=True)  # noqa: T201
