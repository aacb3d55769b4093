"""Copies of snapshots into the other region."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.cloud import PRIMARY, RECOVERY, Cloud
from tests.contract.small_instances import Shown, code, instance, settled, snapshot_settled
from tests.contract.unhurried import cloud, rds, there

__all__ = ["cloud", "rds", "there"]
Watched = tuple[Shown, list[Shown], Shown]


def look(there: Any, name: str) -> Shown:
    shown: Shown = there.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]
    return shown


def key(cloud: Cloud, region: str) -> str:
    """A new key of our own: its ARN."""
    tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in cloud.tags]
    return str(cloud.client("kms", region).create_key(Tags=tags)["KeyMetadata"]["Arn"])


def retire(cloud: Cloud, region: str, arn: str) -> None:
    cloud.client("kms", region).schedule_key_deletion(KeyId=arn.rpartition("/")[2], PendingWindowInDays=7)


@pytest.fixture(scope="module")
def keys(cloud: Cloud) -> Iterator[dict[str, str]]:
    made = {region: key(cloud, region) for region in (PRIMARY, RECOVERY)}
    yield made
    for region, arn in made.items():
        retire(cloud, region, arn)


@pytest.fixture(scope="module")
def bare(cloud: Cloud, rds: Any) -> Iterator[Shown]:
    """A snapshot of an instance that is not encrypted, and is gone."""
    name = cloud.name("bare")
    with instance(cloud, "bare") as shown:
        of = shown["DBInstanceIdentifier"]
        rds.create_db_snapshot(DBInstanceIdentifier=of, DBSnapshotIdentifier=name, Tags=cloud.tags)
        taken = snapshot_settled(cloud, name)
        settled(cloud, of)
    yield taken
    rds.delete_db_snapshot(DBSnapshotIdentifier=name)


@pytest.fixture(scope="module")
def snapshot(cloud: Cloud, rds: Any, bare: Shown, keys: dict[str, str]) -> Iterator[Shown]:
    """The same, encrypted under our key by copying."""
    name = cloud.name("sealed")
    rds.copy_db_snapshot(
        SourceDBSnapshotIdentifier=bare["DBSnapshotIdentifier"],
        TargetDBSnapshotIdentifier=name,
        KmsKeyId=keys[PRIMARY],
        Tags=cloud.tags,
    )
    yield snapshot_settled(cloud, name)
    rds.delete_db_snapshot(DBSnapshotIdentifier=name)


@pytest.fixture(scope="module")
def asked(snapshot: Shown, keys: dict[str, str]) -> dict[str, str]:
    """A complete request but for the target."""
    return {"SourceDBSnapshotIdentifier": snapshot["DBSnapshotArn"], "KmsKeyId": keys[RECOVERY]}


@pytest.fixture(scope="module")
def copied(cloud: Cloud, there: Any, asked: dict[str, str]) -> Iterator[Watched]:
    """A copy that was watched: what the call answered, all that could be seen of it meanwhile, and its end."""
    name = cloud.name("copy")
    first = there.copy_db_snapshot(**asked, TargetDBSnapshotIdentifier=name, SourceRegion=PRIMARY)["DBSnapshot"]
    looks: list[Shown] = []

    def done() -> bool:
        looks.append(look(there, name))
        return bool(looks[-1]["Status"] == "available")

    cloud.until(done, f"{name} available", 4 * 3600)
    yield first, looks, looks[-1]
    there.delete_db_snapshot(DBSnapshotIdentifier=name)


@pytest.mark.behaviour("RDS-COPY-ASYNCHRONOUS")
def test_a_copy_goes_on_after_the_call(copied: Watched) -> None:
    first, looks, last = copied
    assert (first["Status"], first["PercentProgress"]) == ("copying", 0)
    assert [seen["PercentProgress"] for seen in looks] == sorted(seen["PercentProgress"] for seen in looks)
    assert {seen["Status"] for seen in looks} == {"copying", "available"}
    assert last["PercentProgress"] == 100


@pytest.mark.behaviour("RDS-COPY-TIMES")
def test_a_copy_has_a_new_creation_time_and_keeps_the_original(copied: Watched, snapshot: Shown) -> None:
    _, _, last = copied
    assert last["SnapshotCreateTime"] > snapshot["SnapshotCreateTime"]
    for kept in ("OriginalSnapshotCreateTime", "SnapshotDatabaseTime", "DbiResourceId"):
        assert last[kept] == snapshot[kept]


@pytest.mark.behaviour("RDS-COPY-SAYS-ITS-SOURCE")
def test_a_copy_says_where_it_came_from(copied: Watched, snapshot: Shown) -> None:
    _, _, last = copied
    assert (last["SourceRegion"], last["SourceDBSnapshotIdentifier"]) == (PRIMARY, snapshot["DBSnapshotArn"])
    assert last["SnapshotType"] == "manual"


@pytest.mark.behaviour("RDS-COPY-HAS-ITS-OWN-KEY")
def test_a_copy_is_encrypted_under_the_key_of_its_region(copied: Watched, keys: dict[str, str]) -> None:
    _, _, last = copied
    assert (last["Encrypted"], last["KmsKeyId"]) == (True, keys[RECOVERY])


@pytest.mark.behaviour("RDS-COPY-TAGS")
def test_tags_do_not_travel_unless_told_to(
    cloud: Cloud, there: Any, copied: Watched, snapshot: Shown, asked: dict[str, str]
) -> None:
    _, _, last = copied
    assert last["TagList"] == []
    name = cloud.name("tagged")
    answer = there.copy_db_snapshot(**asked, TargetDBSnapshotIdentifier=name, CopyTags=True)["DBSnapshot"]
    assert answer["TagList"] == snapshot["TagList"]
    snapshot_settled(cloud, name, RECOVERY)
    there.delete_db_snapshot(DBSnapshotIdentifier=name)


@pytest.mark.behaviour("RDS-COPY-IN-THE-DESTINATION")
def test_a_copy_is_asked_for_in_the_destination_by_arn(there: Any, snapshot: Shown, asked: dict[str, str]) -> None:
    by_name = {**asked, "SourceDBSnapshotIdentifier": snapshot["DBSnapshotIdentifier"]}
    assert code(there.copy_db_snapshot, **by_name, TargetDBSnapshotIdentifier="drc-never") == "DBSnapshotNotFound"


@pytest.mark.behaviour("RDS-COPY-NEEDS-A-KEY")
def test_what_is_encrypted_needs_a_key_of_the_destination(there: Any, asked: dict[str, str]) -> None:
    without = {"SourceDBSnapshotIdentifier": asked["SourceDBSnapshotIdentifier"]}
    refused = code(there.copy_db_snapshot, **without, TargetDBSnapshotIdentifier="drc-never")
    assert refused == "InvalidParameterCombination"


@pytest.mark.behaviour("RDS-COPY-KEY-OF-THE-DESTINATION")
def test_a_key_of_the_source_region_is_of_no_use(there: Any, asked: dict[str, str], keys: dict[str, str]) -> None:
    wrong = {**asked, "KmsKeyId": keys[PRIMARY]}
    assert code(there.copy_db_snapshot, **wrong, TargetDBSnapshotIdentifier="drc-never") == "KMSKeyNotAccessibleFault"


@pytest.mark.behaviour("RDS-COPY-KEY-ENABLED")
def test_a_disabled_key_is_of_no_use(cloud: Cloud, there: Any, asked: dict[str, str]) -> None:
    disabled = key(cloud, RECOVERY)
    cloud.client("kms", RECOVERY).disable_key(KeyId=disabled.rpartition("/")[2])
    wrong = {**asked, "KmsKeyId": disabled}
    assert code(there.copy_db_snapshot, **wrong, TargetDBSnapshotIdentifier="drc-never") == "KMSKeyNotAccessibleFault"
    retire(cloud, RECOVERY, disabled)


@pytest.mark.behaviour("RDS-COPY-ENCRYPTS")
def test_a_copy_can_encrypt_what_was_not(bare: Shown, snapshot: Shown, keys: dict[str, str]) -> None:
    assert bare["Encrypted"] is False
    assert (snapshot["Encrypted"], snapshot["KmsKeyId"]) == (True, keys[PRIMARY])
    assert "SourceRegion" not in snapshot


@pytest.mark.behaviour("RDS-COPY-ONE-BY-ONE")
def test_copies_of_one_source_wait_for_one_another(cloud: Cloud, there: Any, asked: dict[str, str]) -> None:
    first, second = cloud.name("first"), cloud.name("second")
    for name in (first, second):
        there.copy_db_snapshot(**asked, TargetDBSnapshotIdentifier=name, Tags=cloud.tags)
    seen: list[tuple[str, int]] = []

    def done() -> bool:
        # The first is looked at before the second, so that a change in between cannot make a liar of us.
        before, after = look(there, first), look(there, second)
        if before["Status"] == "copying":
            seen.append((after["Status"], after["PercentProgress"]))
        return bool(after["Status"] == "available")

    # A queued copy shows no progress. The last look may fall on the moment at which the first one ended.
    cloud.until(done, "both copied", 8 * 3600)
    assert set(seen[:-1]) <= {("copying", 0)}
    assert look(there, first)["SnapshotCreateTime"] < look(there, second)["SnapshotCreateTime"]
    for name in (first, second):
        there.delete_db_snapshot(DBSnapshotIdentifier=name)


@pytest.mark.behaviour("RDS-COPY-FAILS-WITHOUT-SOURCE")
def test_a_copy_whose_source_goes_away_fails(cloud: Cloud, rds: Any, there: Any, asked: dict[str, str]) -> None:
    original, first, doomed = cloud.name("original"), cloud.name("first"), cloud.name("doomed")
    of = {"SourceDBSnapshotIdentifier": asked["SourceDBSnapshotIdentifier"]}
    rds.copy_db_snapshot(**of, TargetDBSnapshotIdentifier=original, Tags=cloud.tags)
    source = snapshot_settled(cloud, original)
    for name in (first, doomed):
        there.copy_db_snapshot(
            **{**asked, "SourceDBSnapshotIdentifier": source["DBSnapshotArn"]},
            TargetDBSnapshotIdentifier=name,
            Tags=cloud.tags,
        )
    rds.delete_db_snapshot(DBSnapshotIdentifier=original)
    snapshot_settled(cloud, doomed, RECOVERY, "failed")
    # What failed can be looked at and deleted, not restored.
    never = {"DBInstanceIdentifier": cloud.name("never"), "DBSnapshotIdentifier": doomed, "Tags": cloud.tags}
    assert code(there.restore_db_instance_from_db_snapshot, **never) == "InvalidDBSnapshotState"
    cloud.until(lambda: look(there, first)["Status"] in ("available", "failed"), "the first one ended")
    for name in (first, doomed):
        there.delete_db_snapshot(DBSnapshotIdentifier=name)


@pytest.mark.behaviour("RDS-COPY-NEEDS-AN-AVAILABLE-SOURCE")
def test_only_what_is_available_is_copied(cloud: Cloud, there: Any, asked: dict[str, str]) -> None:
    name = cloud.name("young")
    there.copy_db_snapshot(**asked, TargetDBSnapshotIdentifier=name, Tags=cloud.tags)
    again = {**asked, "SourceDBSnapshotIdentifier": name, "TargetDBSnapshotIdentifier": cloud.name("never")}
    assert code(there.copy_db_snapshot, **again) == "InvalidDBSnapshotState"
    snapshot_settled(cloud, name, RECOVERY)
    there.delete_db_snapshot(DBSnapshotIdentifier=name)
