"""What AWS says of a scratch instance is believed only where all of it is as it was asked for."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.baton import Baton
from tests.simulation.cloud.account import Account
from tests.simulation.cloud.door import Door
from tests.simulation.performance import Cast, perform
from tests.simulation.troubles import Troubles

GROUP = "firedrill-scratch-pg15"


def telling(operation: str, key: str, **otherwise: Any) -> Callable[[Account, Baton, Troubles], Door]:
    """A door that answers otherwise than what is so."""

    class Otherwise(Door):
        def answered(self, answer: dict[str, Any], asked: str) -> dict[str, Any]:
            return {key: [one | otherwise for one in answer[key]]} if asked == operation else answer

    return Otherwise


@pytest.mark.parametrize(
    ("operation", "key", "otherwise", "said"),
    [
        ("describe_db_instances", "DBInstances", {"PubliclyAccessible": True}, "is publicly accessible"),
        ("describe_db_instances", "DBInstances", {"StorageEncrypted": False}, "is not encrypted"),
        ("describe_db_instances", "DBInstances", {"BackupRetentionPeriod": 1}, "keeps backups for 1 days"),
        (
            "describe_db_instances",
            "DBInstances",
            {"VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1"}, {"VpcSecurityGroupId": "sg-2"}]},
            "is in sg-1, sg-2",
        ),
        (
            "describe_db_instances",
            "DBInstances",
            {"DBParameterGroups": [{"DBParameterGroupName": "default.postgres15"}]},
            "has the parameter group default.postgres15",
        ),
        (
            "describe_db_instances",
            "DBInstances",
            {"DBParameterGroups": [{"DBParameterGroupName": GROUP, "ParameterApplyStatus": "pending-reboot"}]},
            f"does not yet run by {GROUP}",
        ),
        ("describe_db_instances", "DBInstances", {"AssociatedRoles": [{"RoleArn": "arn:lambda"}]}, "arn:lambda"),
        (
            "describe_security_groups",
            "SecurityGroups",
            {"IpPermissionsEgress": [{}]},
            "may send traffic out by 1 rules",
        ),
    ],
    ids=["public", "plain", "backups", "network", "default group", "pending", "role", "egress"],
)
def test_an_instance_that_is_not_as_asked_for_is_never_entered(
    operation: str, key: str, otherwise: dict[str, Any], said: str
) -> None:
    good = perform(1, kind="test", troubles=Troubles.none())
    assert good.report
    assert good.report.verdict == "passed", good.report.reasons
    made = perform(1, Cast(door=telling(operation, key, **otherwise)), kind="test", troubles=Troubles.none())
    assert made.report
    assert made.report.verdict == "inconclusive"
    assert said in " ".join(made.report.reasons)
    assert not [line for line in made.baton.trace if "connect   " in line]
    assert made.report.scratch.remaining == ()
