"""A lab under thirty-two clients at once, and a lab that is killed at any moment: nothing corrupt, nothing left behind.

Long, so a soak: `make soak SEED=7`.
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from dr.lab import life, processes
from dr.lab.home import Home
from tests.contract.cloud import Cloud
from tests.lab.test_life import assert_nothing_is_left, ports
from tests.room import public_folder

pytestmark = [pytest.mark.soak(90), pytest.mark.timeout(1800)]

SEED = int(os.environ.get("DR_SOAK_SEED", "1"))
SHORT = "DR_SOAK_SECONDS" in os.environ
"""A soak that has to fit a time takes a few of each."""
CLIENTS = 32
HAMMERING = 20.0 if SHORT else 60.0
KILLS = 5 if SHORT else 50
SPEED = 600.0
PASSWORD = "correct-horse-battery"


@pytest.fixture
def home() -> Iterator[Home]:
    base = public_folder("test")
    home = Home(base / "lab")
    yield home
    life.stop(home)
    base.rmdir()


def _create(cloud: Cloud, name: str) -> None:
    cloud.client("rds").create_db_instance(
        DBInstanceIdentifier=name,
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        MasterUsername="owner",
        MasterUserPassword=PASSWORD,
        BackupRetentionPeriod=0,
    )


def _one_of(chance: random.Random, client: Any, names: list[str], cloud: Cloud) -> None:
    """One call of somebody who knows a few names and does not care who else uses them."""
    name = chance.choice(names)
    match chance.randrange(8):
        case 0:
            _create(cloud, name)
        case 1:
            client.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        case 2:
            client.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=f"{name}-snapshot")
        case 3:
            client.delete_db_snapshot(DBSnapshotIdentifier=f"{name}-snapshot")
        case 4:
            client.modify_db_instance(
                DBInstanceIdentifier=name, ApplyImmediately=True, DeletionProtection=False, AllocatedStorage=30
            )
        case 5:
            client.reboot_db_instance(DBInstanceIdentifier=name)
        case 6:
            client.describe_db_snapshots()
        case _:
            client.describe_db_instances()


EXPECTED = {
    "DBInstanceAlreadyExists",
    "DBInstanceNotFound",
    "DBSnapshotAlreadyExists",
    "DBSnapshotNotFound",
    "InvalidDBInstanceState",
    "InvalidDBSnapshotState",
    "InvalidParameterCombination",
    "Throttling",
}
"""What AWS would tell somebody whose neighbour was faster."""


def test_thirty_two_clients_for_a_minute_corrupt_nothing(home: Home) -> None:
    child = life.start(home, SPEED)
    cloud = Cloud(home, SPEED)
    opened = ports(home)
    names = [f"drc-hammer-{number}" for number in range(6)]
    end = time.monotonic() + HAMMERING
    told: Counter[str] = Counter()
    guard = threading.Lock()

    def somebody(number: int) -> None:
        chance = random.Random(f"{SEED} hammer {number}")  # noqa: S311 - repeatable, not secret
        client = cloud.client("rds")
        while time.monotonic() < end:
            said = "done"
            try:
                _one_of(chance, client, names, cloud)
            except ClientError as problem:
                said = str(problem.response["Error"]["Code"])
            with guard:
                told[said] += 1

    try:
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(somebody, range(CLIENTS)))
        assert set(told) <= EXPECTED | {"done"}, told
        assert told["done"] > CLIENTS
        client = cloud.client("rds")

        def settled() -> list[dict[str, Any]] | None:
            found: list[dict[str, Any]] = client.describe_db_instances()["DBInstances"]
            return found if {one["DBInstanceStatus"] for one in found} <= {"available"} else None

        left = cloud.until(lambda: (settled(),) if settled() is not None else None, "every instance comes to rest")[0]
        assert left is not None
        assert len({one["DbiResourceId"] for one in left}) == len(left)
        running = [each for each in processes.everything() if _serves(home, each)]
        assert len(running) == len(left), "a server runs for each instance, and no other"
        _sixteen_at_once(cloud)
    finally:
        life.end(home, child)
    assert_nothing_is_left(home, opened)
    print(f"\nsoak, seed {SEED}: {sum(told.values())} calls of {CLIENTS} clients in {HAMMERING:.0f} s: {dict(told)}")  # noqa: T201


def _serves(home: Home, process: processes.Process) -> bool:
    at = processes.working_directory(process.pid)
    if at is None or home.path not in at.parents:
        return False
    try:
        return (at / "postmaster.pid").read_text().split("\n", 1)[0].strip() == str(process.pid)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _sixteen_at_once(cloud: Cloud) -> None:
    for number in range(5):
        name = f"drc-race-{number}"

        def attempt(_: int, name: str = name) -> str:
            try:
                _create(cloud, name)
            except ClientError as problem:
                return str(problem.response["Error"]["Code"])
            return "won"

        with ThreadPoolExecutor(16) as pool:
            ends = Counter(pool.map(attempt, range(16)))
        assert ends == {"won": 1, "DBInstanceAlreadyExists": 15}


def test_a_lab_killed_at_any_moment_is_taken_away_whole(home: Home) -> None:
    chance = random.Random(f"{SEED} kill the lab")  # noqa: S311
    for _ in range(KILLS):
        child = life.start(home, SPEED)
        opened = ports(home)
        cloud = Cloud(home, SPEED)
        busy = threading.Thread(target=_keep_busy, args=(cloud,), daemon=True)
        busy.start()
        time.sleep(chance.uniform(0.0, 2.5))
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        busy.join()
        assert life.stop(home)
        assert_nothing_is_left(home, opened)
        assert not Path(home.path).exists()
    print(f"\nsoak, seed {SEED}: {KILLS} labs killed at random moments while at work: nothing left of any")  # noqa: T201


def _keep_busy(cloud: Cloud) -> None:
    """Give the lab something to be in the middle of, until it is gone."""
    try:
        client = cloud.client("rds")
        for number in range(100):
            _create(cloud, f"drc-busy-{number}")
            client.describe_db_instances()
            time.sleep(0.2)
    except (BotoCoreError, ClientError):
        return  # the lab was killed under us: that is the point
