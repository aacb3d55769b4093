"""What each test of the catalogue found, one file each, for whoever makes the table of it."""

import json
import os
from pathlib import Path

from dr.lab.faults.entries import Entry
from tests.catalogue.outcome import Outcome, told

VARIABLE = "DR_CATALOGUE"
"""The folder that wants to know. Without it nothing is written."""


def tell(entry: Entry, variant: str, outcome: Outcome) -> None:
    """Keep what became of a fault."""
    if folder := os.environ.get(VARIABLE):
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        levels = {finding.check: finding.level for finding in outcome.bad}
        row = {
            "name": entry.name,
            "variant": variant,
            "verdict": outcome.verdict,
            "caught": {check: levels.get(check, "") for check in sorted(outcome.caught_by)},
            "said": told(outcome),
        }
        (place / f"{entry.name}-{variant}.json").write_text(json.dumps(row), encoding="utf-8")
