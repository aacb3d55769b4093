"""A lab with a backup in it, and a restore of that backup to damage."""

from collections.abc import Iterator

import pytest

from tests.catalogue.stage import Stage, restored
from tests.catalogue.whole import DOCUMENTS, HERE, settled
from tests.conftest import Lab
from tests.runs.conftest import Runner

TAGGED = 5
"""The oldest objects are given a tag: so many, because the application replaces one now and then."""


@pytest.fixture(scope="session")
def runner(lab: Lab) -> Runner:
    """With a house of its own: what one stage may call is not what a whole run may."""
    made = Runner(lab)
    # The application gives its objects no tags, and what has none loses none.
    for key in settled(made, DOCUMENTS, HERE)[:TAGGED]:
        tags = {"TagSet": [{"Key": "kept for", "Value": "ten years"}]}
        made.s3(HERE).put_object_tagging(Bucket=DOCUMENTS, Key=key, Tagging=tags)
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
