"""`dr lab status`: what is in the lab, who came, and what is lost."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from dr.cli.lab_options import home_option
from dr.cli.options import json_option
from dr.lab.home import Home


@click.command()
@home_option
@json_option
def status(home: Path | None, as_json: bool) -> None:
    """Show every endpoint, database, snapshot and data directory of the lab, what is lost, and who came.

    The counts prove that a lost region was not called: a connection that was accepted counts, and a request counts by
    its service, whatever became of it. A closed port (`outage --mode refuse`) sees nobody, so prove it in a blackhole.

    \b
    Example:
      dr lab status --json | jq -r '.regions["eu-west-1"].instances[].dsn'
      dr lab status --json | jq '.connections_accepted, .database_connections_accepted, .requests'
    """
    from dr.lab import life

    found = life.status(Home.at(home))
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _tell(found)


def _tell(found: dict[str, Any]) -> None:
    click.echo(f"lab         {found['home']}  (process {found['pid']}, since {found['since']})")
    click.echo(f"speed       {found['speed']:g}    account {found['account']}")
    ahead = timedelta(seconds=found["calendar_ahead_seconds"])
    click.echo(f"calendar    {found['calendar']}  ({ahead} ahead of the machine's clock)")
    click.echo(f"connection  export DR_CONNECTION={found['connection']}")
    for region, services in found["endpoints"].items():
        _tell_region(found, region, services)
    dns = found["dns"]
    click.echo(f"\ndns         {dns['authority']}  name server    {dns['resolver']}  resolver with a cache")
    waiting = sum(found["replication_waiting"].values())
    click.echo(f"\n{waiting} object versions wait for replication")
    for fault in found.get("faults", []):
        met = "" if fault["met"] is None else f"; {fault['met']} so far"
        click.echo(f"fault: {fault['name']}  {fault['told']}{met}")


def _tell_region(found: dict[str, Any], region: str, services: dict[str, str]) -> None:
    url = next(iter(services.values()))
    click.echo(f"\n{region}  {url}  {found['connections_accepted'][region]} connections accepted")
    for outage in found["outages"]:
        if outage["region"] == region:
            delay = f", {outage['delay']:g} s" if outage["delay"] else ""
            click.echo(f"  LOST: {outage['service'] or 'everything'} ({outage['mode']}{delay})")
    click.echo(f"  services  {', '.join(services)}")
    if requests := found["requests"].get(region):
        click.echo(f"  requests  {', '.join(f'{service} {count}' for service, count in sorted(requests.items()))}")
    if region in found["database_connections_accepted"]:
        click.echo(f"  databases  {found['database_connections_accepted'][region]} connections accepted")
    for kind, things in found["regions"].get(region, {}).items():
        for thing in things:
            click.echo(f"  {kind.replace('_', ' ')}: {thing['identifier']}  {thing['status']}")
            for name, value in thing.items():
                if name not in ("identifier", "status"):
                    click.echo(f"    {name.replace('_', ' '):<15} {value}")
