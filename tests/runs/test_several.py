"""Several applications in one command: what keeps one of them from its run is said, counted, and keeps no other."""

import json
from pathlib import Path

import pytest

from dr.errors import ExitCode
from tests.conftest import ESTATE, write_estate
from tests.runs.conftest import Runner

OTHERS = """applications:
  gone:
    objectives: {rto: 30m, rpo: 5m, retention: 30d}
    databases:
      gone-db: {instance: nobody-here, owner_secret: receipts/owner, app_secret: receipts/app}
  held:
    objectives: {rto: 30m, rpo: 5m, retention: 30d}
    databases:
      held-db: {instance: receipts, owner_secret: receipts/owner, app_secret: receipts/app}
"""


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    """The assets of `held` cannot be had: something else has written where its lease belongs."""
    text = ESTATE.read_text()
    assert "\napplications:\n" in text
    lease = tmp_path / "control" / "leases" / "held" / "held-db.json"
    lease.parent.mkdir(parents=True)
    lease.write_text("{")
    return write_estate(tmp_path, text.replace("applications:\n", OTHERS, 1))


def test_one_that_cannot_be_planned_and_one_that_cannot_be_held_keep_no_other_from_its_backup(
    runner: Runner, tmp_path: Path, estate: Path
) -> None:
    done = runner.lab.dr("backup", "gone", "held", "receipts-db", "--json", "--estate", str(estate))
    assert done.returncode == ExitCode.REFUSED, done.stderr
    gone, held, report = json.loads(done.stdout)
    assert set(gone["error"]) == {"application", "message", "hint", "exit_code"}
    assert (gone["error"]["application"], gone["error"]["exit_code"]) == ("gone", ExitCode.REFUSED)
    assert "instance nobody-here is not in eu-west-1" in gone["error"]["message"]
    assert (held["error"]["application"], held["error"]["exit_code"]) == ("held", ExitCode.REFUSED)
    assert "leases/held/held-db.json is not a lease" in held["error"]["message"]
    assert (report["application"], report["verdict"]) == ("receipts", "passed")
    for problem in (gone, held):
        shown = f"error: {problem['error']['application']} is not begun: {problem['error']['message']}"
        assert shown in done.stderr
    assert [path.name for path in (tmp_path / "control").glob("2*")] == [report["run"]]


def test_one_alone_that_cannot_be_held_is_one_error_and_says_that_nothing_was_begun(
    runner: Runner, estate: Path
) -> None:
    done = runner.lab.dr("backup", "held", "--json", "--estate", str(estate))
    assert done.returncode == ExitCode.REFUSED, done.stderr
    error = json.loads(done.stdout)["error"]
    assert "leases/held/held-db.json is not a lease" in error["message"]
    assert error["hint"].endswith("(nothing was begun)")
