"""What the recovery site says before a restore: a broken promise fails the verdict, and the restore still goes on."""

from typing import Any

import pytest

from tests.simulation.acts import Cast
from tests.simulation.cloud.account import refuse
from tests.simulation.cloud.door import Door
from tests.simulation.performance import Performance, perform
from tests.simulation.troubles import Troubles


class Says(Door):
    """Something else than it did, when asked one question."""

    asked = ""
    said: dict[str, Any] | str = ""

    def answered(self, answer: dict[str, Any], operation: str) -> dict[str, Any]:
        if operation != self.asked:
            return super().answered(answer, operation)
        if isinstance(self.said, str):
            raise refuse(self.said, operation, 403)
        ((key, held),) = answer.items()
        changed = [one | self.said for one in held] if isinstance(held, list) else held | self.said
        return super().answered({key: [] if not self.said else changed}, operation)


def run(asked: str, said: dict[str, Any] | str) -> Performance:
    door = type("SaysOnce", (Says,), {"asked": asked, "said": said})
    return perform(1, Cast(door=door), kind="test", troubles=Troubles.none())


@pytest.mark.parametrize(
    ("asked", "said", "reason"),
    [
        ("describe_key", {"KeyState": "PendingDeletion"}, "PendingDeletion"),
        ("describe_db_instance_automated_backups", {"Status": "retained"}, "nothing is added to them any more"),
        ("describe_db_instance_automated_backups", {"BackupRetentionPeriod": 1, "DbiResourceId": "db-SOURCE"}, ""),
        ("describe_db_snapshots", {}, "1 of 1 committed recovery points are not here, the first is firedrill-one"),
        ("describe_db_snapshots", {"DbiResourceId": "db-EARLIER"}, "committed recovery points are not here"),
        ("describe_account_attributes", {"Used": 100}, "no room in eu-central-1: DBInstances, ManualSnapshots"),
        ("describe_db_parameters", {"ParameterValue": "0"}, "lets clients in without TLS"),
        ("describe_db_subnet_groups", {}, "subnet group firedrill-scratch is not in eu-central-1"),
    ],
)
def test_a_broken_promise_fails_a_run_that_restores_nevertheless(asked: str, said: dict[str, Any], reason: str) -> None:
    made = run(asked, said)
    assert made.report is not None, made.told()
    assert {step.outcome for step in made.report.steps} == {"done"}
    found = [one for one in made.report.assets[0].findings if one.check == "control_plane"]
    if not reason:
        assert made.report.verdict == "passed", made.report.reasons
        return
    assert made.report.verdict == "failed"
    assert any(reason in text for text in made.report.reasons), made.report.reasons
    assert "failed" in {one.outcome for one in found}
    assert made.report.assets[0].depth is None


def test_what_a_site_does_not_tell_stops_nothing_and_is_not_taken_for_a_promise_kept() -> None:
    made = run("describe_account_attributes", "AccessDenied")
    assert made.wrongs == [], made.told()
    assert made.report is not None
    assert {step.outcome for step in made.report.steps} == {"done"}
    assert made.report.verdict == "inconclusive"
    assert any("control_plane of receipts" in text for text in made.report.reasons), made.report.reasons


def test_every_question_is_answered() -> None:
    made = perform(1, kind="test", troubles=Troubles.none())
    assert made.wrongs == [], made.told()
    assert made.report is not None
    assert made.report.verdict == "passed", made.report.reasons
    assert [one.outcome for one in made.report.assets[0].findings if one.check == "control_plane"] == ["passed"] * 6
