"""Started by hand where Prefect is not there, or is no help: the run goes on without it, and says so."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dr.errors import ExitCode
from tests.flows.prefect_server import ROOT, surroundings


def start(prefect_home: Path, *arguments: str, url: str | None = None) -> "subprocess.CompletedProcess[str]":
    environment = surroundings(prefect_home) | ({"PREFECT_API_URL": url} if url else {})
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return subprocess.run(
        [sys.executable, "-m", "flows.restore_test", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_a_server(prefect_home: Path) -> None:
    done = start(prefect_home, "--estate", "no-such-estate.yaml")
    assert "PREFECT_API_URL is not set: running without Prefect" in done.stderr
    assert "no-such-estate.yaml" in done.stderr
    assert done.returncode == ExitCode.REFUSED


@pytest.mark.parametrize("manner", ["refuses", "hangs"])
def test_a_server_that_does_not_answer(prefect_home: Path, manner: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        # The kernel takes the connection for a listener that never looks; without a listener it is refused.
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/api"
        if manner == "refuses":
            deaf.close()
        begun = time.monotonic()
        done = start(prefect_home, "--estate", "no-such-estate.yaml", url=url)
    assert f"{url} does not answer" in done.stderr
    assert "running without Prefect" in done.stderr
    assert done.returncode == ExitCode.REFUSED
    assert time.monotonic() - begun < 30


def test_wrong_usage(prefect_home: Path) -> None:
    done = start(prefect_home, "--sight", "recovery")
    assert done.returncode == ExitCode.USAGE
    assert "--sight" in done.stderr
