"""`dr lab outage` and `dr lab heal`: lose a region at the socket, databases included, and bring it back."""

from pathlib import Path

import click

from dr.cli.lab_options import alive, home_option
from dr.errors import Refused
from dr.lab.outages import DATABASES, LONGEST_DELAY, MODES, PLACES

_DELAY = 3.0
_region = click.argument("region", metavar="REGION", type=click.Choice(list(PLACES)))
_service = click.option(
    "--service",
    type=click.Choice(sorted({service for services in PLACES.values() for service in services})),
    help=f"Only this one, by the name it is signed for; `{DATABASES}` is PostgreSQL itself.",
)


@click.command()
@_region
@home_option
@click.option("--mode", type=click.Choice(list(MODES)), required=True, help="How it is lost; see above.")
@_service
@click.option(
    "--delay",
    type=click.FloatRange(min=0.0, min_open=True, max=LONGEST_DELAY),
    help=f"Seconds before each answer, for `slow` only; {_DELAY:g} unless given.",
)
def outage(region: str, home: Path | None, mode: str, service: str | None, delay: float | None) -> None:
    """Lose a region: its API and its databases, at the socket. REGION is eu-west-1, eu-central-1 or global.

    `global` is the endpoint of Route 53, IAM and the old STS, which AWS runs in us-east-1: losing it alone shows what
    a recovery still needs of it. Databases run on inside; only nobody gets through.

    \b
    Modes:
      blackhole  connections are accepted and nothing is ever answered; established ones fall silent
      refuse     the port is closed; established connections are reset
      error      HTTP 503; databases end their sessions with 57P01 and refuse new ones
      throttle   Throttling, in each service's own words; databases are not affected
      slow       every answer comes later, by --delay seconds

    \b
    Example:
      dr lab outage eu-west-1 --mode blackhole
      dr lab outage eu-west-1 --mode error --service rds
      dr lab outage global --mode refuse
      dr lab outage eu-west-1 --mode slow --delay 2 --service databases
    """
    from dr.lab import life

    if delay is not None and mode != "slow":
        raise Refused("--delay is for --mode slow", hint=f"{mode} has nothing to delay")
    asked = {"region": region, "mode": mode, "service": service, "delay": (delay or _DELAY) if mode == "slow" else 0.0}
    life.command(alive(home), "outage", asked)
    click.echo(
        f"{service or 'everything'} in {region} is lost ({mode}); `dr lab heal {region}` brings it back", err=True
    )


@click.command()
@_region
@home_option
@_service
def heal(region: str, home: Path | None, service: str | None) -> None:
    """Bring a region back, or one service of it. What fell silent goes on where it stopped.

    \b
    Example:
      dr lab heal eu-west-1
    """
    from dr.lab import life

    healed = life.command(alive(home), "heal", {"region": region, "service": service})["healed"]
    click.echo(f"{region} is back" if healed else f"nothing of {region} was lost", err=True)
