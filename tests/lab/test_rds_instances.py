"""DB instances over the wire: life, states, races, and the rules that bite."""

import threading
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.lab.rds_fixtures import PASSWORD, PRIMARY, RECOVERY, RdsLab


def refused(call: Any, **given: Any) -> str:
    """The wire code of a refusal."""
    with pytest.raises(ClientError) as problem:
        call(**given)
    return str(problem.value.response["Error"]["Code"])


NEW: dict[str, Any] = {
    "DBInstanceIdentifier": "never",
    "DBInstanceClass": "db.t4g.medium",
    "Engine": "postgres",
    "AllocatedStorage": 20,
    "MasterUsername": "owner",
    "MasterUserPassword": PASSWORD,
}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"DBInstanceIdentifier": "no--no"}, "InvalidParameterValue"),
        ({"DBInstanceClass": "huge"}, "InvalidParameterValue"),
        ({"Engine": "mysql"}, "InvalidParameterValue"),
        ({"EngineVersion": "9.6"}, "InvalidParameterCombination"),
        ({"AllocatedStorage": 1}, "InvalidParameterValue"),
        ({"AllocatedStorage": None}, "MissingParameter"),
        ({"MasterUsername": "rdsadmin"}, "InvalidParameterValue"),
        ({"MasterUserPassword": "short"}, "InvalidParameterValue"),
        ({"MasterUserPassword": None}, "InvalidParameterValue"),
        ({"BackupRetentionPeriod": 36}, "InvalidParameterValue"),
        ({"DBName": "rdsadmin"}, "InvalidParameterValue"),
        ({"DBSubnetGroupName": "missing"}, "DBSubnetGroupNotFoundFault"),
        ({"DBParameterGroupName": "missing"}, "DBParameterGroupNotFound"),
        ({"VpcSecurityGroupIds": ["sg-missing"]}, "InvalidParameterValue"),
        ({"AvailabilityZone": "eu-central-1a"}, "InvalidVPCNetworkStateFault"),
        ({"StorageEncrypted": True, "KmsKeyId": "alias/missing"}, "KMSKeyNotAccessibleFault"),
        ({"KmsKeyId": "alias/aws/rds"}, "InvalidParameterCombination"),
        ({"EngineLifecycleSupport": "for-ever"}, "InvalidParameterValue"),
        ({"Tags": [{"Key": "aws:mine", "Value": ""}]}, "InvalidParameterValue"),
    ],
)
def test_what_cannot_be_created_is_refused_and_leaves_nothing(
    rds_lab: RdsLab, changed: dict[str, Any], code: str
) -> None:
    given = {name: value for name, value in {**NEW, **changed}.items() if value is not None}
    assert refused(rds_lab.client().create_db_instance, **given) == code
    assert refused(rds_lab.client().describe_db_instances, DBInstanceIdentifier="never") == "DBInstanceNotFound"


