"""Whoever writes a run's journal into a bucket owns each event alone; who lost it learns so before the next call."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from stories import HandClock

from dr.chain import parse
from dr.clock import SystemClock
from dr.errors import Refused, Unable
from dr.events import Event, Found, Intended, Learned, Resumed, StepFinished, StepStarted, Thing
from dr.journal import FILE, Journal, read
from dr.ledger import Ledger
from dr.records import Document
from dr.store import FolderStore
from dr.verification import Finding

RUN = "20261120T021500Z-test-receipts-7f3a"
INTENT = Intended(operation="RestoreDBInstance", thing=Thing(kind="instance", name="i", region="eu-central-1"))
FOUND = Found(asset="a", finding=Finding(check="opens", level="L1", outcome="passed", subject="a"))


class Bucket(FolderStore):
    """A store in which an answer can get lost, before or after the document stands there."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.lose = ""
        self.written: list[str] = []

    def create(self, name: str, content: bytes) -> Document:
        lose, self.lose = self.lose, ""
        if lose == "before":
            raise Unable("no answer")
        document = super().create(name, content)
        self.written.append(name)
        if lose == "after":
            raise Unable("no answer")
        return document


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return Bucket(tmp_path / "bucket")


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Path]:
    """Where a journal stands, on a new machine each time."""

    def each() -> Iterator[Path]:
        for number in range(100):
            folder = tmp_path / f"machine-{number}"
            folder.mkdir()
            yield folder / FILE

    return each()


def numbers(bucket: Bucket) -> list[int]:
    return [int(name.rpartition("/")[2].removesuffix(".jsonl")) for name in bucket.written]


def test_what_announces_stands_there_before_append_returns(bucket: Bucket, machines: Iterator[Path]) -> None:
    events: list[Event] = [StepStarted(step="one"), FOUND, INTENT, Learned(name="x", value=1), FOUND, INTENT]
    path = next(machines)
    with Journal(path, HandClock(), Ledger(bucket, RUN)) as journal:
        for event in events:
            journal.append(event)
            waits = event is not INTENT
            there = parse(Ledger(bucket, RUN).read(), "ledger")
            assert waits or there.entries == journal.reading().entries
    assert numbers(bucket) == [1, 4]
    assert read(path) == there


def test_another_machine_goes_on_from_what_was_announced(bucket: Bucket, machines: Iterator[Path]) -> None:
    with Journal(next(machines), HandClock(), Ledger(bucket, RUN)) as first:
        for event in (StepStarted(step="one"), INTENT, FOUND):
            first.append(event)
    path = next(machines)
    with Journal(path, HandClock(), Ledger(bucket, RUN), take_up=True) as second:
        assert [event.event for event in second.reading().events] == ["step_started", "intended"]
        second.append(Resumed(tool="t", host="two", pid=2))
    assert read(path) == parse(Ledger(bucket, RUN).read(), "ledger")


def test_bad_news_does_not_wait(bucket: Bucket, machines: Iterator[Path]) -> None:
    """Whoever goes on elsewhere does the step again, and may be told something better by luck."""
    bad = Found(asset="a", finding=Finding(check="opens", level="L1", outcome="failed", subject="a"))
    with Journal(next(machines), HandClock(), Ledger(bucket, RUN)) as first:
        for event in (INTENT, FOUND, bad, FOUND):
            first.append(event)
    with Journal(next(machines), HandClock(), Ledger(bucket, RUN), take_up=True) as second:
        assert second.reading().events == [INTENT, FOUND, bad]


def test_the_same_machine_keeps_what_it_had_not_announced(bucket: Bucket, machines: Iterator[Path]) -> None:
    path = next(machines)
    with Journal(path, HandClock(), Ledger(bucket, RUN)) as first:
        for event in (INTENT, FOUND):
            first.append(event)
    with Journal(path, HandClock(), Ledger(bucket, RUN), take_up=True) as second:
        second.append(Resumed(tool="t", host="one", pid=2))
        assert [event.event for event in second.reading().events] == ["intended", "found", "resumed"]
    assert read(path) == parse(Ledger(bucket, RUN).read(), "ledger")


