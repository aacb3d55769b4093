"""The workload as detached processes: start them, see them, end them. `HOME/workload.json` says which they are.

The writers and the heartbeat are two processes, so that a drill can lose one without the other.
"""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from dr.errors import Refused, Unable
from dr.lab import processes
from dr.lab.processes import Process

NAMES = ("writer", "heartbeat")
PATIENCE = 3.0


@dataclass(frozen=True)
class Part:
    """One part of the workload, and the process that runs it."""

    name: str
    process: Process


def start(home: Path, *only: str, rate: float | None = None) -> None:
    """Start the parts that do not run yet (all of them, or those named), and record them."""
    wanted = only or NAMES
    for name in wanted:
        if name not in NAMES:
            raise Refused(f"the workload has no part {name!r}", hint=f"one of {', '.join(NAMES)}")
    running = [part for part in recorded(home) if part.process.alive()]
    for name in wanted:
        if all(part.name != name for part in running):
            running.append(Part(name, _spawn(home, name, rate)))
            _record(home, running)


def stop(home: Path, *only: str) -> None:
    """End the parts (all of them, or those named): politely, and those that do not go, for good."""
    for part in recorded(home):
        if only and part.name not in only:
            continue
        if not part.process.end(signal.SIGTERM, signal.SIGKILL, patience=PATIENCE):
            raise Unable(
                f"the workload's {part.name}, process {part.process.pid}, does not end", hint="look at it with `ps -fp`"
            )
        _record(home, [other for other in recorded(home) if other.name != part.name])


def status(home: Path) -> dict[str, bool]:
    """Whether each recorded part is alive."""
    return {part.name: part.process.alive() for part in recorded(home)}


def recorded(home: Path) -> list[Part]:
    """The parts that were started and not stopped since, alive or not."""
    file = home / "workload.json"
    if not file.exists():
        return []
    entries = json.loads(file.read_text(encoding="utf-8"))["processes"]
    return [Part(entry["name"], Process(entry["pid"], entry["started"])) for entry in entries]


def _record(home: Path, parts: list[Part]) -> None:
    entries = [{"name": part.name, "pid": part.process.pid, "started": part.process.started} for part in parts]
    file = home / "workload.json"
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps({"processes": entries}, indent=2) + "\n", encoding="utf-8")
    draft.rename(file)


def _spawn(home: Path, name: str, rate: float | None) -> Process:
    command = [sys.executable, "-m", "dr.lab.receipts.workload", str(home), "--only", name]
    # The child must find this very package, also where it runs from a source tree that is not installed.
    package = str(Path(__file__).parents[3])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    with (home / f"workload-{name}.log").open("ab") as log:
        child = subprocess.Popen(
            command + ([f"--rate={rate}"] if rate else []),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
    started = processes.started(child.pid)
    if started is None:
        raise Unable(f"the workload's {name} ended at once", hint=f"see {home}/workload-{name}.log")
    return Process(child.pid, started)
