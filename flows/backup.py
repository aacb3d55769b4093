"""The backup as a Prefect flow: on a worker, nightly; by hand, `python -m flows.backup receipts`."""

from pathlib import Path
from threading import Event as Flag
from typing import NoReturn

import click
from prefect import flow
from prefect.client.schemas.objects import State

from dr.cli.options import estate_option
from dr.drill import enter, prepare_backup
from flows import by_hand
from flows.performing import Performance, begin
from flows.watching import follow


@flow(name="backup")
def backup(
    names: list[str] = [],  # noqa: B006 - only read; Prefect's form shows the default
    estate: str = "runbooks/estate.yaml",
) -> State[None]:
    """Take recovery points, record baselines, copy to the recovery site, prove that the copies arrived.

    Names of applications or assets; without any, everything in the estate. Completed means that all of it was proven.
    """
    return follow(lambda stopping: _begin(names, estate, stopping))


def _begin(names: list[str], estate: str, stopping: Flag) -> Performance:
    house = enter(Path(estate))
    return begin(house, names, lambda choice: prepare_backup(house, choice), stopping)


@click.command()
@click.argument("names", nargs=-1, metavar="[APPLICATION or ASSET]...")
@estate_option
def command(names: tuple[str, ...], estate_file: Path) -> NoReturn:
    """Take recovery points and prove them: what `dr backup` does, shown in Prefect where it answers."""
    asked, estate = list(names), str(estate_file)
    by_hand.perform(
        lambda stopping: _begin(asked, estate, stopping),
        lambda: backup(asked, estate, return_state=True),
    )


if __name__ == "__main__":
    by_hand.main(command)
