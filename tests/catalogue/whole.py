"""Whole runs of a restore test, with a fault waiting for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dr.errors import Refused
from dr.lab import life
from dr.lab.home import Home
from dr.recovery import RestoreTarget
from tests.catalogue.outcome import Outcome, of_report
from tests.catalogue.stage import ASSET, PATIENCE
from tests.runs.conftest import Runner

HERE, THERE = "eu-west-1", "eu-central-1"
RESTORED = {"region": THERE, "instance": "receipts"}


@contextmanager
def injected(runner: Runner, fault: str, **options: Any) -> Iterator[str]:
    home = Home(runner.lab.home)
    yield life.command(home, "inject", {"name": fault, "options": options}, patience=PATIENCE)["told"]
    life.command(home, "clear", {"name": fault}, patience=PATIENCE)


def whole_test(runner: Runner, target: RestoreTarget | None = None, *assets: str) -> Outcome:
    """What a restore test comes to."""
    try:
        return of_report(runner.test(target, *(assets or (ASSET,))))
    except Refused as problem:
        return Outcome("refused", beyond={"refused": str(problem)})
