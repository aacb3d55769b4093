"""The product's loop, from many seeds: whatever goes wrong, nothing is lost, leaked, or wrongly deleted."""

import os
from collections import Counter
from random import Random

import pytest

from tests.simulation.baton import Baton, Stuck
from tests.simulation.performance import Performance, perform
from tests.simulation.troubles import Troubles

EVERY_DAY = 2000
PARTS = 4
SOAK_PARTS, SOAK_PART = 20, 5000
FIRST = int(os.environ.get("DR_SOAK_SEED", "1")) * 1_000_000
"""The soak looks at other seeds than every day's tests."""


def many(seeds: range) -> Counter[str]:
    """Perform them all. Fails at the first wrong, and names its seed."""
    ends: Counter[str] = Counter()
    for seed in seeds:
        made = perform(seed)
        assert not made.wrongs, made.told()
        ends[end_of(made)] += 1
    return ends


def end_of(made: Performance) -> str:
    return f"{made.kind} {'killed' if made.report is None else made.report.verdict}"


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_or_leaked_or_wrongly_deleted(part: int) -> None:
    size = EVERY_DAY // PARTS
    ends = many(range(part * size, (part + 1) * size))
    # A simulation in which nothing ever passes, or nothing is ever killed, would show little.
    for end in ("test passed", "test failed", "test inconclusive", "test killed", "backup passed", "backup killed"):
        assert ends[end] >= size // 100, ends


@pytest.mark.soak(SOAK_PART * 0.02)
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(SOAK_PARTS))
def test_a_hundred_thousand_runs(part: int) -> None:
    """Whole, or as many parts of it as fit the time of a soak."""
    first = FIRST + part * SOAK_PART
    ends = many(range(first, first + SOAK_PART))
    print(f"\n{SOAK_PART} simulated runs from seed {first} on: {dict(ends)}")  # noqa: T201 - figures are what a soak is for


@pytest.mark.parametrize("kind", ["test", "backup"])
@pytest.mark.parametrize("torn", [False, True], ids=["between", "torn"])
def test_a_kill_at_every_effect(kind: str, torn: bool) -> None:
    """Before each call, after it and before its record, after its record: the same run, dead at another place."""
    whole = perform(1, kind=kind, troubles=Troubles.none())
    assert whole.report is not None
    assert whole.report.verdict == "passed", whole.report.reasons
    kills = 0
    for effect in range(1, whole.baton.effects):
        made = perform(1, kind=kind, troubles=Troubles.none(), kill_at=effect, torn=torn)
        assert not made.wrongs, (effect, made.told())
        if not made.killed:
            break
        kills += 1
    assert kills > 150


def test_everybody_waiting_for_somebody_is_told() -> None:
    baton = Baton(Random(1))  # noqa: S311 - repeatable, not secret
    with pytest.raises(Stuck, match="everybody waits: main"):
        baton.wait_for(lambda: False)
