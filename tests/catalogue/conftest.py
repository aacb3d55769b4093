"""A lab with a backup in it, and a restore of that backup to damage."""

from collections.abc import Iterator

import pytest

from tests.catalogue.stage import Stage, restored
from tests.conftest import Lab
from tests.runs.conftest import Runner


@pytest.fixture(scope="session")
def runner(lab: Lab) -> Runner:
    """With a house of its own: what one stage may call is not what a whole run may."""
    made = Runner(lab)
    report = made.backup()
    assert report.verdict == "passed", report.reasons
    return made


@pytest.fixture(autouse=True)
def no_scratch_left() -> None:
    """A stage keeps its instance from test to test, and looks for itself when it is taken down."""


@pytest.fixture(scope="module")
def stage(runner: Runner) -> Iterator[Stage]:
    with restored(Runner(runner.lab)) as made:
        sound = made.verify()
        assert sound.verdict == "passed", sound
        yield made
    assert runner.leftovers() == []
