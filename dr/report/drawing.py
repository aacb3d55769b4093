"""Where everything stands in the drawn timeline. Pure geometry: the template only puts it into SVG.

Across, positions are percentages, so that one drawing fits a phone, a desk and a sheet of paper, and its letters never
shrink. Down, they are pixels.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from dr.report.model import Report
from dr.report.words import duration

LANE = 40
BAR_TOP = 22
HEAD = 52
GAP = 14
"""Between the phases and the steps."""
THINNEST = 0.6
"""The least width of a bar, so that what took a moment can still be seen."""
MOST_TICKS = 5

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_STEPS = (1, 2, 5, 10, 15, 30, *(n * _MINUTE for n in (1, 2, 5, 10, 15, 30)), *(n * _HOUR for n in (1, 2, 3, 6, 12)))

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Lane:
    """One phase or one step."""

    kind: Literal["phase", "step"]
    label: str
    note: str
    outcome: str
    critical: bool
    top: int
    left: float
    width: float | None
    """None: it never began."""


@dataclass(frozen=True)
class Mark:
    """A moment on the axis, with its words and the side on which they fit."""

    at: float
    text: str
    anchor: Anchor


@dataclass(frozen=True)
class Drawing:
    lanes: tuple[Lane, ...]
    ticks: tuple[Mark, ...]
    proof: Mark | None
    """Where the RTA ends: the last verification that the verdict needs."""
    promise: Mark | None
    """Where the RTO ends, if the run went on that long."""
    height: int
    seconds: float


def draw(report: Report) -> Drawing:
    """Lay out a report's phases and steps relative to the start of its run."""
    spans = [(phase.started_at, phase.finished_at) for phase in report.phases]
    spans += [(step.started_at, step.finished_at or report.finished_at) for step in report.steps if step.started_at]
    start = report.started_at
    end = max([report.finished_at, *(finish for _, finish in spans)])
    total = max((end - start).total_seconds(), 1.0)

    def place(began: datetime, ended: datetime) -> tuple[float, float]:
        left = min(max((began - start).total_seconds() / total * 100, 0.0), 100 - THINNEST)
        right = min(max((ended - start).total_seconds() / total * 100, left), 100.0)
        return left, max(right - left, THINNEST)

    lanes: list[Lane] = []
    for phase in report.phases:
        left, width = place(phase.started_at, phase.finished_at)
        lanes.append(Lane("phase", phase.name, duration(phase.seconds), "done", False, _top(lanes), left, width))
    for step in report.steps:
        critical = step.name in report.critical_path
        note = duration(step.seconds) if step.seconds is not None else ""
        if step.outcome != "done":
            note = " · ".join(part for part in (step.outcome.replace("_", " "), note) if part)
        where = place(step.started_at, step.finished_at or report.finished_at) if step.started_at else (0.0, None)
        lanes.append(
            Lane("step", step.name, note, step.outcome, critical, _top(lanes, GAP if report.phases else 0), *where)
        )
    rta = report.actuals.rta_seconds
    return Drawing(
        lanes=tuple(lanes),
        ticks=tuple(_ticks(total)),
        proof=_mark(rta, total, f"proven, RTA {duration(rta)}") if rta is not None else None,
        promise=_mark(report.objectives.rto_seconds, total, f"RTO {duration(report.objectives.rto_seconds)}"),
        height=_top(lanes, GAP),
        seconds=total,
    )


def _top(lanes: list[Lane], gap: int = 0) -> int:
    return HEAD + len(lanes) * LANE + gap


def _ticks(total: float) -> Iterable[Mark]:
    step = next((step for step in _STEPS if total / step <= MOST_TICKS), None)
    if step is None:
        step = _DAY * max(1, round(total / _DAY / MOST_TICKS + 0.5))
    second = 0
    while second <= total:
        mark = _mark(second, total, "start" if second == 0 else duration(second))
        if mark:
            yield mark
        second += step


def _mark(seconds: float, total: float, text: str) -> Mark | None:
    at = seconds / total * 100
    if not 0 <= at <= 100:
        return None
    return Mark(at, text, "start" if at < 15 else "end" if at > 85 else "middle")
