"""JSON, Markdown, JUnit and the terminal say the same as the page, each in its own manner."""

import io
import json
import re
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from report_samples import ALL, HOSTILE, failed, inconclusive, interrupted, passed
from rich.console import Console

from dr.report.junit import junit
from dr.report.markdown import markdown
from dr.report.model import Report
from dr.report.terminal import show
from dr.report.words import owned
from dr.report.write import as_json, schema

UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")
KEYS = (
    "schema run kind started_at finished_at verdict reasons not_tested objectives actuals phases assets steps instant"
    " scratch regions_called journal"
)
ASSET_KEYS = "asset kind site recovery_point target restored_to depth coverage findings"
STEP_KEYS = "name action site needs started_at finished_at seconds outcome attempts waited_for_people_seconds"
COVERAGE_KEYS = "tables_expected tables_compared rows bytes exact_fraction objects_expected objects_compared"


@pytest.mark.parametrize("name", ALL)
def test_json_round_trips_and_has_the_promised_keys(name: str) -> None:
    text = as_json(ALL[name])
    assert text.isascii()
    assert not UNSAFE.search(text)
    assert Report.model_validate_json(text) == ALL[name]
    data = json.loads(text)
    assert set(KEYS.split()) <= set(data)
    assert data["schema"] == "firedrill.report/1"
    assert set(data["objectives"]) == {"rto_seconds", "rpo_seconds"}
    assert {"rta_seconds", "rpa_seconds"} <= set(data["actuals"])
    assert set(data["scratch"]) == {"created", "removed", "remaining"}
    assert set(data["journal"]) == {"events", "head_sha256"}
    for asset in data["assets"]:
        assert set(ASSET_KEYS.split()) <= set(asset)
        assert set(COVERAGE_KEYS.split()) <= set(asset["coverage"])
        for finding in asset["findings"]:
            assert set(finding) == {"check", "level", "outcome", "subject", "expected", "observed", "detail"}
    for step in data["steps"]:
        assert set(STEP_KEYS.split()) <= set(step)


def test_the_schema_names_every_key_by_its_published_name() -> None:
    published = schema()
    assert set(published["required"]) == set(json.loads(as_json(passed())))
    assert published["properties"]["schema"]["const"] == "firedrill.report/1"
    assert published["additionalProperties"] is False
    json.dumps(published)


@pytest.mark.parametrize("name", ALL)
def test_every_finding_is_a_test_case(name: str) -> None:
    report = ALL[name]
    root = Xml.fromstring(junit(report))  # noqa: S314 - our own document
    tags = {"failed": "failure", "errored": "error", "not_available": "skipped"}
    for asset, suite in zip(report.assets, root.findall("testsuite")[1:], strict=True):
        assert len(suite) == len(asset.findings) == int(suite.get("tests", ""))
        for finding, case in zip(asset.findings, suite, strict=True):
            assert [child.tag for child in case] == ([tags[finding.outcome]] if finding.outcome in tags else [])
    assert int(root.get("tests", "")) == len(root.findall(".//testcase"))
    assert int(root.get("failures", "")) == len(root.findall(".//failure"))
    assert int(root.get("errors", "")) == len(root.findall(".//error"))


def test_a_run_without_findings_is_not_green() -> None:
    root = Xml.fromstring(junit(interrupted()))  # noqa: S314
    assert root.get("errors") == "1"
    case = root.find("testsuite/testcase[@name='verdict']/error")
    assert case is not None
    assert "stopped on request" in case.get("message", "")
    red = Xml.fromstring(junit(failed()))  # noqa: S314
    assert red.find("testsuite/testcase[@name='verdict']/failure") is not None
    assert red.find("testsuite/testcase[@name='RTO of 30 min']/failure") is not None
    assert red.find("testsuite/testcase[@name='scratch removed']/error") is not None
    assert Xml.fromstring(junit(passed())).get("failures") == "0"  # noqa: S314


@pytest.mark.parametrize("name", ALL)
def test_markdown_tables_keep_their_shape(name: str) -> None:
    text = markdown(ALL[name])
    assert not UNSAFE.search(text)
    width = 0
    for line in text.splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        cells = len(re.findall(r"(?<!\\)\|", line))
        assert width in (0, cells), line
        width = cells
    subjects = {finding.subject for _, finding in owned(ALL[name])}
    assert len(re.findall(r"^\| L\d \|", text, re.MULTILINE)) >= len(subjects)


def test_markdown_of_hostile_names_is_only_text() -> None:
    text = markdown(ALL["hostile"])
    assert "<script" not in text
    assert "<img" not in text
    assert "@octocat" not in text
    assert "https://" not in text
    assert "www.evil" not in text
    assert not re.search(r"(?<!\\)\]\(javascript", text)
    assert not re.search(r"^- [-#]|^- \d+\. ", text, re.MULTILINE)
    assert "x" * 800 not in text


def test_no_cell_of_markdown_is_a_formula() -> None:
    text = markdown(ALL["hostile"])
    cells = [cell.strip(" `") for line in text.splitlines() if line.startswith("|") for cell in line.split("|")[1:-1]]
    assert any("=cmd()" in cell for cell in cells)
    assert [cell for cell in cells if re.match(r"[=@]|[-+](?![-\d:])", cell)] == []


def test_markdown_leads_with_the_verdict() -> None:
    text = markdown(failed())
    assert text.startswith("# ❌ Failed: restore test of `receipts`\n")
    assert text.index("## Not tested") < text.index("## What was proven") < text.index("## Findings")
    assert "| Recovery time (RTA / RTO) | **34 min 12 s** | 30 min | RTO missed by 4 min 12 s |" in text
    assert "`audit.public.entries`" in text


def shown(report: Report) -> str:
    out = io.StringIO()
    show(report, Path("store") / "a run", Console(file=out, width=60))
    return out.getvalue()


def test_the_terminal_says_the_verdict_and_where_the_rest_is() -> None:
    text = shown(passed())
    assert "✓ passed  restore test of receipts" in text
    assert re.search(r"RTA +2 min 32 s +of 30 min .* within the RTO, 27 min 28 s to spare", text)
    assert re.search(r"receipts-db +depth L8 +7 of 7 tables compared, 99.87 % of 289,882 rows proven equal", text)
    assert str(Path("store") / "a run" / "report.html") in text
    assert "\x1b" not in text
    assert "RTO missed by 4 min 12 s" in shown(failed())
    assert "scratch remains" in shown(failed())
    assert "no rows compared" in shown(inconclusive())
    assert "depth" not in shown(ALL["backup"])


def test_the_terminal_obeys_no_name() -> None:
    text = shown(ALL["hostile"])
    assert not UNSAFE.search(text)
    assert "[bold red]rich[/]" in text
    assert "⟨U+202E⟩gnp.exe" in text
    assert max(len(line) for line in text.splitlines()) < 500
    assert f"and {len(HOSTILE) - 8} more in the report" in text
