"""A seed is a whole story: two replays of it are the same, in this process and in any other."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.acts import Cast
from tests.simulation.baton import Stuck
from tests.simulation.cloud.door import Door
from tests.simulation.performance import perform

ROOT = Path(__file__).parent.parent.parent
SEEDS = range(10)


def test_two_replays_in_one_process_do_the_same_in_the_same_order() -> None:
    for seed in SEEDS:
        assert perform(seed).baton.trace == perform(seed).baton.trace, seed


def test_seeds_differ() -> None:
    assert len({tuple(perform(seed).baton.trace) for seed in SEEDS}) == len(SEEDS)


def test_two_processes_show_the_same_trace() -> None:
    """Sets of text are walked through in another order in each process: nothing may hang on it."""
    seeds = [str(seed) for seed in SEEDS]
    first, second = (replay(seeds, hashes) for hashes in ("1", "2"))
    assert first == second
    here = perform(SEEDS[-1]).baton.trace
    assert "\n".join(here) in first
    assert len(here) > 50


class Deaf(Door):
    """Nobody ever comes in."""

    def session(self, *_: object) -> Any:
        self.baton.wait_for(lambda: False)


def test_a_story_that_breaks_off_names_its_seed() -> None:
    """A run that never ends, a thread that outlives its process, a bug of the simulation: each can be seen again."""
    with pytest.raises(Stuck) as met:
        perform(4711, Cast(door=Deaf), kind="backup")
    assert met.value.__notes__ == ["seed 4711 (backup): see `python -m tests.simulation 4711`"]


def replay(seeds: list[str], hashes: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", *seeds],
        env=os.environ | {"PYTHONHASHSEED": hashes},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
