"""The first half of every day's seeds, and the many of the soak."""

import os

import pytest

from tests.simulation.many import EVERY_DAY, PART, a_part, many

SOAK_PARTS, SOAK_PART = 100, 1000
FIRST = int(os.environ.get("DR_SOAK_SEED", "1")) * 1_000_000
"""The soak looks at other seeds than every day's tests."""


@pytest.mark.parametrize("first", range(0, EVERY_DAY // 2, PART))
def test_nothing_is_lost_or_leaked_or_wrongly_deleted(first: int) -> None:
    a_part(first)


@pytest.mark.soak(SOAK_PART * 0.04)
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(SOAK_PARTS))
def test_a_hundred_thousand_runs(part: int) -> None:
    """Whole, or as many parts of it as fit the time of a soak."""
    first = FIRST + part * SOAK_PART
    ends = many(range(first, first + SOAK_PART))
    print(f"\n{SOAK_PART} simulated runs from seed {first} on: {dict(ends)}")  # noqa: T201 - figures are what a soak is for
