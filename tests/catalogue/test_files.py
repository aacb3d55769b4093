"""Damage to the files of a restored database, with page checksums and without."""

import pytest

from dr.errors import FiredrillError
from dr.lab.faults.entries import Entry
from dr.lab.rds.harm_restore import DOES_NOT_START
from tests.catalogue.expecting import of, parameter
from tests.catalogue.outcome import Outcome, assert_caught, assert_needed
from tests.catalogue.stage import Stage
from tests.catalogue.told import tell

pytestmark = pytest.mark.timeout(1200)
"""Each waits for a server that stops and starts several times."""

BY_SNAPSHOT = {"corrupt-page"}
"""Damage that is done to a backup, not to what was restored from it: see `test_runs.py`."""


@pytest.mark.parametrize(
    ("entry", "checksums"),
    [
        parameter(entry, checksums)
        for entry in of("files")
        if entry.name not in BY_SNAPSHOT
        for checksums in ("on", "off")
    ],
)
def test_damage_to_a_file_is_caught(stage: Stage, entry: Entry, checksums: str) -> None:
    try:
        with stage.damaged(entry.name, checksums=checksums):
            outcome = stage.verify()
    except FiredrillError as problem:
        if DOES_NOT_START not in str(problem):
            raise
        # That restore never becomes available.
        outcome = Outcome("inconclusive", beyond={"restore": str(problem)})
    tell(entry, checksums, outcome)
    assert_caught(entry, outcome)
    assert_needed(entry, outcome)
