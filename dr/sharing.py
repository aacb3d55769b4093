"""Where threads and their locks come from; and a list of tasks shared among a few of them."""

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, Protocol, TypeVar

from dr.clock import handed_on

Task = TypeVar("Task")


class Threads(Protocol):
    """Pools of threads, and waiting for them: a source of its own, so that a simulator can say whose turn it is."""

    def pool(self, at_once: int, name: str = "work") -> Executor:
        """A pool of at most this many threads."""

    def first_done(self, running: Collection["Future[Any]"]) -> "list[Future[Any]]":
        """Those that have ended, in the order given, once any has."""

    def lock(self) -> AbstractContextManager[object]:
        """What one thread at a time may enter."""

    def beside(self, every: float, work: Callable[[], bool], name: str) -> AbstractContextManager[None]:
        """Beside a block, do something every so many seconds, until that says False or the block ends."""


class SystemThreads:
    """The machine's own threads."""

    def pool(self, at_once: int, name: str = "work") -> Executor:
        return ThreadPoolExecutor(max_workers=at_once, thread_name_prefix=name, initializer=handed_on())

    def first_done(self, running: Collection["Future[Any]"]) -> "list[Future[Any]]":
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        return [one for one in running if one in done]

    def lock(self) -> AbstractContextManager[object]:
        return Lock()

    @contextmanager
    def beside(self, every: float, work: Callable[[], bool], name: str) -> Iterator[None]:
        stop = Event()

        def go_on() -> None:
            while not stop.wait(every) and work():
                pass

        # It ends with the process whatever happens: nobody may go on for a process that does nothing else any more.
        thread = Thread(target=go_on, name=name, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


SYSTEM = SystemThreads()


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
