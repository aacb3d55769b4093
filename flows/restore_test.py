"""The restore test as a Prefect flow: on a worker, nightly; by hand, `python -m flows.restore_test receipts`."""

from pathlib import Path
from threading import Event as Flag
from typing import NoReturn, get_args

import click
from prefect import flow
from prefect.client.schemas.objects import State

from dr.cli.options import at_option, depth_option, estate_option, site_option
from dr.drill import enter, prepare_test
from dr.estate import SiteName
from dr.recovery import parse_target
from dr.verification import LEVELS, Level
from flows import by_hand
from flows.performing import Performance, begin
from flows.watching import follow


@flow(name="restore-test")
def restore_test(
    names: list[str] = [],  # noqa: B006 - only read; Prefect's form shows the default
    site: SiteName = "recovery",
    at: str = "latest",
    depth: Level = "L8",
    estate: str = "runbooks/estate.yaml",
) -> State[None]:
    """Restore into scratch, verify, measure, tear down.

    Names of applications or assets; without any, everything in the estate. Completed means that the verdict is passed.
    """
    return follow(lambda stopping: _begin(names, site, at, depth, estate, stopping))


def _begin(names: list[str], site: SiteName, at: str, depth: Level, estate: str, stopping: Flag) -> Performance:
    target = parse_target(at)
    house = enter(Path(estate))
    return begin(
        house, names, lambda choice: prepare_test(house, choice, site=site, target=target, depth=depth), stopping
    )


@click.command()
@click.argument("names", nargs=-1, metavar="[APPLICATION or ASSET]...")
@at_option
@site_option
@depth_option
@estate_option
def command(names: tuple[str, ...], at: str, site: str, depth: str, estate_file: Path) -> NoReturn:
    """Restore into scratch, verify, measure, tear down: what `dr test` does, shown in Prefect where it answers."""
    where = next(name for name in get_args(SiteName) if name == site)
    level = next(level for level in LEVELS if level == depth)
    asked, estate = list(names), str(estate_file)
    by_hand.perform(
        lambda stopping: _begin(asked, where, at, level, estate, stopping),
        lambda: restore_test(asked, where, at, level, estate, return_state=True),
    )


if __name__ == "__main__":
    by_hand.main(command)
