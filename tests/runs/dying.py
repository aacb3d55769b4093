"""`dr`, but the process kills itself (-9) at one moment: right before or right after an event is journaled.

    python -m tests.runs.dying after intended:RestoreDBInstance test receipts-db
    python -m tests.runs.dying before 17 backup receipts

The event is named by its kind, with the operation, the step or the kind of thing that it is about where that matters,
or by its number. Nothing in the product knows of this: the journal's `append` is wrapped here, from outside.
"""

import os
import signal
import sys

from dr.cli import main
from dr.events import Event
from dr.journal import Journal


def _meant(event: Event, number: int, wanted: str) -> bool:
    if wanted.isdecimal():
        return number == int(wanted)
    kind, _, about = wanted.partition(":")
    known = {getattr(event, name, None) for name in ("operation", "step", "name", "asset")}
    return event.event == kind and (not about or about in known)


def _die_at(position: str, wanted: str) -> None:
    append = Journal.append

    def watched(self: Journal, event: Event) -> None:
        now = _meant(event, len(self.reading().entries) + 1, wanted)
        if now and position == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        append(self, event)
        if now:
            os.kill(os.getpid(), signal.SIGKILL)

    Journal.append = watched  # type: ignore[method-assign]


if __name__ == "__main__":
    _die_at(sys.argv[1], sys.argv[2])
    main(sys.argv[3:])
