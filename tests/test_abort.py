"""`dr abort` while somebody wants it to stop: scratch goes first, and the run is closed."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
import stories

from dr import cli, connection, journal
from dr.errors import ExitCode
from dr.events import Closed, Intended, Removed
from dr.journal import FILE, Journal
from tests.aws.scripted import OTHER, REGION, SERVICES, Server, refusal, server


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The journal of a test that died while it restored."""
    plan = stories.test_plan()
    estate = json.dumps(stories.ESTATE | {"control": str(tmp_path)})
    (tmp_path / "estate.yaml").write_text(estate)
    monkeypatch.setenv("DR_ESTATE", str(tmp_path / "estate.yaml"))
    (tmp_path / plan.run).mkdir()
    path = tmp_path / plan.run / FILE
    with Journal(path, stories.HandClock()) as book:
        book.append(stories.opened(plan).model_copy(update={"estate": estate, "host": "elsewhere"}))
        book.append(Intended(operation="RestoreDBInstance", thing=stories.things(plan)[0]))
    return path


def stop_twice(cloud: Server) -> None:
    """Ctrl-C when the teardown first asks for the scratch instance, and again when it goes on asking."""
    for looks in (1, 2):
        end = time.monotonic() + 20
        while sum(one.get("Action") == "DescribeDBInstances" for one in cloud.asked) < looks:
            if time.monotonic() > end:
                return
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_is_heard_and_cuts_no_teardown_short(
    killed: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with server(refusal("DBInstanceNotFound", 404)) as cloud:
        endpoints = {region: dict.fromkeys(SERVICES, cloud.url) for region in (REGION, OTHER)}
        keys = {"access_key_id": "AK", "secret_access_key": "SK"}
        reached = killed.with_name("connection.json")
        reached.write_text(json.dumps({"endpoints": endpoints, "credentials": keys, "time_scale": 1000}))
        monkeypatch.setenv(connection.VARIABLE, str(reached))
        somebody = threading.Thread(target=stop_twice, args=(cloud,))
        somebody.start()
        try:
            with pytest.raises(SystemExit) as left:
                cli.run(["abort", killed.parent.name, "--take-over"])
        finally:
            somebody.join()
    assert left.value.code == ExitCode.INTERRUPTED
    said = capfd.readouterr()
    assert said.err.index("heard: scratch is removed and the journal closed first") < said.err.index("still removing")
    assert "removed: instance firedrill-" in said.out
    events = journal.read(killed).events
    assert any(isinstance(one, Removed) for one in events)
    assert isinstance(events[-1], Closed)
