"""One seeded lab for all tests of a worker that need one: real PostgreSQL, real HTTP, a workload that never pauses."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import hypothesis
import pytest

from dr import connection
from tests.leftovers import Leftovers
from tests.people import ESTATE, SHARED, SUITE, People, under_roles
from tests.room import ROOM, public_folder

# How long an example takes says more of the machine than of us.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
# What pytest and what the tests' own processes make for a while stands where the labs stand.
os.environ["TMPDIR"] = tempfile.tempdir = str(ROOM)
WORKERS = 2
"""Processes that `make` runs tests in."""
SPEED = "100"
"""How many times as fast as AWS the seeded lab does what takes AWS time."""
RATE = "8"
"""Its application's transactions in a second: what it writes, every later test reads again."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--aws", action="store_true", help="Run the contract suite against the real account of your credentials."
    )


def pytest_configure(config: pytest.Config) -> None:
    """Nothing may be left of a test.

    And a shell starts background jobs deaf to Ctrl-C, which every child inherits: here Ctrl-C must be heard.
    """
    config.pluginmanager.register(Leftovers())
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In which order, and what of a soak."""
    items.sort(key=_turn)
    if "DR_SOAK_SECONDS" in os.environ:
        _sample(config, items)


def _turn(item: pytest.Item) -> int:
    """The seeded lab comes late: its application never stops growing and working, whoever else is being tested.

    Small tests of the core come last, because they fill whatever time one worker has left.
    """
    folder = item.path.parent.name
    return 2 if folder == "tests" else 1 if folder in ("runs", "flows", "catalogue") else 0


def _sample(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A soak that has to fit a time takes those long proofs of a known length that chance picks for a quarter of it.

    One part of each proof comes before a second one of any: what is cut into many parts is not likelier than the rest.
    The others are deselected, and pytest says how many. `tests/runs/test_soak.py` fits itself into the rest.
    """
    left = float(os.environ["DR_SOAK_SECONDS"]) / 4 * WORKERS
    lengths = {one: float(mark.args[0]) for one in items if (mark := one.get_closest_marker("soak")) and mark.args}
    order = sorted(lengths, key=lambda one: one.nodeid)
    random.Random(int(os.environ.get("DR_SOAK_SEED", "1"))).shuffle(order)  # noqa: S311 - repeatable, not secret
    parts: Counter[str] = Counter()
    turns: dict[pytest.Item, int] = {}
    for one in order:
        proof = one.nodeid.partition("[")[0]
        turns[one] = parts[proof]
        parts[proof] += 1
    out: set[pytest.Item] = set()
    for one in sorted(order, key=turns.__getitem__):
        if lengths[one] > left:
            out.add(one)
        else:
            left -= lengths[one]
    config.hook.pytest_deselected(items=[one for one in items if one in out])
    items[:] = [one for one in items if one not in out]


@dataclass(frozen=True)
class Lab:
    """A lab, and the surroundings that a command needs to reach it."""

    home: Path
    folder: Path
    """Where the estate of the tests and its control store stand."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Whom its user works as: somebody who may only assume the roles of the estate. None: as the account's owner."""
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def connection(self) -> Path:
        return self.home / "connection.json"

    @property
    def estate(self) -> Path:
        return self.folder / "estate.yaml"

    def surroundings(self, **more: str) -> dict[str, str]:
        """The environment of a person who uses this lab, and nothing of whoever runs the tests."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DR_"))}
        return mine | {
            "DR_LAB": str(self.home),
            "DR_CONNECTION": str(self.connection),
            "DR_ESTATE": str(self.estate),
            **self.keys,
            **more,
        }

    @property
    def owners(self) -> "Lab":
        """The same, for the account's owner."""
        return replace(self, keys={})

    def dr(self, *arguments: str, timeout: float = 240, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run one command as a person would."""
        return subprocess.run(
            [sys.executable, "-m", "dr", *arguments],
            env=self.surroundings(**more),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        """What one command prints as JSON, whatever its exit code."""
        done = self.dr(*arguments, "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def status(self) -> Any:
        return self.json("lab", "status")

    def client(self, service: str, region: str) -> Any:
        """A plain client, as somebody outside the product would use."""
        if (service, region) not in self._clients:
            reached = connection.read(self.surroundings())
            assert reached.credentials
            self._clients[service, region] = boto3.client(
                service,
                region_name=region,
                endpoint_url=reached.endpoint(service, region),
                aws_access_key_id=reached.credentials.access_key_id,
                aws_secret_access_key=reached.credentials.secret_access_key,
            )
        return self._clients[service, region]

    def leftovers(self) -> list[str]:
        """All scratch that can be found in either region, by looking at AWS and not at any journal."""
        found = []
        for region in ("eu-west-1", "eu-central-1"):
            instances = self.client("rds", region).describe_db_instances()["DBInstances"]
            names = [one["DBInstanceIdentifier"] for one in instances]
            found += [name for name in names if name.startswith("firedrill-")]
            listed = self.client("s3", region).list_object_versions(Bucket=f"firedrill-scratch-{region}")
            found += [one["Key"] for one in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ()))]
        return found


def write_estate(folder: Path, text: str | None = None, *, roles: bool = True) -> Path:
    """The lab's estate under the suite's roles, with a control store below a folder.

    Without the roles where another parameter or security group is named: what is printed allows those of the estate.
    """
    path = folder / "estate.yaml"
    text = text or ESTATE.read_text()
    text = under_roles(text, SUITE) if roles else text
    path.write_text(text.replace(".firedrill/", f"{folder}/"), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with seeded_lab() as one:
        yield one


@pytest.fixture(autouse=True)
def no_scratch_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test that has to do with the seeded lab, by looking at AWS."""
    yield
    if "lab" in request.fixturenames and isinstance(one := request.getfixturevalue("lab"), Lab):
        assert one.leftovers() == []


@contextmanager
def seeded_lab() -> Iterator[Lab]:
    """A lab with the sample application in it, and nothing left of it afterwards."""
    # Not below pytest's own folder, which the unprivileged user of the clusters may not enter.
    parent = public_folder("test")
    folder = parent / "work"
    folder.mkdir(mode=0o700)
    one = Lab(parent / "lab", folder)
    write_estate(folder)
    try:
        up = one.dr("lab", "up", "--detach", "--speed", SPEED)
        assert up.returncode == 0, up.stderr
        seeded = one.dr("lab", "seed", "--size", "tiny", "--rate", RATE)
        assert seeded.returncode == 0, seeded.stderr
        yield replace(one, keys=People(one, SUITE, SHARED).keys)
    finally:
        one.dr("lab", "down")
        shutil.rmtree(parent, ignore_errors=True)
