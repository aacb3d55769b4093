"""The catalogue as data: what it says of each fault can be, and every check has a fault that is its to find."""

from collections import Counter

import pytest

from dr.estate import CHECKS
from dr.lab.faults.catalogue import CATALOGUE
from dr.lab.faults.entries import BEYOND_CHECKS, KINDS, Entry
from dr.verification import LEVELS, Finding
from tests.catalogue.expecting import OF_A_KIND
from tests.catalogue.outcome import Outcome, assert_caught


def test_there_are_enough_and_each_says_what_it_stands_for() -> None:
    assert sum(entry.kind != "weather" for entry in CATALOGUE.values()) >= 60
    assert max(Counter(entry.number for entry in CATALOGUE.values()).values()) == 1
    for entry in CATALOGUE.values():
        assert entry.what.endswith("."), entry.name
        assert entry.simulates, entry.name
        assert entry.kind in KINDS
        assert (entry.caught_by == "nothing") == (not entry.caught_at), entry.name
        assert not entry.caught_at or entry.caught_at in LEVELS


ELSEWHERE = {"decryption"}
"""The sample application encrypts nothing itself: `tests/checks/test_decryption.py` has something that does."""


def test_every_check_has_a_fault_and_every_fault_a_check() -> None:
    named = {entry.caught_by for entry in CATALOGUE.values()}
    assert set(CHECKS) - ELSEWHERE <= named <= {*CHECKS, *BEYOND_CHECKS}
    assert {check for entry in CATALOGUE.values() for check in entry.also} <= {*CHECKS, *BEYOND_CHECKS}


def test_make_test_keeps_one_fault_of_each_kind() -> None:
    kept = {CATALOGUE[name].kind for name in OF_A_KIND}
    assert kept >= set(KINDS) - {"weather", "control plane"}


FAILED = Finding(check="content", level="L4", outcome="failed", subject="receipts.public.ledger")
ENTRY = CATALOGUE["row-lost"]


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome("passed", ()), "escaped"),
        (Outcome("inconclusive", ()), "no check says why"),
        (Outcome("failed", (FAILED.model_copy(update={"check": "schema"}),)), "content is silent"),
        (Outcome("failed", (FAILED, FAILED.model_copy(update={"check": "roles"}))), "not said to be found by"),
        (Outcome("failed", (FAILED.model_copy(update={"level": "L8"}),)), "content: L8"),
    ],
)
def test_an_outcome_that_is_not_what_is_stated_is_red(outcome: Outcome, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        assert_caught(ENTRY, outcome)


def test_an_outcome_that_is_what_is_stated_is_green_until_its_check_is_removed() -> None:
    outcome = Outcome("failed", (FAILED,))
    assert_caught(ENTRY, outcome)
    with pytest.raises(AssertionError):
        assert_caught(ENTRY, outcome.without("content"))


def test_an_alarm_over_nothing_is_red() -> None:
    harmless: Entry = CATALOGUE["free-space-map-wrong"]
    assert_caught(harmless, Outcome("passed", ()))
    with pytest.raises(AssertionError):
        assert_caught(harmless, Outcome("failed", (FAILED,)))
