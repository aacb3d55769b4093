"""`dr runs`: what ran, newest first, and how it ended."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dr.cli.options import estate_option, json_option

if TYPE_CHECKING:
    from dr.report.shelf import Shelved


@click.command(
    "runs",
    epilog="\b\nExamples:\n  dr runs --kind test --limit 5\n  dr runs --json | jq '.runs[].verdict'",
)
@estate_option
@click.option("--kind", type=click.Choice(["backup", "test"]), help="Only runs of this kind.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@json_option
def command(estate_file: Path, kind: str | None, limit: int, *, as_json: bool) -> None:
    """List the runs of the estate, newest first: how each ended, how deep it proved, how long recovery took.

    Where the control store is a bucket, those that were begun on other machines are listed as well: their journals are
    there, their reports are not. The exit code is 0 however they ended.
    """
    from dr.documents import load_estate
    from dr.harmless import ascii_json, told
    from dr.report import shelf

    estate, _ = load_estate(estate_file)
    root = shelf.shelf(estate)
    away, silence = _away(estate_file) if "://" in estate.control else ([], "")
    every = shelf.names(root, kind, away)
    runs = [shelf.look(root, run) for run in every[:limit]]
    if as_json:
        click.echo(ascii_json({"runs": [_plain(run) for run in runs]} | ({"silence": silence} if silence else {})))
        return
    for line in _lines(runs):
        click.echo(line)
    if not runs:
        click.echo(told(f"no runs in {root}"), err=True)
    if silence:
        click.echo(
            told(f"only runs made from this machine, {estate.control} cannot be looked through: {silence}"), err=True
        )
    if len(every) > limit:
        click.echo(f"{len(every) - limit} older; --limit {len(every)} lists all", err=True)


def _away(estate_file: Path) -> tuple[list[str], str]:
    """The runs whose journals stand in the estate's bucket; or why nobody can tell."""
    from dr.drill import enter
    from dr.errors import FiredrillError
    from dr.report import shelf

    try:
        return list(shelf.in_store(enter(estate_file, alone=True).store)), ""
    except FiredrillError as problem:
        return [], problem.message


def _plain(shelved: "Shelved") -> Mapping[str, Any]:
    report = shelved.report
    return {
        "run": shelved.run,
        "kind": shelved.kind,
        "application": shelved.application,
        "state": "reported" if report else shelved.instead,
        "verdict": report.verdict if report else None,
        "depth": {asset.asset: asset.depth for asset in report.assets} if report else None,
        "rta_seconds": report.actuals.rta_seconds if report else None,
        "rpa_seconds": report.actuals.rpa_seconds if report else None,
    }


def _lines(runs: "list[Shelved]") -> list[str]:
    from dr.harmless import shortened
    from dr.report.words import KINDS, duration

    def time(seconds: float | None) -> str:
        return duration(seconds) if seconds is not None else "–"

    rows = [("run", "kind", "application", "verdict", "depth", "RTA", "RPA")] if runs else []
    for shelved in runs:
        report = shelved.report
        row = (shelved.run, KINDS[report.kind] if report else shelved.kind, shelved.application)
        if report is None:
            rows.append((*row, shortened(shelved.instead, 160), "", "", ""))
            continue
        depth = " ".join(shortened(asset.depth or "none") for asset in report.assets) or "none"
        rows.append((*row, report.verdict, depth, time(report.actuals.rta_seconds), time(report.actuals.rpa_seconds)))
    # A run without a report says why across the columns that it has nothing for.
    widths = [max((len(row[column]) for row in rows if row[5]), default=0) for column in range(7)]
    widths[0] = max((len(row[0]) for row in rows), default=0)
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
