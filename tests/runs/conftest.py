"""Whole runs against the lab: in this process where a test looks on, through the command line where a person would."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from threading import Event
from typing import Any

import psycopg
import pytest

from dr.drill import House, carry_out, enter, prepare_backup, prepare_test
from dr.planning import Choice, choose
from dr.recovery import Latest, RestoreTarget
from dr.report.model import Report
from tests.conftest import Lab, seeded_lab

EVERYTHING = "receipts"


class Runner:
    """Backs up and tests the sample application, and lets a test look on."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.house: House = enter(lab.estate, lab.surroundings())

    def choice(self, *names: str) -> Choice:
        return choose(self.house.estate, names or (EVERYTHING,))[0]

    def backup(self) -> Report:
        return carry_out(self.house, prepare_backup(self.house, self.choice()), stopping=Event(), say=_silent)

    def test(
        self,
        target: RestoreTarget | None = None,
        *names: str,
        before: dict[str, Callable[[], None]] | None = None,
        site: str = "recovery",
        challenge: bool = False,
    ) -> Report:
        """A restore test of everything, or of what is named. `before`: step -> what to do right before it begins."""
        plan = prepare_test(
            self.house,
            self.choice(*names),
            site="primary" if site == "primary" else "recovery",
            target=target or Latest(),
            depth="L8",
            challenge=challenge,
        )

        def watch(name: str, future: "Future[None]") -> None:
            del future
            if before and name in before:
                before[name]()

        return carry_out(self.house, plan, stopping=Event(), say=_silent, watch=watch)

    def s3(self, region: str = "eu-central-1") -> Any:
        """A plain S3 client, as somebody outside the product would use."""
        return self.lab.client("s3", region)

    def rds(self, region: str = "eu-central-1") -> Any:
        return self.lab.client("rds", region)

    def scratch_instance(self, region: str = "eu-central-1") -> Any:
        """The one scratch instance that stands now, as the lab shows it."""
        (one,) = [
            instance
            for instance in self.lab.status()["regions"][region]["instances"]
            if instance["identifier"].startswith("firedrill-")
        ]
        return one

    def in_scratch(self, sql: str, dbname: str = "receipts", region: str = "eu-central-1") -> None:
        """Run SQL in the scratch instance as the lab's hidden superuser: damage that no user could do."""
        dsn = psycopg.conninfo.make_conninfo(self.scratch_instance(region)["admin_dsn"], dbname=dbname)
        with psycopg.connect(dsn, autocommit=True) as session:
            session.execute(sql)

    def leftovers(self) -> list[str]:
        return self.lab.leftovers()


def _silent(text: str) -> None:
    del text


@pytest.fixture(scope="session")
def runner(lab: Lab) -> Iterator[Runner]:
    one = Runner(lab)
    yield one
    assert one.leftovers() == []


@pytest.fixture(scope="session")
def backed_up(runner: Runner) -> Runner:
    """The application with one committed backup."""
    report = runner.backup()
    assert report.verdict == "passed", report.reasons
    return runner


def soon(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so, and fail when it does not become so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)


@pytest.fixture
def fresh() -> Iterator[Runner]:
    """A lab of this batch's own."""
    with seeded_lab() as lab:
        runner = Runner(lab)
        yield runner
        assert runner.leftovers() == []
