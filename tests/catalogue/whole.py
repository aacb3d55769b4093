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
DOCUMENTS, COPY = f"receipts-documents-{HERE}", f"receipts-documents-{THERE}"
RESTORED = {"region": THERE, "instance": "receipts"}


@contextmanager
def injected(runner: Runner, fault: str, **options: Any) -> Iterator[str]:
    home = Home(runner.lab.home)
    told = life.command(home, "inject", {"name": fault, "options": options}, patience=PATIENCE)["told"]
    try:
        yield told
    finally:
        life.command(home, "clear", {"name": fault}, patience=PATIENCE)


def whole_test(runner: Runner, target: RestoreTarget | None = None, *assets: str) -> Outcome:
    """What a restore test comes to."""
    try:
        return of_report(runner.test(target, *(assets or (ASSET,))))
    except Refused as problem:
        return Outcome("refused", beyond={"refused": str(problem)})


def settled(runner: Runner, bucket: str = COPY, region: str = THERE) -> list[str]:
    """Keys that nobody has replaced or deleted since they were made, the oldest first: they stand at any instant."""
    versions: dict[str, list[Any]] = {}
    gone: set[str] = set()
    for page in runner.s3(region).get_paginator("list_object_versions").paginate(Bucket=bucket):
        gone |= {one["Key"] for one in page.get("DeleteMarkers", ())}
        for one in page.get("Versions", ()):
            versions.setdefault(one["Key"], []).append(one["LastModified"])
    alone = {key: moments[0] for key, moments in versions.items() if len(moments) == 1 and key not in gone}
    return sorted(alone, key=lambda key: (alone[key], key))
