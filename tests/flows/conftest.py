"""One Prefect server for all tests that need one, and a home for Prefect that is not the caller's."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.prefect_server import PrefectServer, surroundings


@pytest.fixture(scope="session", autouse=True)
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Prefect reads its settings when it is imported: no test module here may import it before this has run."""
    home = tmp_path_factory.mktemp("prefect")
    wanted = surroundings(home)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PREFECT_")]:
            patch.delenv(name)
        for name in wanted.keys() - os.environ.keys():
            patch.setenv(name, wanted[name])
        yield home


@pytest.fixture(scope="session")
def server(prefect_home: Path) -> Iterator[PrefectServer]:
    one = PrefectServer(prefect_home)
    try:
        yield one
    finally:
        one.stop()
