"""Stopped at any moment, a run leaves no scratch; killed, it leaves nothing that a sweep cannot finish."""

import json
import random
import signal
import subprocess
import sys
import time

import pytest

from dr.errors import ExitCode
from tests.runs.conftest import Runner, soon

INTENDED, COVERED = (pytest.param(event, marks=pytest.mark.soak(20)) for event in ("intended", "covered"))
"""Left to the soak: `test_resume.py` and the simulator kill there as well."""


def _start(runner: Runner) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "dr", "test", "receipts", "--json"],
        env=runner.lab.surroundings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _journal_says(runner: Runner, before: set[str], event: str) -> bool:
    folders = {path.name for path in runner.house.runs.glob("*-test-*")} - before
    for name in folders:
        journal = runner.house.runs / name / "journal.jsonl"
        if journal.exists() and f'"event":"{event}"' in journal.read_text():
            return True
    return False


def _runs(runner: Runner) -> set[str]:
    return {path.name for path in runner.house.runs.glob("*-test-*")}


@pytest.mark.parametrize(
    "event",
    [
        "opened",
        INTENDED,
        "observed",
        COVERED,
        "teardown_started",
    ],
)
def test_ctrl_c_leaves_no_scratch(backed_up: Runner, event: str) -> None:
    before = _runs(backed_up)
    process = _start(backed_up)
    soon(lambda: _journal_says(backed_up, before, event) or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == ExitCode.INTERRUPTED, err
    assert "Traceback" not in err
    report = json.loads(out)
    assert report["verdict"] == ("inconclusive" if event != "teardown_started" else report["verdict"])
    assert report["scratch"]["remaining"] == []
    assert backed_up.leftovers() == []


def test_ctrl_c_before_anything_began(backed_up: Runner) -> None:
    chance = random.SystemRandom()
    for _ in range(3):
        process = _start(backed_up)
        time.sleep(chance.uniform(0.05, 0.6))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
        # While the interpreter itself still starts, the signal is not ours to answer.
        assert process.returncode in (ExitCode.INTERRUPTED, -signal.SIGINT) or "/dr/" not in err, err
        assert backed_up.leftovers() == []


@pytest.mark.parametrize("event", [INTENDED, "observed", COVERED])
def test_after_a_kill_sweep_finishes_the_job(backed_up: Runner, event: str) -> None:
    before = _runs(backed_up)
    process = _start(backed_up)
    soon(lambda: _journal_says(backed_up, before, event))
    process.kill()
    process.communicate(timeout=60)
    dry = backed_up.lab.dr("sweep", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    swept = backed_up.lab.dr("sweep", "--json")
    assert swept.returncode == 0, swept.stderr
    soon(lambda: backed_up.leftovers() == [], 30)
    assert "removed" in {one["fate"] for one in json.loads(swept.stdout)["swept"]} or event == "intended"


def test_sweep_leaves_a_run_at_work_alone(backed_up: Runner) -> None:
    before = _runs(backed_up)
    process = _start(backed_up)
    soon(lambda: _journal_says(backed_up, before, "observed"))
    swept = backed_up.lab.dr("sweep", "--json")
    out, err = process.communicate(timeout=200)
    assert process.returncode == ExitCode.PASSED, (err, out[:2000])
    assert {one["fate"] for one in json.loads(swept.stdout)["swept"]} <= {"left alone"}
