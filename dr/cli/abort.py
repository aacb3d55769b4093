"""`dr abort RUN`: give up a run whose process died."""

import sys
from pathlib import Path

import click

from dr.cli.options import estate_option, json_option, override_option, take_over_option


@click.command(epilog="\b\nExamples:\n  dr abort latest --dry-run\n  dr abort 20261120T021500Z-test-receipts-7f3a")
@click.argument("run")
@take_over_option
@override_option
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@estate_option
@json_option
def command(
    run: str, take_over: bool, override_file: Path | None, dry_run: bool, estate_file: Path, as_json: bool
) -> None:
    """Give up RUN: a run's name, a beginning that only it has, or `latest`.

    For a run that was killed and that nobody wants to go on with. A restore test's scratch is removed as at the end of
    any test, each thing only where it is proven to be that run's own. A backup is stopped and what it made is listed:
    nothing of it is deleted. Either way the journal is closed, and the run has its report: inconclusive.

    A run that is closed, or still at work, is refused, with exit code 3: stop one where it runs (Ctrl-C). Otherwise the
    code is 0, or 4 when scratch remains. Ctrl-C here does not cut the removal short: scratch must go first, and the
    code is 130 then.

    Where the control store is a bucket that does not answer, --override takes a person's signature instead: see
    `dr override --help`.
    """
    from dr.cli.progress import Progress, stoppable
    from dr.cli.taking_up import found, warn
    from dr.errors import ExitCode
    from dr.harmless import LINE_LENGTH, ascii_json, shortened
    from dr.resuming import abort
    from dr.scratch import creations
    from dr.timeline import SCRATCH

    _, stopped = found(estate_file, run, take_over=take_over, override_file=override_file)
    progress = Progress()
    warn(stopped, progress)
    lasting = [str(thing) for thing in stopped.made() if thing.kind not in SCRATCH]
    code = ExitCode.PASSED
    if dry_run:
        scratch = [f"{one.kind} {one.name} in {one.region}" for one in creations(stopped.reading)]
        remaining: list[str] = []
    else:
        # A request to stop is heard, and changes nothing: to remove scratch is what any run does when it is stopped.
        with stoppable("heard: scratch is removed and the journal closed first, then this ends") as stopping:
            report = abort(stopped, say=progress)
            code = ExitCode.INTERRUPTED if stopping.is_set() else code
        scratch = [f"{one.kind} {one.name} in {one.region}" for one in report.scratch.removed]
        remaining = [f"{one.kind} {one.name} in {one.region}" for one in report.scratch.remaining]
        if remaining and not code:
            code = ExitCode.SCRATCH_REMAINS
    word = "would be removed" if dry_run else "removed"
    if as_json:
        answer = {"run": stopped.plan.run, word.replace(" ", "_"): scratch, "remaining": remaining, "lasting": lasting}
        click.echo(ascii_json(answer))
    else:
        lines = [f"{word}: {one}" for one in scratch] + [f"remains: {one}" for one in remaining]
        lines += [f"lasts, if it came to be: {one}" for one in lasting]
        lines = [f"{stopped.plan.run}: {'' if dry_run else 'given up'}".rstrip(": "), *lines]
        # A shared store's journals are anybody's: a line of this list is a line, whatever a name holds.
        click.echo("\n".join(shortened(line, LINE_LENGTH) for line in lines))
    if code:
        sys.exit(code)
