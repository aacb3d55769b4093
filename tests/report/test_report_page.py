"""The page says everything that the report holds, in one well-formed file that can do nothing by itself."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from report_samples import ALL, HOSTILE, huge, inconclusive, passed

from dr.harmless import shortened
from dr.report.html import page
from dr.report.model import Report

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Reader(HTMLParser):
    """Reads a page strictly: every tag closed in its order, every id once."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if identity := attributes.get("id"):
            self.ids.append(identity)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def parse(report: Report) -> Reader:
    reader = Reader()
    reader.feed(page(report))
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize("name", ALL)
def test_every_page_is_well_formed_and_holds_every_finding(name: str) -> None:
    reader = parse(ALL[name])
    assert len(reader.ids) == len(set(reader.ids))
    for attributes in (attributes for _, attributes in reader.tags):
        for reference in (attributes.get("aria-labelledby") or "").split():
            assert reference in reader.ids
        if (target := attributes.get("href")) is not None:
            assert target.startswith("#")
            assert target[1:] in reader.ids
    for asset in ALL[name].assets:
        for finding in asset.findings:
            assert " ".join(shortened(finding.subject, 72)[:40].split()) in reader.text
            assert finding.check in reader.text
    assert reader.text.count(ALL[name].verdict.capitalize()) >= 1


@pytest.mark.parametrize("name", ALL)
def test_a_page_can_do_nothing_by_itself(name: str) -> None:
    text = page(ALL[name])
    reader = parse(ALL[name])
    tags = {tag for tag, _ in reader.tags}
    assert not tags & {"script", "img", "link", "iframe", "object", "embed", "base", "form", "x"}
    for _, attributes in reader.tags:
        assert not [key for key in attributes if key.startswith("on") or key in ("src", "style", "srcset")]
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style
    hashed = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = next(a for tag, a in reader.tags if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy")
    assert policy["content"] == f"default-src 'none'; style-src 'sha256-{hashed}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in style[1].replace("url(#hatch)", "")
    assert "@import" not in style[1]


def test_hostile_names_are_only_text() -> None:
    text = page(ALL["hostile"])
    for raw in ("<script", "<img", "\u202e", "\u2066", "\u200b", "\x1b", "\x07", "\x9b", "\x7f", "x" * 2000):
        assert raw not in text
    assert "⟨U+202E⟩gnp.exe" in text
    assert "⟨U+001B⟩[2J" in text
    assert "{{ 7 * 7 }}" in text
    assert f"{len(HOSTILE[-1]):,} characters" in text


class Cells(Reader):
    """The text of each cell of each table."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if "td" in self.open or "th" in self.open:
            self.cells[-1] += data


def test_no_cell_is_a_formula_to_the_spreadsheet_that_opens_the_page() -> None:
    reader = Cells()
    reader.feed(page(ALL["hostile"]))
    cells = [cell.strip() for cell in reader.cells]
    assert any(cell.startswith("'=cmd()") for cell in cells)
    # A moment of the run (`+2:41`) is ours, and computes to nothing.
    assert [cell for cell in cells if cell[:1] in "=+-@" and cell and not re.fullmatch(r"\+[\d:]+", cell)] == []


def test_hundreds_of_findings_are_all_there_in_the_order_of_need() -> None:
    reader = parse(huge())
    text = reader.text
    assert all(f"receipts.public.table_{number:03}" in text for number in range(300))
    findings = text[text.index("Findings") :]
    assert re.search(r"43 failed 43 errored 42 not available 172 passed", findings)
    order = [findings.index(f"table_{number:03}") for number in (4, 5, 6, 0)]
    assert order == sorted(order)


def test_what_was_not_tested_stands_before_what_was_proven() -> None:
    text = parse(passed()).text
    assert (
        text.index("Verdict Passed") < text.index("This run says nothing about this:") < text.index("What was proven")
    )
    assert "extension amcheck is not offered" in text
    assert "2 min 32 s of 30 min promised" in text
    assert "within the RTO, 27 min 28 s to spare" in text
    assert "99.87 % of 289,882 rows proven equal" in text


def test_zero_is_never_drawn_as_good() -> None:
    reader = parse(inconclusive())
    assert "0 of 7 tables compared" in reader.text
    assert "no rows compared" in reader.text
    assert "0 of 0 objects compared" in reader.text
    assert "not measured" in reader.text
    meters = [
        attributes for tag, attributes in reader.tags if tag == "svg" and "meter" in (attributes.get("class") or "")
    ]
    assert len(meters) == 5
    assert not [meter for meter in meters if "passed" in (meter["class"] or "")]
    assert not [tag for tag, attributes in reader.tags if tag == "rect" and attributes.get("class") == "fill"]


def test_a_backup_claims_no_depth_and_no_recovery_time() -> None:
    text = parse(ALL["backup"]).text
    assert "Depth L" not in text.split("Glossary")[0]
    assert "not measured" not in text
    assert "measured by a restore test, not by a backup" in text


def test_the_timeline_marks_the_critical_path_and_the_proof() -> None:
    text = page(passed())
    assert "◆ restore receipts-db" in text
    assert "◆ verify receipts-documents" not in text
    assert "proven, RTA 2 min 32 s" in text
    assert "interrupted" in page(ALL["interrupted"])
    assert "not reached" in page(ALL["interrupted"])


def test_scratch_that_nobody_speaks_of_is_not_called_removed() -> None:
    report = passed()
    silent = report.model_copy(update={"scratch": report.scratch.model_copy(update={"removed": ()})})
    text = parse(silent).text
    assert text.count("not accounted for") == 2
    assert "2 scratch resources left over." in text
