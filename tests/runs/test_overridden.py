"""A run whose control store falls silent goes on by a person's signature, and nobody can forget that it did."""

import json
import re
from pathlib import Path

import pytest

from dr import approval, journal
from dr.errors import ExitCode
from tests.runs.conftest import Runner
from tests.runs.mortal import Mortal, in_a_bucket, ledger_of

PROVEN = "step_finished:verify receipts-db"


@pytest.mark.soak(90)
def test_a_killed_test_passes_under_an_override_and_says_so(fresh: Runner, tmp_path: Path) -> None:
    """All of its proofs were there, and its scratch still stood."""
    assert fresh.backup().verdict == "passed"
    key = tmp_path / "alice.pem"
    people = f'people: {{alice: {{key: "{approval.make_key(key)}"}}}}'
    estate = in_a_bucket(fresh, tmp_path)
    estate.write_text(re.sub(r"(?m)^people: .*$", people, estate.read_text()))
    run = Mortal(fresh, estate=estate, cwd=tmp_path)
    run.dies("after", PROVEN, "test", "receipts-db")
    sign = ("override", "sign", "--person", "alice", "--key", str(key), "--reason", "INC-4711", run.name)
    assert run.dr(*sign).returncode == ExitCode.PASSED
    override = ("--override", f"{run.name}.override.json")
    early = run.dr("resume", run.name, *override)
    assert early.returncode == ExitCode.REFUSED
    assert "answers" in early.stderr
    lose = ("lab", "outage", "eu-central-1", "--mode", "refuse", "--service", "s3")
    assert fresh.lab.dr(*lose).returncode == ExitCode.PASSED
    assert run.dr("resume", run.name).returncode == ExitCode.INCONCLUSIVE
    done = run.dr("resume", run.name, *override, "--json")
    assert done.returncode == ExitCode.PASSED, done.stderr
    report = json.loads(done.stdout)
    assert (report["verdict"], report["scratch"]["remaining"]) == ("passed", [])
    assert any("alice let it go on without its control store (INC-4711)" in one for one in report["reasons"])
    assert "WARNING: no lease" in done.stderr
    assert "stands on this machine alone" in done.stderr
    # The store is back: what it does not know yet is brought there.
    assert fresh.lab.dr("lab", "heal", "eu-central-1").returncode == ExitCode.PASSED
    swept = run.dr("sweep")
    assert swept.returncode == ExitCode.PASSED, swept.stdout + swept.stderr
    assert f"events of {run.name} were brought there" in swept.stderr
    assert ledger_of(fresh, run.name) == (run.runs / run.name / journal.FILE).read_bytes()
