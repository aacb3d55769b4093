"""The long proofs. `make soak COUNT=100 SEED=7` runs them whole; CI runs a random sample that fits its time.

COUNT is how many backup-and-restore rounds; instants are twice as many, kills half as many, and runs that are killed at
an event and gone on with (`test_resume.py`) twice as many. They come in batches, each on a fresh lab: its application
never stops growing, and a lab of yesterday measures patience, not restores. Without enough time for all
(DR_SOAK_SECONDS), chance takes a sample of the batches, and each ends when its share is used up: it says how far it
came, and never passes having done nothing.
"""

import random
import signal
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from dr.errors import ExitCode, Refused
from dr.recovery import AtTime
from tests.runs.conftest import Runner
from tests.runs.exactness import ends_exactly
from tests.runs.soaking import COUNT, SEED, batches, rounds

pytestmark = pytest.mark.soak


def _chance(proof: str, batch: int) -> random.Random:
    return random.Random(f"{SEED} {proof} {batch}")  # noqa: S311


def _say(batch: int, text: str) -> None:
    print(f"\nsoak, seed {SEED}, batch {batch}: {text}", flush=True)  # noqa: T201 - figures are what a soak is run for


@pytest.mark.parametrize(("batch", "size"), batches(COUNT))
def test_clean_restores_raise_no_false_alarm(fresh: Runner, batch: int, size: int) -> None:
    exact: list[float] = []
    seconds: list[float] = []
    for number in rounds(size):
        backup = fresh.backup()
        assert backup.verdict == "passed", (number, backup.reasons)
        report = fresh.test(site="recovery" if number % 4 else "primary", challenge=True)
        assert report.verdict == "passed", (number, report.run, report.reasons)
        (database,) = [asset for asset in report.assets if asset.kind == "database"]
        assert database.coverage.exact_fraction is not None
        assert database.coverage.exact_fraction >= 0.99, report.run
        exact.append(database.coverage.exact_fraction)
        assert report.actuals.rta_seconds is not None
        seconds.append(report.actuals.rta_seconds)
        assert report.scratch.remaining == ()
    assert exact
    _say(
        batch,
        f"{len(exact)} restores right after a backup, all passed; exact fraction at least {min(exact):.4%}; "
        f"RTA median {statistics.median(seconds):.1f} s, at most {max(seconds):.1f} s",
    )


@pytest.mark.parametrize(("batch", "size"), batches(2 * COUNT))
def test_every_instant_is_exact_or_refused(fresh: Runner, batch: int, size: int) -> None:
    chance = _chance("instants", batch)
    begun = datetime.now(UTC)
    fresh.backup()
    exact = refused = 0
    for number in rounds(size):
        everything = number % 4 == 0
        now = datetime.now(UTC).replace(microsecond=0)
        # Most of it inside the window, which has just begun and grows; a little beyond both of its ends.
        instant = now - timedelta(seconds=chance.randrange(-5, int((now - begun).total_seconds()) + 20))
        try:
            report = fresh.test(AtTime(instant), *(() if everything else ("receipts-db",)))
        except Refused as problem:
            assert "outside the window" in problem.message or "later than what is known" in problem.message  # noqa: PT017
            refused += 1
            continue
        assert report.instant == instant
        answers = {finding.check: finding.outcome for asset in report.assets for finding in asset.findings}
        ends_exactly(fresh, report)
        assert answers["assertions"] == "passed", (number, report.run, report.reasons)
        assert not everything or answers["references"] == "passed", (number, report.run, report.reasons)
        exact += 1
    assert exact + refused
    _say(batch, f"{exact} random instants restored exactly, {refused} refused as outside the window")


@pytest.mark.parametrize(("batch", "size"), batches(max(1, COUNT // 2)))
def test_stops_and_kills_leave_nothing(fresh: Runner, batch: int, size: int) -> None:
    chance = _chance("kills", batch)
    fresh.backup()
    stopped = killed = 0
    for _ in rounds(size):
        process = subprocess.Popen(
            [sys.executable, "-m", "dr", "test", "receipts", "--json"],
            env=fresh.lab.surroundings(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(chance.uniform(0.5, 8.0))
        number = chance.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
        process.send_signal(number)
        _, err = process.communicate(timeout=200)
        assert "drill.py" not in err, err
        if number == signal.SIGKILL:
            killed += 1
            swept = fresh.lab.dr("sweep")
            assert swept.returncode == ExitCode.PASSED, swept.stdout + swept.stderr
        else:
            stopped += 1
        assert fresh.leftovers() == []
    assert stopped + killed
    _say(batch, f"{stopped} runs stopped and {killed} killed at random moments: no scratch left after stop or sweep")
