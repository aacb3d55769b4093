"""`dr lab fault`: damage on purpose, from the catalogue."""

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from dr.cli.lab_options import alive, home_option
from dr.cli.options import json_option
from dr.lab.faults.catalogue import CATALOGUE
from dr.lab.faults.entries import BEYOND_CHECKS, KINDS, Entry, Option

INDENT = " " * 8


@click.group()
def fault() -> None:
    """Damage the lab on purpose: what AWS does to people now and then, at the moment you choose.

    \b
    Example:
      dr lab fault list
      dr lab fault inject no-capacity --region eu-central-1 --times 2
      dr lab fault inject instance-status --region eu-west-1 --instance receipts --status maintenance
      dr lab fault clear no-capacity
    """


@fault.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Show the catalogue: every fault, what it does and what it takes. What is injected now shows `dr lab status`.

    \b
    Example:
      dr lab fault list
    """
    if as_json:
        click.echo(json.dumps([_as_json(entry) for entry in CATALOGUE.values()], indent=2))
        return
    for kind, about in KINDS.items():
        click.echo(f"{kind.upper()}: {about}\n")
        for entry in CATALOGUE.values():
            if entry.kind == kind:
                click.echo(f"  {entry.number:<5} {entry.name}")
                for told in (entry.what, f"Stands for {entry.simulates}.", f"Found: {found(entry)}."):
                    click.echo(textwrap.fill(told, 100, initial_indent=INDENT, subsequent_indent=INDENT))
                click.echo(f"{INDENT}dr lab fault inject {entry.name} {entry.example}\n")


def found(entry: Entry) -> str:
    """Where a restore test finds a fault, in words."""
    if not entry.caught_at:
        return BEYOND_CHECKS["nothing"] if entry.kind != "weather" else "nothing: a run has to live through it"
    by = BEYOND_CHECKS.get(entry.caught_by, f"by the check `{entry.caught_by}`")
    return f"at {entry.caught_at} or before, {by}"


def _as_json(entry: Entry) -> dict[str, Any]:
    options = [
        {
            "name": option.name,
            "about": option.about,
            "kind": option.kind.__name__,
            "choices": list(option.choices),
            "default": option.default,
            "required": option.required,
        }
        for option in entry.options
    ]
    return {
        "name": entry.name,
        "number": entry.number,
        "kind": entry.kind,
        "what": entry.what,
        "simulates": entry.simulates,
        "caught_at": entry.caught_at or None,
        "caught_by": entry.caught_by,
        "also": list(entry.also),
        "options": options,
        "example": entry.example,
    }


@fault.group()
def inject() -> None:
    """Inject a fault of the catalogue; `dr lab fault inject NAME --help` says what it takes.

    \b
    Example:
      dr lab fault inject lost-response --region eu-central-1 --service rds --operation CreateDBSnapshot
    """


def _command(entry: Entry) -> click.Command:
    """A command out of an entry, so that the catalogue is the only place where a fault is described."""

    def perform(home: Path | None, **given: Any) -> None:
        from dr.lab import life

        options = {name: value for name, value in given.items() if value is not None}
        done = life.command(alive(home), "inject", {"name": entry.name, "options": options})
        click.echo(f"{done['told']}; `dr lab fault clear {entry.name}` ends it", err=True)

    summary = f"{entry.what}\n\n\b\nExample:\n  dr lab fault inject {entry.name} {entry.example}"
    built: Callable[..., None] = home_option(perform)
    for option in reversed(entry.options):
        built = _option(option)(built)
    return click.command(entry.name, help=summary)(built)


def _option(option: Option) -> Callable[[Callable[..., None]], Callable[..., None]]:
    shown = option.about + ("" if option.default is None else f"  [default: {option.default}]")
    kinds: dict[type, Any] = {
        str: click.Choice(list(option.choices)) if option.choices else click.STRING,
        int: click.IntRange(min=int(option.least)),
        float: click.FloatRange(min=option.least),
    }
    return click.option(f"--{option.name}", option.name, type=kinds[option.kind], required=option.required, help=shown)


for _entry in CATALOGUE.values():
    inject.add_command(_command(_entry))


@fault.command()
@click.argument("name", type=click.Choice([*CATALOGUE, "all"]), metavar="NAME|all")
@home_option
def clear(name: str, home: Path | None) -> None:
    """End a fault, and undo what it did, as far as that can be done.

    \b
    Example:
      dr lab fault clear throttle-storm
      dr lab fault clear all
    """
    from dr.lab import life

    cleared = life.command(alive(home), "clear", {"name": None if name == "all" else name})["cleared"]
    for told in cleared:
        click.echo(f"cleared {told}", err=True)
    if not cleared:
        click.echo("there was nothing to clear", err=True)
