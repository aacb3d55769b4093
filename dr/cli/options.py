"""Options that every verb spells alike."""

from pathlib import Path

import click

estate_option = click.option(
    "--estate",
    "estate_file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("runbooks/estate.yaml"),
    show_default=True,
    envvar="DR_ESTATE",
    show_envvar=True,
    help="The estate: what is protected, and what was promised.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
take_over_option = click.option(
    "--take-over",
    is_flag=True,
    help="The process that began RUN elsewhere is dead: you know it, this machine cannot see it.",
)
override_option = click.option(
    "--override",
    "override_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The control store does not answer: go on all the same, by this file that `dr override sign` made.",
)
site_option = click.option(
    "--site",
    type=click.Choice(["primary", "recovery"]),
    default="recovery",
    show_default=True,
    help="Where to restore to, and from whose copies.",
)
depth_option = click.option(
    "--depth",
    type=click.Choice([f"L{number}" for number in range(1, 9)]),
    default="L8",
    show_default=True,
    help="How deep to verify: L1 opens ... L4 content ... L8 the application's assertions.",
)
at_option = click.option(
    "--at",
    default="latest",
    show_default=True,
    metavar="latest|TIME|RECOVERY_POINT",
    help="What to restore: the newest proven instant, a time such as 2026-11-20T02:15:00Z, or a snapshot by name.",
)
