"""What a backup recorded, when it cannot be read for a moment."""

from typing import Any

import pytest

from tests.simulation import scene
from tests.simulation.acts import Cast
from tests.simulation.cloud.account import refuse
from tests.simulation.cloud.door import Door
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
        if operation == "get_object" and answer["Body"].read() == scene.control_store()[f"{BASELINE}one.json"]:
            self._reads += 1
            if self._reads == self.which:
                raise refuse("AccessDenied", "GetObject", 403)
        return super().answered(answer, operation)


@pytest.mark.parametrize("read", [1, 2, 3, 4])
def test_a_baseline_that_could_not_be_read_is_not_taken_for_none(read: int) -> None:
    """Each check that asks for it may be the one that gets no answer."""
    door = type("UnreadOnce", (Unread,), {"which": read})
    made = perform(1, Cast(door=door), kind="test", troubles=Troubles.none())
    assert made.wrongs == [], made.told()
    assert made.report is not None
    assert made.report.verdict == "inconclusive", made.report.reasons
