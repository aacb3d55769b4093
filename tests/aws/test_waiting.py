"""Every status of the RDS table, and one that nobody has heard of, with its wait: an answer over HTTP, time by hand."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dr.aws.clients import Aws
from dr.aws.statuses import SNAPSHOT_STATUSES, STATUSES, WHY
from dr.clock import Deadline
from dr.context import Context
from dr.errors import Unable
from dr.journal import Journal
from dr.store import FolderStore
from dr.waiting import instance_available, snapshot_available
from tests import stories

from .scripted import REGION, Server, server

NAME = "firedrill-x"
UNKNOWN = "quiescing"
WAIT = 60.0
FATAL = sorted(status for status, standing in STATUSES.items() if standing == "fatal")
PENDING = sorted(status for status, standing in STATUSES.items() if standing == "pending")
GOOD = sorted(status for status, standing in STATUSES.items() if standing == "ok")


DOCUMENTED = """
    available backing-up configuring-enhanced-monitoring configuring-iam-database-auth configuring-log-exports creating
    deleting failed inaccessible-encryption-credentials inaccessible-encryption-credentials-recoverable
    incompatible-network incompatible-option-group incompatible-parameters incompatible-restore insufficient-capacity
    maintenance modifying moving-to-vpc rebooting renaming resetting-master-credentials restore-error starting stopped
    stopping storage-full storage-optimization upgrading
"""
"""Of an instance: the RDS user guide's "Viewing Amazon RDS DB instance status"."""


def test_every_documented_status_is_in_the_table() -> None:
    """The tests below walk through our own table: what is not in it would be asked of nobody."""
    assert set(DOCUMENTED.split()) <= set(STATUSES)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Server]:
    with server((200, "text/xml", "")) as one:
        yield one


@pytest.fixture(scope="module")
def aws(cloud: Server) -> Aws:
    return cloud.aws()


@dataclass
class Waiter:
    """A step's surroundings, with a clock that passes only while somebody sleeps, and RDS saying what it is told to."""

    context: Context
    cloud: Server
    clock: stories.HandClock
    said: list[str] = field(default_factory=list)

    def rds_says(self, *statuses: str, pending: str = "") -> None:
        """An instance that is in these states, one look after the other; the last one stays."""
        self.cloud.answers[:] = [_instance(status, pending) for status in statuses]

    def deadline(self) -> Deadline:
        return Deadline.within(self.clock, WAIT)

    def instance(self) -> str:
        return instance_available(self.context, REGION, NAME, self.deadline()).status

    def snapshot(self) -> str:
        return snapshot_available(self.context, REGION, NAME, self.deadline()).status


@pytest.fixture
def waiter(cloud: Server, aws: Aws, tmp_path: Path) -> Iterator[Waiter]:
    clock, said = stories.HandClock(), list[str]()
    cloud.asked.clear()
    with Journal(tmp_path / "journal.jsonl", clock) as journal:
        context = Context(
            estate=stories.estate(),
            plan=stories.test_plan(),
            connection=aws.connection,
            aws=aws,
            clock=clock,
            journal=journal,
            store=FolderStore(tmp_path),
            say=said.append,
            protected=frozenset(),
        )
        yield Waiter(context, cloud, clock, said)


def _instance(status: str, pending: str) -> tuple[int, str, str]:
    text = (
        f"<DBInstance><DBInstanceIdentifier>{NAME}</DBInstanceIdentifier><DBInstanceArn>arn</DBInstanceArn>"
        "<DbiResourceId>db-1</DbiResourceId><Engine>postgres</Engine><DBInstanceClass>db.t4g.medium</DBInstanceClass>"
        f"<PendingModifiedValues>{pending}</PendingModifiedValues><DBInstanceStatus>{status}</DBInstanceStatus>"
        "</DBInstance>"
    )
    return _answer("DescribeDBInstances", f"<DBInstances>{text}</DBInstances>")


def _snapshot(status: str) -> tuple[int, str, str]:
    text = (
        f"<DBSnapshot><DBSnapshotIdentifier>{NAME}</DBSnapshotIdentifier><DBSnapshotArn>arn</DBSnapshotArn>"
        f"<DBInstanceIdentifier>receipts</DBInstanceIdentifier><Status>{status}</Status><Engine>postgres</Engine>"
        "<SnapshotType>manual</SnapshotType></DBSnapshot>"
    )
    return _answer("DescribeDBSnapshots", f"<DBSnapshots>{text}</DBSnapshots>")


