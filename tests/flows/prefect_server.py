"""A real Prefect server of our own: one process, its database in a folder that goes with it, a free port."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class PrefectServer:
    """The server, and what it knows about flows."""

    def __init__(self, home: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/api"
        self.home = home
        self.log = home / "server.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port)],
                env=surroundings(home) | {"PREFECT_UI_ENABLED": "false"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            soon(self._healthy, 90)
        except BaseException:
            self.stop()
            raise

    def _healthy(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except OSError:
            return False

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def find(self, what: str, **filters: Any) -> list[dict[str, Any]]:
        """What the server holds: `flow_runs`, `task_runs`, `artifacts`, `deployments`."""
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/{what}/filter",
            data=json.dumps(filters).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            found: list[dict[str, Any]] = json.loads(answer.read())
        return found

    def flow_runs(self, flow: str) -> list[dict[str, Any]]:
        """The runs of a flow, oldest first."""
        return self.find("flow_runs", flows={"name": {"any_": [flow]}}, sort="EXPECTED_START_TIME_ASC")

    def task_runs(self, flow_run: str) -> list[dict[str, Any]]:
        return self.find("task_runs", flow_runs={"id": {"any_": [flow_run]}})


def surroundings(home: Path) -> dict[str, str]:
    """The environment for Prefect: nothing of whoever runs the tests, and nothing sent anywhere."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return inherited | {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "DO_NOT_TRACK": "1",
    }


def soon(look: Callable[[], Any], seconds: float = 60) -> Any:
    """The first true thing that a look sees."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.1)
    return seen
