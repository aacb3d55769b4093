"""Plans in, exit code out: what `dr backup`, `dr test` and `dr plan` do alike."""

import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from dr.cli.progress import Progress, stoppable
from dr.cli.several import Outcome, before_any_run, gravest, perform_each, plan_each
from dr.drill import House, enter
from dr.errors import FiredrillError
from dr.harmless import ascii_json
from dr.plan import Plan
from dr.planning import Choice
from dr.preview import preview
from dr.report.model import Report
from dr.report.terminal import show


def launch(
    estate_file: Path,
    names: Sequence[str],
    prepare: Callable[[House, Choice], Plan],
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Plan every application that was named before the first run begins; then perform them one after the other.

    Leaves with the gravest of their exit codes. As JSON: the document of one application; of several, a list of theirs.
    """
    progress = Progress()
    with nullcontext() if dry_run else before_any_run():
        house = enter(estate_file)
        planned = plan_each(house, names, lambda choice: prepare(house, choice), progress)
    if dry_run:
        if as_json:
            _print([_document(one.application, one.plan) for one in planned], of=len(planned))
        else:
            click.echo("\n".join(preview(one.plan) for one in planned if isinstance(one.plan, Plan)))
        problems = [one.plan.exit_code for one in planned if isinstance(one.plan, FiredrillError)]
        if problems:
            sys.exit(gravest(problems))
        return
    outcomes: list[Outcome] = []
    with stoppable() as stopping:
        for outcome in perform_each(house, planned, stopping, progress):
            outcomes.append(outcome)
            if outcome.folder and isinstance(outcome.ended, Report) and not as_json:
                show(outcome.ended, outcome.folder, Console())
    if as_json:
        _print([_document(one.application, one.ended) for one in outcomes], of=len(planned))
    sys.exit(gravest(one.code for one in outcomes))


def _document(application: str, what: Plan | Report | FiredrillError) -> Any:
    if isinstance(what, FiredrillError):
        error = {"message": what.message, "hint": what.hint, "exit_code": int(what.exit_code)}
        return {"error": {"application": application, **error}}
    return what.model_dump(mode="json", by_alias=True)


def _print(documents: list[Any], *, of: int) -> None:
    click.echo(ascii_json(documents if of > 1 else documents[0]))