def _answer(action: str, inside: str) -> tuple[int, str, str]:
    name = '<{0}Response xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><{0}Result>{1}</{0}Result></{0}Response>'
    return 200, "text/xml", name.format(action, inside)


def test_the_table_has_every_kind() -> None:
    assert len(STATUSES) == len(GOOD) + len(PENDING) + len(FATAL)
    assert min(len(GOOD), len(PENDING), len(FATAL)) >= 3
    assert set(WHY) <= set(FATAL)


@pytest.mark.parametrize("status", GOOD)
def test_a_good_status_ends_the_wait_when_it_is_seen_twice(waiter: Waiter, status: str) -> None:
    waiter.rds_says("creating", status, "modifying", status, status)
    assert waiter.instance() == status
    assert len([one for one in waiter.cloud.asked if one["Action"] == "DescribeDBInstances"]) == 5
    assert waiter.said == []


@pytest.mark.parametrize("status", [*PENDING, UNKNOWN])
def test_a_status_that_may_pass_is_waited_for_until_the_deadline(waiter: Waiter, status: str) -> None:
    waiter.rds_says(status)
    with pytest.raises(Unable, match=rf"instance {NAME} to be available: not after 60 s; last seen: {status}"):
        waiter.instance()
    assert waiter.clock.passed == pytest.approx(WAIT)
    assert len(waiter.cloud.asked) > 4
    assert len(waiter.said) == (status == UNKNOWN)


@pytest.mark.parametrize("status", [*PENDING, UNKNOWN])
def test_a_status_that_may_pass_does_pass(waiter: Waiter, status: str) -> None:
    waiter.rds_says(status, status, "available", "available")
    assert waiter.instance() == "available"


@pytest.mark.parametrize("status", [*FATAL, "Storage-Full", "INCOMPATIBLE-RESTORE"])
def test_a_fatal_status_ends_the_wait_at_once_with_its_reason(waiter: Waiter, status: str) -> None:
    waiter.rds_says("creating", status)
    with pytest.raises(Unable, match=f"^instance {NAME} is {status}\n") as caught:
        waiter.instance()
    assert len(waiter.cloud.asked) == 2
    assert len(waiter.clock.sleeps) == 1
    assert caught.value.hint == WHY.get(status.lower(), "no waiting mends this: look at its events")


def test_an_unknown_status_is_reported_once(waiter: Waiter) -> None:
    waiter.rds_says(UNKNOWN, UNKNOWN, "creating", UNKNOWN, "defragmenting", "available", "available")
    assert waiter.instance() == "available"
    assert [line.partition(", a status")[0] for line in waiter.said] == [
        f"instance {NAME} is 'quiescing'",
        f"instance {NAME} is 'defragmenting'",
    ]


def test_available_with_something_pending_is_not_ready(waiter: Waiter) -> None:
    waiter.rds_says("available", pending="<MasterUserPassword>****</MasterUserPassword>")
    with pytest.raises(Unable, match="not after 60 s; last seen: available"):
        waiter.instance()


def test_an_instance_that_vanishes_is_not_waited_for(waiter: Waiter) -> None:
    waiter.cloud.answers[:] = [_instance("creating", ""), _answer("DescribeDBInstances", "<DBInstances/>")]
    with pytest.raises(Unable, match=f"instance {NAME} vanished"):
        waiter.instance()


@pytest.mark.parametrize("status", [*SNAPSHOT_STATUSES, UNKNOWN])
def test_every_status_of_a_snapshot(waiter: Waiter, status: str) -> None:
    waiter.cloud.answers[:] = [_snapshot("creating"), _snapshot(status)]
    match SNAPSHOT_STATUSES.get(status):
        case "ok":
            assert waiter.snapshot() == status
        case "fatal":
            with pytest.raises(Unable, match=f"snapshot {NAME} is {status}"):
                waiter.snapshot()
            assert len(waiter.cloud.asked) == 2
        case _:
            with pytest.raises(Unable, match=f"not after 60 s; last seen: {status}"):
                waiter.snapshot()
            assert waiter.clock.passed == pytest.approx(WAIT)
    assert len(waiter.said) == (status == UNKNOWN)
