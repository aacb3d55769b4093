"""The second half of every day's seeds."""

import pytest

from tests.simulation.many import EVERY_DAY, PART, a_part


@pytest.mark.parametrize("first", range(EVERY_DAY // 2, EVERY_DAY, PART))
def test_nothing_is_lost_or_leaked_or_wrongly_deleted(first: int) -> None:
    a_part(first)
