"""What a fault came to, and whether that is what the catalogue says of it."""

from dataclasses import dataclass, field

from dr.lab.faults.entries import BEYOND_CHECKS, Entry
from dr.report.model import Report
from dr.verification import LEVELS, Finding


@dataclass(frozen=True)
class Outcome:
    """What a restore test said of a restore with one fault in it."""

    verdict: str
    """`passed`, `failed` or `inconclusive`; `refused` where no run began."""
    findings: tuple[Finding, ...] = ()
    beyond: dict[str, str] = field(default_factory=dict)
    """One of BEYOND_CHECKS -> what was said."""

    @property
    def failed(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.outcome == "failed"]

    @property
    def bad(self) -> list[Finding]:
        """What failed; and, before anything did, what could not be told."""
        return self.failed or [finding for finding in self.findings if finding.outcome == "errored"]

    @property
    def caught_by(self) -> set[str]:
        """Every check that said that something is wrong, and whatever else stopped the run."""
        return {finding.check for finding in self.bad} | self.beyond.keys()

    def without(self, check: str) -> "Outcome":
        """The same, had this check never been asked."""
        left = tuple(finding for finding in self.findings if finding.check != check)
        return Outcome(self.verdict, left, {name: said for name, said in self.beyond.items() if name != check})


def assert_caught(entry: Entry, outcome: Outcome) -> None:
    """The run did not pass; the named check says so, at its level or below; and nobody else does but who is named."""
    if entry.caught_by == "nothing":
        assert (outcome.verdict, outcome.caught_by) == ("passed", set()), outcome
        return
    assert outcome.verdict != "passed", f"{entry.name} escaped"
    assert outcome.caught_by, f"{entry.name}: {outcome.verdict}, and no check says why: {outcome}"
    if not outcome.caught_by & {"restore", "unread"}:
        assert entry.caught_by in outcome.caught_by, f"{entry.name}: {entry.caught_by} is silent: {told(outcome)}"
    assert outcome.caught_by <= {entry.caught_by, *entry.also}, (
        f"{entry.name}: not said to be found by: {told(outcome)}"
    )
    levels = [LEVELS.index(finding.level) for finding in outcome.bad]
    if levels:
        assert min(levels) <= LEVELS.index(next(level for level in LEVELS if level == entry.caught_at)), told(outcome)


def assert_needed(entry: Entry, outcome: Outcome) -> None:
    """Had the named check never been asked, this would be red: nobody else stands in for it in silence."""
    try:
        assert_caught(entry, outcome.without(entry.caught_by))
    except AssertionError:
        return
    silent = entry.caught_by == "nothing" or outcome.caught_by & {"restore", "unread"}
    assert silent, f"{entry.name}: {entry.caught_by} is not missed"


def told(outcome: Outcome) -> str:
    """Who said what: one line for each check."""
    said = dict(outcome.beyond)
    for finding in outcome.bad:
        said.setdefault(
            finding.check,
            f"{finding.level} {finding.subject}: {finding.observed}" + f" ({finding.detail})" * bool(finding.detail),
        )
    return "; ".join(f"{check}: {text}" for check, text in said.items())


def of_report(report: Report) -> Outcome:
    """What a whole run came to."""
    findings = tuple({finding: None for asset in report.assets for finding in asset.findings})
    beyond: dict[str, str] = {}
    for step in report.steps:
        if step.outcome == "errored":
            isolating = step.action == "restore_database" and step.detail.startswith("scratch instance")
            beyond.setdefault(
                "backup"
                if report.kind == "backup"
                else "isolation"
                if isolating
                else "restore"
                if step.action.startswith("restore_")
                else "unread",
                step.detail,
            )
    if any("were promised" in reason for reason in report.reasons):
        beyond["objectives"] = next(reason for reason in report.reasons if "were promised" in reason)
    assert beyond.keys() <= BEYOND_CHECKS.keys()
    return Outcome(report.verdict, findings, beyond)
