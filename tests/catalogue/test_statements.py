"""Rows, shapes and rights that are wrong in a restored database; and what would be found with one check fewer."""

import pytest

from dr.lab.faults.entries import Entry
from tests.catalogue.expecting import of, parameter
from tests.catalogue.outcome import assert_caught
from tests.catalogue.stage import Stage
from tests.catalogue.told import tell


@pytest.mark.parametrize("entry", [parameter(entry) for entry in of("rows", "shape")])
def test_damage_by_statement_is_caught(stage: Stage, entry: Entry) -> None:
    with stage.damaged(entry.name):
        outcome = stage.verify()
    tell(entry, "", outcome)
    assert_caught(entry, outcome)
