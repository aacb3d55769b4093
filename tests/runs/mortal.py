"""Runs that are killed, and the control store in a bucket that outlives the machine they ran on."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dr import journal
from dr.errors import ExitCode
from dr.events import Closed
from dr.report import shelf
from tests.people import SHARED as BUCKET
from tests.runs.conftest import Runner, soon

ROOT = Path(__file__).parent.parent.parent


class Mortal:
    """One run, from its first process to its last."""

    def __init__(self, runner: Runner, *, estate: Path | None = None, cwd: Path | None = None, name: str = "") -> None:
        self.lab = runner.lab
        self.name = name
        self.runs = cwd / ".firedrill" / "runs" if cwd else runner.house.runs
        self._cwd = cwd
        self._more = {"DR_ESTATE": str(estate)} if estate else {}

    def dr(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(**self._call("dr", arguments), capture_output=True, timeout=240, check=False)

    def dies(self, position: str, event: str, *begin: str) -> None:
        """Begin the run, or go on with it, and die at an event."""
        assert self.may_die(position, event, *begin), f"the run was over before it came to die {position} {event}"

    def may_die(self, position: str, event: str, *begin: str) -> bool:
        """The same where the run may be over before the event comes. True when it died."""
        before = self._names()
        call = self._call("tests.runs.dying", (position, event, *(begin or ("resume", self.name))))
        done = subprocess.run(**call, capture_output=True, timeout=240, check=False)
        assert done.returncode in (-signal.SIGKILL, ExitCode.PASSED), (position, event, done.stdout, done.stderr)
        if not self.name:
            (self.name,) = self._names() - before
        return done.returncode != ExitCode.PASSED

    @property
    def over(self) -> bool:
        """Whether it died after the last event of all: then nothing is left to go on with."""
        events = journal.read(self.runs / self.name / journal.FILE).events
        return bool(events) and isinstance(events[-1], Closed)

    def begins(self, *arguments: str) -> "subprocess.Popen[str]":
        """Begin the run, or go on with it, and let it work."""
        before = self._names()
        process = subprocess.Popen(**self._call("dr", arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if not self.name:
            soon(lambda: any((self.runs / name / journal.FILE).exists() for name in self._names() - before))
            (self.name,) = self._names() - before
        return process

    def _names(self) -> set[str]:
        return set(shelf.names(self.runs))

    def _call(self, module: str, arguments: Sequence[str]) -> dict[str, Any]:
        surroundings = self.lab.surroundings(PYTHONPATH=str(ROOT), **self._more)
        command = [sys.executable, "-m", module, *arguments]
        return {"args": command, "env": surroundings, "cwd": self._cwd, "text": True}


def fill(runner: Runner, bucket: str) -> None:
    """Make a bucket that is a control store, with the backups that the folder knows."""
    runner.s3().create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    runner.s3().put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    store = runner.house.store
    for prefix in ("backups/", "baselines/"):
        for name in store.names(prefix):
            runner.s3().put_object(Bucket=bucket, Key=f"prefix/{name}", Body=store.read(name))


def in_a_bucket(runner: Runner, folder: Path) -> Path:
    """The lab's estate with a bucket for a control store, in which the backups stand that the folder knows."""
    fill(runner, BUCKET)
    estate = folder / "estate.yaml"
    location = f"control: {runner.lab.folder}/control"
    text = runner.lab.estate.read_text()
    assert location in text
    estate.write_text(text.replace(location, f"control: s3://{BUCKET}/prefix"), encoding="utf-8")
    return estate


def ledger_of(runner: Runner, run: str) -> bytes:
    """A run's journal as the bucket holds it."""
    listed = runner.s3().list_objects_v2(Bucket=BUCKET, Prefix=f"prefix/{run}/journal/")["Contents"]
    keys = sorted(one["Key"] for one in listed)
    return b"".join(runner.s3().get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys)
