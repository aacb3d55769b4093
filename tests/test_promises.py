"""Every promise about backups, kept and broken. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr.estate import Promises
from dr.promises import KeyState, SiteSays, of_the_key, of_the_place, of_the_quota, of_the_site, of_the_source
from dr.recovery import RecoveryPoint, RecoveryWindow
from dr.verification import Finding
from tests.test_records import source

NOW = datetime(2026, 11, 20, 2, 15, tzinfo=UTC)
HERE = "eu-central-1"
KEY = f"arn:aws:kms:{HERE}:123456789012:key/one"
DAY = timedelta(days=1)
RPO, RETENTION = timedelta(minutes=5), 30 * DAY


def window(**changes: object) -> RecoveryWindow:
    given: dict[str, object] = {
        "asset": "receipts-db",
        "site": "recovery",
        "backup_arn": f"arn:aws:rds:{HERE}:123456789012:auto-backup:ab-1",
        "resource_id": "db-1",
        "earliest": NOW - 7 * DAY,
        "latest": NOW - timedelta(seconds=90),
        "encrypted": True,
        "status": "replicating",
        "kms_key": KEY,
        "retention_days": 7,
    }
    return RecoveryWindow.model_validate(given | changes)


def copy(name: str, age: timedelta = DAY, **changes: object) -> RecoveryPoint:
    given: dict[str, object] = {
        "asset": "receipts-db",
        "site": "recovery",
        "kind": "copy",
        "identifier": name,
        "arn": f"arn:aws:rds:{HERE}:123456789012:snapshot:{name}",
        "time": NOW - age,
        "status": "available",
        "encrypted": True,
        "kms_key": KEY,
        "resource_id": "db-1",
    }
    return RecoveryPoint.model_validate(given | changes)


def judged(
    held: RecoveryWindow | None = None,
    points: tuple[RecoveryPoint, ...] = (copy("one"),),
    restored: RecoveryPoint | RecoveryWindow | None = None,
    committed: dict[str, timedelta] | None = None,
    took: timedelta = timedelta(),
) -> dict[str, Finding]:
    held = held or window()
    says = SiteSays(region=HERE, asked_at=NOW - took, told_at=NOW, resource_id="db-1", window=held, points=points)
    when = {name: NOW - age for name, age in ({"one": DAY} if committed is None else committed).items()}
    found = of_the_site("receipts-db", says, restored or held, when, rpo=RPO, retention=RETENTION)
    return dict(zip(("identity", "age", "kept"), found, strict=True))


def outcomes(found: Iterable[Finding]) -> list[str]:
    return [one.outcome for one in found]


def test_what_is_as_it_was_promised_passes() -> None:
    assert set(outcomes(judged().values())) == {"passed"}
    assert {(one.check, one.level, one.subject) for one in judged().values()} == {
        ("control_plane", "L0", "receipts-db")
    }


@pytest.mark.parametrize(("resource_id", "outcome"), [("db-1", "passed"), ("db-2", "failed"), (None, "not_available")])
def test_a_recovery_point_is_of_this_very_source(resource_id: str | None, outcome: str) -> None:
    assert judged(restored=copy("one", resource_id=resource_id))["identity"].outcome == outcome


def test_a_window_of_another_instance_is_told() -> None:
    found = judged(restored=window(resource_id="db-2"))["identity"]
    assert (found.outcome, found.observed) == ("failed", "one of db-2")


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "passed"),
        ({"latest": NOW - RPO}, "passed"),
        ({"latest": NOW - RPO - timedelta(seconds=1)}, "failed"),  # stopped moving, whatever its status says
        ({"status": "retained"}, "failed"),
        ({"status": "pending", "latest": None, "earliest": None}, "failed"),  # and the copy is a day old
    ],
)
def test_backups_grow_and_are_no_older_than_may_be_lost(changes: dict[str, object], outcome: str) -> None:
    assert judged(window(**changes))["age"].outcome == outcome


def test_only_what_is_available_makes_a_site_young() -> None:
    old = window(latest=NOW - DAY)
    young = timedelta(minutes=1)
    assert judged(old, (copy("one", young),))["age"].outcome == "passed"
    assert judged(old, (copy("one", young, status="creating"),))["age"].outcome == "failed"
    assert judged(old, (copy("one", young, resource_id="db-2"),))["age"].outcome == "failed"
    assert judged(window(latest=None, earliest=None), ())["age"].observed == "replicating, nothing to restore"


@pytest.mark.parametrize(
    ("days", "names", "committed", "outcome"),
    [
        (7, ["one"], {"one": 1}, "passed"),
        (30, [], {}, "passed"),  # the automated backups keep the promise alone
        (35, [], {"one": 1}, "passed"),
        (29, [], {}, "failed"),
        (7, [], {"one": 1}, "failed"),  # somebody deleted the only copy
        (7, ["two"], {"one": 20, "two": 1}, "failed"),
        (7, ["two"], {"one": 31, "two": 1}, "passed"),  # older than was promised
        (7, ["other"], {}, "failed"),  # no backup of ours
        (0, ["one"], {"one": 1}, "passed"),
        (None, ["one"], {"one": 1}, "not_available"),
    ],
)
def test_something_covers_the_retention_that_was_promised(
    days: int | None, names: list[str], committed: dict[str, int], outcome: str
) -> None:
    found = judged(
        window(retention_days=days),
        tuple(copy(name) for name in names),
        committed={name: age * DAY for name, age in committed.items()},
    )["kept"]
    assert found.outcome == outcome
    assert found.expected == "recovery points of the last 30 d"


def test_what_covers_the_promise_is_said() -> None:
    told = judged()["kept"].observed
    assert told == "automated backups are kept for 7 d, 1 copies since 2026-11-19T02:15:00Z cover the rest"
    gone = judged(points=(copy("two"),), committed={"one": 20 * DAY, "two": DAY})["kept"]
    assert gone.detail == "1 of 2 committed recovery points are not here, the first is one"
    assert "35 d at the most" in judged(points=(), committed={})["kept"].detail
    another = judged(points=(copy("one", resource_id="db-2"),))["kept"]
    assert another.outcome == "failed"


@given(
    days=st.integers(0, 35),
    here=st.sets(st.integers(0, 40), max_size=6),
    committed=st.sets(st.integers(0, 40), max_size=6),
)
def test_retention_against_a_model(days: int, here: set[int], committed: set[int]) -> None:
    """Each number is the age in days of one backup. Kept: the automated ones suffice, or every copy of the time is."""
    found = judged(
        window(retention_days=days),
        tuple(copy(f"of-{age}", age * DAY) for age in sorted(here)),
        committed={f"of-{age}": age * DAY for age in committed},
    )["kept"]
    due = {age for age in committed if age <= 30}
    assert (found.outcome == "passed") == (days >= 30 or (bool(due) and due <= here))


@pytest.mark.parametrize(
    ("named", "key", "outcome"),
    [
        (KEY, KeyState(arn=KEY, state="Enabled"), "passed"),
        (KEY, KeyState(arn=KEY, state="Disabled"), "failed"),
        (KEY, KeyState(arn=KEY, state="PendingDeletion"), "failed"),
        (KEY, KeyState(arn=KEY, state=None), "failed"),
        (KEY, KeyState(arn=None, state=None), "failed"),
        (KEY, KeyState(arn=KEY.replace(HERE, "eu-west-1"), state="Enabled"), "failed"),
        (None, KeyState(arn=None, state=None), "not_available"),
    ],
)
def test_the_key_is_enabled_in_that_very_region(named: str | None, key: KeyState, outcome: str) -> None:
    assert of_the_key("receipts-db", window(kms_key=named), HERE, key).outcome == outcome
    assert of_the_key("receipts-db", copy("one", kms_key=named), HERE, key).outcome == outcome


@pytest.mark.parametrize(
    ("missing", "tls", "outcome"),
    [
        ([], "1", "passed"),
        ([], None, "passed"),
        ([], "0", "failed"),
        (["subnet group receipts"], "1", "failed"),
        (["parameter group receipts-pg15"], None, "failed"),
    ],
)
def test_groups_are_regional_and_tls_is_forced(missing: list[str], tls: str | None, outcome: str) -> None:
    found = of_the_place("receipts", HERE, missing, tls, "receipts-pg15")
    assert found.outcome == outcome
    assert all(one in found.observed for one in missing)


@pytest.mark.parametrize(
    ("quotas", "outcome"),
    [
        ({"DBInstances": (38, 40), "ManualSnapshots": (0, 100)}, "passed"),
        ({"DBInstances": (39, 40), "ManualSnapshots": (0, 100)}, "failed"),
        ({"DBInstances": (0, 40), "ManualSnapshots": (100, 100)}, "failed"),
        ({"DBInstances": (0, 40)}, "not_available"),
        ({}, "not_available"),
    ],
)
def test_there_is_room_for_a_recovery(quotas: dict[str, tuple[int, int]], outcome: str) -> None:
    assert of_the_quota("receipts", HERE, quotas, {"DBInstances": 2, "ManualSnapshots": 1}).outcome == outcome


SEEN = source("db-1").model_copy(
    update={"multi_az": True, "deletion_protection": True, "public": False, "retention_days": 7}
)


@pytest.mark.parametrize(
    ("promised", "outcome"),
    [
        ({}, []),
        ({"multi_az": True, "deletion_protection": True, "encrypted": True, "public": False}, ["passed"] * 4),
        ({"multi_az": False}, ["failed"]),
        ({"deletion_protection": False, "multi_az": True}, ["passed", "failed"]),
        ({"encrypted": False}, ["failed"]),
        ({"public": True}, ["failed"]),
        ({"automated_retention": "7d"}, ["passed"]),
        ({"automated_retention": "8d"}, ["failed"]),
    ],
)
def test_the_source_is_as_the_estate_promises(promised: dict[str, object], outcome: list[str]) -> None:
    found = list(of_the_source("receipts-db", Promises.model_validate(promised), SEEN, "at noon"))
    assert outcomes(found) == outcome
    assert all(one.observed.endswith("seen at noon") for one in found)


def test_what_an_older_record_did_not_note_is_not_available() -> None:
    every = Promises.model_validate(
        {"multi_az": True, "deletion_protection": True, "public": False, "automated_retention": "7d"}
    )
    found = list(of_the_source("receipts-db", every, source("db-1"), "long ago"))
    assert outcomes(found) == ["not_available"] * 4
    assert all("take a new backup" in one.detail for one in found)


@pytest.mark.parametrize(
    ("age", "outcome"),
    [(timedelta(minutes=4), "passed"), (timedelta(minutes=7), "errored"), (timedelta(minutes=9), "failed")],
)
def test_a_slow_answer_leaves_in_doubt_how_old_it_is(age: timedelta, outcome: str) -> None:
    told = judged(window(latest=NOW - age), points=(), took=timedelta(minutes=3))["age"]
    assert told.outcome == outcome
    assert ("took 180 s" in told.detail) == (outcome == "errored")
