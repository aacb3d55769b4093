"""Read documents that nobody should have written, in a process that may not become large, and that may not hang.

python -m tests.fuzz.worker KIND COUNT SEED
"""

import contextlib
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.readers import READERS, TRAPS, attempt

MEMORY = 256_000_000
"""Bytes that reading may take, on top of the interpreter and what it has imported."""
SECONDS = 10.0
"""Of the processor's time, for any one document; the largest that is allowed takes a few."""
BATCH = 3000
"""Cases of one search: hypothesis remembers every case of one."""


class Hung(BaseException):
    """No reader may catch this."""


def _hung(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise Hung(f"a document took more than {SECONDS} s")


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """The time of one document."""
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def limit_memory() -> None:
    with Path("/proc/self/statm").open() as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))


def main(kind: str, count: int, start: int) -> None:
    """Every trap, then so many documents. Says how many were refused."""
    signal.signal(signal.SIGVTALRM, _hung)
    refused = cases = 0
    slowest = 0.0
    with tempfile.TemporaryDirectory(prefix="firedrill-fuzz-") as name:
        folder = Path(name)

        def one(raw: bytes) -> None:
            nonlocal refused, cases, slowest
            begun = time.process_time()
            with bounded():
                refused += attempt(kind, raw, folder)
            slowest = max(slowest, time.process_time() - begun)
            cases += 1

        limit_memory()
        for trap, raw in TRAPS.items():
            try:
                one(raw)
            except BaseException as problem:
                problem.add_note(f"{kind}, trap: {trap}")
                raise
        for batch in range(0, count, BATCH):
            search = settings(
                max_examples=min(BATCH, count - batch),
                deadline=None,
                database=None,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            )(given(raw=READERS[kind][1])(one))
            seed(start + batch)(search)()
    told = f"{kind}: {cases} documents, {refused} refused; the slowest took {slowest:.2f} s; seed {start}"
    print(told)  # noqa: T201 - what the test shows
    if cases < count:
        raise SystemExit(f"only {cases} of {count} cases")
    if not cases > refused > 0:
        raise SystemExit("not one document was read, or not one refused: the material has worn out")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
