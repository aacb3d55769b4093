"""`dr lab advance`: the lab's calendar moves on, night by night."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from dr.cli.lab_options import alive, home_option
from dr.cli.options import json_option

_FURTHEST = timedelta(days=366)


@click.command()
@click.argument("duration", metavar="DURATION")
@home_option
@json_option
def advance(duration: str, home: Path | None, as_json: bool) -> None:
    """Move the lab's calendar ahead by DURATION: 90m, 8h, 40d, 1d12h; a year at the most.

    What becomes due on the way is done in its turn: automated snapshots when backup windows open, retention, changes
    that wait for a maintenance window, the restart of stopped databases, lifecycle rules of buckets, keys and secrets
    that wait for their deletion. Sessions grow old. The databases' own clocks cannot move: times of commits, of WAL,
    and every time that an answer shows stay the machine's.

    Ctrl-C stops after the step that is being done; the calendar stays where it then is.

    \b
    Example:
      dr lab advance 40d
    """
    from dr.lab import life

    by = _read(duration)
    at = alive(home)
    events: list[dict[str, str]] = []
    calendar = ""
    try:
        for step in life.advance(at, by):
            calendar = step["calendar"]
            events += step["events"]
            for event in step["events"]:
                click.echo(f"{event['at'][:16].replace('T', ' ')}  {event['kind']}: {event['subject']}", err=True)
    except KeyboardInterrupt:
        click.echo("the lab ends the step it is in, and its calendar stays there", err=True)
        raise
    done: dict[str, Any] = {"advanced_seconds": by.total_seconds(), "calendar": calendar, "events": events}
    if as_json:
        click.echo(json.dumps(done, indent=2))
    else:
        counts = Counter(event["kind"] for event in events)
        told = ", ".join(f"{count} x {kind}" for kind, count in sorted(counts.items())) or "nothing was due"
        click.echo(f"the calendar says {done['calendar'][:16].replace('T', ' ')} UTC: {told}")


def _read(text: str) -> timedelta:
    from dr.quantities import duration

    try:
        by = duration(text)
    except ValueError as problem:
        raise click.BadParameter(str(problem), param_hint="DURATION") from problem
    if by > _FURTHEST:
        raise click.BadParameter(f"{text} is more than a year; write 366d at the most", param_hint="DURATION")
    return by
