"""Rows and objects are merged in a memory that does not grow with them."""

import json
import subprocess
import sys
import tracemalloc
from typing import Any

import pytest

from dr.checks import references
from dr.estate import Reference
from dr.held import HeldKey
from tests.checks import flat
from tests.checks.conftest import Source, as_owner

REFERENCE = Reference(
    database="receipts-db", table=flat.TABLE, key="key", version="version", sha256="sha256", bucket="docs"
)


@pytest.fixture
def rows(source: Source, request: pytest.FixtureRequest) -> Any:
    with as_owner(source.cluster) as owner:
        owner.execute(flat.ROWS % request.param)
        yield request.param
        owner.execute(f"drop table {flat.TABLE}")


@pytest.mark.parametrize("rows", [20_000], indirect=True)
def test_memory_does_not_grow_with_rows_and_objects(source: Source, rows: int) -> None:
    """What Python holds at its most: a page of the cursor, and what is named."""

    def peak(count: int) -> int:
        held = map(HeldKey.model_validate_json, flat.lines(count))
        tracemalloc.start()
        try:
            references.check([(source.login("app"), REFERENCE)], held, flat.T, bucket="docs", heartbeat="", whole=True)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(rows) < 8_000_000


@pytest.mark.soak(60)
@pytest.mark.parametrize("rows", [1_000_000], indirect=True)
def test_a_million_rows_and_objects_stay_under_200_megabytes(source: Source, rows: int) -> None:
    """The whole process, with everything that it imported."""
    login = source.login("app")
    given = {name: getattr(login, name) for name in ("host", "port", "user", "dbname", "address")}
    given |= {"password": login.password.get_secret_value(), "ca": str(login.ca)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.checks.flat", str(rows)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
        timeout=3600,
    )
    found = json.loads(done.stdout)
    print(found)  # noqa: T201
    lost = rows // flat.LOST
    assert found["rows"] == rows
    assert found["told"] == {
        f"app.public.{flat.TABLE}": f"{lost - references.SHOWN} more rows",
        "docs": "0 that no row names",
    }
    assert found["megabytes"] < 200
