"""What a person sees while a run works: a line for each thing that happens, on standard error."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event as Flag
from types import FrameType

import click

from dr.harmless import told


class Progress:
    """Says what happens, with the seconds since the start in front."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def __call__(self, text: str, *, colour: str | None = None) -> None:
        elapsed = click.style(f"{time.monotonic() - self._begun:7.1f} s", dim=sys.stderr.isatty())
        # One write: steps that run side by side must not share a line.
        click.echo(f"{elapsed}  {click.style(told(text), fg=colour) if colour else told(text)}\n", err=True, nl=False)


@contextmanager
def stoppable(
    heard: str = "stopping: no new step begins, then scratch is removed",
    again: str = "still removing scratch; `dr sweep` finishes this if you kill it",
) -> Iterator[Flag]:
    """A flag that Ctrl-C, a termination request or a closed terminal sets; `heard` is what the first of them is told,
    and `again` every later one.

    The run then stops at its next wait, and tears its scratch down. A second request changes nothing but says what is
    going on: scratch holds customers' data and must go first.
    """
    stopping = Flag()

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        # Written past Python's own buffers: the signal may have come in the middle of another line.
        os.write(
            sys.stderr.fileno(),
            f"{again if stopping.is_set() else heard}\n".encode(),
        )
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
