"""Of many who want a lease one has it; who lost it stops; and its epoch only grows."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier, Event

import pytest
from stories import ESTATE, START

from dr import connection
from dr.aws.clients import Aws
from dr.clock import SystemClock
from dr.errors import Interrupted, LeaseLost, Refused
from dr.estate import Estate
from dr.holding import acquire, holding, names_of
from dr.lease import Lease, Starter, this_process
from dr.planning import choose, plan_backup, plan_test
from dr.store import FolderStore, Store, open_store
from tests.lab import front_fixtures
from tests.lease_processes import LOST, NAME

STARTERS = 20
ROUNDS = 100
SHORT = 1.0
"""Seconds to live, where a test waits for a lease to run out."""
BUCKET = "firedrill-control"
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Place:
    """Where leases are kept, for this process and for another one."""

    store: Store
    location: str
    surroundings: dict[str, str]

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.lease_processes", arguments[0], self.location, *arguments[1:]]
        environment = os.environ | self.surroundings
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def bucket() -> Iterator[Callable[[str], Place]]:
    """A versioned bucket of a lab, with a prefix for each test."""
    with front_fixtures.lab() as home:
        s3 = front_fixtures.client(home, "s3", front_fixtures.RECOVERY)
        there = {"LocationConstraint": front_fixtures.RECOVERY}
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=there)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        surroundings = {connection.VARIABLE: str(home.connection)}
        aws = Aws(connection.read(surroundings), front_fixtures.ACCOUNT, environment={})

        def place(prefix: str) -> Place:
            location = f"s3://{BUCKET}/{prefix}"
            return Place(open_store(location, aws, front_fixtures.RECOVERY)[0], location, surroundings)

        yield place


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return Place(FolderStore(tmp_path), str(tmp_path), {})
    made: Place = request.getfixturevalue("bucket")(tmp_path.name)
    return made


def starter(store: Store, run: str, *, exclusive: bool = False, time_to_live: float = 60.0) -> Starter:
    return Starter(store, SystemClock(), NAME, this_process(run), exclusive=exclusive, time_to_live=time_to_live)


def got(store: Store, run: str, *, exclusive: bool = False) -> Lease:
    lease = starter(store, run, exclusive=exclusive).attempt()
    assert lease is not None
    return lease


def silent(text: str) -> None:
    del text


def test_of_twenty_threads_one_has_it_in_every_round(place: Place) -> None:
    epochs = []
    with ThreadPoolExecutor(STARTERS) as pool:
        for turn in range(ROUNDS):
            together = Barrier(STARTERS)

            def start(number: int, turn: int = turn, together: Barrier = together) -> Lease | None:
                one = starter(place.store, f"run-{number}-{turn}")
                together.wait()
                return one.attempt()

            leases = [lease for lease in pool.map(start, range(STARTERS)) if lease is not None]
            assert len(leases) == 1
            epochs.append(leases[0].epoch)
            leases[0].check()
            leases[0].give_back()
    assert epochs == list(range(1, ROUNDS + 1))


def test_of_twenty_processes_one_has_it_in_every_round(place: Place) -> None:
    process = place.start("starters", str(STARTERS), "3")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert sorted(out.split("\n")[:-1]) == ["0 1", "1 2", "2 3"]


def test_a_killed_holder_has_a_successor_within_the_time_to_live(place: Place, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    process = place.start("holder", str(SHORT), str(calls))
    try:
        front_fixtures.eventually(lambda: calls.exists() and calls.stat().st_size, seconds=30)
    finally:
        process.kill()
        process.wait()
    began = time.monotonic()
    lease = acquire(starter(place.store, "next", time_to_live=SHORT), SystemClock(), SHORT)
    # One more look than the time to live, and what a busy machine adds to it.
    assert SHORT <= time.monotonic() - began < SHORT * 1.1 + 3.0
    assert lease.epoch == 2
    lease.check()


def test_a_holder_that_was_paused_makes_at_most_the_call_past_its_check(place: Place, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    process = place.start("holder", str(SHORT), str(calls))
    try:
        front_fixtures.eventually(lambda: calls.exists() and calls.read_bytes().count(b"\n") > 20, seconds=30)
        process.send_signal(signal.SIGSTOP)
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        with holding(place.store, SystemClock(), [NAME], this_process("next"), silent, time_to_live=SHORT) as (
            successor,
        ):
            made = calls.read_bytes().count(b"\n")
            process.send_signal(signal.SIGCONT)
            out, _ = process.communicate(timeout=30)
            successor.check()
    finally:
        process.kill()
    assert process.returncode == LOST, out
    assert "held by next" in out
    assert calls.read_bytes().count(b"\n") - made <= 1
    assert set(calls.read_text().split()) == {"1"}
    assert successor.epoch == 2


def test_who_comes_second_is_told_who_holds_it_and_since_when(place: Place) -> None:
    clock = SystemClock()
    nightly = this_process("20261120T021500Z-backup-receipts-7f3a")
    with holding(place.store, clock, [NAME], nightly, silent, time_to_live=SHORT):
        second = starter(place.store, "second")
        with pytest.raises(Refused, match=rf"{NAME} is held by {re.escape(str(nightly))} since 2\S+Z, epoch 1") as told:
            acquire(second, clock, SHORT)
        assert told.value.hint
    third = got(place.store, "third")
    assert third.epoch == 2


def test_a_failover_takes_it_at_once_and_a_nightly_does_not_take_it_back(place: Place) -> None:
    nightly = got(place.store, "nightly")
    nightly.check()
    failover = got(place.store, "failover", exclusive=True)
    for ask in (nightly.check, nightly.renew, nightly.give_back, nightly.check):
        with pytest.raises(LeaseLost, match="epoch 1: lost; it is held by failover") as caught:
            ask()
        assert caught.value.hint
    failover.renew()
    failover.check()
    assert starter(place.store, "another nightly").attempt() is None
    assert starter(place.store, "another failover", exclusive=True).attempt() is None
    assert failover.epoch == 2


def test_a_run_that_is_resumed_has_what_it_held_and_the_process_of_before_has_not(place: Place) -> None:
    before, resumed = got(place.store, "run"), got(place.store, "run")
    resumed.check()
    with pytest.raises(LeaseLost):
        before.check()
    assert (before.epoch, resumed.epoch) == (1, 2)


def test_a_holder_that_nobody_waits_behind_keeps_it_however_late_it_renews(tmp_path: Path) -> None:
    lease = starter(FolderStore(tmp_path), "slow", time_to_live=0.0).attempt()
    assert lease is not None
    lease.check()
    lease.check()
    assert lease.epoch == 1


def test_of_two_who_want_several_one_has_all_and_the_other_keeps_none(tmp_path: Path) -> None:
    store, clock = FolderStore(tmp_path), SystemClock()
    with (
        holding(store, clock, ["c"], this_process("one"), silent, time_to_live=SHORT),
        pytest.raises(Refused, match="c is held by one"),
        holding(store, clock, ["a", "c", "b"], this_process("two"), silent),
    ):
        raise AssertionError("two of them hold c")
    with holding(store, clock, ["a", "b", "c"], this_process("three"), silent) as leases:
        assert {lease.name: lease.epoch for lease in leases} == {"a": 2, "b": 2, "c": 2}


def test_waiting_for_a_holder_ends_when_the_run_is_stopped(tmp_path: Path) -> None:
    stopping = Event()
    stopping.set()
    got(FolderStore(tmp_path), "dead")
    with pytest.raises(Interrupted):
        acquire(starter(FolderStore(tmp_path), "next"), SystemClock(stopping))


def test_what_is_no_lease_is_refused(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    lease = got(store, "run")
    (tmp_path / "leases" / f"{NAME}.json").write_text("{}")
    for ask in (lease.check, starter(store, "next").attempt):
        with pytest.raises(Refused, match="is not a lease"):
            ask()


def test_a_lease_that_was_removed_is_lost(tmp_path: Path) -> None:
    lease = got(FolderStore(tmp_path), "run")
    (tmp_path / "leases" / f"{NAME}.json").unlink()
    with pytest.raises(LeaseLost, match="it is gone"):
        lease.renew()


def test_a_backup_holds_each_of_its_assets_and_a_restore_test_none() -> None:
    estate = Estate.model_validate(ESTATE)
    (choice,) = choose(estate, ["receipts"])
    assert names_of(plan_backup(estate, choice, START)) == ["receipts/receipts-db", "receipts/receipts-documents"]
    assert names_of(plan_test(estate, choice, START, site="recovery")) == []
