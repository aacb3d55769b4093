"""How long a run has taken at each of its events, also when several processes took part in it. Pure."""

from collections.abc import Sequence

from dr.events import Entry, Opened, Resumed


def elapsed(entries: Sequence[Entry]) -> list[float]:
    """Seconds from the first event to each.

    Within a process they come from its monotonic clock. Between one that died and the next only the wall clock spans
    the gap; on one machine the monotonic clock bounds it from below, also across a reboot, which starts it anew.
    """
    passed, host = 0.0, ""
    clock: list[float] = []
    before: Entry | None = None
    for entry in entries:
        step = entry.monotonic - before.monotonic if before else 0.0
        match entry.body:
            case Opened(host=name):
                host = name
            case Resumed(host=name) if before:
                gap = (entry.at - before.at).total_seconds()
                step, host = max(0.0, gap, step if name == host else 0.0), name
            case _:
                pass
        passed += step
        clock.append(passed)
        before = entry
    return clock