def test_an_instance_from_creation_to_deletion(rds_lab: RdsLab) -> None:
    client = rds_lab.client()
    tags = [{"Key": "env", "Value": "test"}]
    made = rds_lab.create("Life", wait=False, Tags=tags, DeletionProtection=True, PubliclyAccessible=False)
    assert made["DBInstanceIdentifier"] == "life"
    assert made["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in made
    assert "InstanceCreateTime" not in made
    assert refused(client.delete_db_instance, DBInstanceIdentifier="life", SkipFinalSnapshot=True) in (
        "InvalidDBInstanceState",
        "InvalidParameterCombination",
    )
    found = rds_lab.await_instance("life")
    assert found["Endpoint"]["Address"].startswith("life.")
    assert found["Endpoint"]["Address"].endswith(".eu-west-1.rds.amazonaws.com")
    assert found["DBInstanceArn"] == "arn:aws:rds:eu-west-1:123456789012:db:life"
    assert found["DbiResourceId"] == made["DbiResourceId"]
    assert found["TagList"] == tags
    assert found["PubliclyAccessible"] is False
    assert found["MultiAZ"] is False
    assert "LatestRestorableTime" not in found
    assert found["AvailabilityZone"].startswith(PRIMARY)

    by_arn = client.describe_db_instances(DBInstanceIdentifier=found["DBInstanceArn"])["DBInstances"]
    by_resource = client.describe_db_instances(
        Filters=[{"Name": "dbi-resource-id", "Values": [found["DbiResourceId"]]}]
    )["DBInstances"]
    assert by_arn == by_resource == [found]

    # Everything in the description is also true.
    with rds_lab.enter(found) as master:
        assert master.execute("select current_user").fetchone() == ("owner",)

    status = next(one for one in rds_lab.rds.status(PRIMARY)["instances"] if one["identifier"] == "life")
    for dsn in (status["dsn"], status["admin_dsn"]):
        psycopg.connect(dsn).close()

    client.reboot_db_instance(DBInstanceIdentifier="life")
    assert rds_lab.instance("life")["DBInstanceStatus"] == "rebooting"
    assert refused(client.reboot_db_instance, DBInstanceIdentifier="life") == "InvalidDBInstanceState"
    rds_lab.await_instance("life")
    client.stop_db_instance(DBInstanceIdentifier="life")
    stopped = rds_lab.await_instance("life", status="stopped")
    with pytest.raises(psycopg.OperationalError):
        rds_lab.enter(stopped)
    client.start_db_instance(DBInstanceIdentifier="life")
    rds_lab.enter(rds_lab.await_instance("life")).close()

    delete = client.delete_db_instance
    assert refused(delete, DBInstanceIdentifier="life") == "InvalidParameterCombination"
    assert (
        refused(delete, DBInstanceIdentifier="life", SkipFinalSnapshot=True, FinalDBSnapshotIdentifier="x")
        == "InvalidParameterCombination"
    )
    assert refused(delete, DBInstanceIdentifier="life", SkipFinalSnapshot=True) == "InvalidParameterCombination"
    client.modify_db_instance(DBInstanceIdentifier="life", DeletionProtection=False)
    answer = delete(DBInstanceIdentifier="life", FinalDBSnapshotIdentifier="life-last")["DBInstance"]
    assert answer["DBInstanceStatus"] == "deleting"
    assert refused(delete, DBInstanceIdentifier="life", SkipFinalSnapshot=True) == "InvalidDBInstanceState"
    rds_lab.await_gone("life")
    assert rds_lab.await_snapshot("life-last")["DbiResourceId"] == made["DbiResourceId"]
    client.delete_db_snapshot(DBSnapshotIdentifier="life-last")
    assert not list((rds_lab.home / "regions" / PRIMARY / "instances").glob(made["DbiResourceId"]))

    told = client.describe_events(SourceType="db-instance", SourceIdentifier="life")["Events"]
    messages = [event["Message"] for event in told]
    assert messages[0] == "DB instance created"
    assert messages[-1] == "DB instance deleted"
    assert [event["Date"] for event in told] == sorted(event["Date"] for event in told)
    creations = client.describe_events(SourceType="db-instance", EventCategories=["deletion"], Duration=10)["Events"]
    assert {event["Message"] for event in creations} == {"DB instance deleted"}


def test_of_sixteen_creations_of_one_name_exactly_one_wins(rds_lab: RdsLab) -> None:
    outcomes: list[str] = []
    start = threading.Barrier(16)

    client = rds_lab.client(RECOVERY)

    def create() -> None:
        start.wait()
        try:
            client.create_db_instance(**{**NEW, "DBInstanceIdentifier": "race", "BackupRetentionPeriod": 0})
            outcomes.append("created")
        except ClientError as problem:
            outcomes.append(problem.response["Error"]["Code"])

    threads = [threading.Thread(target=create) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["DBInstanceAlreadyExists"] * 15 + ["created"]
    rds_lab.await_instance("race", RECOVERY)
    rds_lab.delete("race", RECOVERY)


def test_modifications(rds_lab: RdsLab) -> None:
    client = rds_lab.client()
    before = rds_lab.create("mod")

    # The call returns, the status is still available, the change is pending: a naive waiter is fooled here.
    answer = client.modify_db_instance(
        DBInstanceIdentifier="mod", MasterUserPassword="another-password", ApplyImmediately=True
    )["DBInstance"]
    assert answer["DBInstanceStatus"] == "available"
    assert answer["PendingModifiedValues"] == {"MasterUserPassword": "****"}
    # The state on the way is over before a busy machine looks: what it leaves behind is waited for.
    rds_lab.until(lambda: rds_lab.instance("mod")["PendingModifiedValues"] == {}, "the new password is in force")
    after = rds_lab.await_instance("mod")
    rds_lab.enter(after, password="another-password").close()
    with pytest.raises(psycopg.OperationalError, match="password"):
        rds_lab.enter(after)

    # Without ApplyImmediately a change waits, until a call that applies at once.
    client.modify_db_instance(DBInstanceIdentifier="mod", DBInstanceClass="db.m6g.large")
    waiting = rds_lab.instance("mod")
    assert waiting["PendingModifiedValues"] == {"DBInstanceClass": "db.m6g.large"}
    assert waiting["DBInstanceClass"] == "db.t4g.medium"
    client.modify_db_instance(DBInstanceIdentifier="mod", NewDBInstanceIdentifier="mod-two", ApplyImmediately=True)
    taken = refused(client.create_db_instance, **{**NEW, "DBInstanceIdentifier": "mod-two"})
    assert taken == "DBInstanceAlreadyExists"
    rds_lab.until(
        lambda: any(i["DBInstanceIdentifier"] == "mod-two" for i in client.describe_db_instances()["DBInstances"]),
        "renamed",
    )
    renamed = rds_lab.await_instance("mod-two")
    assert renamed["DBInstanceClass"] == "db.m6g.large"
    assert renamed["DbiResourceId"] == before["DbiResourceId"]
    assert renamed["PendingModifiedValues"] == {}
    assert refused(client.describe_db_instances, DBInstanceIdentifier="mod") == "DBInstanceNotFound"
    rds_lab.enter(renamed, password="another-password").close()
    with pytest.raises(psycopg.OperationalError, match="does not match"):
        rds_lab.enter({"Endpoint": {**renamed["Endpoint"], "Address": after["Endpoint"]["Address"]}})

    modify = client.modify_db_instance
    for given, code in (
        ({"AllocatedStorage": 5}, "InvalidParameterCombination"),
        ({"MasterUserPassword": "short"}, "InvalidParameterValue"),
        ({"VpcSecurityGroupIds": ["sg-none"]}, "InvalidParameterValue"),
        ({"DBParameterGroupName": "none"}, "DBParameterGroupNotFound"),
        ({"EngineVersion": "9.6"}, "InvalidParameterCombination"),
        ({"BackupRetentionPeriod": 99}, "InvalidParameterValue"),
        ({"NewDBInstanceIdentifier": "9"}, "InvalidParameterValue"),
    ):
        assert refused(modify, DBInstanceIdentifier="mod-two", **given) == code, given

    # A parameter group is real: a static parameter needs a restart, a bad one keeps the server down.
    family = client.describe_db_engine_versions(Engine="postgres")["DBEngineVersions"][0]["DBParameterGroupFamily"]
    client.create_db_parameter_group(DBParameterGroupName="tuned", DBParameterGroupFamily=family, Description="tuned")
    tune = client.modify_db_parameter_group
    parameter = {"ParameterName": "max_connections", "ParameterValue": "57", "ApplyMethod": "pending-reboot"}
    tune(DBParameterGroupName="tuned", Parameters=[parameter])
    assert (
        refused(tune, DBParameterGroupName="tuned", Parameters=[{**parameter, "ApplyMethod": "immediate"}])
        == "InvalidParameterCombination"
    )
    assert client.describe_db_parameters(DBParameterGroupName="tuned", Source="user")["Parameters"][0][
        "ParameterValue"
    ] == ("57")
    modify(DBInstanceIdentifier="mod-two", DBParameterGroupName="tuned")
    assert rds_lab.instance("mod-two")["DBParameterGroups"] == [
        {"DBParameterGroupName": "tuned", "ParameterApplyStatus": "pending-reboot"}
    ]
    client.reboot_db_instance(DBInstanceIdentifier="mod-two")
    again = rds_lab.await_instance("mod-two")
    assert again["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"
    with rds_lab.enter(again, password="another-password") as master:
        assert master.execute("show max_connections").fetchone() == ("57",)
    assert refused(client.delete_db_parameter_group, DBParameterGroupName="tuned") == "InvalidDBParameterGroupState"
    # Each value is good, and the two together are not.
    reserved = {**parameter, "ParameterName": "superuser_reserved_connections"}
    tune(DBParameterGroupName="tuned", Parameters=[reserved])
    client.reboot_db_instance(DBInstanceIdentifier="mod-two")
    rds_lab.await_instance("mod-two", status="incompatible-parameters")
    rds_lab.delete("mod-two")
    client.delete_db_parameter_group(DBParameterGroupName="tuned")


def test_lists_come_in_pages(rds_lab: RdsLab) -> None:
    client = rds_lab.client(RECOVERY)
    family = client.describe_db_engine_versions(Engine="postgres")["DBEngineVersions"][0]["DBParameterGroupFamily"]
    names = [f"page-{number:02}" for number in range(45)]
    for name in names:
        client.create_db_parameter_group(DBParameterGroupName=name, DBParameterGroupFamily=family, Description="d")
    pages = list(client.get_paginator("describe_db_parameter_groups").paginate(PaginationConfig={"PageSize": 20}))
    found = [group["DBParameterGroupName"] for page in pages for group in page["DBParameterGroups"]]
    assert len(pages) == 3
    assert found == sorted(found)
    assert set(names) <= set(found)
    for name in names:
        client.delete_db_parameter_group(DBParameterGroupName=name)
