"""Least privilege, proven: the derived permissions suffice, and without any one of them a person is told which."""

import pytest

from dr.errors import ExitCode
from tests.runs.conftest import Runner
from tests.runs.permissions import People


@pytest.fixture(scope="module")
def people(backed_up: Runner) -> People:
    return People(backed_up.lab, "responder")


def test_a_backup_and_a_test_pass_under_three_narrow_roles(people: People) -> None:
    backup = people.dr("backup", "receipts")
    assert backup.returncode == ExitCode.PASSED, backup.stdout + backup.stderr
    test = people.dr("test", "receipts")
    assert test.returncode == ExitCode.PASSED, test.stdout + test.stderr


def test_a_backup_without_a_permission_says_which(people: People) -> None:
    people.grant("recover", without="rds:CreateDBSnapshot")
    try:
        done = people.dr("backup", "receipts")
    finally:
        people.grant("recover")
    assert done.returncode == ExitCode.INCONCLUSIVE, done.stdout + done.stderr
    assert "rds:CreateDBSnapshot" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
