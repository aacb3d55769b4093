"""Aurora clusters and their instances: who serves what, who keeps which setting, and what goes in which order."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.contract.aurora import CLASS, ENGINE, PASSWORD, Aurora, count
from tests.contract.cloud import Cloud


@pytest.fixture(scope="module")
def aurora(cloud: Cloud) -> Iterator[Aurora]:
    made = Aurora(cloud)
    yield made
    made.close()


@pytest.fixture(scope="module")
def bare(aurora: Aurora) -> dict[str, Any]:
    """A cluster that never has an instance."""
    return aurora.create("bare", DeletionProtection=True)


@pytest.fixture(scope="module")
def pair(aurora: Aurora) -> dict[str, Any]:
    """A cluster with a writer, a reader, and a row."""
    made = aurora.create("pair", BackupRetentionPeriod=3)
    name = made["DBClusterIdentifier"]
    aurora.instance(name, PromotionTier=0)
    aurora.instance(name, PromotionTier=5)
    with aurora.enter(made) as master:
        master.execute("create table seen (id int)")
        master.execute("insert into seen values (1)")
    return aurora.cluster(name)


def members(cluster: dict[str, Any]) -> tuple[str, str]:
    """The writer and the reader of a pair."""
    roles = {one["IsClusterWriter"]: one["DBInstanceIdentifier"] for one in cluster["DBClusterMembers"]}
    return roles[True], roles[False]


@pytest.mark.behaviour("AURORA-CLUSTER-WITHOUT-INSTANCE")
def test_a_cluster_is_available_long_before_anybody_can_enter_it(aurora: Aurora, bare: dict[str, Any]) -> None:
    assert bare["Status"] == "available"
    assert bare["DBClusterMembers"] == []
    assert bare["Endpoint"] != bare["ReaderEndpoint"]
    with pytest.raises(psycopg.OperationalError):
        aurora.enter(bare)


@pytest.mark.behaviour("AURORA-INSTANCE-NEEDS-AVAILABLE")
def test_no_instance_can_be_created_before_the_cluster_is_available(aurora: Aurora, cloud: Cloud) -> None:
    name = cloud.name("young")
    created = aurora.rds.create_db_cluster(
        DBClusterIdentifier=name,
        Engine=ENGINE,
        MasterUsername="owner",
        MasterUserPassword=PASSWORD,
        Tags=cloud.tags,
    )["DBCluster"]
    assert created["Status"] == "creating"
    assert created["BackupRetentionPeriod"] == 1
    refused = cloud.refused
    member = {"DBInstanceIdentifier": cloud.name("early"), "Engine": ENGINE, "DBInstanceClass": CLASS}
    refused("InvalidDBClusterStateFault", aurora.rds.create_db_instance, DBClusterIdentifier=name, **member)
    aurora.adopt(name)


@pytest.mark.behaviour("AURORA-WAITER-SEES-CLUSTER-ONLY")
def test_the_clusters_waiter_does_not_look_at_its_instances(aurora: Aurora, cloud: Cloud) -> None:
    made = aurora.create("waiter")
    member = aurora.instance(made["DBClusterIdentifier"], wait=False)
    config = {"Delay": 5 if cloud.on_aws else 1, "MaxAttempts": 200}
    aurora.rds.get_waiter("db_cluster_available").wait(
        DBClusterIdentifier=made["DBClusterIdentifier"], WaiterConfig=config
    )
    seen = aurora.rds.describe_db_instances(DBInstanceIdentifier=member)["DBInstances"][0]
    assert seen["DBInstanceStatus"] == "creating"
    aurora.member(member)


@pytest.mark.behaviour("AURORA-CODES-KEEP-FAULT")
def test_codes_of_clusters_keep_the_word_fault(aurora: Aurora, cloud: Cloud) -> None:
    rds, nobody = aurora.rds, "nobody-is-called-so"
    cloud.refused("DBClusterNotFoundFault", rds.describe_db_clusters, DBClusterIdentifier=nobody)
    cloud.refused("DBInstanceNotFound", rds.describe_db_instances, DBInstanceIdentifier=nobody)
    cloud.refused(
        "DBClusterSnapshotNotFoundFault", rds.describe_db_cluster_snapshots, DBClusterSnapshotIdentifier=nobody
    )
    cloud.refused("DBSnapshotNotFound", rds.describe_db_snapshots, DBSnapshotIdentifier=nobody)
    cloud.refused(
        "DBClusterAutomatedBackupNotFoundFault",
        rds.describe_db_cluster_automated_backups,
        DbClusterResourceId="cluster-NOBODY",
    )


@pytest.mark.behaviour("AURORA-GROUP-CODES-DIFFER")
def test_a_missing_cluster_parameter_group_has_two_codes(aurora: Aurora, cloud: Cloud) -> None:
    missing = {"DBClusterParameterGroupName": "nobody-is-called-so"}
    cloud.refused("DBParameterGroupNotFound", aurora.rds.describe_db_cluster_parameter_groups, **missing)
    cloud.refused(
        "DBClusterParameterGroupNotFound",
        aurora.rds.create_db_cluster,
        DBClusterIdentifier=cloud.name("none"),
        Engine=ENGINE,
        MasterUsername="owner",
        MasterUserPassword=PASSWORD,
        **missing,
    )


@pytest.mark.behaviour("AURORA-CLUSTER-NAMES")
def test_names_are_kept_in_lower_case_and_are_unique(aurora: Aurora, cloud: Cloud, bare: dict[str, Any]) -> None:
    given = {"Engine": ENGINE, "MasterUsername": "owner", "MasterUserPassword": PASSWORD}
    taken = bare["DBClusterIdentifier"].upper()
    assert aurora.cluster(taken)["DBClusterIdentifier"] == taken.lower()
    cloud.refused("DBClusterAlreadyExistsFault", aurora.rds.create_db_cluster, DBClusterIdentifier=taken, **given)
    for bad in ("1st", "two--hyphens", "ends-", "x" * 64, "under_score"):
        cloud.refused("InvalidParameterValue", aurora.rds.create_db_cluster, DBClusterIdentifier=bad, **given)


@pytest.mark.behaviour("AURORA-RETENTION-MINIMUM")
def test_backups_of_a_cluster_cannot_be_switched_off(aurora: Aurora, cloud: Cloud, bare: dict[str, Any]) -> None:
    name = bare["DBClusterIdentifier"]
    assert bare["BackupRetentionPeriod"] == 1
    for days in (0, 36):
        cloud.refused(
            "InvalidParameterValue",
            aurora.rds.modify_db_cluster,
            DBClusterIdentifier=name,
            BackupRetentionPeriod=days,
            ApplyImmediately=True,
        )


@pytest.mark.behaviour("AURORA-MEMBER-SETTINGS-REFUSED")
def test_an_instance_cannot_decide_what_the_cluster_decides(aurora: Aurora, cloud: Cloud, pair: dict[str, Any]) -> None:
    writer, _ = members(pair)
    for setting in ({"BackupRetentionPeriod": 7}, {"MasterUserPassword": "another-password"}):
        cloud.refused(
            "InvalidParameterCombination",
            aurora.rds.modify_db_instance,
            DBInstanceIdentifier=writer,
            ApplyImmediately=True,
            **setting,
        )
    cloud.refused(
        "InvalidParameterCombination",
        aurora.rds.create_db_instance,
        DBInstanceIdentifier=cloud.name("own"),
        DBClusterIdentifier=pair["DBClusterIdentifier"],
        Engine=ENGINE,
        DBInstanceClass=CLASS,
        MasterUsername="somebody",
    )


@pytest.mark.behaviour("AURORA-MEMBER-SHOWS-CLUSTER")
def test_an_instance_shows_its_clusters_settings(aurora: Aurora, pair: dict[str, Any]) -> None:
    name = pair["DBClusterIdentifier"]
    found = aurora.rds.describe_db_instances(Filters=[{"Name": "db-cluster-id", "Values": [name]}])["DBInstances"]
    assert {one["DBInstanceIdentifier"] for one in found} == set(members(pair))
    for one in found:
        assert (one["Engine"], one["DBClusterIdentifier"]) == (ENGINE, name)
        assert one["BackupRetentionPeriod"] == 3
        assert one["DbiResourceId"].startswith("db-")
    assert pair["DbClusterResourceId"].startswith("cluster-")


@pytest.mark.behaviour("AURORA-ENDPOINTS")
def test_the_first_instance_writes_and_the_next_one_reads(aurora: Aurora, pair: dict[str, Any]) -> None:
    name = pair["DBClusterIdentifier"]
    assert pair["Endpoint"].startswith(f"{name}.cluster-")
    assert pair["ReaderEndpoint"].startswith(f"{name}.cluster-ro-")
    writer, _ = members(pair)
    tiers = {one["DBInstanceIdentifier"]: one["PromotionTier"] for one in pair["DBClusterMembers"]}
    assert tiers[writer] == 0
    with aurora.enter(pair) as master:
        master.execute("update seen set id = id")
    with aurora.enter(pair, "ReaderEndpoint") as reader:
        aurora.cloud.until(lambda: count(reader) == 1, "the row at the reader")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reader.execute("insert into seen values (2)")


@pytest.mark.behaviour("AURORA-FAILOVER-KEEPS-ENDPOINT")
def test_a_failover_moves_the_writer_and_not_the_endpoint(aurora: Aurora, pair: dict[str, Any]) -> None:
    name = pair["DBClusterIdentifier"]
    writer, reader = members(aurora.cluster(name))
    aurora.rds.failover_db_cluster(DBClusterIdentifier=name)
    aurora.cloud.until(lambda: members(aurora.cluster(name)) == (reader, writer), "the roles exchanged")
    after = aurora.available(name)
    assert after["Endpoint"] == pair["Endpoint"]
    with aurora.enter(after) as master:
        assert count(master) == 1
        master.execute("update seen set id = id")
    for one in (writer, reader):
        aurora.member(one)


@pytest.mark.behaviour("AURORA-FAILOVER-NEEDS-READER")
def test_without_a_reader_there_is_no_failover(aurora: Aurora, cloud: Cloud, bare: dict[str, Any]) -> None:
    name = bare["DBClusterIdentifier"]
    cloud.refused("InvalidDBClusterStateFault", aurora.rds.failover_db_cluster, DBClusterIdentifier=name)


@pytest.mark.behaviour("AURORA-INSTANCE-DOES-NOT-STOP")
def test_an_instance_of_a_cluster_is_not_stopped_by_itself(aurora: Aurora, cloud: Cloud, pair: dict[str, Any]) -> None:
    writer, _ = members(aurora.cluster(pair["DBClusterIdentifier"]))
    cloud.refused("InvalidParameterCombination", aurora.rds.stop_db_instance, DBInstanceIdentifier=writer)
    snapshot = {"DBInstanceIdentifier": writer, "DBSnapshotIdentifier": cloud.name("no")}
    cloud.refused("InvalidParameterCombination", aurora.rds.create_db_snapshot, **snapshot)


@pytest.mark.behaviour("AURORA-PASSWORD-AT-ONCE")
def test_the_master_password_is_the_clusters_and_changes_at_once(aurora: Aurora, pair: dict[str, Any]) -> None:
    name = pair["DBClusterIdentifier"]
    new = "another-long-password"
    answer = aurora.rds.modify_db_cluster(DBClusterIdentifier=name, MasterUserPassword=new)["DBCluster"]
    assert answer["PendingModifiedValues"]["MasterUserPassword"] == "****"
    aurora.cloud.until(lambda: not aurora.cluster(name).get("PendingModifiedValues"), "the password applied")
    with aurora.enter(aurora.available(name), password=new) as master:
        assert count(master) == 1
    aurora.rds.modify_db_cluster(DBClusterIdentifier=name, MasterUserPassword=PASSWORD)
    aurora.cloud.until(lambda: not aurora.cluster(name).get("PendingModifiedValues"), "the password back")
    aurora.available(name)


@pytest.mark.behaviour("AURORA-PARAMETERS-NEED-REBOOT")
def test_another_parameter_group_waits_for_a_reboot(aurora: Aurora, cloud: Cloud, pair: dict[str, Any]) -> None:
    name, group = pair["DBClusterIdentifier"], cloud.name("group")
    family = aurora.rds.describe_db_cluster_parameter_groups(
        DBClusterParameterGroupName=pair["DBClusterParameterGroup"]
    )["DBClusterParameterGroups"][0]["DBParameterGroupFamily"]
    aurora.rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName=group, DBParameterGroupFamily=family, Description="contract", Tags=cloud.tags
    )
    aurora.rds.modify_db_cluster_parameter_group(
        DBClusterParameterGroupName=group,
        Parameters=[{"ParameterName": "work_mem", "ParameterValue": "12345", "ApplyMethod": "immediate"}],
    )
    (changed,) = aurora.rds.describe_db_cluster_parameters(DBClusterParameterGroupName=group, Source="user")[
        "Parameters"
    ]
    assert (changed["ParameterName"], changed["ParameterValue"]) == ("work_mem", "12345")
    aurora.rds.modify_db_cluster(DBClusterIdentifier=name, DBClusterParameterGroupName=group, ApplyImmediately=True)
    waiting = {one["DBClusterParameterGroupStatus"] for one in aurora.cluster(name)["DBClusterMembers"]}
    assert waiting == {"pending-reboot"}
    writer, _ = members(aurora.cluster(name))
    aurora.rds.reboot_db_instance(DBInstanceIdentifier=writer)
    aurora.member(writer)
    with aurora.enter(pair) as master:
        row = master.execute("show work_mem").fetchone()
    assert row == ("12345kB",)
    cloud.refused(
        "InvalidDBParameterGroupState",
        aurora.rds.delete_db_cluster_parameter_group,
        DBClusterParameterGroupName=group,
    )
    aurora.rds.modify_db_cluster(
        DBClusterIdentifier=name,
        DBClusterParameterGroupName=pair["DBClusterParameterGroup"],
        ApplyImmediately=True,
    )
    aurora.rds.delete_db_cluster_parameter_group(DBClusterParameterGroupName=group)


@pytest.mark.behaviour("AURORA-EVENTS")
def test_events_of_clusters_have_a_source_type_of_their_own(aurora: Aurora, bare: dict[str, Any]) -> None:
    chosen = {"SourceType": "db-cluster", "SourceIdentifier": bare["DBClusterIdentifier"]}
    told = aurora.rds.describe_events(StartTime=datetime.now(UTC) - timedelta(hours=12), **chosen)["Events"]
    assert told
    assert {one["SourceArn"] for one in told} == {bare["DBClusterArn"]}


@pytest.mark.behaviour("AURORA-TAGS")
def test_clusters_are_tagged_by_arn_and_found_by_tag(aurora: Aurora, cloud: Cloud, bare: dict[str, Any]) -> None:
    arn, key = bare["DBClusterArn"], f"only-{cloud.run}"
    aurora.rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": key, "Value": "x"}])
    held = aurora.rds.list_tags_for_resource(ResourceName=arn)["TagList"]
    assert {"Key": key, "Value": "x"} in held
    tagging = cloud.client("resourcegroupstaggingapi")

    def look() -> bool:
        found = tagging.get_resources(TagFilters=[{"Key": key}], ResourceTypeFilters=["rds:cluster"])
        return [one["ResourceARN"] for one in found["ResourceTagMappingList"]] == [arn]

    cloud.until(look, "the cluster found by its tag")
    aurora.rds.remove_tags_from_resource(ResourceName=arn, TagKeys=[key])
    missing = arn.replace(bare["DBClusterIdentifier"], "nobody-is-called-so")
    cloud.refused("DBClusterNotFoundFault", aurora.rds.list_tags_for_resource, ResourceName=missing)
