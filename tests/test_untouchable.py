"""What no run may delete or change: everything that the estate protects, whichever application the run is of."""

from pathlib import Path

import pytest

from dr.aws.clients import Aws
from dr.documents import Document
from dr.drill import House, untouchable
from dr.errors import Refused
from dr.store import FolderStore
from tests.simulation import scene
from tests.simulation.cloud.account import NUMBER


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Two applications, each with a backup; that of the second is of another source."""
    store = FolderStore(tmp_path)
    (own,) = scene.records()
    taken = own.databases["receipts-db"]
    source = taken.source.model_copy(update={"resource_id": "db-LEDGER"})
    other = own.model_copy(
        update={
            "application": "ledger",
            "databases": {"ledger-db": taken.model_copy(update={"source": source})},
        }
    )
    for record in (own, other):
        store.create(f"backups/{record.application}/{record.run}.json", record.model_dump_json(by_alias=True).encode())
    estate = scene.estate()
    both = {"receipts": estate.applications["receipts"], "ledger": estate.applications["receipts"]}
    return House(
        estate.model_copy(update={"applications": both}),
        Document(Path("estate.yaml"), {}, {}, ""),
        scene.CONNECTION,
        Aws(scene.CONNECTION, NUMBER, environment={}),
        store,
        tmp_path,
    )


@pytest.mark.parametrize("application", ["receipts", "ledger"])
def test_the_sources_of_every_application_are_protected_from_a_run_of_any(house: House, application: str) -> None:
    assert {"db-SOURCE", "db-LEDGER", "receipts"} <= untouchable(house, house.estate, application)


def test_a_record_of_another_application_that_cannot_be_read_is_said(house: House, tmp_path: Path) -> None:
    (damaged,) = (tmp_path / "backups/ledger").iterdir()
    damaged.chmod(0o600)
    damaged.write_text("{")
    said: list[str] = []
    protected = untouchable(house, house.estate, "receipts", said.append)
    assert "db-SOURCE" in protected
    assert "db-LEDGER" not in protected
    assert len(said) == 1
    assert "the resource ids of ledger are not known" in said[0]
    with pytest.raises(Refused, match="is not a backup record"):
        untouchable(house, house.estate, "ledger", said.append)
