"""Bugs that are planted on purpose are found: by some seed of the first few hundred, and each for its own reason."""

import pytest

from tests.simulation import plants
from tests.simulation.acts import Cast
from tests.simulation.performance import Performance, perform
from tests.simulation.test_simulation import fair
from tests.simulation.troubles import Troubles

SEEDS = 400


@pytest.mark.parametrize(
    ("cast", "kind", "wrong"),
    [
        pytest.param(Cast(journal=plants.WithoutIntents), None, "without an intent in the journal", id="no intents"),
        pytest.param(Cast(journal=plants.WithoutIntents), None, "left behind", id="no intents, so a leak"),
        pytest.param(Cast(journal=plants.IntentsAfterwards), None, "without an intent", id="intents too late"),
        pytest.param(Cast(journal=plants.WithoutResourceIds), "test", "which a stranger made", id="no resource id"),
        pytest.param(Cast(door=plants.AnythingIsOurs), None, "which a stranger made", id="adopts what has its name"),
        pytest.param(Cast(journal=plants.SaysPassed), "test", "passed, though", id="every answer a good one"),
        pytest.param(Cast(journal=plants.WithoutTheChain), None, "tell different stories", id="a line is lost"),
        pytest.param(Cast(aws=plants.WithoutPermit), None, "which had lost its lease", id="no lease check"),
        pytest.param(Cast(databases=plants.SaysIsolated), "test", "before its first session", id="nothing is off"),
        pytest.param(Cast(databases=plants.SaysIsolated), "test", "could reach out", id="could reach out"),
    ],
)
def test_a_planted_bug_is_found(cast: Cast, kind: str | None, wrong: str) -> None:
    """Whatever kind of run the seed is of, or in one kind that can have it."""
    for seed in range(SEEDS):
        made = perform(seed, cast, kind=kind)
        if any(wrong in one for one in made.wrongs):
            assert perform(seed, kind=kind).wrongs == []
            assert f"python -m tests.simulation {seed}" in made.told()
            return
    pytest.fail(f"none of {SEEDS} seeds found it")


def test_whoever_never_looks_who_writes_the_journal_is_found() -> None:
    """By too few seeds to wait for one: it has to be paused among many calls under one announcement."""
    for effect in fair("test").first.points:
        if any("whose run was taken over" in one for one in _paused(effect, Cast(aws=plants.WithoutPermit)).wrongs):
            assert _paused(effect, Cast()).wrongs == []
            return
    pytest.fail("paused and taken over anywhere, it was not found")


def _paused(effect: int, cast: Cast) -> Performance:
    """A test whose process is stopped for minutes before one of its effects, while another machine goes on with it."""
    calm = Troubles.none()
    return perform(1, cast, kind="test", troubles=calm, pauses={effect: 400.0}, usurped=100.0)


def test_a_run_without_the_proof_of_its_isolation_never_passes() -> None:
    passed = [one for one in range(60) if _passes(one, Cast())]
    assert passed
    assert not [one for one in passed if _passes(one, Cast(journal=plants.WithoutTheFirstSession))]


def _passes(seed: int, cast: Cast) -> bool:
    made = perform(seed, cast, kind="test")
    return made.report is not None and made.report.verdict == "passed"
