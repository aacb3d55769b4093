"""`dr lab`: put the lab up, look at it, fill it, take it down."""

import json
import shlex
import signal
from pathlib import Path
from types import FrameType
from typing import Any

import click

from dr.errors import ExitCode, Refused, Unable
from dr.lab.home import Home

_home = click.option(
    "--home",
    type=click.Path(path_type=Path),
    help="Where the lab keeps everything it writes. Default: $DR_LAB, else /var/tmp/firedrill-<uid>/lab.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")


@click.group()
def command() -> None:
    """Two AWS regions on this machine.

    The lab answers the AWS API on loopback ports: RDS with real PostgreSQL behind it, and S3, KMS, STS, Secrets
    Manager, Route 53, IAM, EC2 groups, SNS and tagging. Time passes faster than on AWS: --speed says how much.

    \b
    Example:
      dr lab up --detach
      export DR_CONNECTION=...          (the line that `up` printed)
      dr lab seed --size small
      dr lab status
      dr lab down
    """


@command.command()
@_home
@click.option(
    "--speed",
    type=click.FloatRange(min=1.0, max=100_000.0),
    default=60.0,
    show_default=True,
    help="How many of AWS's seconds pass in one second here.",
)
@click.option("--detach", is_flag=True, help="Return when the lab is ready, and leave it running.")
def up(home: Path | None, speed: float, detach: bool) -> None:
    """Put the lab up; stay until Ctrl-C, or return at once with --detach.

    What a killed lab left behind in the same home is cleaned up first. On standard output stands the one line that
    leads other commands to the lab.

    \b
    Example:
      eval "$(dr lab up --detach)"
    """
    from dr.lab import life

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    at = Home.at(home)
    lab = life.start(at, speed)
    try:
        click.echo(f"export DR_CONNECTION={shlex.quote(str(at.connection))}")
        end = "`dr lab down` ends it" if detach else "Ctrl-C ends it"
        click.echo(f"the lab is up at {at.path} (process {lab.pid}, {speed:g} times as fast as AWS); {end}", err=True)
        if detach:
            return
        lab.wait()
    except KeyboardInterrupt:
        life.end(at, lab)
        click.echo("the lab is down", err=True)
        click.get_current_context().exit(ExitCode.INTERRUPTED)
    if lab.returncode:
        raise Unable(
            f"the lab's process ended by itself ({lab.returncode})",
            hint=f"its log is {at.log}; `dr lab down` cleans up",
        )


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


@command.command()
@_home
@_json
def status(home: Path | None, as_json: bool) -> None:
    """Show every endpoint, database, snapshot and data directory of the lab.

    \b
    Example:
      dr lab status --json | jq -r '.regions["eu-west-1"].instances[].dsn'
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
    click.echo(f"connection  export DR_CONNECTION={found['connection']}")
    for region, services in found["endpoints"].items():
        url = next(iter(services.values()))
        click.echo(f"\n{region}  {url}  {found['connections_accepted'][region]} connections accepted")
        click.echo(f"  services  {', '.join(services)}")
        for kind, things in found["regions"].get(region, {}).items():
            for thing in things:
                click.echo(f"  {kind.replace('_', ' ')}: {thing['identifier']}  {thing['status']}")
                for name, value in thing.items():
                    if name not in ("identifier", "status"):
                        click.echo(f"    {name.replace('_', ' '):<15} {value}")
    click.echo(
        f"\ndns         {found['dns']['authority']}  name server    {found['dns']['resolver']}  resolver with a cache"
    )
    waiting = sum(found["replication_waiting"].values())
    click.echo(f"\n{waiting} object versions wait for replication")


@command.command()
@click.argument("name")
@click.option("--type", "type_", default="A", show_default=True, help="A, AAAA, CNAME, TXT, NS, SOA, MX and so on.")
@click.option("--fresh", is_flag=True, help="Ask the name server itself, past the resolver's cache.")
@_home
@_json
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
        click.echo(json.dumps(found, indent=2))
    else:
        source = "the name server" if fresh else "the resolver's cache" if found["cached"] else "the resolver, just now"
        click.echo(f"{found['status']}  {found['name']} {found['type']}  (from {source}, {found['server']})")
        for one in found["answers"]:
            click.echo(f"  {one['name']}  {one['type']}  {one['value']}  {one['ttl']} s left")
    if not found["answers"]:
        context.exit(ExitCode.FAILED)


@command.command()
@_home
def down(home: Path | None) -> None:
    """Take the lab down, alive or killed, and remove everything it wrote.

    \b
    Example:
      dr lab down
    """
    from dr.lab import life

    at = Home.at(home)
    if life.stop(at):
        click.echo(f"the lab at {at.path} is down", err=True)
    else:
        click.echo(f"no lab is up at {at.path}", err=True)


@command.command()
@_home
@click.option(
    "--size",
    type=click.Choice(["small", "medium", "large"]),
    default="small",
    show_default=True,
    help="About 20 MB, 500 MB or 5 GB.",
)
@click.option("--no-workload", is_flag=True, help="Do not start the writer that never pauses.")
def seed(home: Path | None, size: str, no_workload: bool) -> None:
    """Fill the lab with the sample application, `receipts`, and start its workload.

    \b
    Example:
      dr lab seed --size small
    """
    at = _alive(home)
    from dr.lab.receipts import seed as receipts

    receipts.seed(at.path, size, workload=not no_workload, say=lambda line: click.echo(line, err=True))


@command.group()
def workload() -> None:
    """The sample application's writer: rows and objects that never stop changing.

    \b
    Example:
      dr lab workload stop
    """


@workload.command("start")
@_home
def workload_start(home: Path | None) -> None:
    """Start the writer of a seeded lab."""
    at = _alive(home)
    from dr.lab.receipts import workload_process

    workload_process.start(at.path)


@workload.command("stop")
@_home
def workload_stop(home: Path | None) -> None:
    """Stop the writer; the lab stays up."""
    at = _alive(home)
    from dr.lab.receipts import workload_process

    workload_process.stop(at.path)


def _alive(home: Path | None) -> Home:
    at = Home.at(home)
    if not at.lives():
        raise Refused(f"no lab is up at {at.path}", hint="`dr lab up --detach` starts one")
    return at
