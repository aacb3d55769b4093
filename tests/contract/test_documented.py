"""Every behaviour that is pinned is written down, and every behaviour that is written down is pinned."""

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "aws-behaviours.md"
HEADING = re.compile(r"^### ([A-Z0-9-]+) · .+\n+(?:(?!^#).*\n)*?Source: .+", re.MULTILINE)
MARK = re.compile(r"behaviour\(\"([A-Z0-9-]+)\"\)")


def test_the_page_and_the_suite_name_the_same_behaviours() -> None:
    written = HEADING.findall(PAGE.read_text())
    pinned = [name for file in sorted(HERE.glob("test_*.py")) for name in MARK.findall(file.read_text())]
    assert len(written) == len(set(written)), "a behaviour is written down twice"
    assert set(pinned) == set(written)
