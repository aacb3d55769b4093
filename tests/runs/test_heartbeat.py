"""The heartbeat by the command line: installed in production on purpose only, written, and carried across."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dr.beats import read_object
from dr.errors import ExitCode
from dr.lab.receipts import workload_process
from tests.conftest import Lab, write_estate
from tests.people import ESTATE
from tests.runs.conftest import Runner, soon

ASSET = "receipts-db"


@pytest.fixture
def silent(runner: Runner) -> Iterator[Lab]:
    """The lab, whose own heartbeat rests."""
    workload_process.stop(runner.lab.home, "heartbeat")
    yield runner.lab
    workload_process.start(runner.lab.home, "heartbeat")


def test_production_is_changed_on_purpose_only(runner: Runner) -> None:
    lab = runner.lab
    shown = lab.dr("heartbeat", "install", ASSET, "--dry-run")
    assert shown.returncode == ExitCode.PASSED, shown.stderr
    assert "create or replace function firedrill.beat" in shown.stdout
    refused = lab.dr("heartbeat", "install", ASSET)
    assert refused.returncode == ExitCode.REFUSED
    assert "receipts-db is production: nothing was executed" in refused.stderr
    assert lab.dr("heartbeat", "install", "nothing").returncode == ExitCode.REFUSED
    assert lab.dr("heartbeat", "install", ASSET, "--keep", "often").returncode == ExitCode.USAGE
    assert lab.dr("heartbeat", "install", ASSET, "--writer", "cron", "--dry-run").returncode == ExitCode.REFUSED
    before = list(runner.house.store.names("heartbeats/"))
    done = lab.json("heartbeat", "install", ASSET, "--change-production")
    assert (done["executed"], done["writer"]) == (True, "process")
    intended, recorded = [one for one in runner.house.store.names("heartbeats/") if one not in before]
    assert (intended[-14:], recorded[-10:]) == ("-intended.json", "-done.json")
    assert json.loads(runner.house.store.read(recorded))["statements"] == done["statements"]


@pytest.mark.parametrize("secret", ["receipts/app", "receipts/owner"])
def test_nobody_elses_user_becomes_the_writer(runner: Runner, tmp_path: Path, secret: str) -> None:
    """Not the application's, whatever its user may: it would lose its password."""
    text = ESTATE.read_text()
    assert text.count("heartbeat_secret: receipts/heartbeat") == 1
    estate = write_estate(tmp_path, text.replace("receipts/heartbeat", secret), roles=False)
    done = runner.lab.owners.dr("heartbeat", "install", ASSET, "--dry-run", DR_ESTATE=str(estate))
    assert done.returncode == ExitCode.REFUSED, done.stdout
    assert f"is the user of secret {secret} in eu-" in done.stderr
    assert done.stdout == ""


def test_it_is_written_until_somebody_stops_it_and_reaches_the_other_region(runner: Runner, silent: Lab) -> None:
    installed = silent.dr("heartbeat", "install", ASSET, "--change-production")
    assert installed.returncode == ExitCode.PASSED, installed.stderr
    (once,) = silent.json("heartbeat", "run", "--once")["heartbeats"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dr", "heartbeat", "run", "--json"],
        env=silent.surroundings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # Beats of the lab's own writer may still be on their way to the other region: later ones are this process's.
    soon(lambda: _copied(runner) >= once["newest"]["seq"] + 2)
    second = silent.dr("heartbeat", "run", "--once")
    assert second.returncode == ExitCode.INCONCLUSIVE
    assert "another session writes" in second.stderr
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.PASSED, err
    (told,) = json.loads(out)["heartbeats"]
    assert (told["asset"], told["state"], told["sessions"]) == (ASSET, "beating", 1)
    assert told["written"] >= 2
    assert "Traceback" not in err


def _copied(runner: Runner) -> int:
    """The number of the newest beat that has arrived in the recovery region."""
    held = runner.s3().get_object(Bucket="receipts-documents-eu-central-1", Key="firedrill/heartbeat")
    told = read_object(held["Body"].read())
    assert told is not None
    beat = told.of(ASSET, alone=True)
    assert beat is not None
    return beat.seq
