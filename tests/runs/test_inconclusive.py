"""What cannot be told is never called passed."""

import hashlib
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dr.checks.heartbeat import STALLED
from dr.errors import ExitCode
from dr.records import BackupRecord
from tests.conftest import ESTATE, RATE, Lab, write_estate
from tests.runs.conftest import Runner


@pytest.fixture(scope="session")
def one_backup(backed_up: Runner, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A control store with one committed backup in it: the newest one."""
    control = tmp_path_factory.mktemp("one-backup") / "control"
    for name in ("backups", "baselines"):
        shutil.copytree(backed_up.lab.folder / "control" / name, control / name)
    for older in sorted((control / "backups" / "receipts").iterdir())[:-1]:
        older.unlink()
    return control


@pytest.fixture
def apart(lab: Lab, one_backup: Path, tmp_path: Path) -> Iterator[Runner]:
    """A copy of that control store, for the test to damage."""
    folder = tmp_path / "apart"
    folder.mkdir()
    write_estate(folder)
    shutil.copytree(one_backup, folder / "control")
    runner = Runner(replace(lab, folder=folder))
    yield runner
    assert runner.leftovers() == []


def _record(runner: Runner) -> tuple[Path, BackupRecord]:
    (path,) = (runner.lab.folder / "control" / "backups" / "receipts").glob("*.json")
    return path, BackupRecord.model_validate_json(path.read_text())


@pytest.mark.parametrize(
    ("damage", "asset"),
    [("truncated", "receipts-documents"), ("missing", "receipts-db")],
)
def test_a_damaged_baseline(apart: Runner, asset: str, damage: str) -> None:
    _, record = _record(apart)
    document = (
        record.databases[asset].baseline
        if asset in record.databases
        else min(record.buckets[asset].manifests.items())[1]
    )
    path = apart.lab.folder / "control" / document.name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:1000])
    report = apart.test(None, asset)
    assert report.verdict == "inconclusive", report.reasons
    assert any(document.name in reason or "baseline" in reason or "manifest" in reason for reason in report.reasons)


@pytest.mark.parametrize("asset", ["receipts-db", "receipts-documents"])
def test_a_baseline_with_nothing_in_it(apart: Runner, asset: str) -> None:
    """The hash agrees, so somebody recorded emptiness: zero compared is never a pass."""
    path, _ = _record(apart)
    whole = json.loads(path.read_text())
    held = whole["databases" if asset == "receipts-db" else "buckets"][asset]
    document = held["baseline"] if asset == "receipts-db" else min(held["manifests"].items())[1]
    content = json.loads((apart.lab.folder / "control" / document["name"]).read_text())
    content["databases" if asset == "receipts-db" else "objects"] = {}
    raw = json.dumps(content).encode()
    (apart.lab.folder / "control" / document["name"]).write_bytes(raw)
    document["sha256"] = hashlib.sha256(raw).hexdigest()
    path.write_text(json.dumps(whole))
    assert apart.test(None, asset).verdict != "passed"


def test_a_missing_certificate_authority(backed_up: Runner, tmp_path: Path) -> None:
    connection = json.loads(backed_up.lab.connection.read_text())
    connection["certificate_authority"] = str(tmp_path / "nobody.pem")
    path = tmp_path / "connection.json"
    path.write_text(json.dumps(connection))
    done = backed_up.lab.dr("test", "receipts", DR_CONNECTION=str(path))
    assert done.returncode in (ExitCode.REFUSED, ExitCode.INCONCLUSIVE), done.stderr
    assert "nobody.pem" in done.stderr
    assert backed_up.leftovers() == []


def test_an_assertion_that_cannot_run(backed_up: Runner, tmp_path: Path) -> None:
    broken = "{name: broken, database: receipts-db, sql: select nothing from nowhere, expect: '0'}"
    text = ESTATE.read_text().replace(
        "    assertions:\n",
        f"    assertions:\n      - {broken}\n",
        1,
    )
    estate = write_estate(tmp_path, text.replace(".firedrill/control", str(backed_up.lab.folder / "control")))
    done = backed_up.lab.dr("test", "receipts-db", "--estate", str(estate), "--json")
    assert done.returncode == ExitCode.INCONCLUSIVE, done.stderr
    assert "broken" in json.dumps(json.loads(done.stdout)["reasons"])


def test_a_heartbeat_that_died_before_the_instant(apart: Runner) -> None:
    workload = json.loads((apart.lab.home / "workload.json").read_text())
    (beating,) = [one for one in workload["processes"] if one["name"] == "heartbeat"]
    os.kill(beating["pid"], signal.SIGKILL)
    try:
        time.sleep(STALLED.total_seconds() + 1)
        assert apart.backup().verdict == "passed"
        report = apart.test(None, "receipts-db")
        assert report.verdict == "inconclusive", report.reasons
        assert any("heartbeat" in reason for reason in report.reasons)
    finally:
        apart.lab.dr("lab", "workload", "stop")
        apart.lab.dr("lab", "workload", "start", "--rate", RATE)


def test_a_control_store_that_goes_bad_during_the_run_keeps_no_scratch_alive(apart: Runner) -> None:
    """The teardown needs nothing of the store any more: a copy of production must not outlive a damaged file."""
    junk = apart.lab.folder / "control" / "backups" / "receipts" / "junk.json"

    def spoil() -> None:
        junk.write_text("{")

    report = apart.test(None, "receipts-db", before={"verify receipts-db": spoil})
    assert report.verdict == "inconclusive", report.reasons
    assert report.scratch.created
    assert report.scratch.remaining == ()
    assert apart.leftovers() == []
    swept = apart.lab.dr("sweep")
    assert swept.returncode == ExitCode.INCONCLUSIVE, swept.stderr
    assert "could not look: backup records" in swept.stdout
    assert "Traceback" not in swept.stderr
