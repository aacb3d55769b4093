"""Least privilege, proven: what `dr iam-policy` prints suffices, and less does not; what is missing is told."""

import pytest
from botocore.exceptions import ClientError

from dr.errors import ExitCode
from tests.people import KINDS, People
from tests.runs.conftest import Runner
from tests.runs.mortal import fill

OF_KEYS = {"kms:Decrypt", "kms:GenerateDataKey"}
"""The sample application's objects are under no KMS key: `tests/lab/test_iam_keys.py` has some that are."""
NOT_ASKED_FOR_IN_THE_LAB = {
    # AWS authorises a restore of what is encrypted against its key; the lab only where a request names one.
    "scratch": {
        *("kms:CreateGrant", "kms:DescribeKey", *OF_KEYS),
        # A restore of a snapshot: `dr test --at SNAPSHOT`.
        "rds:RestoreDBInstanceFromDBSnapshot",
        # Who wrote a document of the control store that stands there already? Asked where an answer was lost.
        "s3:GetObject",
        # Objects with tags, and copies in parts: the sample application has neither.
        *("s3:PutObjectTagging", "s3:AbortMultipartUpload"),
    },
    # The sample application's backups are replicated already.
    "recover": {"rds:StartDBInstanceAutomatedBackupsReplication"},
    # What only `dr sweep` asks; and locks, of which the sample application's buckets have none.
    "observe": {"tag:GetResources", "s3:GetObjectRetention", "s3:GetObjectLegalHold", *OF_KEYS},
    # The lab's own writer holds the lock, so another one does not come to store its object.
    "heartbeat": {"s3:PutObject", *OF_KEYS},
}

BACKUP, TEST = ("backup", "receipts"), ("test", "receipts")
BY_ROLE = {
    "observe": (BACKUP, TEST),
    "scratch": (TEST,),
    "recover": (BACKUP,),
    "heartbeat": (("heartbeat", "run", "--once"),),
}

PARTS = 10
"""In which what each action is needed for is shown: ten minutes in all."""


@pytest.fixture(scope="module")
def people(backed_up: Runner) -> People:
    control = "firedrill-control-responder"
    fill(backed_up, control)
    return People(backed_up.lab, "responder", control)


def test_a_backup_into_a_bucket_passes_under_narrow_roles(people: People) -> None:
    """Its leases and its ledger are written under the roles too. (The suite's other runs have a folder, and roles.)"""
    backup = people.dr("backup", "receipts")
    assert backup.returncode == ExitCode.PASSED, backup.stdout + backup.stderr
    swept = people.dr("sweep")
    assert swept.returncode == ExitCode.PASSED, swept.stdout + swept.stderr


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("modify_db_instance", {"DeletionProtection": False}),
        ("delete_db_instance", {"SkipFinalSnapshot": True}),
        ("stop_db_instance", {}),
    ],
)
def test_scratch_cannot_touch_production_even_when_a_bug_tries(
    people: People, method: str, more: dict[str, bool]
) -> None:
    call = getattr(people.rds("scratch", "eu-west-1"), method)
    with pytest.raises(ClientError, match="with an explicit deny"):
        call(DBInstanceIdentifier="receipts", **more)


@pytest.mark.parametrize(
    ("kind", "action", "command"),
    [
        ("recover", "rds:CreateDBSnapshot", BACKUP),
        ("observe", "rds:DescribeDBInstances", ("plan", "--kind", "backup")),
        ("observe", "s3:GetBucketVersioning", ("plan", "receipts")),
        ("caller", "sts:AssumeRole", ("plan", "receipts")),
    ],
)
def test_without_a_permission_a_person_is_told_which(
    people: People, kind: str, action: str, command: tuple[str, ...]
) -> None:
    _less(people, kind, action, command)


@pytest.mark.soak(60)
@pytest.mark.parametrize("part", range(PARTS))
def test_every_action_that_is_printed_is_needed(people: People, part: int) -> None:
    printed = [(kind, action) for kind in KINDS for action in people.actions(kind)]
    needed = [(kind, action) for kind, action in printed if action not in NOT_ASKED_FOR_IN_THE_LAB[kind]]
    assert len(needed) > PARTS
    for kind, action in needed[part::PARTS]:
        _less(people, kind, action, *BY_ROLE[kind])
    people.dr("sweep")


def _less(people: People, kind: str, action: str, *commands: tuple[str, ...]) -> None:
    """Under one action less, one of these commands does not pass, and names the action."""
    said = ""
    for command in commands:
        people.grant(kind, without=action)
        try:
            done = people.dr(*command)
        finally:
            people.grant(kind)
        said = done.stdout + done.stderr
        assert "Traceback" not in said
        if done.returncode not in (ExitCode.PASSED, ExitCode.FAILED) and action in said:
            return
    pytest.fail(f"{kind} without {action}: {said}")
