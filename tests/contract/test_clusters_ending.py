"""The end of Aurora clusters: what must go first, what is asked for, and what stays behind."""

from collections.abc import Iterator

import pytest

from tests.contract.aurora import ENGINE, Aurora, count
from tests.contract.cloud import Cloud


@pytest.fixture(scope="module")
def aurora(cloud: Cloud) -> Iterator[Aurora]:
    made = Aurora(cloud)
    yield made
    made.close()


@pytest.mark.behaviour("AURORA-DELETE-INSTANCES-FIRST")
@pytest.mark.behaviour("AURORA-DELETE-FINAL-SNAPSHOT")
@pytest.mark.behaviour("AURORA-PROTECTION-IS-THE-CLUSTERS")
@pytest.mark.behaviour("AURORA-RETAINED-BY-RESOURCE-ID")
def test_a_cluster_goes_after_its_instances_and_its_backups_can_stay(aurora: Aurora, cloud: Cloud) -> None:
    rds = aurora.rds
    made = aurora.create("ending", DeletionProtection=True)
    name, resource = made["DBClusterIdentifier"], made["DbClusterResourceId"]
    member = aurora.instance(name)
    with aurora.enter(made) as master:
        master.execute("create table seen (id int)")
        master.execute("insert into seen values (1)")
        written = master.execute("select clock_timestamp()").fetchone()
    assert written is not None
    # What is retained reaches to the latest restorable time, and not to the deletion.
    aurora.restorable(name, written[0])

    chosen = {"DBClusterIdentifier": name}
    cloud.refused("InvalidParameterCombination", rds.delete_db_cluster, **chosen)
    final = cloud.name("final")
    both = {"SkipFinalSnapshot": True, "FinalDBSnapshotIdentifier": final}
    cloud.refused("InvalidParameterCombination", rds.delete_db_cluster, **chosen, **both)
    cloud.refused("InvalidParameterCombination", rds.delete_db_cluster, **chosen, SkipFinalSnapshot=True)
    rds.modify_db_cluster(**chosen, DeletionProtection=False)
    cloud.refused("InvalidDBClusterStateFault", rds.delete_db_cluster, **chosen, SkipFinalSnapshot=True)
    rds.modify_db_cluster(**chosen, DeletionProtection=True)
    # An instance goes without any question, also where the cluster is protected: it holds no data of its own.
    rds.delete_db_instance(DBInstanceIdentifier=member)
    cloud.until(lambda: not aurora.cluster(name)["DBClusterMembers"], "the instance gone")
    rds.modify_db_cluster(**chosen, DeletionProtection=False)
    cloud.refused(
        "InvalidDBClusterAutomatedBackupStateFault",
        rds.delete_db_cluster_automated_backup,
        DbClusterResourceId=resource,
    )
    rds.delete_db_cluster(**chosen, FinalDBSnapshotIdentifier=final, DeleteAutomatedBackups=False)
    config = {"Delay": 30 if cloud.on_aws else 1, "MaxAttempts": 120}
    rds.get_waiter("db_cluster_deleted").wait(**chosen, WaiterConfig=config)
    assert aurora.adopt_snapshot(final)["DbClusterResourceId"] == resource

    kept = rds.describe_db_cluster_automated_backups(DbClusterResourceId=resource)["DBClusterAutomatedBackups"][0]
    assert kept["Status"] == "retained"
    again = cloud.name("again")
    restore = {"DBClusterIdentifier": again, "UseLatestRestorableTime": True, "Tags": cloud.tags}
    cloud.refused(
        "DBClusterNotFoundFault", rds.restore_db_cluster_to_point_in_time, SourceDBClusterIdentifier=name, **restore
    )
    rds.restore_db_cluster_to_point_in_time(SourceDbClusterResourceId=resource, **restore)
    back = aurora.adopt(again)
    aurora.instance(again)
    with aurora.enter(back) as master:
        assert count(master) == 1
    rds.delete_db_cluster_automated_backup(DbClusterResourceId=resource)
    cloud.until(
        lambda: (
            resource
            not in [
                one["DbClusterResourceId"]
                for one in rds.describe_db_cluster_automated_backups()["DBClusterAutomatedBackups"]
            ]
        ),
        "the retained backup gone",
    )


@pytest.mark.behaviour("AURORA-BACKUPS-GO-WITH-CLUSTER")
def test_unless_told_otherwise_the_backups_go_with_the_cluster(aurora: Aurora, cloud: Cloud) -> None:
    made = aurora.create("gone")
    aurora.remove(made["DBClusterIdentifier"])
    chosen = {"DbClusterResourceId": made["DbClusterResourceId"]}
    cloud.refused("DBClusterAutomatedBackupNotFoundFault", aurora.rds.describe_db_cluster_automated_backups, **chosen)


@pytest.mark.behaviour("AURORA-STOP-IS-WHOLE")
def test_a_cluster_stops_as_a_whole_and_refuses_meanwhile(aurora: Aurora, cloud: Cloud) -> None:
    made = aurora.create("stop")
    name = made["DBClusterIdentifier"]
    member = aurora.instance(name)
    aurora.rds.stop_db_cluster(DBClusterIdentifier=name)
    cloud.until(lambda: aurora.cluster(name)["Status"] == "stopped", "the cluster stopped")
    aurora.member(member, "stopped")
    refused = cloud.refused
    refused("InvalidDBClusterStateFault", aurora.rds.stop_db_cluster, DBClusterIdentifier=name)
    snapshot = {"DBClusterIdentifier": name, "DBClusterSnapshotIdentifier": cloud.name("no")}
    refused("InvalidDBClusterStateFault", aurora.rds.create_db_cluster_snapshot, **snapshot)
    aurora.rds.start_db_cluster(DBClusterIdentifier=name)
    aurora.available(name)
    aurora.member(member)


@pytest.mark.behaviour("AURORA-ENGINE-VERSIONS")
def test_aurora_has_versions_and_families_of_its_own(aurora: Aurora, cloud: Cloud) -> None:
    found = aurora.rds.describe_db_engine_versions(Engine=ENGINE)["DBEngineVersions"]
    assert found
    assert all(one["DBParameterGroupFamily"].startswith(ENGINE) for one in found)
    missing = {"GlobalClusterIdentifier": "nobody-is-called-so"}
    cloud.refused("GlobalClusterNotFoundFault", aurora.rds.describe_global_clusters, **missing)
