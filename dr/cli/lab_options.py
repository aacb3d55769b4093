"""What all commands of `dr lab` share: the home of the lab, and that one is up there."""

from pathlib import Path

import click

from dr.errors import Refused
from dr.lab.home import Home

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path),
    help="Where the lab keeps everything it writes. Default: $DR_LAB, else /var/tmp/firedrill-<uid>/lab.",
)
rate_option = click.option(
    "--rate",
    type=click.FloatRange(0, 1000, min_open=True),
    help="Transactions of the writer in a second, 20 unless given; objects change in proportion.",
)


def alive(home: Path | None) -> Home:
    """The home that was asked for. Raises Refused when no lab is up there."""
    at = Home.at(home)
    if not at.lives():
        raise Refused(f"no lab is up at {at.path}", hint="`dr lab up --detach` starts one")
    return at