def test_who_lost_the_run_changes_nothing_more(bucket: Bucket, machines: Iterator[Path]) -> None:
    """A process that was paused, and wakes: its next event is not its own, and none after that."""
    path = next(machines)
    first = Journal(path, HandClock(), Ledger(bucket, RUN))
    first.append(INTENT)
    second = Journal(next(machines), HandClock(), Ledger(bucket, RUN), take_up=True)
    second.append(Resumed(tool="t", host="two", pid=2))
    for event in (INTENT, INTENT, FOUND):
        with pytest.raises(Refused, match="another process took"):
            first.append(event)
    second.append(INTENT)
    first.close()
    # Its file now says what never was: taken up again, it says what the ledger says.
    with Journal(path, HandClock(), Ledger(bucket, RUN), take_up=True) as third:
        assert third.reading() == second.reading()
    second.close()
    assert read(path) == second.reading()


def test_who_announced_many_calls_at_once_learns_between_them_that_the_run_was_lost(
    bucket: Bucket, machines: Iterator[Path]
) -> None:
    clock = HandClock()
    first = Journal(next(machines), clock, Ledger(bucket, RUN))
    first.append(INTENT)
    first.append(FOUND)
    clock.sleep(400.0)
    first.assert_ours()
    with Journal(next(machines), HandClock(), Ledger(bucket, RUN), take_up=True) as second:
        second.append(Resumed(tool="t", host="two", pid=2))
    first.assert_ours()  # asked a moment ago: a call that is under way takes longer
    clock.sleep(1.1)
    for _ in range(2):
        with pytest.raises(Refused, match="another process took"):
            first.assert_ours()
    first.close()


def test_an_own_write_whose_answer_was_lost_is_not_another_ones(bucket: Bucket, machines: Iterator[Path]) -> None:
    clock = HandClock()
    with Journal(next(machines), clock, Ledger(bucket, RUN)) as journal:
        bucket.lose = "after"
        with pytest.raises(Unable, match="no answer"):
            journal.append(INTENT)
        clock.sleep(2.0)
        journal.assert_ours()
        journal.append(INTENT)
        assert len(parse(Ledger(bucket, RUN).read(), "ledger").entries) == 2
        bucket.lose = "after"
        with pytest.raises(Unable, match="no answer"):
            journal.append(INTENT)
        with Journal(next(machines), clock, Ledger(bucket, RUN), take_up=True) as second:
            second.append(Resumed(tool="t", host="two", pid=2))
        clock.sleep(2.0)
        # What stands next is its own, and what stands behind that is not.
        with pytest.raises(Refused, match="another process took"):
            journal.assert_ours()


@pytest.mark.parametrize("lose", ["before", "after"])
def test_a_lost_answer_stops_the_call_and_breaks_no_chain(bucket: Bucket, machines: Iterator[Path], lose: str) -> None:
    with Journal(next(machines), HandClock(), Ledger(bucket, RUN)) as journal:
        journal.append(INTENT)
        bucket.lose = lose
        with pytest.raises(Unable, match="no answer"):
            journal.append(INTENT)
        journal.append(FOUND)
        journal.append(StepFinished(step="one", outcome="done"))
        assert parse(Ledger(bucket, RUN).read(), "ledger").entries == journal.reading().entries
    assert numbers(bucket) == ([1, 2, 3] if lose == "after" else [1, 2])


def test_of_sixteen_that_take_a_run_up_one_has_it(bucket: Bucket, machines: Iterator[Path]) -> None:
    for turn in range(5):
        run = f"{RUN[:-1]}{turn}"
        with Journal(next(machines), SystemClock(), Ledger(bucket, run)) as first:
            first.append(INTENT)
        start = threading.Barrier(16)

        def take(me: int, path: Path, run: str = run, start: threading.Barrier = start) -> bool:
            with Journal(path, SystemClock(), Ledger(bucket, run), take_up=True) as journal:
                start.wait()
                try:
                    journal.append(Resumed(tool="t", host="h", pid=me))
                except Refused:
                    return False
                journal.append(INTENT)
                return True

        with ThreadPoolExecutor(16) as pool:
            won = list(pool.map(take, range(16), [next(machines) for _ in range(16)]))
        assert sum(won) == 1
        reading = parse(Ledger(bucket, run).read(), "ledger")
        assert [event.event for event in reading.events] == ["intended", "resumed", "intended"]


def test_a_missing_object_is_a_broken_chain(bucket: Bucket, machines: Iterator[Path]) -> None:
    with Journal(next(machines), HandClock(), Ledger(bucket, RUN)) as journal:
        for _ in range(3):
            journal.append(INTENT)
    (bucket.root / bucket.written[1]).unlink()
    with pytest.raises(Refused, match="chain of hashes is broken"):
        parse(Ledger(bucket, RUN).read(), "ledger")
    with pytest.raises(Refused, match="chain of hashes is broken"):
        Journal(next(machines), HandClock(), Ledger(bucket, RUN), take_up=True)
