"""A call that is sent again asks again: botocore's own repetitions must not outlive the permit, nor what was meant."""

import pytest
from pydantic import SecretStr

from dr.aws.changes import delete_instance, set_master_password
from dr.aws.clients import Aws
from dr.claims import ScratchClaim
from dr.errors import LeaseLost, Refused
from tests.aws.scripted import OTHER, REGION, Server, refusal, server
from tests.aws.test_restores import answer

CLAIM = ScratchClaim("instance", "firedrill-x", REGION, "r-test-a-1", "db-NEW")
TAGS = {
    "TagList": "<Tag><Key>firedrill:run</Key><Value>r-test-a-1</Value></Tag>"
    "<Tag><Key>firedrill:purpose</Key><Value>scratch</Value></Tag>",
    "DBInstanceStatus": "available",
}
OURS = answer("DescribeDBInstances", **TAGS)
THEIRS = answer("DescribeDBInstances", **TAGS | {"DbiResourceId": "db-PRODUCTION"})
SLOWLY = refusal("Throttling")
FAILED = refusal("InternalFailure", 500)


def sent(made: Server, action: str) -> int:
    return sum(asked.get("Action") == action for asked in made.asked)


def copy(aws: Aws) -> None:
    names = {"SourceDBSnapshotIdentifier": "a", "TargetDBSnapshotIdentifier": "b"}
    aws.change("rds", REGION, "CopyDBSnapshot", "a copy", role="recover", **names)


class Permit:
    """Holds for a number of questions."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise LeaseLost("somebody else has it")


@pytest.mark.parametrize("said", [SLOWLY, FAILED])
@pytest.mark.parametrize("times", [0, 1, 2])
def test_each_attempt_asks_for_its_permit(said: tuple[int, str, str], times: int) -> None:
    with server(said, said, said, answer("CopyDBSnapshot")) as made:
        aws = made.aws()
        aws.permit(Permit(times))
        with pytest.raises(LeaseLost):
            copy(aws)
        assert sent(made, "CopyDBSnapshot") == times
        aws.permit(None)
        copy(aws)


def test_whoever_is_asked_may_make_the_same_call() -> None:
    """Leases are written by the operation that writes objects: their attempts are none of the call that asks."""
    with server(SLOWLY, (200, "application/xml", "")) as made:
        made.echoes["ETag"] = '"new"'
        aws = made.aws()
        asked = []

        def permit() -> None:
            asked.append("permit")
            aws.change("s3", OTHER, "PutObject", "a lease", Bucket="b", Key="lease", role="recover", unasked=True)

        aws.permit(permit)
        aws.change("s3", REGION, "PutObject", "an object", Bucket="b", Key="key", role="recover")
        assert asked == ["permit"]


def test_an_instance_is_looked_at_before_its_deletion_is_sent_again() -> None:
    with server(OURS, SLOWLY, THEIRS) as made:
        with pytest.raises(Refused, match="is db-PRODUCTION now"):
            delete_instance(made.aws(), CLAIM)
        assert sent(made, "DeleteDBInstance") == 1
    with server(OURS, SLOWLY, OURS, answer("DeleteDBInstance")) as made:
        assert delete_instance(made.aws(), CLAIM)
        assert sent(made, "DeleteDBInstance") == 2


def test_an_instance_is_looked_at_before_its_password_is_sent_again() -> None:
    with server(OURS, FAILED, THEIRS) as made:
        with pytest.raises(Refused, match="is db-PRODUCTION now"):
            set_master_password(made.aws(), CLAIM, SecretStr("a password of ours"))
        assert sent(made, "ModifyDBInstance") == 1
