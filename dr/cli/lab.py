"""`dr lab`: put the lab up, fill it, take it down; what else can be done with it stands in `lab_*.py` beside."""

import shlex
import signal
from pathlib import Path
from types import FrameType

import click

from dr.cli import lab_advance, lab_fault, lab_outage, lab_resolve, lab_status
from dr.cli.lab_options import alive, home_option, rate_option
from dr.errors import ExitCode, Unable
from dr.lab.home import Home


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
      dr lab outage eu-west-1 --mode blackhole
      dr lab advance 40d
      dr lab down
    """


for _more in (
    lab_status.status,
    lab_resolve.resolve,
    lab_outage.outage,
    lab_outage.heal,
    lab_fault.fault,
    lab_advance.advance,
):
    command.add_command(_more)


@command.command()
@home_option
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
@home_option
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
@home_option
@click.option(
    "--size",
    type=click.Choice(["tiny", "small", "medium", "large"]),
    default="small",
    show_default=True,
    help="About 20 MB (tiny: with 60 objects instead of 300), 500 MB or 5 GB.",
)
@click.option("--no-workload", is_flag=True, help="Do not start the writer that never pauses.")
@rate_option
def seed(home: Path | None, size: str, no_workload: bool, rate: float | None) -> None:
    """Fill the lab with the sample application, `receipts`, and start its workload.

    \b
    Example:
      dr lab seed --size small
    """
    at = alive(home)
    from dr.lab.receipts import seed as receipts

    receipts.seed(at.path, size, workload=not no_workload, rate=rate, say=lambda line: click.echo(line, err=True))


@command.group()
def workload() -> None:
    """The sample application's writer: rows and objects that never stop changing.

    \b
    Example:
      dr lab workload stop
    """


@workload.command("start", epilog="\b\nExample:\n  dr lab workload start --rate 5")
@home_option
@rate_option
def workload_start(home: Path | None, rate: float | None) -> None:
    """Start the writer of a seeded lab."""
    at = alive(home)
    from dr.lab.receipts import workload_process

    workload_process.start(at.path, rate=rate)


@workload.command("stop", epilog="\b\nExample:\n  dr lab workload stop")
@home_option
def workload_stop(home: Path | None) -> None:
    """Stop the writer; the lab stays up."""
    at = alive(home)
    from dr.lab.receipts import workload_process

    workload_process.stop(at.path)
