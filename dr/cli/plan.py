"""`dr plan`: the dry run, the very plan that a run would execute."""

from functools import partial
from pathlib import Path
from typing import get_args

import click

from dr.cli.options import at_option, depth_option, estate_option, json_option, site_option


@click.command(epilog="\b\nExample:\n  dr plan receipts --kind backup")
@click.argument("names", nargs=-1, metavar="[APPLICATION or ASSET]...")
@click.option(
    "--kind", type=click.Choice(["test", "backup"]), default="test", show_default=True, help="Which run to plan."
)
@at_option
@site_option
@depth_option
@estate_option
@json_option
def command(
    names: tuple[str, ...], kind: str, at: str, site: str, depth: str, estate_file: Path, as_json: bool
) -> None:
    """Print the very plan that a run would execute, and touch nothing.

    Everything is looked up as for the real run: what is missing or out of reach is refused here already.
    """
    from dr.cli.launch import launch
    from dr.drill import prepare_backup, prepare_test
    from dr.estate import SiteName
    from dr.recovery import parse_target
    from dr.verification import LEVELS

    target = parse_target(at)
    where = next(name for name in get_args(SiteName) if name == site)
    level = next(level for level in LEVELS if level == depth)
    prepare = prepare_backup if kind == "backup" else partial(prepare_test, site=where, target=target, depth=level)
    launch(estate_file, names, prepare, dry_run=True, as_json=as_json)
