"""What a backup recorded, when it cannot be read for a moment, or when its source is another one all of a sudden."""

from dataclasses import replace
from typing import Any

import pytest

from tests.simulation import scene
from tests.simulation.acts import Cast
from tests.simulation.cloud.account import PRIMARY, RECOVERY, refuse
from tests.simulation.cloud.door import Door
from tests.simulation.cloud.s3 import CONTROL
from tests.simulation.performance import perform
from tests.simulation.troubles import Troubles

BASELINE = "baselines/receipts-db/"


class Unread(Door):
    """Refuses one read of the database's baseline."""

    which = 1

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._reads = 0

    def answered(self, answer: dict[str, Any], operation: str) -> dict[str, Any]:
        if operation == "get_object" and answer["Body"].getvalue() == scene.control_store()[f"{BASELINE}one.json"]:
            self._reads += 1
            if self._reads == self.which:
                raise refuse("AccessDenied", "GetObject", 403)
        return super().answered(answer, operation)


@pytest.mark.parametrize("read", [1, 2, 3])
def test_a_baseline_that_could_not_be_read_is_not_taken_for_none(read: int) -> None:
    """It is read for the checks that can do without, for the content and for the schema: each may get no answer."""
    door = type("UnreadOnce", (Unread,), {"which": read})
    made = perform(1, Cast(door=door), kind="test", troubles=Troubles.none())
    assert made.wrongs == [], made.told()
    assert made.report is not None
    assert made.report.verdict == "inconclusive", made.report.reasons


class Replaced(Door):
    """As soon as a baseline of the source is kept, somebody replaces the source under its name."""

    def answered(self, answer: dict[str, Any], operation: str) -> dict[str, Any]:
        kept = {key for key in self.account.regions[RECOVERY].buckets[CONTROL] if key.startswith(BASELINE)}
        here = self.account.regions[PRIMARY].instances
        if kept - scene.control_store().keys() and here["receipts"].resource_id == "db-SOURCE":
            here["receipts"] = replace(here["receipts"], resource_id="db-REPLACED")
        return super().answered(answer, operation)


def test_a_backup_of_two_databases_that_bore_one_name_is_none() -> None:
    made = perform(1, Cast(door=Replaced), kind="backup", troubles=Troubles.none())
    # What the neighbour did to the source is seen; the run itself did nothing wrong.
    assert made.wrongs == ["instance db-SOURCE in eu-west-1 was deleted"], made.told()
    assert made.report is not None
    assert made.report.verdict == "inconclusive", made.report.reasons
    assert any("db-REPLACED" in reason for reason in made.report.reasons), made.report.reasons
