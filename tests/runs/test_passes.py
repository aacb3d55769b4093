"""An honest restore under a workload that never pauses: no false alarm, and an exact answer at every instant."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from dr import catalog
from dr.errors import Refused
from dr.recovery import AtPoint, AtTime, RestoreTarget
from dr.report.model import Report
from tests.runs.conftest import Runner
from tests.runs.exactness import ends_exactly

TIMES = 2
"""A soak (`test_soak.py`) does the same hundreds of times."""
ROUNDS, RESTORES = 2, 4
MOST = 40
"""Instants that may be refused in a row."""


def _exact(report: Report) -> float:
    (database,) = [asset for asset in report.assets if asset.kind == "database"]
    assert database.coverage.exact_fraction is not None
    return database.coverage.exact_fraction


@pytest.fixture(scope="module")
def chance() -> random.Random:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it with what fails
    return random.Random(seed)  # noqa: S311 - what is drawn needs no secrecy, only a seed to repeat it by


def test_a_restore_test_right_after_a_backup_passes(runner: Runner) -> None:
    backup = runner.backup()
    assert backup.verdict == "passed", backup.reasons
    report = runner.test()
    assert report.verdict == "passed", report.reasons
    assert _exact(report) >= 0.99
    assert {asset.depth for asset in report.assets} == {"L8", "L7"}
    assert report.scratch.created
    assert report.scratch.remaining == ()
    assert set(report.regions_called) == {"eu-central-1"}


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_clean_restores_raise_no_false_alarm(backed_up: Runner, chance: random.Random, round_: int) -> None:
    """One backup, and restores of its instant and of its snapshot, from either region, in an order that chance draws.

    With the restore above there are nine. Those of `test_targets.py` and `test_resume.py`, which have to pass as well,
    make it more than fifteen; a soak (`test_soak.py`) does hundreds, each right after its backup.
    """
    if round_:
        assert backed_up.backup().verdict == "passed"
    record = max(catalog.records(backed_up.house.store, "receipts"), key=lambda one: one.instant)
    point = AtPoint(record.databases["receipts-db"].snapshot)
    ways: list[tuple[RestoreTarget | None, str]] = [(None, "recovery"), (point, "recovery"), (None, "primary")]
    for number in range(RESTORES):
        target, site = chance.choice(ways)
        names = ("receipts-db",) if number else ()
        report = backed_up.test(target, *names, site=site, challenge=True)
        assert report.verdict == "passed", (number, target, site, report.run, report.reasons)
        assert _exact(report) >= 0.99, (number, target, site, report.run)


def test_a_restore_ends_exactly_at_its_instant_or_is_refused(backed_up: Runner, chance: random.Random) -> None:
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
        assert report.verdict in ("passed", "inconclusive"), (instant, report.reasons)
        exact += 1
    assert exact, "every instant was refused"
