"""Plans being performed, in a thread of their own.

Prefect's engine blocks when its server does: before a flow's body begins, at each of its tasks, and after its end. The
loop therefore never runs below it. The thread here performs; whatever shows the run follows it, and may be left behind.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Event as Flag

from rich.console import Console

from dr.cli.progress import Progress
from dr.cli.several import Outcome, Planned, perform_each, plan_each
from dr.drill import House
from dr.plan import Plan
from dr.planning import Choice
from dr.report.model import Report
from dr.report.terminal import show

Step = tuple[str, "Future[None]"]


class Performance:
    """One run after the other, from the moment that this is made."""

    def __init__(self, house: House, planned: Sequence[Planned], stopping: Flag) -> None:
        self.stopping = stopping
        self.steps: SimpleQueue[Step | None] = SimpleQueue()
        """Each step as it begins, and None after the last."""
        self._house = house
        self._planned = planned
        # Not a daemon: whatever becomes of the main thread, the interpreter waits for the teardown.
        with_own_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="performance")
        self.outcomes: Future[list[Outcome]] = with_own_thread.submit(self._perform)
        """Done when every report is written. Holds the exception when a bug ended the runs."""
        with_own_thread.shutdown(wait=False)

    def _perform(self) -> list[Outcome]:
        outcomes: list[Outcome] = []
        try:
            for outcome in perform_each(self._house, self._planned, self.stopping, Progress(), self._watch):
                outcomes.append(outcome)
                if outcome.folder and isinstance(outcome.ended, Report):
                    show(outcome.ended, outcome.folder, Console())
        finally:
            self.steps.put(None)
        return outcomes

    def _watch(self, name: str, step: "Future[None]") -> None:
        # Called by the loop right before the step: nothing that could wait or fail may stand here.
        self.steps.put((name, step))


def begin(house: House, names: Sequence[str], prepare: Callable[[Choice], Plan], stopping: Flag) -> Performance:
    """Plan everything that was named, then begin. Raises Refused while nothing has been touched."""
    return Performance(house, plan_each(house, names, prepare, Progress()), stopping)
