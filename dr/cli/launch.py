"""Plans in, exit code out: what `dr backup`, `dr test` and `dr plan` do alike."""

import sys
from collections.abc import Callable, Sequence

import click
from rich.console import Console

from dr.cli.progress import Progress, stoppable
from dr.drill import House, carry_out, exit_code
from dr.errors import ExitCode
from dr.harmless import ascii_json
from dr.plan import Plan
from dr.planning import Choice, choose
from dr.preview import preview
from dr.report.model import Report
from dr.report.terminal import show

GRAVEST_FIRST = (
    ExitCode.INTERRUPTED,
    ExitCode.FAILED,
    ExitCode.INCONCLUSIVE,
    ExitCode.SCRATCH_REMAINS,
    ExitCode.PASSED,
)


def launch(
    house: House, names: Sequence[str], prepare: Callable[[Choice], Plan], *, dry_run: bool, as_json: bool
) -> None:
    """Plan every application that was named before the first run begins; then perform them one after the other.

    Leaves with the gravest of their exit codes.
    """
    plans = [prepare(choice) for choice in choose(house.estate, names)]
    if dry_run:
        _print([plan.model_dump(mode="json", by_alias=True) for plan in plans], [preview(p) for p in plans], as_json)
        return
    progress = Progress()
    reports: list[Report] = []
    codes: list[ExitCode] = []
    with stoppable() as stopping:
        for plan in plans:
            progress(f"{plan.run}: {len(plan.steps)} steps in {plan.region(plan.site)}")
            report = carry_out(house, plan, stopping=stopping, say=progress)
            reports.append(report)
            codes.append(exit_code(report, stopping.is_set()))
            if not as_json:
                show(report, house.runs / plan.run, Console())
            if stopping.is_set():
                break
    if as_json:
        _print([report.model_dump(mode="json", by_alias=True) for report in reports], [], as_json)
    sys.exit(next(code for code in GRAVEST_FIRST if code in codes))


def _print(documents: list[object], texts: list[str], as_json: bool) -> None:
    if as_json:
        click.echo(ascii_json(documents[0] if len(documents) == 1 else documents))
    else:
        click.echo("\n".join(texts))
