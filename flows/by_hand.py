"""A flow started by a person: the run begins at once, and Prefect shows it where it answers.

The loop belongs to this process; the flow follows it from a thread beside. So a Prefect server that hangs, at whatever
moment, holds up neither the run nor, for long, the end of the process: Prefect's client would wait for minutes there to
hand over what it still has, and a pipeline that waits for an exit code does not have them.
"""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from threading import Event as Flag
from typing import Any, NoReturn

import click
import httpx
from prefect.settings import get_current_settings

from dr.cli.progress import stoppable
from dr.cli.several import before_any_run, gravest
from dr.errors import ExitCode, FiredrillError
from flows.performing import Performance
from flows.watching import PATIENCE, aside, tell, under_way

PROBE = 3.0
"""Seconds that the server has to say that it is there."""
FOLLOWING = 2 * PATIENCE + 2
"""Seconds that the flow has after the last teardown: its own patience, twice, and a little for its last state."""
FAREWELL = 6.0
"""Seconds that Prefect's client has, as the process exits, to hand over the last of its events."""


def perform(begin: Callable[[Flag], Performance], flow: Callable[[], Any]) -> NoReturn:
    """Begin, let the flow follow where Prefect answers, wait for the last teardown; leave with the gravest code."""
    answers = _prefect_answers()
    code: int = ExitCode.FAILED  # what Python leaves with when a bug's traceback shows
    following: Future[Any] | None = None
    try:
        with stoppable() as stopping:
            with before_any_run():
                performance = begin(stopping)
            if answers:
                under_way.set(performance)
                following = aside(flow)
            outcomes = performance.outcomes.result()
        code = gravest(outcome.code for outcome in outcomes)
    except FiredrillError as refused:
        click.echo(f"error: {refused}", err=True)
        code = refused.exit_code
    finally:
        if following:
            _leave_within(FOLLOWING + FAREWELL, code)
            tell(following, "the run", FOLLOWING)
    sys.exit(code)


def main(command: click.Command) -> NoReturn:
    """Run a command as `dr` does: wrong usage is 64, and never 2, which here means that we could not tell."""
    try:
        command.main(standalone_mode=False)
    except click.ClickException as problem:
        problem.show()
        sys.exit(ExitCode.USAGE)
    except (click.exceptions.Abort, KeyboardInterrupt):
        sys.exit(ExitCode.INTERRUPTED)
    sys.exit(ExitCode.PASSED)


def _prefect_answers() -> bool:
    """Whether there is a Prefect server to show the run to. Whatever it answers, even a refusal, it is there."""
    url = get_current_settings().api.url
    if not url:
        # Prefect would start a server of its own for this run, and lose half of what it saw at its end.
        click.echo("prefect: PREFECT_API_URL is not set: running without Prefect", err=True)
        return False
    try:
        httpx.get(f"{url}/health", timeout=PROBE)
    except httpx.HTTPError as problem:
        said = str(problem) or type(problem).__name__
        click.echo(f"prefect: {url} does not answer ({said}): running without Prefect", err=True)
        return False
    return True


def _leave_within(seconds: float, code: int) -> None:
    """Leave with this code even if an exit handler or a thread of Prefect's holds the interpreter.

    The report is written, scratch is gone and the journal is closed: there is nothing left that could be cut short.
    """

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)

    watchdog = threading.Timer(seconds, leave)
    watchdog.daemon = True
    watchdog.start()
