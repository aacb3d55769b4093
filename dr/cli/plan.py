"""`dr plan`: the dry run, the very plan that a run would execute."""

from pathlib import Path
from typing import get_args

import click

from dr.cli.options import at_option, depth_option, estate_option, json_option, site_option


@click.command(epilog="Example: dr plan receipts --kind backup")
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
    from dr.drill import enter, prepare_backup, prepare_test
    from dr.estate import SiteName
    from dr.recovery import parse_target
    from dr.verification import LEVELS

    target = parse_target(at)
    where = next(name for name in get_args(SiteName) if name == site)
    level = next(level for level in LEVELS if level == depth)
    house = enter(estate_file)

    if kind == "backup":
        launch(house, names, lambda choice: prepare_backup(house, choice), dry_run=True, as_json=as_json)
    else:
        launch(
            house,
            names,
            lambda choice: prepare_test(house, choice, site=where, target=target, depth=level),
            dry_run=True,
            as_json=as_json,
        )
