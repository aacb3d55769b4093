"""The loop: steps whose needs are met run side by side, everything goes to the journal, scratch is always torn down.

Steps never hand values to each other, so the loop knows nothing about any of them. One optional seam, `watch`, is told
of each step before it begins, with a future that ends when the step does; whatever watches cannot change the run.
"""

import os
import socket
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from graphlib import TopologicalSorter
from threading import Event as Flag
from typing import Literal

from dr import __version__
from dr.context import Context
from dr.errors import FiredrillError, Interrupted
from dr.events import Aborted, Closed, Opened, StepFinished, StepStarted, TeardownStarted
from dr.plan import Plan
from dr.runbook import AnyStep
from dr.steps import perform
from dr.teardown import tear_down

Watch = Callable[[str, "Future[None]"], None]

TOOL = f"firedrill {__version__}"
AT_ONCE = 4


def run(context: Context, stopping: Flag, watch: Watch | None = None) -> None:
    """Perform a plan to its end, whatever that is: read the journal to know.

    Raises Interrupted when it was asked to stop, and whatever a bug raised, in both cases after the teardown.
    """
    plan = context.plan
    called_before = Counter(context.aws.calls)
    context.journal.append(
        Opened(
            run=plan.run,
            tool=TOOL,
            host=socket.gethostname(),
            pid=os.getpid(),
            plan=plan.model_dump(mode="json", by_alias=True),
        )
    )
    try:
        _walk(context, stopping, watch)
    except BaseException as stop:
        context.journal.append(Aborted(reason=_named(stop)))
        raise
    finally:
        context.journal.append(TeardownStarted())
        tear_down(context)
        context.journal.append(Closed(regions_called=dict(Counter(context.aws.calls) - called_before)))


def _walk(context: Context, stopping: Flag, watch: Watch | None) -> None:
    """Run each step when its needs are done. What needs a step that was not done is never reached."""
    plan: Plan = context.plan
    steps = {step.name: step for step in plan.steps}
    graph = TopologicalSorter({step.name: step.needs for step in plan.steps})
    graph.prepare()
    lost: set[str] = set()
    running: dict[Future[bool], str] = {}
    with context.threads.pool(AT_ONCE, "step") as pool:
        try:
            while graph.is_active():
                for name in graph.get_ready():
                    if stopping.is_set() or lost & set(steps[name].needs):
                        lost.add(name)
                        graph.done(name)
                    else:
                        running[pool.submit(_perform, context, steps[name], watch)] = name
                if not running:
                    continue
                for future in context.threads.first_done(running):
                    name = running.pop(future)
                    if not future.result():
                        lost.add(name)
                    graph.done(name)
        except BaseException:
            # Whoever is at work ends at its next wait; its record is written before the teardown begins.
            stopping.set()
            raise
    if stopping.is_set():
        raise Interrupted("stopped on request")


def _perform(context: Context, step: AnyStep, watch: Watch | None) -> bool:
    """One step, with its start and its end in the journal. True when it was done."""
    watched: Future[None] = Future()
    context.journal.append(StepStarted(step=step.name))
    context.say(f"{step.name} …")
    begun = context.clock.monotonic()
    try:
        if watch:
            watch(step.name, watched)
        perform(step, context)
        context.journal.append(StepFinished(step=step.name, outcome="done"))
        context.say(f"{step.name}: done in {context.clock.monotonic() - begun:.1f} s")
    except FiredrillError as problem:
        # Set first: whoever watches must learn of the end even when the journal can take no more.
        watched.set_exception(problem)
        outcome: Literal["interrupted", "errored"] = "interrupted" if isinstance(problem, Interrupted) else "errored"
        context.journal.append(StepFinished(step=step.name, outcome=outcome, detail=str(problem)))
        context.say(f"{step.name}: {problem}")
        return False
    except BaseException as bug:
        watched.set_exception(bug)
        raise
    watched.set_result(None)
    return True


def _named(stop: BaseException) -> str:
    if isinstance(stop, KeyboardInterrupt | Interrupted):
        return "stopped on request"
    return f"{type(stop).__name__}: a bug, or the machine"
