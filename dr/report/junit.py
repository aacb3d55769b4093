"""The report as JUnit XML, for a pipeline: every finding a test case, and the verdict one too.

A run that found nothing would otherwise be an empty file, and an empty file is green.
"""

from xml.etree import ElementTree as Xml

from dr.harmless import PROSE_LENGTH, shortened, title
from dr.report import words
from dr.report.model import Report
from dr.verification import Finding

_TAGS = {"failed": "failure", "errored": "error", "not_available": "skipped"}


def junit(report: Report) -> str:
    """The XML document: one suite for the run itself, one per asset."""
    root = Xml.Element("testsuites", name=f"{words.KINDS[report.kind]} of {shortened(report.application)}")
    _run(Xml.SubElement(root, "testsuite"), report)
    for asset in report.assets:
        suite = Xml.SubElement(root, "testsuite", name=shortened(asset.asset))
        for finding in asset.findings:
            _finding(suite, asset.asset, finding)
    for suite in root:
        suite.set("timestamp", report.started_at.isoformat(timespec="seconds"))
        suite.set("tests", str(len(suite)))
        for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    seconds = (report.finished_at - report.started_at).total_seconds()
    root.set("time", f"{seconds:.3f}")
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def _run(suite: Xml.Element, report: Report) -> None:
    suite.set("name", shortened(report.run))
    reasons = "; ".join(shortened(reason, PROSE_LENGTH) for reason in report.reasons)
    tag = {"failed": "failure", "inconclusive": "error"}.get(report.verdict)
    _case(suite, "run", "verdict", tag, f"{report.verdict}: {reasons or words.meaning(report)}")
    objectives, actuals = report.objectives, report.actuals
    for name, objective, actual in (
        ("RTO", objectives.rto_seconds, actuals.rta_seconds),
        ("RPO", objectives.rpo_seconds, actuals.rpa_seconds),
    ):
        tag = "skipped" if actual is None else None if actual <= objective else "failure"
        _case(suite, "run", f"{name} of {words.duration(objective)}", tag, words.against(name, objective, actual))
    left = ", ".join(f"{shortened(thing.name)} in {shortened(thing.region)}" for thing in report.scratch.remaining)
    _case(suite, "run", "scratch removed", "error" if left else None, f"remains: {left}")
    if report.challenge:
        missed = None if report.challenge.found else "failure"
        _case(suite, "run", "challenge", missed, shortened(words.challenge(report.challenge), PROSE_LENGTH))
    for one in report.isolation:
        said = shortened(words.isolation(one), PROSE_LENGTH)
        _case(suite, "run", f"isolation of {shortened(one.asset)}", "error" if one.unproven else None, said)


def _finding(suite: Xml.Element, asset: str, finding: Finding) -> None:
    name = f"{finding.level} {shortened(finding.check)}: {shortened(finding.subject)}"
    message = "; ".join(
        f"{word} {shortened(text, PROSE_LENGTH)}"
        for word, text in (("expected", finding.expected), ("observed", finding.observed), ("", finding.detail))
        if text
    )
    full = "\n".join(
        title(text) for text in (finding.subject, finding.expected, finding.observed, finding.detail) if text
    )
    classname = f"{shortened(asset)}.{shortened(finding.check)}"
    _case(suite, classname, name, _TAGS.get(finding.outcome), message.strip() or finding.outcome, full)


def _case(suite: Xml.Element, classname: str, name: str, tag: str | None, message: str, full: str = "") -> None:
    case = Xml.SubElement(suite, "testcase", classname=classname, name=name)
    if tag:
        Xml.SubElement(case, tag, message=message).text = full or None
