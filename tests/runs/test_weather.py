"""Whole runs while AWS throttles, sessions end early, keys are withdrawn, and the region falls silent.

All of them are long: each has a lab of its own, because time is advanced in it, or the region is lost.
"""

import time
from pathlib import Path

import pytest

from dr import journal
from dr.drill import House, enter
from dr.errors import ExitCode
from dr.events import Remains
from tests.people import People
from tests.runs.conftest import Runner

REGION = "eu-central-1"
VERIFY = "verify receipts-db"


def _enough(runner: Runner, *arguments: str) -> None:
    done = runner.lab.dr("lab", *arguments)
    assert done.returncode == 0, done.stderr


@pytest.mark.soak(240)
def test_a_run_passes_while_three_calls_in_ten_are_throttled(fresh: Runner) -> None:
    """The figures are in DESIGN.md: so many attempts for one answer, and no more."""
    assert fresh.backup().verdict == "passed"
    _enough(fresh, "fault", "inject", "throttle-storm", "--region", REGION, "--seconds", "3600", "--percent", "30")
    began = time.monotonic()
    report = fresh.test()
    seconds = time.monotonic() - began
    assert report.verdict == "passed", report.reasons
    stormy = report.regions_called[REGION]
    _enough(fresh, "fault", "clear", "all")
    calm = fresh.test().regions_called[REGION]
    print(f"\n{stormy} attempts in {seconds:.0f} s; {calm} in a calm run", flush=True)  # noqa: T201
    # An answer takes 1 / 0.7 attempts, if chance is fair; waits look more often when they last longer.
    assert stormy < 2 * calm


@pytest.mark.soak(60)
def test_a_run_passes_when_the_sessions_of_its_roles_end_early(fresh: Runner) -> None:
    assert fresh.backup().verdict == "passed"
    people = People(fresh.lab, "night-shift")
    house, met = _house(fresh, people), fresh.house

    def expire() -> None:
        # AWS's calendar moves on by two hours, this machine's does not: nothing here knows of the end.
        _enough(fresh, "advance", "2h")

    fresh.house = house
    report = fresh.test(None, "receipts-db", before={VERIFY: expire, "restore receipts-db": expire})
    fresh.house = met
    assert report.verdict == "passed", report.reasons
    assert len(house.aws._identities) > 3  # the caller's, and more than one for the roles


@pytest.mark.soak(60)
def test_a_run_whose_keys_are_withdrawn_ends_at_once_and_says_what_remains(fresh: Runner) -> None:
    assert fresh.backup().verdict == "passed"
    people = People(fresh.lab, "day-shift")
    house, mine = _house(fresh, people), fresh.house
    withdrawn: list[tuple[float, int]] = []

    def withdraw() -> None:
        people.withdraw()
        withdrawn.append((time.monotonic(), house.aws.calls[REGION]))

    fresh.house = house
    report = fresh.test(None, "receipts-db", before={VERIFY: withdraw})
    fresh.house = mine
    ((moment, calls),) = withdrawn
    assert report.verdict == "inconclusive"
    assert [one.name for one in report.scratch.remaining], report.scratch
    assert any("remains" in one or "InvalidClientTokenId" in one for one in report.reasons), report.reasons
    # No storm: a handful of calls that were each refused, once.
    assert house.aws.calls[REGION] - calls < 20
    assert time.monotonic() - moment < 30
    swept = fresh.lab.dr("sweep")
    assert swept.returncode == 0, swept.stdout + swept.stderr


@pytest.mark.soak(200)
def test_a_run_whose_region_falls_silent_ends_in_bounded_time_and_the_sweep_says_what_it_could_not_reach(
    fresh: Runner,
) -> None:
    assert fresh.backup().verdict == "passed"
    lost: list[float] = []

    def lose() -> None:
        _enough(fresh, "outage", REGION, "--mode", "blackhole")
        lost.append(time.monotonic())

    try:
        report = fresh.test(None, "receipts-db", before={VERIFY: lose})
        took = time.monotonic() - lost[0]
        print(f"\nover {took:.0f} s after the region fell silent", flush=True)  # noqa: T201
        assert report.verdict == "inconclusive"
        assert len(report.scratch.remaining) == 1
        events = journal.read(fresh.house.runs / report.run / journal.FILE).events
        (why,) = [event.reason for event in events if isinstance(event, Remains)]
        # The breaker's word for it, or that of the one attempt that was due.
        assert "nothing there has answered since" in why or "no answer" in why
        assert took < 240
        began = time.monotonic()
        swept = fresh.lab.dr("sweep", timeout=300)
        print(f"\nswept in {time.monotonic() - began:.0f} s: {swept.stdout}", flush=True)  # noqa: T201
        assert swept.returncode == ExitCode.SCRATCH_REMAINS
        assert f"remains: instance {report.scratch.remaining[0].name} in {REGION} ({report.run})" in swept.stdout
        assert f"everything tagged in {REGION}" in swept.stdout
    finally:
        _enough(fresh, "heal", REGION)
    swept = fresh.lab.dr("sweep")
    assert swept.returncode == ExitCode.PASSED, swept.stdout + swept.stderr


def _house(runner: Runner, people: People) -> House:
    return enter(Path(people.estate), runner.lab.surroundings(**people.keys))
