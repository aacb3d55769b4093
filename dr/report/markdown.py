"""The report as Markdown, for a pull request, an issue or a pipeline's summary page.

Names come from databases and buckets: as Markdown they could be tables, links, mentions of people, or HTML. Here they
are only text.
"""

import re
from collections.abc import Iterable

from dr.harmless import PROSE_LENGTH, shortened
from dr.report import words
from dr.report.ladder import ending, rungs
from dr.report.model import Report, ReportedAsset, ReportedIsolation
from dr.verification import Finding

PASSED_SHOWN = 500
"""Passed findings listed one by one; a pipeline's page has a size limit, and report.json has all of them."""

_PLAIN_NAME = re.compile(r"[\w./:][\w ./:+=@-]*(?<! )", re.ASCII)
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "`": "&#96;", "\\": "&#92;", "$": "&#36;"}


def markdown(report: Report) -> str:
    """The whole document."""
    mark = {"passed": "✅", "failed": "❌", "inconclusive": "⚠️"}[report.verdict]
    blocks: list[str] = [
        f"# {mark} {report.verdict.capitalize()}: {words.KINDS[report.kind]} of {name(report.application)}",
        words.meaning(report),
        _bullets(prose(reason) for reason in report.reasons),
        _promises(report) if report.kind == "test" else "",
        f"Instant: **{words.moment(report.instant) if report.instant else 'none was chosen'}**",
        "## Not tested",
        _bullets(prose(text) for text in report.not_tested) or "Nothing that this run was asked to test was left out.",
        "## What was proven",
        _assets(report.assets),
        "## Findings",
        *_findings(report),
        "## Challenge" if report.challenge else "",
        f"{words.SYMBOLS['passed' if report.challenge.found else 'failed']} {prose(words.challenge(report.challenge))}."
        if report.challenge
        else "",
        "## Steps",
        _steps(report),
        "## Scratch",
        _scratch(report),
        "## The record",
        _record(report),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def name(text: str, length: int = 120) -> str:
    """A name: as code where it is plain enough to stand there, else as harmless text."""
    short = shortened(text, length)
    return f"`{short}`" if _PLAIN_NAME.fullmatch(short) else prose(short)


def prose(text: str) -> str:
    """Text that no Markdown reader takes for anything but text."""
    short = shortened(text, PROSE_LENGTH)
    short = "".join(_ENTITIES.get(character, character) for character in short)
    short = re.sub(r"([*_\[\]~#])", r"\\\1", short)
    short = re.sub(r"^\s*([-+=:@]|\d+[.)])", lambda start: f"&#8203;{start[0]}", short)
    # An empty comment parts what GitHub would turn into a mention or a link.
    short = re.sub(r"@(?=\w)", "@<!-- -->", short)
    return re.sub(r"(?i)(https?|ftp)(?=://)|\bwww(?=\.)", lambda start: f"{start[0]}<!-- -->", short)


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _promises(report: Report) -> str:
    objectives, actuals = report.objectives, report.actuals
    rows = [
        (
            f"{about} ({measured} / {promised})",
            f"**{words.duration(actual)}**" if actual is not None else "not measured",
            words.duration(objective),
            words.against(promised, objective, actual),
        )
        for about, measured, promised, objective, actual in (
            ("Recovery time", "RTA", "RTO", objectives.rto_seconds, actuals.rta_seconds),
            ("Recovery point", "RPA", "RPO", objectives.rpo_seconds, actuals.rpa_seconds),
        )
    ]
    table = _table(("", "Measured", "Promised", "Judged"), rows)
    return f"{table}\n\n{prose(actuals.rpa_explained)}" if actuals.rpa_explained else table


def _assets(assets: tuple[ReportedAsset, ...]) -> str:
    if not assets:
        return "No asset was reached: nothing was proven."
    tested = any(asset.findings for asset in assets)
    rows = [
        (
            f"{name(asset.asset)} ({asset.kind}, {prose(asset.site)})",
            f"**{prose(asset.depth or 'none')}**",
            "<br>".join(words.compared(asset)),
            name(asset.recovery_point),
            prose(asset.target),
            prose(asset.restored_to),
        )
        for asset in assets
    ]
    table = _table(("Asset", "Depth", "Compared", "Recovery point", "Target", "Restored to"), rows)
    if not tested:
        return table
    climbed = [(asset, rungs(asset.findings)) for asset in assets]
    ladders = _table(
        ("Level", *(name(asset.asset) for asset in assets)),
        [
            (
                f"{levels[0].level} {levels[0].meaning}",
                *(f"{words.SYMBOLS[level.state]} {level.said}" for level in levels),
            )
            for levels in zip(*(of_asset for _, of_asset in climbed), strict=True)
        ],
    )
    ends = _bullets(f"{name(asset.asset)}: {ending(of_asset, asset.depth)}" for asset, of_asset in climbed)
    return f"{table}\n\n{ladders}\n\n{ends}"


def _findings(report: Report) -> Iterable[str]:
    if not words.owned(report):
        yield "None: no check gave an answer."
    for outcome, word in words.OUTCOMES.items():
        found = words.of_outcome(report, outcome)
        if not found:
            continue
        title = f"{words.SYMBOLS[outcome]} {len(found):,} {word}"
        if outcome != "passed":
            yield f"### {title}"
            yield _finding_table(found)
            continue
        yield f"<details><summary>{title}</summary>"
        yield _finding_table(found[:PASSED_SHOWN])
        if len(found) > PASSED_SHOWN:
            yield f"{len(found) - PASSED_SHOWN:,} more stand in report.json."
        yield "</details>"


def _finding_table(found: list[tuple[tuple[str, ...], Finding]]) -> str:
    rows = [
        (
            finding.level,
            prose(finding.check),
            name(finding.subject)
            if finding.subject in assets
            else f"{name(finding.subject)} ({', '.join(name(asset) for asset in assets)})",
            prose(finding.expected),
            prose(finding.observed),
            prose(finding.detail),
        )
        for assets, finding in found
    ]
    return _table(("Level", "Check", "Subject", "Expected", "Observed", "Detail"), rows)


def _steps(report: Report) -> str:
    if not report.steps:
        return "None was reached."
    rows = [
        (
            ("◆ " if step.name in report.critical_path else "") + prose(step.name),
            step.outcome.replace("_", " ") + (f": {prose(step.detail)}" if step.detail else ""),
            words.offset(step.started_at, report.started_at),
            words.duration(step.seconds) if step.seconds is not None else "–",
            str(step.attempts),
            ", ".join(prose(need) for need in step.needs) or "–",
        )
        for step in report.steps
    ]
    return _table(("Step", "Outcome", "Began", "Took", "Attempts", "After"), rows) + "\n\n◆ on the critical path"


def _scratch(report: Report) -> str:
    ledger = report.scratch
    said = f"{len(ledger.created)} created, {len(ledger.removed)} removed, **{len(ledger.remaining)} remaining**."
    rest = [f"{prose(thing.kind)} {name(thing.name)} in {prose(thing.region)}" for thing in ledger.remaining]
    said = f"{said}\n\n{_bullets(rest)}" if rest else said
    return "\n\n".join((said, *(_isolation(one) for one in report.isolation)))


def _isolation(one: ReportedIsolation) -> str:
    head = f"{name(one.instance)} ({name(one.asset)}): {prose(words.isolation(one))}."
    proofs = _table(("Proof", "Seen"), [(prose(proof), prose(seen)) for proof, seen in one.proven.items()])
    found = "; ".join(prose(text) for text in words.outlets(one)) or "nothing"
    named = f": {', '.join(name(text) for text in one.names)}" if one.names else ""
    return f"{head}\n\n{proofs}\n\nFound in it: {found}{named}."


def _record(report: Report) -> str:
    calls = ", ".join(f"{prose(region)} {count:,}" for region, count in sorted(report.regions_called.items())) or "none"
    return _bullets(
        (
            f"Run: {name(report.run)}, {words.moment(report.started_at)} to {words.moment(report.finished_at)}",
            f"Calls by region: {calls}",
            f"Journal: {words.plural(report.journal.events, 'event')}, last line {name(report.journal.head_sha256)}",
            f"Judged by: {prose(report.tool)}",
        )
    )
