"""`dr test`: restore into scratch, verify, measure, tear down."""

from functools import partial
from pathlib import Path
from typing import get_args

import click

from dr.cli.options import at_option, depth_option, estate_option, json_option, site_option


@click.command(epilog="\b\nExamples:\n  dr test receipts\n  dr test receipts --at 2026-11-20T02:15:00Z --site primary")
@click.argument("names", nargs=-1, metavar="[APPLICATION or ASSET]...")
@at_option
@site_option
@depth_option
@click.option(
    "--challenge/--no-challenge",
    default=True,
    show_default=True,
    help="Whether to damage scratch in the end, at random, and to demand that the checks find it.",
)
@click.option("--dry-run", is_flag=True, help="Print the plan and stop: nothing is created.")
@estate_option
@json_option
def command(
    names: tuple[str, ...],
    at: str,
    site: str,
    depth: str,
    challenge: bool,
    dry_run: bool,
    estate_file: Path,
    as_json: bool,
) -> None:
    """Restore into scratch, verify, measure, tear down.

    Database and buckets are restored to one and the same instant, from what the chosen site holds, and compared with
    the baseline that `dr backup` recorded. The scratch environment is removed at the end whatever happens.

    Of several applications, one that cannot be tested is said to be so and keeps no other from its test: the exit code
    is the gravest. --json is then a list, with {"error": {"application", "message", "hint", "exit_code"}} where there
    is no report.
    """
    from dr.cli.launch import launch
    from dr.drill import prepare_test
    from dr.estate import SiteName
    from dr.recovery import parse_target
    from dr.verification import LEVELS

    target = parse_target(at)
    where = next(name for name in get_args(SiteName) if name == site)
    level = next(level for level in LEVELS if level == depth)
    prepare = partial(prepare_test, site=where, target=target, depth=level, challenge=challenge)
    launch(estate_file, names, prepare, dry_run=dry_run, as_json=as_json)
