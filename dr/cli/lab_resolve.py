"""`dr lab resolve`: what a name leads to, as a client of the application would learn it."""

from pathlib import Path

import click

from dr.cli.lab_options import home_option
from dr.cli.options import json_option
from dr.errors import ExitCode
from dr.harmless import ascii_json, visible
from dr.lab.home import Home


@click.command()
@click.argument("name")
@click.option("--type", "type_", default="A", show_default=True, help="A, AAAA, CNAME, TXT, NS, SOA, MX and so on.")
@click.option("--fresh", is_flag=True, help="Ask the name server itself, past the resolver's cache.")
@home_option
@json_option
@click.pass_context
def resolve(context: click.Context, name: str, type_: str, fresh: bool, home: Path | None, as_json: bool) -> None:
    """Ask the lab's resolver for a name, as a client of the application would.

    The resolver keeps answers until their time to live is over; times are AWS's seconds, which pass at the lab's speed.
    The exit code is 1 where the name has no answer.

    \b
    Example:
      dr lab resolve app.example.com
      dr lab resolve app.example.com --fresh
    """
    from dr.lab import life
    from dr.lab.dns import asking

    found = asking.ask(life.status(Home.at(home))["dns"], name, type_, fresh=fresh)
    if as_json:
        click.echo(ascii_json(found))
    else:
        source = "the name server" if fresh else "the resolver's cache" if found["cached"] else "the resolver, just now"
        click.echo(f"{found['status']}  {found['name']} {found['type']}  (from {source}, {found['server']})")
        for one in found["answers"]:
            click.echo(visible(f"  {one['name']}  {one['type']}  {one['value']}  {one['ttl']} s left"))
    if not found["answers"]:
        context.exit(ExitCode.FAILED)
