"""Forty nights in a minute: a seeded lab, as a person has it, and `dr lab advance 40d`."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.front_fixtures import PRIMARY
from tests.room import public_folder

ROOT = Path(__file__).parents[2]
NIGHTS = 40
RETENTION = 7
"""Days; what `dr lab seed` gives its instance."""


def dr(*arguments: str, home: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "dr", "lab", *arguments, "--home", str(home)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def home() -> Iterator[Path]:
    """A lab with its sample application in it, and with no writer."""
    base = public_folder("test")
    home = base / "lab"
    try:
        dr("up", "--detach", home=home)
        dr("seed", "--size", "small", "--no-workload", home=home)
        yield home
    finally:
        dr("down", home=home)
        shutil.rmtree(base, ignore_errors=True)


def snapshots(home: Path) -> list[str]:
    """The automated snapshots of the primary region, oldest first."""
    found: dict[str, Any] = json.loads(dr("status", "--json", home=home).stdout)
    shown = found["regions"][PRIMARY]["snapshots"]
    return sorted(one["identifier"] for one in shown if one["type"] == "automated")


@pytest.mark.soak(90)
@pytest.mark.timeout(900)
def test_forty_nights_pass(home: Path) -> None:
    before = snapshots(home)
    begin = time.monotonic()
    advanced = json.loads(dr("advance", f"{NIGHTS}d", "--json", home=home).stdout)
    took = time.monotonic() - begin
    print(f"\nsoak: {NIGHTS} nights passed in {took:.1f} s")  # noqa: T201 - a figure, and bench/lab.py measures it

    def of(kind: str) -> list[str]:
        return [event["subject"].split()[1] for event in advanced["events"] if event["kind"] == kind]

    taken, lapsed = of("snapshot taken"), of("snapshot lapsed")
    nights = [name.removeprefix("rds:receipts-") for name in taken]
    assert len({night[:10] for night in nights}) == len(nights) == NIGHTS
    # The newest are there, and everything before them is gone.
    assert snapshots(home) == taken[-RETENTION:]
    assert lapsed == before + taken[:-RETENTION]
    assert not [event for event in advanced["events"] if event["kind"] == "backup missed"]
