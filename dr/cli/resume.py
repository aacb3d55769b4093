"""`dr resume RUN`: go on with a run whose process died."""

import sys
from pathlib import Path

import click

from dr.cli.options import estate_option, json_option, override_option, take_over_option


@click.command(epilog="\b\nExamples:\n  dr resume latest\n  dr resume 20261120T021500Z-test-receipts-7f3a --dry-run")
@click.argument("run")
@take_over_option
@override_option
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@estate_option
@json_option
def command(
    run: str, take_over: bool, override_file: Path | None, dry_run: bool, estate_file: Path, as_json: bool
) -> None:
    """Go on with RUN: a run's name, a beginning that only it has, or `latest`.

    For a run that was killed, or whose machine is gone: its journal is read from this machine, or from the control
    store when that is a bucket. What was announced and not recorded is settled by looking at AWS; steps that are done
    are not done again (only the one-time password, which died with its process, is set anew, and what a sweep took is
    restored anew); the rest is done by the same loop, and the verdict is earned as by any run. Recovery time still
    counts from the run's first event.

    The run keeps to the estate that it was planned with. Where the file says something else now, that is said.

    A run that is closed, or still at work, is refused: the exit code is 3. Otherwise it is that of the run, as
    `dr --help` lists them.
    """
    from rich.console import Console

    from dr.cli.progress import Progress, stoppable
    from dr.cli.taking_up import found, warn
    from dr.drill import exit_code
    from dr.harmless import LINE_LENGTH, ascii_json, shortened
    from dr.replay import left_to_do
    from dr.report.terminal import show
    from dr.resuming import resume

    house, stopped = found(estate_file, run, take_over=take_over, override_file=override_file)
    progress = Progress()
    warn(stopped, progress)
    plan, past = stopped.plan, stopped.past
    if stopped.estate_changed:
        progress(f"{house.document.path} is not what it was: {plan.run} keeps to the estate that it was planned with")
    left = left_to_do(plan, past)
    if dry_run:
        steps = dict.fromkeys(left, "not any more") if past.ending else dict(left)
        intents = [f"{one.operation} of {one.thing}" for one in past.open_intents]
        if as_json:
            answer = {"run": plan.run, "estate_changed": stopped.estate_changed, "ending": past.ending}
            click.echo(ascii_json({**answer, "steps": steps, "open_intents": intents}))
            return
        lines = [f"{what:12} {name}" for name, what in steps.items()] + [f"to settle    {one}" for one in intents]
        lines = [plan.run, *lines, "then         teardown, report"]
        # A shared store's journals are anybody's: a line of this list is a line, whatever a name holds.
        click.echo("\n".join(shortened(line, LINE_LENGTH) for line in lines))
        return
    with stoppable() as stopping:
        progress(f"{plan.run}: {sum(one != 'done' for one in left.values())} of {len(left)} steps are left")
        report = resume(stopped, stopping=stopping, say=progress)
        code = exit_code(report, stopping.is_set())
    if as_json:
        click.echo(ascii_json(report.model_dump(mode="json", by_alias=True)))
    else:
        show(report, house.runs / plan.run, Console())
    sys.exit(code)
