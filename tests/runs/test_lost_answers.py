"""The answer to a call that changes something gets lost after it took effect: looking settles it, once and for all.

RDS has no idempotency tokens. Asked again it says that the name is taken; asked in vain, it says nothing at all.
"""

from collections.abc import Iterator

import pytest

from dr.aws.patience import ATTEMPTS
from tests.aws.test_s3 import IN_PARTS
from tests.calls_in_source import Source, product
from tests.runs.conftest import Runner

OF_A_TEST = ("RestoreDBInstanceToPointInTime", "ModifyDBInstance", "DeleteDBInstance")
OF_OBJECTS = ("CopyObject", "DeleteObjects")
OF_A_BACKUP = ("CopyDBSnapshot", "StartDBInstanceAutomatedBackupsReplication")
ELSEWHERE = {
    # tests/aws/test_rds.py
    "RestoreDBInstanceFromDBSnapshot",
    # tests/aws/test_s3.py
    *IN_PARTS,
    "AbortMultipartUpload",
    "DeleteObject",
    # Of the control store: tests/aws/test_conditional.py
    "PutObject",
}


@pytest.fixture
def answers(backed_up: Runner) -> Iterator[Runner]:
    yield backed_up
    assert backed_up.lab.dr("lab", "fault", "clear", "all").returncode == 0


def lost(runner: Runner) -> None:
    """An answer of each operation that was to lose some has been lost: else nothing was shown.

    It need not be as many as could: whoever asks again for what is there is refused, and may hear it.
    """
    met = {fault["options"]["operation"]: fault["met"] for fault in runner.lab.status()["faults"]}
    assert met
    assert [operation for operation, times in met.items() if not times] == []


def lose(runner: Runner, region: str, service: str, operations: tuple[str, ...], times: int) -> None:
    for operation in operations:
        given = ("--region", region, "--service", service, "--operation", operation, "--times", str(times))
        done = runner.lab.dr("lab", "fault", "inject", "lost-response", *given)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("times", [1, pytest.param(ATTEMPTS, marks=pytest.mark.soak(90))])
def test_a_test_whose_answers_are_lost_passes_and_leaves_nothing(answers: Runner, times: int) -> None:
    lose(answers, "eu-central-1", "rds", OF_A_TEST, times)
    # The same copy made twice would be an object too many; and an unanswered one is a step that could not be done.
    lose(answers, "eu-central-1", "s3", OF_OBJECTS, 1)
    report = answers.test()
    assert report.verdict == "passed", report.reasons
    lost(answers)
    assert report.scratch.remaining == ()
    assert answers.leftovers() == []


@pytest.mark.parametrize("times", [1, pytest.param(ATTEMPTS, marks=pytest.mark.soak(90))])
def test_a_backup_whose_answers_are_lost_is_taken_once(answers: Runner, times: int) -> None:
    arn = answers.rds("eu-west-1").describe_db_instances(DBInstanceIdentifier="receipts")["DBInstances"][0]
    there = answers.rds("eu-central-1")
    there.stop_db_instance_automated_backups_replication(SourceDBInstanceArn=arn["DBInstanceArn"])
    lose(answers, "eu-west-1", "rds", ("CreateDBSnapshot",), times)
    lose(answers, "eu-central-1", "rds", OF_A_BACKUP, times)
    report = answers.backup()
    assert report.verdict == "passed", report.reasons
    lost(answers)
    for region in ("eu-west-1", "eu-central-1"):
        taken = answers.rds(region).describe_db_snapshots()["DBSnapshots"]
        mine = [one for one in taken if {"Key": "firedrill:run", "Value": report.run} in one["TagList"]]
        assert len(mine) == 1, region


def test_no_operation_that_changes_something_was_forgotten() -> None:
    made = {one.row[1] for one in Source(product()).found() if one.changes}
    assert made == {*OF_A_TEST, *OF_OBJECTS, "CreateDBSnapshot", *OF_A_BACKUP, *ELSEWHERE}
