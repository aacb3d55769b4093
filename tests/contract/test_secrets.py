"""Secrets Manager: keeping the master's password, and replicas of secrets in another region."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.contract import databases
from tests.contract.cloud import PRIMARY, RECOVERY, Cloud
from tests.contract.databases import Instance


@pytest.fixture(scope="module")
def managed(cloud: Cloud) -> Iterator[str]:
    """An instance with backups, whose password Secrets Manager keeps from the beginning."""
    name = databases.create(cloud, "managed", ManageMasterUserPassword=True, BackupRetentionPeriod=1)
    try:
        _active(cloud, name)
        yield name
    finally:
        databases.delete(cloud, name)


def _active(cloud: Cloud, name: str) -> Instance:
    databases.available(cloud, name)
    return databases.until(
        cloud, name, PRIMARY, lambda one: one["MasterUserSecret"]["SecretStatus"] == "active", "secret active"
    )


def _login(cloud: Cloud, instance: Instance) -> dict[str, str]:
    arn = instance["MasterUserSecret"]["SecretArn"]
    held: dict[str, str] = json.loads(cloud.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
    return held


@pytest.mark.behaviour("RDS-SECRET-MANAGED")
def test_the_secret_holds_the_password_that_lets_in(cloud: Cloud, managed: str) -> None:
    instance = databases.look(cloud, managed)
    login = _login(cloud, instance)
    assert set(login) == {"username", "password"}
    with databases.enter(cloud, instance, login["password"], user=login["username"]) as connection:
        assert databases.ask(connection, "select current_user") == databases.MASTER
    held = cloud.client("secretsmanager").describe_secret(SecretId=instance["MasterUserSecret"]["SecretArn"])
    assert held["Name"].startswith("rds!db-")
    assert held["OwningService"] == "rds"


@pytest.mark.behaviour("RDS-SECRET-EXCLUSIVE")
def test_a_managed_password_cannot_be_given(cloud: Cloud, managed: str) -> None:
    modify, password = cloud.client("rds").modify_db_instance, databases.password()
    combination = "InvalidParameterCombination"
    cloud.refused(combination, modify, DBInstanceIdentifier=managed, MasterUserPassword=password)
    cloud.refused(combination, modify, DBInstanceIdentifier=managed, ManageMasterUserPassword=False)
    cloud.refused(
        combination,
        cloud.client("rds").create_db_instance,
        DBInstanceIdentifier=cloud.name("never"),
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername=databases.MASTER,
        MasterUserPassword=password,
        ManageMasterUserPassword=True,
    )


@pytest.mark.behaviour("RDS-SECRET-ROTATES")
def test_a_rotation_changes_secret_and_server_together(cloud: Cloud, managed: str) -> None:
    modify = cloud.client("rds").modify_db_instance
    before = databases.look(cloud, managed)
    old = _login(cloud, before)["password"]
    cloud.refused("InvalidParameterCombination", modify, DBInstanceIdentifier=managed, RotateMasterUserPassword=True)
    modify(DBInstanceIdentifier=managed, RotateMasterUserPassword=True, ApplyImmediately=True)
    cloud.until(lambda: _login(cloud, before)["password"] != old, "another password")
    after = _active(cloud, managed)
    assert after["MasterUserSecret"]["SecretArn"] == before["MasterUserSecret"]["SecretArn"]
    databases.enter(cloud, after, _login(cloud, after)["password"]).close()
    with pytest.raises(psycopg.OperationalError):
        databases.enter(cloud, after, old)


@pytest.mark.behaviour("RDS-SECRET-NOT-YOURS")
def test_a_managed_secret_cannot_be_changed_by_its_reader(cloud: Cloud, managed: str) -> None:
    arn = databases.look(cloud, managed)["MasterUserSecret"]["SecretArn"]
    client = cloud.client("secretsmanager")
    for call, more in (
        (client.put_secret_value, {"SecretString": "{}"}),
        (client.delete_secret, {"ForceDeleteWithoutRecovery": True}),
    ):
        cloud.refused("InvalidRequestException", call, SecretId=arn, **more)


@pytest.mark.behaviour("RDS-REPLICA-NOT-WITH-SECRET")
def test_a_source_with_a_managed_password_cannot_be_followed(cloud: Cloud, managed: str) -> None:
    cloud.refused(
        "InvalidDBInstanceState",
        cloud.client("rds").create_db_instance_read_replica,
        DBInstanceIdentifier=cloud.name("never"),
        SourceDBInstanceIdentifier=managed,
    )


@pytest.mark.behaviour("RDS-SECRET-NOT-RESTORED")
def test_a_restore_comes_back_without_management(cloud: Cloud, managed: str) -> None:
    rds, name = cloud.client("rds"), cloud.name("restored")
    one = databases.until(cloud, managed, PRIMARY, lambda seen: "LatestRestorableTime" in seen, "restorable")
    restore: dict[str, Any] = {
        "SourceDBInstanceIdentifier": managed,
        "TargetDBInstanceIdentifier": name,
        "RestoreTime": one["LatestRestorableTime"],
    }
    cloud.refused(
        "InvalidParameterCombination",
        rds.restore_db_instance_to_point_in_time,
        **restore,
        ManageMasterUserPassword=True,
    )
    rds.restore_db_instance_to_point_in_time(**restore, BackupRetentionPeriod=0, Tags=cloud.tags)
    try:
        restored = databases.available(cloud, name)
        assert "MasterUserSecret" not in restored
        # Management is asked for afterwards, and the door opens with a password that nobody had to know.
        rds.modify_db_instance(DBInstanceIdentifier=name, ManageMasterUserPassword=True, ApplyImmediately=True)
        taken = _active(cloud, name)
        databases.enter(cloud, taken, _login(cloud, taken)["password"]).close()
        arn = taken["MasterUserSecret"]["SecretArn"]
        password = databases.password()
        rds.modify_db_instance(
            DBInstanceIdentifier=name,
            ManageMasterUserPassword=False,
            MasterUserPassword=password,
            ApplyImmediately=True,
        )
        databases.until(cloud, name, PRIMARY, lambda seen: "MasterUserSecret" not in seen, "not managed")
        databases.enter(cloud, databases.available(cloud, name), password).close()
        cloud.refused("ResourceNotFoundException", cloud.client("secretsmanager").describe_secret, SecretId=arn)
    finally:
        databases.delete(cloud, name)


@pytest.mark.behaviour("RDS-SECRET-DIES-WITH-INSTANCE")
def test_the_secret_is_deleted_with_the_instance(cloud: Cloud) -> None:
    name = databases.create(cloud, "mortal", ManageMasterUserPassword=True)
    arn = databases.look(cloud, name)["MasterUserSecret"]["SecretArn"]
    databases.delete(cloud, name)
    cloud.refused("ResourceNotFoundException", cloud.client("secretsmanager").get_secret_value, SecretId=arn)


def _statuses(cloud: Cloud, name: str) -> list[str]:
    held = cloud.client("secretsmanager").describe_secret(SecretId=name)
    return [one["Status"] for one in held.get("ReplicationStatus", [])]


def _text(cloud: Cloud, name: str, region: str) -> str:
    return str(cloud.client("secretsmanager", region).get_secret_value(SecretId=name)["SecretString"])


@pytest.fixture
def secret(cloud: Cloud) -> Iterator[str]:
    """A secret with a replica that is on its way."""
    name, client = cloud.name("secret"), cloud.client("secretsmanager")
    client.create_secret(Name=name, SecretString="first", Tags=cloud.tags)
    answer = client.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{"Region": RECOVERY}])
    assert [one["Status"] for one in answer["ReplicationStatus"]] == ["InProgress"]
    try:
        yield name
    finally:
        client.remove_regions_from_replication(SecretId=name, RemoveReplicaRegions=[RECOVERY])
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def _in_sync(cloud: Cloud, name: str) -> None:
    cloud.until(lambda: _statuses(cloud, name) == ["InSync"], "the replica is in sync")


@pytest.mark.behaviour("SM-REPLICA-LATE")
def test_a_replica_arrives_later_under_the_same_name(cloud: Cloud, secret: str) -> None:
    primary = cloud.client("secretsmanager").describe_secret(SecretId=secret)
    _in_sync(cloud, secret)
    replica = cloud.client("secretsmanager", RECOVERY).describe_secret(SecretId=secret)
    assert replica["ARN"] == primary["ARN"].replace(PRIMARY, RECOVERY)
    assert replica["PrimaryRegion"] == PRIMARY
    assert _text(cloud, secret, RECOVERY) == "first"


@pytest.mark.behaviour("SM-REPLICA-FOLLOWS")
def test_a_new_version_reaches_the_replica_later(cloud: Cloud, secret: str) -> None:
    _in_sync(cloud, secret)
    cloud.client("secretsmanager").put_secret_value(SecretId=secret, SecretString="second")
    cloud.until(lambda: _text(cloud, secret, RECOVERY) == "second", "the second version abroad")


@pytest.mark.behaviour("SM-REPLICA-READ-ONLY")
def test_a_replica_cannot_be_written(cloud: Cloud, secret: str) -> None:
    _in_sync(cloud, secret)
    client = cloud.client("secretsmanager", RECOVERY)
    for call, more in (
        (client.put_secret_value, {"SecretString": "mine"}),
        (client.delete_secret, {"ForceDeleteWithoutRecovery": True}),
    ):
        cloud.refused("InvalidParameterException", call, SecretId=secret, **more)


@pytest.mark.behaviour("SM-PRIMARY-NOT-DELETED-WITH-REPLICAS")
def test_a_primary_with_replicas_cannot_be_deleted(cloud: Cloud, secret: str) -> None:
    cloud.refused(
        "InvalidParameterException",
        cloud.client("secretsmanager").delete_secret,
        SecretId=secret,
        ForceDeleteWithoutRecovery=True,
    )


@pytest.mark.behaviour("SM-REPLICA-CUT-LOOSE")
def test_a_replica_is_cut_loose_in_its_own_region_and_writable_from_then_on(cloud: Cloud, secret: str) -> None:
    _in_sync(cloud, secret)
    here, there = cloud.client("secretsmanager"), cloud.client("secretsmanager", RECOVERY)
    cloud.refused("InvalidParameterException", here.stop_replication_to_replica, SecretId=secret)
    there.stop_replication_to_replica(SecretId=secret)
    try:
        there.put_secret_value(SecretId=secret, SecretString="its own")
        here.put_secret_value(SecretId=secret, SecretString="no longer sent")
        assert "InSync" not in _statuses(cloud, secret)
        assert _text(cloud, secret, RECOVERY) == "its own"
        assert _text(cloud, secret, PRIMARY) == "no longer sent"
    finally:
        there.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
