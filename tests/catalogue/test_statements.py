"""Rows, shapes and rights that are wrong in a restored database; and what would be found with one check fewer."""

from dataclasses import replace

import pytest

from dr.lab.faults.catalogue import CATALOGUE
from dr.lab.faults.entries import BEYOND_CHECKS, Entry
from tests.catalogue.expecting import of, parameter
from tests.catalogue.outcome import assert_caught, assert_needed, told
from tests.catalogue.stage import Stage
from tests.catalogue.told import tell

pytestmark = pytest.mark.timeout(1200)
"""Each waits for a server that stops and starts several times."""


@pytest.mark.parametrize(
    "entry", [parameter(entry) for entry in of("rows", "shape") if entry.caught_by != "references"]
)
def test_damage_by_statement_is_caught(stage: Stage, entry: Entry) -> None:
    with stage.damaged(entry.name):
        outcome = stage.verify()
    tell(entry, "", outcome)
    assert_caught(entry, outcome)
    assert_needed(entry, outcome)


OF_THE_INSTANCE = {entry.caught_by: entry.name for entry in reversed(of("files", "rows", "shape"))}
del OF_THE_INSTANCE["references"]
"""Check -> a fault that is its to find, of those that a standing instance can be given."""


@pytest.mark.catalogue
@pytest.mark.parametrize("check", sorted(set(OF_THE_INSTANCE) - BEYOND_CHECKS.keys()))
def test_a_check_that_is_removed_turns_its_fault_red(stage: Stage, check: str) -> None:
    entry = CATALOGUE[OF_THE_INSTANCE[check]]
    with stage.damaged(entry.name):
        outcome = stage.verify(deaf_to=check)
    assert check not in {finding.check for finding in outcome.findings}
    with pytest.raises(AssertionError, match=f"{check} is silent|no check says why"):
        assert_caught(entry, outcome)
    assert outcome.verdict in ("failed", "inconclusive"), told(outcome)


@pytest.mark.catalogue
def test_no_run_passes_without_one_of_its_checks_or_tables(stage: Stage) -> None:
    """A plan that expects a check does not pass without its answer; nor without that of a single table."""
    sound = stage.listen()
    assert stage.judged(sound).verdict == "passed"
    for check in sorted({finding.check for finding in sound.heard}):
        cut = replace(sound, heard=[finding for finding in sound.heard if finding.check != check])
        assert stage.judged(cut).verdict == "inconclusive", check
    tables = [one.subject for one in sound.heard if one.check == "content" and one.outcome == "passed"]
    assert len(tables) > 10
    for table in tables:
        cut = replace(sound, heard=[finding for finding in sound.heard if finding.subject != table])
        assert stage.judged(cut).verdict == "inconclusive", table
