"""The cloud that the suite runs against: one lab for each worker, or with `--aws` a real account."""

import shutil
from collections.abc import Iterator

import pytest

from dr.lab import life
from dr.lab.home import Home
from tests.contract.cloud import Cloud
from tests.lab.rds_fixtures import public_folder

SPEED = 600.0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What only a lab can be told to do is left out on AWS, and said so."""
    if config.getoption("--aws"):
        for item in items:
            if item.get_closest_marker("lab_only"):
                item.add_marker(pytest.mark.skip(reason="needs the lab: AWS cannot be told to do this"))


@pytest.fixture(scope="session")
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    if request.config.getoption("--aws"):
        yield Cloud(None, 1.0)
        return
    base = public_folder("firedrill-test-")
    home = Home(base / "lab")
    child = life.start(home, SPEED)
    try:
        yield Cloud(home, SPEED)
    finally:
        life.end(home, child)
        shutil.rmtree(base, ignore_errors=True)
