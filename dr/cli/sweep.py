"""`dr sweep`: remove scratch that outlived its run or its expiry."""

import sys
from dataclasses import asdict
from pathlib import Path

import click

from dr.cli.options import estate_option, json_option


@click.command(epilog="\b\nExamples:\n  dr sweep --dry-run\n  dr sweep")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@estate_option
@json_option
def command(dry_run: bool, estate_file: Path, as_json: bool) -> None:
    """Remove scratch that outlived its run or its expiry: what a killed run left, and what nobody came back for.

    Removes only what a run created by its journal, here or in the control store, whose tags and resource id agree, and
    that is not part of the estate. Everything else that looks like scratch is listed and left alone.

    The exit code is 0; or 4 when scratch remains that should have gone; otherwise 2 when something could not be looked
    at or written down.
    """
    from dr.cli.progress import Progress
    from dr.drill import enter
    from dr.errors import ExitCode
    from dr.harmless import LINE_LENGTH, ascii_json, shortened
    from dr.sweep import sweep

    swept = sweep(enter(estate_file), dry_run=dry_run, say=Progress())
    if as_json:
        click.echo(ascii_json({"swept": [asdict(one) for one in swept]}))
    for one in swept if not as_json else ():
        # Tags are anybody's: a line of this list is a line, whatever they hold.
        of_run = f" ({one.run})" if one.run else ""
        click.echo(shortened(f"{one.fate}: {one.thing}{of_run}: {one.reason}", LINE_LENGTH))
    if not swept and not as_json:
        click.echo("nothing to sweep")
    if any(one.fate == "remains" for one in swept):
        sys.exit(ExitCode.SCRATCH_REMAINS)
    if any(one.fate in ("could not look", "could not record") for one in swept):
        sys.exit(ExitCode.INCONCLUSIVE)
