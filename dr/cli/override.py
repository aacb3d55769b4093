"""`dr override`: a person's signature that a run goes on although the control store does not answer."""

import json
from pathlib import Path

import click

from dr.cli.options import estate_option, json_option


@click.group()
def command() -> None:
    """Sign that a run goes on although the control store does not answer.

    Before each call that changes something a run asks the control store whether it still may. In an incident that can
    be gone as well. Then a person of the estate may take the responsibility, for one run and for some time:

    \b
      dr override key alice                     once: a pair of keys; the estate gets the public line
      dr override sign RUN --person alice --key alice.pem --reason "eu-central-1 lost S3, INC-4711"
      dr resume RUN --override RUN.override.json

    A run takes it once, and only while the control store really does not answer. The journal and the report name the
    person and the reason, and what nobody guarded.
    """


@command.command()
@click.argument("name")
@click.option("--key", "path", type=click.Path(path_type=Path, dir_okay=False), help="The file.  [default: NAME.pem]")
def key(name: str, path: Path | None) -> None:
    """Make a pair of keys for NAME: the private one into a file, the public one on standard output, for the estate.

    The file can be read by you alone, has no passphrase, and is never written over. Keep it where you keep such things;
    whoever has it can sign in your name.

    \b
    Example:
      dr override key alice --key ~/.ssh/firedrill-alice.pem
    """
    from dr import approval

    path = path or Path(f"{name}.pem")
    public = approval.make_key(path)
    click.echo(f'  {name}: {{key: "{public}"}}')
    click.echo(f"{path} is {name}'s private key; the line above belongs below `people:` in the estate", err=True)


@command.command()
@click.argument("run")
@click.option("--person", required=True, help="Who signs: a name below `people:` in the estate.")
@click.option(
    "--key", "path", required=True, type=click.Path(path_type=Path, dir_okay=False), help="That person's private key."
)
@click.option("--reason", required=True, help="Why: it is journaled and stands in the report.")
@click.option("--minutes", type=click.IntRange(1, 1440), default=60, show_default=True, help="How long it is good for.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The file.  [default: RUN.override.json]")
@estate_option
@json_option
def sign(
    run: str, person: str, path: Path, reason: str, minutes: int, out: Path | None, estate_file: Path, as_json: bool
) -> None:
    """Sign that RUN, by its whole name, goes on without the control store. Needs neither AWS nor the run's journal.

    \b
    Example:
      dr override sign 20261120T021500Z-test-receipts-7f3a --person alice --key alice.pem --reason "INC-4711"
    """
    from dr import approval
    from dr.clock import SystemClock
    from dr.documents import load_estate
    from dr.errors import Refused
    from dr.harmless import ascii_json
    from dr.recovery import stamp
    from dr.report import shelf

    estate, _ = load_estate(estate_file)
    application = shelf.look(shelf.shelf(estate), run).application
    if application not in estate.applications:
        raise Refused(f"{run} is a run of {application}, which {estate_file} does not know")
    moment = SystemClock().now()
    override = approval.sign(
        path,
        estate,
        run=run,
        application=application,
        person=person,
        reason=reason,
        moment=moment,
        minutes=minutes,
    )
    text = override.model_dump_json(by_alias=True, indent=2)
    out = out or Path(f"{run}.override.json")
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(f"{text}\n")
    except FileExistsError as problem:
        raise Refused(f"{out} exists already", hint="choose another --out, or remove it") from problem
    except OSError as problem:
        raise Refused(f"{out}: {problem.strerror}") from problem
    if as_json:
        click.echo(ascii_json({"override": str(out), **json.loads(text)}))
    click.echo(f"{out}: {run} may go on without its control store until {stamp(override.expires)}", err=True)
