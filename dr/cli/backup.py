"""`dr backup`: take recovery points, record baselines, copy to the recovery site, prove that the copies arrived."""

from pathlib import Path

import click

from dr.cli.options import estate_option, json_option


@click.command(epilog="\b\nExample:\n  dr backup receipts")
@click.argument("names", nargs=-1, metavar="[APPLICATION or ASSET]...")
@click.option("--dry-run", is_flag=True, help="Print the plan and stop: nothing is created.")
@estate_option
@json_option
def command(names: tuple[str, ...], dry_run: bool, estate_file: Path, as_json: bool) -> None:
    """Take recovery points, record baselines, copy to the recovery site, prove the copies arrived.

    A baseline is independent truth about the data, read from the source around one whole second while it goes on being
    written to. A restore test compares with it. Without names, everything in the estate is backed up.

    Of several applications, one that cannot be backed up is said to be so and keeps no other from its backup: the exit
    code is the gravest. --json is then a list, with {"error": {"application", "message", "hint", "exit_code"}} where
    there is no report.
    """
    from dr.cli.launch import launch
    from dr.drill import prepare_backup

    launch(estate_file, names, prepare_backup, dry_run=dry_run, as_json=as_json)
