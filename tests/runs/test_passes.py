"""An honest restore under a workload that never pauses: no false alarm, and an exact answer at every instant."""

import random
from datetime import UTC, datetime, timedelta

from dr.errors import Refused
from dr.recovery import AtTime
from dr.report.model import Report
from tests.runs.conftest import Runner
from tests.runs.exactness import ends_exactly

TIMES = 2
"""A soak (`test_soak.py`) does the same a hundred times."""
MOST = 40
"""Instants that may be refused in a row."""


def _exact(report: Report) -> float:
    (database,) = [asset for asset in report.assets if asset.kind == "database"]
    assert database.coverage.exact_fraction is not None
    return database.coverage.exact_fraction


def test_a_restore_test_right_after_a_backup_passes(runner: Runner) -> None:
    """A soak (`test_soak.py`) does the same a hundred times."""
    backup = runner.backup()
    assert backup.verdict == "passed", backup.reasons
    report = runner.test()
    assert report.verdict == "passed", report.reasons
    assert _exact(report) >= 0.99
    assert {asset.depth for asset in report.assets} == {"L8", "L7"}
    assert report.scratch.created
    assert report.scratch.remaining == ()
    assert set(report.regions_called) == {"eu-central-1"}


def test_a_restore_ends_exactly_at_its_instant_or_is_refused(backed_up: Runner) -> None:
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)  # noqa: S311 - the instants need no secrecy, only a seed to repeat them by
    print(f"seed {seed}")  # noqa: T201
    exact = refused = 0
    # Some instants lie in the future, or before the first backup: a refusal is quick, so one more is drawn.
    while exact + refused < TIMES or (not exact and refused < MOST):
        instant = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=chance.randrange(-20, 60))
        try:
            report = backed_up.test(AtTime(instant), "receipts-db")
        except Refused as problem:
            assert "outside the window" in problem.message or "later than what is known" in problem.message  # noqa: PT017
            refused += 1
            continue
        assert report.instant == instant
        ends_exactly(backed_up, report)
        assert report.verdict in ("passed", "inconclusive"), (seed, report.reasons)
        exact += 1
    assert exact, f"seed {seed}: every instant was refused"
