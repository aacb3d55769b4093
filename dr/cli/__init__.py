"""The door for people: `dr VERB`, one file for each verb, loaded only when it is asked for.

`dr --help` must answer at once, so the table below says what each verb does and nothing is imported to print it. The
exit codes are those of `dr.errors`; click's own habit of answering wrong usage with 2, which here means "could not
tell", is corrected in one place.
"""

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from threading import Event
from types import FrameType
from typing import Any

import click

from dr import __version__
from dr.errors import ExitCode, FiredrillError
from dr.harmless import ascii_json, told

VERBS = {
    "backup": "take recovery points, record baselines, copy to the recovery site, prove the copies arrived",
    "test": "restore into scratch, verify, measure, tear down",
    "plan": "the dry run: the very plan that a run would execute",
    "resume": "go on with a run that was killed, here or on another machine",
    "abort": "give up a run that was killed: remove its scratch, close its journal",
    "override": "sign that a run goes on although the control store does not answer; make keys for it",
    "runs": "look back: every run, its verdict and how deep it proved",
    "report": "the report of one run, as a page, JSON, Markdown or JUnit",
    "sweep": "remove scratch that outlived its run or its expiry",
    "heartbeat": "install the numbered row that shows how recent a restore is, and write it",
    "iam-policy": "the least IAM policy of each role, for this estate",
    "lab": "two AWS regions on this machine, with real PostgreSQL: up, seed, status, outage, fault, advance, down",
}
"""verb -> its one-line summary. The verb's file is `dr/cli/<verb>.py`, which holds `command`."""


class Verbs(click.Group):
    """A group that knows its commands by name, and loads one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in VERBS:
            return None
        command = import_module(f"dr.cli.{cmd_name.replace('-', '_')}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"dr.cli.{cmd_name}: `command` is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 passed, 1 failed, 2 inconclusive, 3 refused, 4 passed but scratch remains, 64 wrong usage, "
    "130 interrupted.",
)
@click.version_option(__version__, prog_name="dr")
def cli() -> None:
    """Firedrill proves that backups restore, and rehearses losing a region.

    \b
    Try it on this machine:
      dr lab up --detach
      dr lab seed --size small
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code. Ctrl-C that nobody else answers is `interrupted`, always."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    struck = Event()

    def strike(number: int, frame: FrameType | None) -> None:
        del number, frame
        struck.set()
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, strike)
    try:
        code = run(given)
    except Exception:
        # In the middle of an import, code in C may turn it into an exception of its own.
        if not struck.is_set():
            raise
        code = _interrupted(given)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the command line and return the exit code. Errors raised on purpose are shown; bugs are not caught."""
    try:
        outcome = cli.main(args=arguments, prog_name="dr", standalone_mode=False)
    except click.exceptions.Abort:
        return _interrupted(arguments)
    except KeyboardInterrupt:
        return _interrupted(arguments)
    except click.ClickException as problem:
        usage = problem.ctx.get_usage() if isinstance(problem, click.UsageError) and problem.ctx else None
        about = problem.ctx.command_path if isinstance(problem, click.UsageError) and problem.ctx else "dr"
        _show(arguments, ExitCode.USAGE, told(problem.format_message()), f"`{about} --help` explains it", usage)
        return ExitCode.USAGE
    except FiredrillError as problem:
        _show(arguments, problem.exit_code, problem.message, problem.hint, None)
        return problem.exit_code
    except BrokenPipeError:
        # whoever read our output has seen enough; the interpreter's own farewell must not complain about it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.INTERRUPTED
    return outcome if isinstance(outcome, int) else ExitCode.PASSED


def _interrupted(arguments: list[str]) -> int:
    _show(arguments, ExitCode.INTERRUPTED, "interrupted", None, None)
    return ExitCode.INTERRUPTED


def _show(arguments: list[str], code: int, message: str, hint: str | None, usage: str | None) -> None:
    """The error on standard error for people; with --json, also as the one document on standard output for programs."""
    if usage:
        click.echo(usage, err=True)
    click.echo(f"error: {message}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)
    if "--json" in arguments:
        error: dict[str, Any] = {"message": message, "hint": hint, "exit_code": int(code)}
        click.echo(ascii_json({"error": error}))
