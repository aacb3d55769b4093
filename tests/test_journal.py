"""A journal is whole, or torn in its last line, or refused. Nothing is ever written behind a torn line."""

import os
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from stories import START, HandClock

from dr.chain import GENESIS, Reading
from dr.clock import SystemClock
from dr.errors import Refused
from dr.events import Closed, Event, Learned, Resumed, StepFinished, StepStarted
from dr.journal import Journal, alive, read

EVENTS: list[Event] = [
    StepStarted(step="one"),
    Learned(name="instant", value="2026-11-20T02:14:00Z"),
    StepFinished(step="one", outcome="done"),
    Closed(regions_called={"eu-central-1": 3}),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


@pytest.fixture
def raw(path: Path) -> bytes:
    """A small journal, written and closed, as it stands on the disk."""
    clock = HandClock()
    with Journal(path, clock) as journal:
        for event in EVENTS:
            journal.append(event)
            clock.sleep(0.25)
    return path.read_bytes()


def refused(path: Path) -> str:
    with pytest.raises(Refused, match=f"journal {path}") as caught:
        read(path)
    return caught.value.message


def test_what_is_written_is_read(path: Path) -> None:
    clock = HandClock()
    with Journal(path, clock) as journal:
        for event in EVENTS:
            journal.append(event)
            clock.sleep(0.25)
            assert read(path) == journal.reading()
    reading = read(path)
    assert list(reading.events) == EVENTS
    assert [entry.n for entry in reading.entries] == [1, 2, 3, 4]
    assert [entry.at - START for entry in reading.entries] == [timedelta(seconds=n / 4) for n in range(4)]
    assert reading.entries[0].prev == GENESIS
    assert not reading.torn


def test_every_event_is_on_the_disk_before_append_returns(path: Path) -> None:
    with Journal(path, HandClock()) as journal:
        for count, event in enumerate(EVENTS, start=1):
            journal.append(event)
            assert path.read_bytes().count(b"\n") == count


def test_an_empty_journal_is_whole(path: Path) -> None:
    with Journal(path, HandClock()):
        assert read(path) == Reading(entries=(), head_sha256=GENESIS)


def test_values_cannot_break_out_of_their_line(path: Path) -> None:
    hostile = 'a\nb\r\nc\x0bd\x1ce\x85f\u2028g\u2029h"}\\\x00'
    with Journal(path, HandClock()) as journal:
        journal.append(Learned(name="x", value=hostile))
        journal.append(StepStarted(step=hostile))
    assert list(read(path).events) == [Learned(name="x", value=hostile), StepStarted(step=hostile)]


def test_a_line_torn_at_any_byte_is_left_out(path: Path, raw: bytes) -> None:
    last = raw.rindex(b"\n", 0, -1) + 1
    path.write_bytes(raw[:last])
    whole = read(path)
    assert len(whole.entries) == len(EVENTS) - 1
    for length in range(last + 1, len(raw)):
        path.write_bytes(raw[:length])
        reading = read(path)
        assert reading.torn
        assert reading.entries == whole.entries
        assert reading.head_sha256 == whole.head_sha256


def test_a_line_dropped_doubled_or_moved_is_refused(path: Path, raw: bytes) -> None:
    lines = raw.splitlines(keepends=True)
    broken = [lines[:i] + lines[i + 1 :] for i in range(len(lines) - 1)]
    broken += [[*lines[:i], lines[i], *lines[i:]] for i in range(len(lines))]
    broken += [[*lines[:i], lines[i + 1], lines[i], *lines[i + 2 :]] for i in range(len(lines) - 1)]
    broken += [lines[::-1], [*lines, b"\n"], [b"\n", *lines], [lines[0], b"\n", *lines[1:]], [*lines, b"{}\n"]]
    for some in broken:
        path.write_bytes(b"".join(some))
        refused(path)


def test_lines_of_another_journal_are_refused(path: Path, raw: bytes, tmp_path: Path) -> None:
    clock = HandClock()
    clock.sleep(1)
    with Journal(tmp_path / "other.jsonl", clock) as other:
        for event in EVENTS:
            other.append(event)
    mine, others = raw.splitlines(keepends=True), (tmp_path / "other.jsonl").read_bytes().splitlines(keepends=True)
    for i in range(1, len(mine)):
        path.write_bytes(b"".join(mine[:i] + others[i:]))
        refused(path)


def test_a_journal_without_its_end_has_no_end(path: Path, raw: bytes) -> None:
    """The chain cannot tell that whole lines were cut off: what tells is that `closed` is missing (see the verdict)."""
    path.write_bytes(raw[: raw.rindex(b"\n", 0, -1) + 1])
    assert not isinstance(read(path).events[-1], Closed)


@pytest.mark.parametrize("content", [b"\xff\xfe\n", b"[]\n", b'{"n": 1}\n', b"[" * 10_000 + b"\n", b"\x00\n"])
def test_what_is_no_journal_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert ":1: not an event" in refused(path)


def test_a_journal_that_is_not_there_is_refused(path: Path) -> None:
    assert "No such file" in refused(path)


def test_a_second_journal_of_a_name_is_refused(path: Path, raw: bytes) -> None:
    with pytest.raises(Refused, match="already has a journal"):
        Journal(path, HandClock())
    assert path.read_bytes() == raw


def test_the_lock_says_that_its_run_is_alive(path: Path) -> None:
    journal = Journal(path, HandClock())
    journal.append(EVENTS[0])
    assert alive(path)
    assert alive(path)  # asking does not take the lock away
    journal.close()
    assert not alive(path)


def test_a_killed_run_is_not_alive(path: Path) -> None:
    script = textwrap.dedent(
        f"""
        from pathlib import Path
        from dr.clock import SystemClock
        from dr.events import StepStarted
        from dr.journal import Journal
        journal = Journal(Path({str(path)!r}), SystemClock())
        journal.append(StepStarted(step="one"))
        print("ready", flush=True)
        input()
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
        assert alive(path)
        writer.kill()
        writer.wait()
    assert not alive(path)
    assert [event.event for event in read(path).events] == ["step_started"]


def test_a_journal_is_gone_on_with_where_it_ended(path: Path, raw: bytes) -> None:
    """Also one whose last line was torn by the kill: what that would have announced had not begun."""
    path.write_bytes(raw[:-9])
    with Journal(path, HandClock(), take_up=True) as journal:
        assert len(journal.reading().entries) == len(EVENTS) - 1
        journal.append(Resumed(tool="t", host="h", pid=2))
        assert read(path) == journal.reading()
    assert [event.event for event in read(path).events][-2:] == ["step_finished", "resumed"]


def test_a_journal_that_was_changed_is_not_gone_on_with(path: Path, raw: bytes) -> None:
    path.write_bytes(raw.replace(b"one", b"two", 1))
    with pytest.raises(Refused, match="chain of hashes is broken"):
        Journal(path, HandClock(), take_up=True)
    assert not alive(path)


def test_a_journal_that_is_being_written_is_not_gone_on_with(path: Path) -> None:
    with Journal(path, HandClock()) as journal:
        journal.append(EVENTS[0])
        with pytest.raises(Refused, match="still at work"):
            Journal(path, HandClock(), take_up=True)
        journal.append(EVENTS[1])
        assert read(path) == journal.reading()


@pytest.mark.parametrize("what", ["another line", "deleted"])
def test_who_does_not_respect_the_lock_is_noticed(path: Path, what: str) -> None:
    """Where machines share a folder, a lock may not reach; and a line that nobody can read back announces nothing."""
    with Journal(path, HandClock()) as journal:
        journal.append(EVENTS[0])
        if what == "deleted":
            path.unlink()
        else:
            with path.open("ab") as other:
                other.write(b"{}\n")
        for _ in range(2):
            with pytest.raises(Refused, match="deleted, or somebody else writes it"):
                journal.append(EVENTS[1])
        assert len(journal.reading().entries) == 1


def test_many_threads_write_one_chain(path: Path) -> None:
    with Journal(path, SystemClock()) as journal:
        start = threading.Barrier(8)

        def write(me: int) -> None:
            start.wait()
            for turn in range(10):
                journal.append(StepStarted(step=f"{me}/{turn}"))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(8)))
    reading = read(path)
    assert len(reading.entries) == 80
    for me in range(8):
        mine = [event.step for event in reading.events if isinstance(event, StepStarted) and event.step[0] == str(me)]
        assert mine == [f"{me}/{turn}" for turn in range(10)]


FULL_DISK = """
import resource, sys
from pathlib import Path
from dr.clock import SystemClock
from dr.errors import Unable
from dr.events import StepStarted
from dr.journal import Journal, read

path, limit = Path(sys.argv[1]), int(sys.argv[2])
journal = Journal(path, SystemClock())
journal.append(StepStarted(step="before"))
before = journal.reading()
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + limit, resource.RLIM_INFINITY))
for turn in range(2):
    try:
        journal.append(StepStarted(step="x" * 200))
    except Unable as problem:
        assert str(path) in problem.message, problem
        assert "event 2 could not be written" in problem.message, problem
        assert problem.hint
    else:
        raise SystemExit("an event was lost, and nobody said so")
    try:
        journal.assert_ours()
    except Unable as problem:
        assert "could not be written" in problem.message, problem
    else:
        raise SystemExit("what was announced before may still be changed")
    assert journal.reading() == before
    assert read(path).entries == before.entries
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.append(StepStarted(step="after"))
journal.assert_ours()
assert read(path) == journal.reading()
assert [event.step for event in read(path).events] == ["before", "after"]
"""


@pytest.mark.parametrize("room", [0, 1, 100, 200])
def test_a_full_disk_is_an_inability_and_leaves_a_whole_journal(path: Path, room: int) -> None:
    """An almost full disk takes a part of a line without complaint. It must be noticed, and must not be built upon."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path), str(room)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr


TAKEN_UP_ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from dr.clock import SystemClock
from dr.errors import Unable
from dr.events import Aborted
from dr.journal import Journal, read
from dr.ledger import Ledger
from dr.store import FolderStore

folder = Path(sys.argv[1])
store = FolderStore(folder / "bucket")
with Journal(folder / "first.jsonl", SystemClock(), Ledger(store, "run")) as first:
    for turn in range(5):
        first.append(Aborted(reason=str(turn)))
there = (folder / "first.jsonl").read_bytes()
path = folder / "second.jsonl"
resource.setrlimit(resource.RLIMIT_FSIZE, (len(there) // 2, resource.RLIM_INFINITY))
try:
    Journal(path, SystemClock(), Ledger(store, "run"), take_up=True)
except Unable as problem:
    assert str(path) in problem.message, problem
else:
    raise SystemExit("half a journal was taken for a whole one")
assert 0 < len(read(path).entries) < 5
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with Journal(path, SystemClock(), Ledger(store, "run"), take_up=True) as second:
    assert len(second.reading().entries) == 5
assert path.read_bytes() == there
"""


def test_a_journal_that_is_taken_up_on_a_full_disk_is_damaged_by_nobody(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TAKEN_UP_ON_A_FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
