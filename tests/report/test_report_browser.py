"""The page in a real browser: nothing hangs over the edge of a phone, and paper shows what the screen folds away."""

import json
import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from report_samples import ALL

from dr.report.html import page

pytestmark = pytest.mark.browser
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FRAME = """<!DOCTYPE html><body style="margin:0"><iframe style="border:0;width:{width}px;height:900px"
src="report.html"></iframe><pre></pre><script>
onload = () => {{
  const view = frames[0], page = view.document;
  const wide = [...page.querySelectorAll('body *')].filter(one => !one.closest('.scroller, .definitions, defs')
    && one.getBoundingClientRect().right > view.innerWidth + 1);
  const seen = {{
    inner: view.innerWidth, scroll: page.scrollingElement.scrollWidth,
    wide: wide.slice(0, 5).map(one => `${{one.tagName}} ${{one.getAttribute('class')}} ${{one.textContent}}`),
    styled: view.getComputedStyle(page.querySelector('.verdict')).display,
    heading: page.querySelector('h1').textContent,
  }};
  document.querySelector('pre').textContent = JSON.stringify(seen);
}};
</script>"""


@pytest.fixture(scope="module")
def browser() -> str:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None and os.environ.get("DR_REQUIRE_BROWSER") == "1":
        pytest.fail(f"no browser: none of {', '.join(NAMES)} is installed")
    if found is None:
        pytest.skip("no Chromium is installed")
    return found


def run(browser: str, folder: Path, *arguments: str) -> str:
    """Chromium without a window, with a profile of its own. Only our own pages are opened: no sandbox is needed."""
    return subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--allow-file-access-from-files",
            f"--user-data-dir={folder / 'profile'}",
            *arguments,
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=90,
    ).stdout


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["failed", "huge", "hostile"])
def test_nothing_hangs_over_the_edge(name: str, width: int, browser: str, tmp_path: Path) -> None:
    """The page itself stays untouched, its policy in force: a page around it looks in."""
    (tmp_path / "report.html").write_text(page(ALL[name]), encoding="utf-8")
    (tmp_path / "frame.html").write_text(FRAME.format(width=width), encoding="utf-8")
    dumped = run(browser, tmp_path, "--window-size=1400,1000", "--dump-dom", f"file://{tmp_path}/frame.html")
    found = re.search(r"<pre>(.*?)</pre>", dumped, re.DOTALL)
    assert found, dumped[-500:]
    seen = json.loads(unescape(found[1]))
    assert seen["inner"] == width
    assert seen["wide"] == []
    assert seen["scroll"] <= width
    assert seen["styled"] == "flex", "the page's own policy keeps its style sheet out"


def test_paper_shows_what_the_screen_folds_away(browser: str, tmp_path: Path) -> None:
    text = page(ALL["huge"])
    folded, opened, lost = (
        printed(browser, tmp_path, sheet)
        for sheet in (
            text,
            text.replace("<details>", "<details open>"),
            re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL),
        )
    )
    assert folded == opened > lost >= 2


def printed(browser: str, folder: Path, text: str) -> int:
    """How many sheets of paper a page takes."""
    sheet, paper = folder / "sheet.html", folder / "sheet.pdf"
    sheet.write_text(text, encoding="utf-8")
    run(browser, folder, f"--print-to-pdf={paper}", f"file://{sheet}")
    raw = paper.read_bytes()
    assert raw.startswith(b"%PDF-")
    return len(re.findall(rb"/Type\s*/Page\b", raw))
