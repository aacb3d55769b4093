"""What a site holds is told by objects that others may write: whatever stands there is refused in words."""

from pathlib import Path

import pytest
import stories
from test_records import DOCUMENT, source

from dr import catalog, facts
from dr.aws.clients import Aws
from dr.connection import Connection
from dr.context import Context
from dr.errors import Refused
from dr.estate import Roles
from dr.journal import FILE, Journal
from dr.recovery import stamp
from dr.runbook import CommitBackup
from dr.steps.commit_backup import commit_backup
from dr.store import FolderStore
from tests.aws.scripted import server

BEAT = "s3://receipts-documents-eu-central-1/firedrill/heartbeat"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[" * 60_000, f"{BEAT} is not a heartbeat object"),
        (" " * 200_000, f"{BEAT} is larger than 65,536 bytes"),
        ("", "is not a heartbeat object"),
        ("[]", "is not a heartbeat object"),
        ('{"at": 1e400}', "is not a heartbeat object"),
        ('{"at": "0001-01-01T00:00:00+14:00"}', "is not a heartbeat object"),
    ],
)
def test_what_is_no_heartbeat_is_refused_and_not_read_to_its_end(content: str, says: str) -> None:
    plan = stories.test_plan().model_copy(update={"databases": ()})
    with server((200, "application/json", content)) as cloud, pytest.raises(Refused, match=says):
        catalog.limits(cloud.aws(), plan, stories.estate().applications["receipts"], {})


def test_a_heartbeat_is_read() -> None:
    plan = stories.test_plan().model_copy(update={"databases": ()})
    beat = '{"at": "2026-11-20T02:14:00+00:00"}'.ljust(catalog.LARGEST_HEARTBEAT)
    with server((200, "application/json", beat)) as cloud:
        found = catalog.limits(cloud.aws(), plan, stories.estate().applications["receipts"], {})
    assert found.objects == {stories.BUCKET: stories.INSTANT}


def test_a_commit_that_meets_a_damaged_record_names_it(tmp_path: Path) -> None:
    """An earlier process of the run wrote it; something has cut it short since."""
    plan, asset, instant = stories.backup_plan(), stories.DATABASE, stamp(stories.INSTANT)
    name = f"backups/receipts/{plan.run}.json"
    store = FolderStore(tmp_path)
    store.create(name, b'{"schema": "firedrill.backup/1"')
    clock = stories.HandClock()
    with Journal(tmp_path / FILE, clock) as journal:
        context = Context(
            estate=stories.estate(),
            plan=plan,
            connection=Connection(),
            aws=Aws(Connection(), plan.account, Roles(), environment={}),
            clock=clock,
            journal=journal,
            store=store,
            say=lambda _: None,
            protected=frozenset(),
        )
        context.recall(
            {
                facts.source_of(asset): source("db-1").model_dump(mode="json"),
                facts.database_of(asset): "receipts",
                facts.instant_of(asset): instant,
                facts.baseline_of(asset): DOCUMENT.model_dump(),
                facts.snapshot_baseline_of(asset): None,
                facts.manifests_of(stories.BUCKET): {instant: DOCUMENT.model_dump()},
            }
        )
        (step,) = [one for one in plan.steps if isinstance(one, CommitBackup)]
        with pytest.raises(Refused, match=f"{name} in {tmp_path} is not a backup record"):
            commit_backup(step, context)
