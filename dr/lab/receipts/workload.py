"""The writers that never pause, and the heartbeat: `python -m dr.lab.receipts.workload HOME`.

They outlive what a drill does to the lab: a lost connection, a restarted server, a region that does not answer. Each
thread then begins again with a fresh connection. Anything else that goes wrong ends the whole process, loudly.
"""

import argparse
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from psycopg import errors

from dr.lab.receipts import archivist, clerk, documents, heartbeat, names
from dr.lab.receipts.reach import Login, Reach

PARTS = ("writer", "heartbeat")
RATE = 20.0
"""Transactions in a second."""
OBJECTS = 0.15
"""Operations on objects for each transaction."""
SLOW_EVERY = 3.0
"""Seconds between transactions that stay open for a while, so that some are always in progress."""
SLOW_FOR = 0.3

# What an outage, a restart or a fence looks like from here.
INTERRUPTIONS = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.InsufficientPrivilege,
    errors.ReadOnlySqlTransaction,
    BotoCoreError,
    ClientError,
)


class Workload:
    """Threads that share a stop signal, and the first error that none of them expected."""

    def __init__(self, home: Path) -> None:
        self.reach = Reach(home)
        self.stop = threading.Event()
        self.failed: BaseException | None = None
        self._login: Login | None = None
        self._threads: list[threading.Thread] = []

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Run some work in a thread, again whenever it is interrupted, until told to stop."""
        thread = threading.Thread(target=self._keep, args=(name, work), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def wait(self) -> None:
        """Wait for the stop signal, and then a moment for whatever is in the air."""
        while not self.stop.wait(0.5):
            continue
        until = time.monotonic() + 1.0
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _keep(self, name: str, work: Callable[[], None]) -> None:
        pause = 0.1
        while not self.stop.is_set():
            began = time.monotonic()
            try:
                work()
            except INTERRUPTIONS as interruption:
                # A connection that lasted was a good one: start over quickly. One that did not, more patiently.
                pause = 0.1 if time.monotonic() - began > 5 else min(pause * 2, 2.0)
                first_line = str(interruption).strip().partition("\n")[0]
                sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S.%f} {name}: {first_line}; again in {pause:.1f} s\n")
                self._login = None
                self.stop.wait(pause)
            except BaseException as problem:
                self.failed = problem
                self.stop.set()
                raise

    def open(self, database: str, name: str) -> psycopg.Connection[tuple[object, ...]]:
        if self._login is None:
            self._login = self.reach.login(names.APP_SECRET)
        return self.reach.open(database, self._login, name=name)

    def clerks(self, rate: float) -> None:
        rng = random.Random()  # noqa: S311
        kinds, weights = list(clerk.WEIGHTS), list(clerk.WEIGHTS.values())
        with self.open(names.DATABASE, "receipts clerk") as database, database.cursor() as cursor:
            for _ in _paced(rate, self.stop):
                with database.transaction():
                    rng.choices(kinds, weights)[0](cursor, rng)

    def auditor(self, rate: float) -> None:
        rng = random.Random()  # noqa: S311
        with self.open(names.AUDIT, "receipts auditor") as database, database.cursor() as cursor:
            for _ in _paced(rate, self.stop):
                with database.transaction():
                    clerk.audit(cursor, rng)

    def archivist(self, rate: float) -> None:
        rng = random.Random()  # noqa: S311
        kinds, weights = (archivist.add, archivist.replace, archivist.remove), (4, 2, 4)
        with self.open(names.DATABASE, "receipts archivist") as database:
            archivist.finish_what_was_left(self.reach, database)
            for _ in _paced(rate, self.stop):
                rng.choices(kinds, weights)[0](self.reach, database, rng)

    def slow(self, every: float) -> None:
        rng = random.Random()  # noqa: S311
        with self.open(names.DATABASE, "receipts month end") as database, database.cursor() as cursor:
            for _ in _paced(1 / every, self.stop):
                with database.transaction():
                    documents.insert(cursor, rng, None)
                    cursor.execute("select pg_sleep(%s)", (SLOW_FOR,))
                    clerk.amend(cursor, rng)

    def beats(self, beat: heartbeat.Beat) -> None:
        with self.open(names.DATABASE, "firedrill heartbeat") as database:
            heartbeat.rows(database, beat, self.stop)


def _paced(rate: float, stop: threading.Event) -> "_Paced":
    return _Paced(1 / rate, stop)


class _Paced:
    """Ends of intervals, until stopped. Time lost to an outage is not made up for in a burst."""

    def __init__(self, interval: float, stop: threading.Event) -> None:
        self._interval = interval
        self._stop = stop
        self._next = time.monotonic()

    def __iter__(self) -> "_Paced":
        return self

    def __next__(self) -> None:
        now = time.monotonic()
        self._next = max(self._next + self._interval, now - 1.0)
        if self._stop.wait(max(0.0, self._next - now)):
            raise StopIteration


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m dr.lab.receipts.workload", description=__doc__)
    parser.add_argument("home", type=Path, help="the home of the lab")
    parser.add_argument("--only", choices=PARTS, help="run only this part")
    parser.add_argument("--rate", type=float, default=RATE, help="transactions per second")
    asked = parser.parse_args(arguments)

    workload = Workload(asked.home)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: workload.stop.set())
    if asked.only in (None, "writer"):
        workload.start("clerks", lambda: workload.clerks(asked.rate))
        workload.start("auditor", lambda: workload.auditor(max(0.5, asked.rate / 20)))
        workload.start("archivist", lambda: workload.archivist(asked.rate * OBJECTS))
        workload.start("month end", lambda: workload.slow(SLOW_EVERY))
    if asked.only in (None, "heartbeat"):
        beat = heartbeat.Beat()
        every = max(0.5, 60 / workload.reach.connection.time_scale)
        workload.start("heartbeat", lambda: workload.beats(beat))
        workload.start("heartbeat object", lambda: heartbeat.objects(workload.reach, beat, every, workload.stop))
    workload.wait()
    return 1 if workload.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
