"""Share a list of tasks among a few threads."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from threading import Event
from typing import TypeVar

Task = TypeVar("Task")


def spread(tasks: Sequence[Task], workers: int, work: Callable[[Callable[[], Task | None], ExitStack], None]) -> None:
    """Share tasks among threads. Each calls `work` once, with a function that hands out the next task or None.

    The first thread that raises ends the others after their current task. What a thread enters into its stack is
    closed when it ends.
    """
    waiting: SimpleQueue[Task] = SimpleQueue()
    for task in tasks:
        waiting.put(task)
    stop = Event()

    def following() -> Task | None:
        try:
            return None if stop.is_set() else waiting.get_nowait()
        except Empty:
            return None

    def run() -> None:
        try:
            with ExitStack() as stack:
                work(following, stack)
        except BaseException:
            stop.set()
            raise

    with ThreadPoolExecutor(max_workers=max(1, min(workers, len(tasks)))) as pool:
        try:
            running = [pool.submit(run) for _ in range(max(1, min(workers, len(tasks))))]
            for future in running:
                future.result()
        finally:
            stop.set()
