"""What `dr resume` and `dr abort` do alike: find the run, and say it where it goes on without its control store."""

import sys
from pathlib import Path

from dr.cli.progress import Progress
from dr.drill import House, enter
from dr.resuming import Stopped, look


def found(estate_file: Path, run: str, *, take_over: bool, override_file: Path | None) -> tuple[House, Stopped]:
    """The run that somebody wants to go on with. Raises Refused where it may not be gone on with."""
    if override_file is None:
        house = enter(estate_file)
        return house, look(house, run, take_over=take_over)
    from dr import approval

    override = approval.read(override_file)
    house = enter(estate_file, alone=True)
    return house, look(house, run, take_over=take_over, override=override)


def warn(stopped: Stopped, progress: Progress) -> None:
    """What to know before it goes on; in red on a terminal, where from here on this process is on its own."""
    if stopped.reading.torn:
        progress("the kill cut the journal's last line short: it is dropped, and what it announced had not begun")
    if stopped.overridden is None:
        return
    event = stopped.overridden
    lines = [
        f"WARNING: {event.person} lets {stopped.plan.run} go on without its control store: {event.reason}",
        *(f"WARNING: {one}" for one in event.unguarded),
    ]
    for line in lines:
        progress(line, colour="red" if sys.stderr.isatty() else None)
