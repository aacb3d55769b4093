"""Both flows against a real Prefect server and the lab: what Prefect shows of a run, and what it cannot do to one."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Lab, write_estate
from tests.flows.prefect_server import ROOT, PrefectServer, soon, surroundings

A_WORKER = "from flows.{flow} import {flow}; {flow}({parameters})"
"""What a worker does in the end: it imports the flow and calls it."""


class Stage:
    """The lab on one side, the Prefect server on the other, and the flows between them."""

    def __init__(self, lab: Lab, server: PrefectServer) -> None:
        self.lab = lab
        self.server = server
        self.environment = surroundings(server.home) | lab.surroundings() | {"PREFECT_API_URL": server.url}
        self.environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))

    def by_hand(self, flow: str, *arguments: str) -> "subprocess.Popen[str]":
        return self._start("-m", f"flows.{flow}", "receipts", *arguments)

    def as_a_worker(self, flow: str) -> "subprocess.Popen[str]":
        parameters = f"names=['receipts'], estate={str(self.lab.estate)!r}"
        return self._start("-c", A_WORKER.format(flow=flow, parameters=parameters))

    def _start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def runs(self) -> set[Path]:
        return set((self.lab.folder / "control").glob("*-receipts-*"))

    def begun(self, before: set[Path], process: "subprocess.Popen[str]", event: str) -> Path:
        """The folder of the run that has begun since, once its journal says something."""

        def look() -> Path | None:
            assert process.poll() is None, process.communicate()[0]
            for run in self.runs() - before:
                journal = run / "journal.jsonl"
                if journal.exists() and event in journal.read_text():
                    return run
            return None

        run = soon(look)
        assert isinstance(run, Path)
        return run

    def shown(self, flow: str, run: Path) -> dict[str, Any]:
        """The flow run that shows a run, once Prefect has recorded all of its tasks."""
        report = read(run)
        (flow_run,) = [one for one in self.server.flow_runs(flow) if run.name in (one["state"]["message"] or "")]
        soon(lambda: len(self.finished(flow_run["id"])) == len(report["steps"]), 20)
        found: dict[str, Any] = flow_run
        return found

    def finished(self, flow_run: str) -> dict[str, dict[str, Any]]:
        tasks = self.server.task_runs(flow_run)
        return {task["name"]: task for task in tasks if task["state_type"] not in ("PENDING", "RUNNING")}

    def artifact(self, run: Path) -> dict[str, Any]:
        (one,) = [one for one in self.server.find("artifacts") if one["description"] == run.name]
        found: dict[str, Any] = one
        return found


def read(run: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((run / "report.json").read_text())
    return report


@pytest.fixture(scope="module")
def stage(lab: Lab, server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    # A control store of its own: other tests share the lab.
    folder = tmp_path_factory.mktemp("flows")
    write_estate(folder)
    return Stage(replace(lab, folder=folder), server)


@pytest.fixture(scope="module")
def backup(stage: Stage) -> Path:
    """The folder of a backup that the flow made, called as a worker calls it."""
    process = stage.as_a_worker("backup")
    said, _ = process.communicate(timeout=150)
    assert process.returncode == 0, said
    (run,) = stage.runs()
    return run


def test_a_backup_on_a_worker(stage: Stage, backup: Path) -> None:
    report = read(backup)
    assert report["verdict"] == "passed"
    flow_run = stage.shown("backup", backup)
    assert flow_run["state_type"] == "COMPLETED"
    assert "receipts: passed" in flow_run["state"]["message"]
    tasks = stage.finished(flow_run["id"])
    assert tasks.keys() == {step["name"] for step in report["steps"]}
    assert {task["state_type"] for task in tasks.values()} == {"COMPLETED"}
    artifact = stage.artifact(backup)
    assert artifact["key"] == "backup-receipts"
    assert artifact["data"].strip() == (backup / "report.md").read_text().strip()


def test_a_restore_test_by_hand(stage: Stage, backup: Path) -> None:
    before = stage.runs()
    assert backup in before
    process = stage.by_hand("restore_test", "--site", "recovery")
    said, _ = process.communicate(timeout=150)
    assert process.returncode == 0, said
    (run,) = stage.runs() - before
    report = read(run)
    assert (report["verdict"], report["kind"]) == ("passed", "test")
    assert "left behind" not in said
    flow_run = stage.shown("restore-test", run)
    assert flow_run["state_type"] == "COMPLETED"
    assert flow_run["parameters"] == {
        "names": ["receipts"],
        "site": "recovery",
        "at": "latest",
        "depth": "L8",
        "estate": str(stage.lab.estate),
    }
    tasks = stage.finished(flow_run["id"])
    # A task lasts as long as its step: what is seen in Prefect is what the journal measured.
    (verified,) = [step for step in report["steps"] if step["name"] == "verify receipts-db"]
    assert tasks["verify receipts-db"]["total_run_time"] == pytest.approx(verified["seconds"], abs=2)
    assert stage.artifact(run)["key"] == "test-receipts"


@pytest.mark.soak(90)
@pytest.mark.usefixtures("backup")
def test_a_server_that_freezes_in_the_middle_changes_nothing(stage: Stage) -> None:
    before = stage.runs()
    process = stage.by_hand("restore_test")
    run = stage.begun(before, process, '"step":"restore receipts-db"')
    running = {"name": {"like_": "receipts"}, "state": {"type": {"any_": ["RUNNING"]}}}
    soon(lambda: stage.server.find("task_runs", task_runs=running))
    stage.server.freeze()
    try:
        frozen = time.monotonic()
        assert not (run / "report.json").exists(), "the run was over before the server froze"
        soon(lambda: (run / "report.json").exists(), 90)
        written = time.monotonic()
        said, _ = process.communicate(timeout=60)
        ended = time.monotonic()
    finally:
        process.kill()
        stage.server.thaw()
    assert process.returncode == 0, said
    assert ended - frozen < 120
    assert ended - written < 35
    report = read(run)
    assert report["verdict"] == "passed"
    assert report["scratch"]["remaining"] == []
    assert "prefect: did not take the report within 10 s: left behind" in said


@pytest.mark.usefixtures("backup")
def test_a_run_that_a_worker_stops_tears_its_scratch_down(stage: Stage) -> None:
    before = stage.runs()
    process = stage.as_a_worker("restore_test")
    run = stage.begun(before, process, '"event":"observed"')
    process.send_signal(signal.SIGTERM)
    # A second one, as an impatient operator sends it, must not leave the scratch either.
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=90)
    report = read(run)
    assert report["verdict"] == "inconclusive", said
    assert report["scratch"]["created"]
    assert report["scratch"]["remaining"] == []
    assert process.returncode == -signal.SIGTERM
    assert soon(lambda: stage.server.flow_runs("restore-test")[-1]["state_type"] == "CRASHED", 20)


def test_prefect_takes_the_deployments(stage: Stage) -> None:
    for command in (["work-pool", "create", "firedrill", "--type", "process"], ["--no-prompt", "deploy", "--all"]):
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *command],
            cwd=ROOT,
            env=stage.environment | {"FIREDRILL_HOME": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    taken = {one["entrypoint"]: one for one in stage.server.find("deployments")}
    assert taken.keys() == {"flows/backup.py:backup", "flows/restore_test.py:restore_test"}
    nightly = {entrypoint: one["schedules"][0]["schedule"]["cron"] for entrypoint, one in taken.items()}
    assert nightly == {"flows/backup.py:backup": "15 1 * * *", "flows/restore_test.py:restore_test": "15 2 * * *"}
    for one in taken.values():
        assert one["global_concurrency_limit"]["limit"] == 1
        assert one["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
        assert one["work_pool_name"] == "firedrill"
        assert one["pull_steps"] == [
            {"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}},
        ]
