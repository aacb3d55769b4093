"""The ladder of depth as it is drawn: what became of each level from L0 to L8, and where the climb ended."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dr.report.words import OUTCOMES, RUNGS
from dr.verification import LEVELS, Finding, Level, Outcome

State = Literal["passed", "failed", "errored", "not_available", "not_asked"]


@dataclass(frozen=True)
class Rung:
    """One level of one asset."""

    level: Level
    meaning: str
    state: State
    counts: dict[Outcome, int]
    checks: tuple[str, ...]

    @property
    def said(self) -> str:
        """The state in words; a level that only partly passed says so."""
        if self.state == "not_asked":
            return "not asked"
        return ", ".join(
            f"{self.counts[outcome]:,} {word}" for outcome, word in OUTCOMES.items() if self.counts.get(outcome)
        )


def rungs(findings: Sequence[Finding]) -> list[Rung]:
    """Every level, from the ground up."""
    return [_rung(level, [finding for finding in findings if finding.level == level]) for level in LEVELS]


def _rung(level: Level, findings: Sequence[Finding]) -> Rung:
    counts = Counter(finding.outcome for finding in findings)
    state: State = next(
        (outcome for outcome in ("failed", "errored", "passed", "not_available") if counts[outcome]), "not_asked"
    )
    return Rung(level, RUNGS[level], state, dict(counts), tuple(dict.fromkeys(finding.check for finding in findings)))


def ending(climbed: Sequence[Rung], depth: str | None) -> str:
    """Why the depth is what it is, in one sentence."""
    start = LEVELS.index(depth) + 1 if depth in LEVELS else 1
    reached = f"Proven to {depth}." if depth else "Nothing was proven."
    for rung in climbed[start:]:
        if rung.state in ("failed", "errored"):
            return f"{reached} The climb ended at {rung.level}: {rung.said}."
    return reached
