"""Bugs that are planted on purpose are found: by some seed of the first few hundred, and each for its own reason."""

import pytest

from tests.simulation import plants
from tests.simulation.performance import Cast, perform

SEEDS = 400


@pytest.mark.parametrize(
    ("cast", "wrong"),
    [
        pytest.param(Cast(journal=plants.WithoutIntents), "without an intent in the journal", id="no intents"),
        pytest.param(Cast(journal=plants.WithoutIntents), "left behind", id="no intents, so a leak"),
        pytest.param(Cast(journal=plants.IntentsAfterwards), "without an intent in the journal", id="intents too late"),
        pytest.param(
            Cast(journal=plants.WithoutResourceIds), "which a stranger made", id="no resource id in the claim"
        ),
        pytest.param(Cast(door=plants.AnythingIsOurs), "which a stranger made", id="adopts what has its name"),
        pytest.param(Cast(journal=plants.SaysPassed), "passed, though", id="every answer a good one"),
        pytest.param(Cast(journal=plants.WithoutTheChain), "the journal cannot be read back", id="a line is lost"),
    ],
)
def test_a_planted_bug_is_found(cast: Cast, wrong: str) -> None:
    for seed in range(SEEDS):
        made = perform(seed, cast)
        if any(wrong in one for one in made.wrongs):
            assert perform(seed).wrongs == []
            assert f"python -m tests.simulation {seed}" in made.told()
            return
    pytest.fail(f"none of {SEEDS} seeds found it")
