"""Processes that want a lease: `starters` at once, and one `holder` that calls until it has lost. See test_lease.py.

python -m tests.lease_processes starters STORE COUNT ROUNDS      prints one line per lease that was got
python -m tests.lease_processes holder STORE TIME_TO_LIVE CALLS  writes a line to CALLS for each call that it makes
"""

import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

from dr import connection
from dr.aws.clients import Aws
from dr.clock import SystemClock
from dr.errors import LeaseLost
from dr.holding import holding
from dr.lease import Starter, this_process
from dr.store import Store, open_store

ACCOUNT = "123456789012"
RECOVERY = "eu-central-1"
NAME = "receipts/receipts-db"
LOST = 7
"""Exit code of a holder that learned of its loss."""


def store_at(location: str) -> Store:
    """A control store: a folder, or a bucket of the lab that DR_CONNECTION names."""
    return open_store(location, Aws(connection.read(os.environ), ACCOUNT, environment={}), RECOVERY)[0]


def starters(location: str, count: int, rounds: int) -> None:
    """So many processes, each of which tries once a round, all at the same moment."""
    # Everything is imported here once: to start twenty interpreters would take longer than the test.
    forking = multiprocessing.get_context("fork")
    together = forking.Barrier(count)
    started = [forking.Process(target=_start, args=(location, number, rounds, together)) for number in range(count)]
    for process in started:
        process.start()
    for process in started:
        process.join()
    sys.exit(max(process.exitcode or 0 for process in started))


def _start(location: str, number: int, rounds: int, together: Any) -> None:
    store, clock = store_at(location), SystemClock()
    for turn in range(rounds):
        starter = Starter(store, clock, NAME, this_process(f"run-{number}-{turn}"))
        together.wait()
        lease = starter.attempt()
        together.wait()
        if lease is not None:
            # One write: lines of several processes must not mix.
            os.write(sys.stdout.fileno(), f"{turn} {lease.epoch}\n".encode())
            lease.check()
            lease.give_back()


def _silent(text: str) -> None:
    del text


def hold(location: str, time_to_live: float, calls: Path) -> None:
    """Hold a lease and make one call after the other, each after its check."""
    holder = this_process("nightly")
    with holding(store_at(location), SystemClock(), [NAME], holder, _silent, time_to_live=time_to_live) as (lease,):
        while True:
            try:
                lease.check()
            except LeaseLost as problem:
                os.write(sys.stdout.fileno(), problem.message.encode())
                sys.exit(LOST)
            with calls.open("ab") as file:
                file.write(b"%d\n" % lease.epoch)


if __name__ == "__main__":
    if sys.argv[1] == "starters":
        starters(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        hold(sys.argv[2], float(sys.argv[3]), Path(sys.argv[4]))
