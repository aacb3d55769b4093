"""The loop: steps whose needs are met run side by side, everything goes to the journal, scratch is always torn down.

Steps never hand values to each other, so the loop knows nothing about any of them. One optional seam, `watch`, is told
of each step before it begins, with a future that ends when the step does; whatever watches cannot change the run.

What was done before is read from the journal: a run that another process began is gone on with by this same loop.
"""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from graphlib import TopologicalSorter
from threading import Event as Flag
from typing import Literal

from dr.clock import bounded
from dr.context import Context
from dr.errors import FiredrillError, Interrupted
from dr.events import Aborted, Closed, StepFinished, StepStarted, TeardownStarted
from dr.reconciling import reconcile
from dr.replay import Past, left_to_do, replay
from dr.runbook import AnyStep
from dr.steps import perform
from dr.teardown import tear_down

Watch = Callable[[str, "Future[None]"], None]

AT_ONCE = 4


def run(context: Context, stopping: Flag, watch: Watch | None = None) -> None:
    """Perform a plan to its end, whatever that is: read the journal to know.

    The journal says already who runs what. Raises Interrupted when it was asked to stop, and whatever a bug raised, in
    both cases after the teardown.
    """
    called_before = Counter(context.aws.calls)
    past = replay(context.journal.reading().events)
    context.recall(past.facts)
    if not past.ending:
        # Before anything else: where this fails, nothing was done, and the run can be taken up once more.
        reconcile(context, past)
    try:
        if not past.ending:
            _walk(context, past, stopping, watch)
    except BaseException as stop:
        context.journal.append(Aborted(reason=_named(stop)))
        raise
    finally:
        _end(context, called_before)


def give_up(context: Context, reason: str) -> None:
    """End a run that somebody does not want any more: no step begins, its scratch goes, its journal is closed."""
    called_before = Counter(context.aws.calls)
    context.journal.append(Aborted(reason=reason))
    _end(context, called_before)


def _end(context: Context, called_before: Counter[str]) -> None:
    context.journal.append(TeardownStarted())
    tear_down(context)
    context.journal.append(Closed(regions_called=dict(Counter(context.aws.calls) - called_before)))


def _walk(context: Context, past: Past, stopping: Flag, watch: Watch | None) -> None:
    """Run each step when its needs are done. What needs a step that was not done is never reached."""
    steps = {step.name: step for step in context.plan.steps}
    left = left_to_do(context.plan, past)
    graph = TopologicalSorter({name: step.needs for name, step in steps.items()})
    graph.prepare()
    lost: set[str] = set()
    running: dict[Future[bool], str] = {}
    with context.threads.pool(AT_ONCE, "step") as pool:
        try:
            while graph.is_active():
                for name in graph.get_ready():
                    if left[name] == "done":
                        graph.done(name)
                    elif stopping.is_set() or lost & set(steps[name].needs):
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
        with bounded(context.deadline(step.timeout)):
            perform(step, context.of(step.name))
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
