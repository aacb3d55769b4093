"""Harmless text, and numbers that never look better than they are."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_samples import DATABASE, START, at, failed

from dr.harmless import inert, shortened, visible
from dr.report.drawing import draw
from dr.report.ladder import ending, rungs
from dr.report.markdown import name, prose
from dr.report.words import duration, exactness, fraction, offset, size
from dr.verification import Coverage


@settings(deadline=None)
@given(st.text())
def test_visible_text_prints_and_stays_so(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert visible(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        *(("=1+1", "'=1+1"), ("@SUM(A1)", "'@SUM(A1)"), ("+cmd|x", "'+cmd|x"), ("-1+cmd|x", "'-1+cmd|x")),
        *(("-1", "-1"), ("+1,204.5", "+1,204.5"), ("-3%", "-3%"), ("receipts", "receipts"), ("", ""), ("-", "'-")),
    ],
)
def test_a_cell_computes_nothing(text: str, shown: str) -> None:
    assert inert(text) == shown


@settings(deadline=None)
@given(st.text(), st.integers(min_value=8, max_value=200))
def test_short_is_short(text: str, length: int) -> None:
    assert len(shortened(text, length)) <= length


@settings(deadline=None)
@given(st.text())
def test_markdown_text_opens_nothing(text: str) -> None:
    for shown in (name(text), prose(text)):
        assert "|" not in shown
        assert "\n" not in shown
        assert "<" not in shown.replace("<!-- -->", "")
        assert shown.count("`") in (0, 2)


@settings(deadline=None)
@given(st.floats(min_value=0, max_value=1))
def test_only_the_whole_is_shown_as_whole(part: float) -> None:
    text = fraction(part)
    assert (text == "100 %") == (part == 1)
    assert (text == "0 %") == (part == 0)


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (1, "100 %"),
        (0.99987, "99.98 %"),
        (0.999999, "99.9999 %"),
        (0.99, "99.00 %"),
        (0.00001, "under 0.01 %"),
        (0, "0 %"),
    ],
)
def test_fractions(part: float, text: str) -> None:
    assert fraction(part) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (4.24, "4.2 s"),
        (9.97, "10 s"),
        (59.6, "1 min"),
        (161, "2 min 41 s"),
        (3600, "1 h"),
        (3900, "1 h 05 min"),
        (3599.7, "1 h"),
        (86_399, "1 d"),
        (273_600, "3 d 4 h"),
        (-5, "−5 s"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_offsets_and_sizes() -> None:
    assert offset(at(161), START) == "+2:41"
    assert offset(at(3723), START) == "+1:02:03"
    assert offset(at(-4), START) == "−0:04"
    assert offset(None, START) == "–"
    assert size(999) == "999 bytes"
    assert size(21_400_000) == "21.4 MB"


def test_no_rows_is_no_fraction() -> None:
    assert exactness(Coverage(exact_fraction=1.0)) == "no rows compared"


def test_the_ladder_shows_the_worst_of_each_level() -> None:
    asset = failed().assets[0]
    states = [rung.state for rung in rungs(asset.findings)]
    assert states == [
        "not_asked",
        "passed",
        "not_asked",
        "not_available",
        "failed",
        "failed",
        "passed",
        "passed",
        "passed",
    ]
    assert ending(rungs(asset.findings), asset.depth) == "Proven to L1. The climb ended at L4: 1 failed, 6 passed."
    assert ending(rungs(DATABASE.findings), "L8") == "Proven to L8."
    assert ending(rungs(()), None) == "Nothing was proven."


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=10**7), st.integers(min_value=-(10**5), max_value=10**7))
def test_whatever_the_clock_said_the_drawing_stays_on_the_page(end: int, finish: int) -> None:
    report = failed().model_copy(update={"finished_at": at(end)})
    steps = tuple(step.model_copy(update={"finished_at": at(finish)}) for step in report.steps)
    drawing = draw(report.model_copy(update={"steps": steps}))
    for lane in drawing.lanes:
        assert lane.width is not None
        assert lane.left >= 0
        assert lane.left + lane.width <= 100.001
    assert 1 <= len(drawing.ticks) <= 7
    assert all(0 <= tick.at <= 100 for tick in drawing.ticks)
