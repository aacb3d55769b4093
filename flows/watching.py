"""A performance as Prefect sees it: a task for each step, the report as an artifact, the verdict as the flow's state.

Nothing here can change a run. What Prefect does not take in time is left behind, and said on standard error: the
verdict, the report and the exit code come from the journal, which does not know that Prefect exists.
"""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextvars import ContextVar, copy_context
from threading import Event as Flag
from threading import Thread
from typing import Any

import click
from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.exceptions import TerminationSignal
from prefect.futures import PrefectFuture
from prefect.states import Cancelled, Completed, Failed

from dr.cli.several import Outcome
from dr.harmless import shortened
from dr.report.markdown import markdown
from dr.report.model import Report
from flows.performing import Performance

PATIENCE = 10.0
"""Seconds that Prefect has, after the end of a run, to take in the last of its steps; and again for the report."""
REASONS_SHOWN = 8

under_way: ContextVar[Performance | None] = ContextVar("under_way", default=None)
"""What the process that calls the flow has begun already: started by hand, a run does not wait for Prefect."""


def follow(begin: Callable[[Flag], Performance]) -> State[None]:
    """The body of a flow: show the performance that is under way, or on a worker, begin it; end in the verdict."""
    performance = under_way.get() or begin(Flag())
    mirror = aside(lambda: _mirror(performance))
    outcomes = _outlast(performance)
    reports = [outcome.ended for outcome in outcomes if isinstance(outcome.ended, Report)]
    tell(mirror, "the steps of the run", PATIENCE)
    tell(aside(lambda: _publish(reports)), "the report", PATIENCE)
    return state_of(outcomes, performance.stopping.is_set())


def aside(work: Callable[[], Any]) -> "Future[Any]":
    """Work in a thread that nobody has to wait for, in the caller's context, where Prefect keeps its flow run."""
    outcome: Future[Any] = Future()

    def hand_over() -> None:
        try:
            outcome.set_result(work())
        except BaseException as problem:  # noqa: BLE001 - handed on as it is, to whoever asks for the outcome
            outcome.set_exception(problem)

    Thread(target=copy_context().run, args=(hand_over,), daemon=True).start()
    return outcome


def tell(outcome: "Future[Any]", what: str, seconds: float) -> None:
    """Say it when Prefect refused something, or did not take it in time; it changes nothing about the run."""
    try:
        problem = outcome.exception(timeout=seconds)
    except TimeoutError:
        click.echo(f"prefect: did not take {what} within {seconds:g} s: left behind", err=True)
    else:
        if problem is not None:
            click.echo(f"prefect: did not take {what}: {shortened(str(problem) or repr(problem), 300)}", err=True)


def _outlast(performance: Performance) -> list[Outcome]:
    """Wait for the end of the last teardown, also when a worker ends the flow: it does so by SIGTERM."""
    stopped: BaseException | None = None
    while True:
        try:
            wait([performance.outcomes])
            break
        except (TerminationSignal, KeyboardInterrupt) as stop:
            performance.stopping.set()
            stopped = stop
    if stopped is not None:
        raise stopped
    return performance.outcomes.result()


def _mirror(performance: Performance) -> None:
    shown: list[PrefectFuture[Any]] = []
    while (step := performance.steps.get()) is not None:
        shown.append(_show(performance, *step))
    for each in shown:
        each.wait()


def _show(performance: Performance, name: str, step: "Future[None]") -> PrefectFuture[Any]:
    """A task that lasts as long as the step, and ends like it."""

    @task(name=name, task_run_name=lambda: name, cache_policy=NO_CACHE, persist_result=False)
    def follow_step() -> State[None]:
        either: tuple[Future[Any], ...] = (step, performance.outcomes)
        wait(either, return_when=FIRST_COMPLETED)
        if not step.done():
            return Failed(message="the run ended before this step did")
        problem = step.exception()
        return Failed(message=str(problem) or repr(problem)) if problem else Completed(message="done")

    return follow_step.submit()


def _publish(reports: Sequence[Report]) -> None:
    for report in reports:
        create_markdown_artifact(markdown(report), key=key_of(report), description=report.run)


def key_of(report: Report) -> str:
    """The artifact's name, the same from night to night: Prefect shows what bears it as one history."""
    return re.sub(r"[^a-z0-9]+", "-", f"{report.kind}-{report.application}".lower()).strip("-")


def state_of(outcomes: Sequence[Outcome], stopped: bool) -> State[None]:
    """How a flow ends: completed only when everything passed."""
    message = "\n".join(_summary(outcome) for outcome in outcomes)
    if stopped:
        return Cancelled(message=f"stopped on request\n{message}")
    if all(isinstance(one.ended, Report) and one.ended.verdict == "passed" for one in outcomes):
        return Completed(message=message)
    return Failed(message=message)


def _summary(outcome: Outcome) -> str:
    report = outcome.ended
    if not isinstance(report, Report):
        return f"{outcome.application}: no report: {shortened(report.message, 300)}"
    reasons = "; ".join(shortened(reason, 300) for reason in report.reasons[:REASONS_SHOWN])
    remains = "; scratch remains: `dr sweep` removes it" if report.scratch.remaining else ""
    return f"{report.application}: {report.verdict}{': ' if reasons else ''}{reasons}{remains} ({report.run})"
