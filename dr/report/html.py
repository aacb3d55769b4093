"""The page: one file that needs no script, no network and no second file, and that an auditor can print.

Whatever is put into the page passes through `visible` and then through autoescape, by construction, not by remembering.
The page's own policy allows exactly one style sheet, by its hash, and nothing else: no script, no image, no request.
"""

import hashlib
from base64 import b64encode
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from dr.harmless import PROSE_LENGTH, inert, shortened, title, visible
from dr.report import words
from dr.report.drawing import BAR_TOP, HEAD, LANE, draw
from dr.report.ladder import ending, rungs
from dr.report.model import Report, ReportedAsset, ScratchLedger

BAR_ROOM = 1.08
"""A bar's whole width, in units of the larger of what was promised and what was measured."""


def page(report: Report) -> str:
    """The whole page."""
    style = _style()
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            words=words,
            style=Markup(style),  # noqa: S704 - our own file, and its hash is what the page's policy allows
            style_hash=b64encode(hashlib.sha256(style.encode()).digest()).decode(),
            drawing=draw(report),
            geometry={"head": HEAD, "lane": LANE, "bar": BAR_TOP},
            promises=[
                _promise("RTA", "RTO", "Recovery time", report.objectives.rto_seconds, report.actuals.rta_seconds),
                _promise("RPA", "RPO", "Recovery point", report.objectives.rpo_seconds, report.actuals.rpa_seconds),
            ],
            assets=[_asset(asset) for asset in report.assets],
            groups=[(outcome, word, words.of_outcome(report, outcome)) for outcome, word in words.OUTCOMES.items()],
            scratch=_scratch(report.scratch),
            tested=report.kind == "test",
            waited=any(step.waited_for_people_seconds for step in report.steps),
            took=(report.finished_at - report.started_at).total_seconds(),
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dr.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "name": _name,
        "prose": _prose,
        "short": shortened,
        "percent": lambda number: f"{number:.3f}%",
    }
    return environment


@cache
def _style() -> str:
    source, _, _ = _environment().loader.get_source(_environment(), "report.css")  # type: ignore[union-attr]
    return "\n" + source


def _harmless(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _name(text: str, length: int = 120) -> Markup:
    """A name set apart from the text around it in direction as well, and whole in its title."""
    short, full = shortened(text, length), title(text)
    extra = Markup(' title="{}"').format(full) if full != short else ""
    return Markup('<bdi class="name"{}>{}</bdi>').format(extra, escape(inert(short)))


def _prose(text: str) -> Markup:
    short, full = shortened(text, PROSE_LENGTH), title(text)
    return (
        Markup('<bdi title="{}">{}</bdi>').format(full, inert(short))
        if full != short
        else Markup("<bdi>{}</bdi>").format(inert(short))
    )


def _promise(actual_name: str, name: str, about: str, objective: float, actual: float | None) -> dict[str, Any]:
    """A bar: what was measured, as a share of the width, and where the promise stands."""
    whole = max(objective, actual or 0.0, 1.0) * BAR_ROOM
    return {
        "name": name,
        "actual_name": actual_name,
        "about": about,
        "objective": objective,
        "actual": actual,
        "state": "errored" if actual is None else "passed" if actual <= objective else "failed",
        "said": words.against(name, objective, actual),
        "goal": objective / whole * 100,
        "width": max((actual or 0.0) / whole * 100, 0.8) if actual is not None else 0.0,
    }


def _asset(asset: ReportedAsset) -> dict[str, Any]:
    climbed = rungs(asset.findings)
    covered = asset.coverage
    meters: list[dict[str, Any]] = []
    if asset.kind == "database" or covered.tables_expected:
        meters.append(_meter("Tables", covered.tables_compared, covered.tables_expected, "table"))
    if asset.kind == "bucket" or covered.objects_expected:
        meters.append(_meter("Objects", covered.objects_compared, covered.objects_expected, "object"))
    if asset.kind == "database":
        share = covered.exact_fraction if covered.rows and covered.exact_fraction is not None else 0.0
        said = words.exactness(covered)
        state = "passed" if share > 0 else "failed"
        meters.insert(0, {"label": "Exact fraction", "said": said, "share": min(share, 1.0) * 100, "state": state})
    return {
        "of": asset,
        "rungs": climbed[::-1],
        "ending": ending(climbed, asset.depth),
        "good": asset.depth is not None and not any(rung.state in ("failed", "errored") for rung in climbed),
        "meters": meters,
        "bytes": words.size(covered.bytes) if covered.bytes else "",
    }


def _meter(label: str, compared: int, expected: int, noun: str) -> dict[str, Any]:
    """Nothing compared is an empty bar and the word for it, never a full one."""
    said = f"{compared:,} of {words.plural(expected, noun)} compared"
    whole = compared == expected and compared > 0
    share = min(compared / expected, 1.0) * 100 if expected else 0.0
    return {"label": label, "said": said, "share": share, "state": "passed" if whole else "failed"}


def _scratch(ledger: ScratchLedger) -> dict[str, Any]:
    """Each thing once, with what became of it; one that nobody speaks of any more is said to be unaccounted for."""
    rows = [
        (
            thing,
            "remains" if thing in ledger.remaining else "removed" if thing in ledger.removed else "not accounted for",
        )
        for thing in dict.fromkeys((*ledger.created, *ledger.remaining, *ledger.removed))
    ]
    return {"rows": rows, "left": [thing for thing, fate in rows if fate != "removed"]}
