"""The product's loop, where one thing goes wrong: nothing is lost, leaked, or wrongly deleted. (Many: `many.py`.)"""

from random import Random

import pytest

from dr.aws import statuses
from tests.simulation.baton import Baton, Stuck
from tests.simulation.performance import Performance, perform
from tests.simulation.troubles import CHANGING, Failure, Troubles

KINDS = ["test", "snapshot", "backup"]
DAILY = ["test", "backup", pytest.param("snapshot", marks=pytest.mark.soak(20))]
"""A test of a snapshot is killed wherever it can be in the soak: its steps are those of a test of an instant."""


def fair(kind: str) -> Performance:
    """A run without any trouble, which passes."""
    whole = perform(1, kind=kind, troubles=Troubles.none())
    assert whole.report is not None
    assert whole.report.verdict == "passed", whole.report.reasons
    return whole


def gone_wrong(kind: str, number: int, failure: Failure) -> Performance:
    """A run with one call that went wrong, and nothing else."""
    troubles = Troubles.none()
    troubles.mishaps = {number: failure}
    made = perform(1, kind=kind, troubles=troubles)
    assert not made.wrongs, (number, made.told())
    return made


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("failure", sorted(set(CHANGING)))
def test_every_changing_call_goes_wrong_once(kind: str, failure: Failure) -> None:
    """Among them: its answer is lost after the effect, comes late, or the call is sent twice."""
    troubles = fair(kind).troubles
    for number in sorted(set(range(1, troubles.changed + 1)) - set(troubles.kept)):
        made = gone_wrong(kind, number, failure)
        assert made.report is not None
        # What botocore mends by itself nobody has to hear of.
        assert failure != "sent twice" or made.report.verdict == "passed", (number, made.report.reasons)


@pytest.mark.parametrize("kind", KINDS)
def test_every_write_to_the_control_store_goes_wrong_once(kind: str) -> None:
    """Lines of the journal, and leases: each in one of the ways, in turn."""
    ways = sorted(set(CHANGING))
    for number in fair(kind).troubles.kept:
        gone_wrong(kind, number, ways[number % len(ways)])


@pytest.mark.soak(6)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("failure", sorted(set(CHANGING)))
def test_every_write_to_the_control_store_goes_wrong_in_every_way(kind: str, failure: Failure) -> None:
    for number in fair(kind).troubles.kept:
        gone_wrong(kind, number, failure)


@pytest.mark.parametrize("status", [*statuses.STATUSES, "a-status-that-nobody-has-heard-of"])
def test_every_status_of_a_restore(status: str) -> None:
    """What passes is waited for, known or not; what never will ends the wait at once, and never passes."""
    troubles = Troubles.none()
    fatal = statuses.standing(status) == "fatal"
    troubles.between, troubles.fatal = (status,), status if fatal else ""
    made = perform(1, kind="test", troubles=troubles)
    assert not made.wrongs, made.told()
    assert made.report is not None
    assert made.report.verdict == ("inconclusive" if fatal else "passed"), made.report.reasons
    assert made.stage.acts[-1].verb == "begin", "nobody else had to finish it"


def test_everybody_waiting_for_somebody_is_told() -> None:
    baton = Baton(Random(1))  # noqa: S311 - repeatable, not secret
    with pytest.raises(Stuck, match="everybody waits: main"):
        baton.wait_for(lambda: False)
