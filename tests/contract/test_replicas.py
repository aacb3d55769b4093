"""Read replicas: what they need, what they are not, and what promotion does."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.contract import databases
from tests.contract.cloud import PRIMARY, RECOVERY, Cloud
from tests.contract.databases import Instance

KEY = "alias/aws/rds"


@dataclass(frozen=True)
class Site:
    """An encrypted source, a replica beside it and one in the other region."""

    cloud: Cloud
    secret: str
    group: str
    source: str
    home: str
    abroad: str

    def rds(self, region: str = PRIMARY) -> Any:
        return self.cloud.client("rds", region)

    def arn(self, name: str, region: str = PRIMARY) -> str:
        return str(databases.look(self.cloud, name, region)["DBInstanceArn"])

    def enter(self, name: str, region: str = PRIMARY) -> psycopg.Connection:
        return databases.enter(self.cloud, databases.look(self.cloud, name, region), self.secret)

    def follow(self, stem: str, region: str, **more: Any) -> str:
        """Begin to create a replica of the source; returns its name."""
        name = self.cloud.name(stem)
        self.rds(region).create_db_instance_read_replica(
            DBInstanceIdentifier=name,
            SourceDBInstanceIdentifier=self.source if region == PRIMARY else self.arn(self.source),
            Tags=self.cloud.tags,
            **more,
        )
        return name

    def arrived(self, name: str, region: str, query: str) -> None:
        """Wait until a replica shows what a query of the source shows."""
        with self.enter(self.source) as here, self.enter(name, region) as there:
            wanted = databases.ask(here, query)
            self.cloud.until(lambda: databases.ask(there, query) == wanted, f"{name} shows {wanted}")


def replicating(one: Instance) -> bool:
    return one["DBInstanceStatus"] == "available" and one["StatusInfos"][0]["Status"] == "replicating"


@pytest.fixture(scope="module")
def site(cloud: Cloud) -> Iterator[Site]:
    secret, group = databases.password(), cloud.name("group")
    rds = cloud.client("rds")
    family = rds.describe_db_engine_versions(Engine="postgres", DefaultOnly=True)["DBEngineVersions"][0]
    rds.create_db_parameter_group(
        DBParameterGroupName=group,
        DBParameterGroupFamily=family["DBParameterGroupFamily"],
        Description="of the contract suite",
        Tags=cloud.tags,
    )
    source = databases.create(
        cloud,
        "source",
        MasterUserPassword=secret,
        BackupRetentionPeriod=2,
        StorageEncrypted=True,
        DBParameterGroupName=group,
    )
    databases.available(cloud, source)
    begun = Site(cloud, secret, group, source, "", "")
    names = {PRIMARY: begun.follow("home", PRIMARY), RECOVERY: begun.follow("abroad", RECOVERY, KmsKeyId=KEY)}
    try:
        with begun.enter(source) as connection:
            connection.execute("create table rows (id int primary key)")
            connection.execute("insert into rows select generate_series(1, 100)")
        for region, name in names.items():
            databases.until(cloud, name, region, replicating, "replicating")
        yield Site(cloud, secret, group, source, names[PRIMARY], names[RECOVERY])
    finally:
        for region, name in names.items():
            databases.delete(cloud, name, region)
        databases.delete(cloud, source)
        rds.delete_db_parameter_group(DBParameterGroupName=group)


@pytest.mark.behaviour("RDS-REPLICA-NEEDS-BACKUPS")
def test_a_source_without_backups_cannot_be_followed(site: Site) -> None:
    # A replica has no backups itself, which makes it the handiest source without any.
    site.cloud.refused(
        "InvalidDBInstanceState",
        site.rds().create_db_instance_read_replica,
        DBInstanceIdentifier=site.cloud.name("never"),
        SourceDBInstanceIdentifier=site.home,
    )


@pytest.mark.behaviour("RDS-REPLICA-KEEPS-RETENTION")
def test_the_backups_of_a_source_cannot_be_turned_off(site: Site) -> None:
    site.cloud.refused(
        "InvalidParameterCombination",
        site.rds().modify_db_instance,
        DBInstanceIdentifier=site.source,
        BackupRetentionPeriod=0,
        ApplyImmediately=True,
    )


@pytest.mark.behaviour("RDS-REPLICA-KEY-ABROAD")
def test_an_encrypted_replica_abroad_needs_a_key_of_its_region(site: Site) -> None:
    create = site.rds(RECOVERY).create_db_instance_read_replica
    request = {
        "DBInstanceIdentifier": site.cloud.name("never"),
        "SourceDBInstanceIdentifier": site.arn(site.source),
    }
    site.cloud.refused("InvalidParameterCombination", create, **request)
    source = databases.look(site.cloud, site.source)
    site.cloud.refused("KMSKeyNotAccessibleFault", create, **request, KmsKeyId=source["KmsKeyId"])
    abroad = databases.look(site.cloud, site.abroad, RECOVERY)
    assert abroad["StorageEncrypted"]
    assert f":{RECOVERY}:" in abroad["KmsKeyId"]
    assert databases.look(site.cloud, site.home)["KmsKeyId"] == source["KmsKeyId"]


@pytest.mark.behaviour("RDS-REPLICA-SOURCE-BY-ARN")
def test_a_source_in_another_region_is_named_by_its_arn(site: Site) -> None:
    site.cloud.refused(
        "DBInstanceNotFound",
        site.rds(RECOVERY).create_db_instance_read_replica,
        DBInstanceIdentifier=site.cloud.name("never"),
        SourceDBInstanceIdentifier=site.source,
        KmsKeyId=KEY,
    )


@pytest.mark.behaviour("RDS-REPLICA-NAMES-EACH-OTHER")
def test_source_and_replica_name_each_other_by_arn_across_regions(site: Site) -> None:
    source = databases.look(site.cloud, site.source)
    assert set(source["ReadReplicaDBInstanceIdentifiers"]) >= {site.home, site.arn(site.abroad, RECOVERY)}
    home = databases.look(site.cloud, site.home)
    abroad = databases.look(site.cloud, site.abroad, RECOVERY)
    assert home["ReadReplicaSourceDBInstanceIdentifier"] == site.source
    assert abroad["ReadReplicaSourceDBInstanceIdentifier"] == source["DBInstanceArn"]
    assert "StatusInfos" not in source
    for one in (home, abroad):
        (info,) = one["StatusInfos"]
        assert (info["StatusType"], info["Status"], info["Normal"]) == ("read replication", "replicating", True)


@pytest.mark.behaviour("RDS-REPLICA-READ-ONLY")
def test_a_replica_shows_its_source_and_takes_no_writes(site: Site) -> None:
    for name, region in ((site.home, PRIMARY), (site.abroad, RECOVERY)):
        site.arrived(name, region, "select count(*) from rows")
        with site.enter(name, region) as there, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            there.execute("insert into rows values (0)")


@pytest.mark.behaviour("RDS-REPLICA-NO-PITR")
def test_a_replica_has_no_backups_and_no_point_in_time(site: Site) -> None:
    replica = databases.look(site.cloud, site.home)
    assert replica["BackupRetentionPeriod"] == 0
    assert "LatestRestorableTime" not in replica
    site.cloud.refused(
        "PointInTimeRestoreNotEnabled",
        site.rds().restore_db_instance_to_point_in_time,
        SourceDBInstanceIdentifier=site.home,
        TargetDBInstanceIdentifier=site.cloud.name("never"),
        UseLatestRestorableTime=True,
    )


@pytest.mark.behaviour("RDS-REPLICA-PARAMETER-GROUP")
def test_a_parameter_group_does_not_follow_a_replica_abroad(site: Site) -> None:
    def group(name: str, region: str) -> str:
        return str(databases.look(site.cloud, name, region)["DBParameterGroups"][0]["DBParameterGroupName"])

    assert group(site.home, PRIMARY) == site.group
    assert group(site.abroad, RECOVERY).startswith("default.")
    site.cloud.refused(
        "InvalidParameterCombination",
        site.rds().create_db_instance_read_replica,
        DBInstanceIdentifier=site.cloud.name("never"),
        SourceDBInstanceIdentifier=site.source,
        DBParameterGroupName=site.group,
    )


@pytest.mark.behaviour("RDS-REPLICA-NO-STOP")
def test_neither_a_replica_nor_its_source_can_be_stopped(site: Site) -> None:
    for name in (site.source, site.home):
        site.cloud.refused("InvalidDBInstanceState", site.rds().stop_db_instance, DBInstanceIdentifier=name)


@pytest.mark.behaviour("RDS-REPLICA-NO-FINAL-SNAPSHOT")
def test_a_replica_is_deleted_without_a_final_snapshot(site: Site) -> None:
    site.cloud.refused(
        "InvalidParameterCombination",
        site.rds().delete_db_instance,
        DBInstanceIdentifier=site.home,
        FinalDBSnapshotIdentifier=site.cloud.name("never"),
    )


@pytest.mark.behaviour("RDS-SWITCHOVER-ORACLE-ONLY")
def test_postgres_cannot_switch_over(site: Site) -> None:
    site.cloud.refused(
        "InvalidDBInstanceState", site.rds(RECOVERY).switchover_read_replica, DBInstanceIdentifier=site.abroad
    )


@pytest.mark.behaviour("RDS-PROMOTE-NOT-WHILE-BACKING-UP")
def test_a_replica_that_is_backing_up_cannot_be_promoted(site: Site) -> None:
    rds, snapshot = site.rds(), site.cloud.name("of-a-replica")
    rds.create_db_snapshot(DBInstanceIdentifier=site.home, DBSnapshotIdentifier=snapshot, Tags=site.cloud.tags)
    try:
        site.cloud.refused("InvalidDBInstanceState", rds.promote_read_replica, DBInstanceIdentifier=site.home)
        databases.available(site.cloud, site.home)
    finally:
        rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot)


@pytest.mark.behaviour("RDS-PROMOTE-ONLY-REPLICAS")
def test_only_a_replica_can_be_promoted(site: Site) -> None:
    site.cloud.refused("InvalidDBInstanceState", site.rds().promote_read_replica, DBInstanceIdentifier=site.source)


@pytest.fixture(scope="module")
def promoted(site: Site) -> Iterator[tuple[str, list[str], psycopg.Connection]]:
    """A replica abroad that was promoted, the statuses that it went through, and a session from before."""
    rds = site.rds(RECOVERY)
    name = site.follow("promoted", RECOVERY, KmsKeyId=KEY)
    databases.until(site.cloud, name, RECOVERY, replicating, "replicating")
    site.arrived(name, RECOVERY, "select count(*) from rows")
    session = site.enter(name, RECOVERY)
    answer = rds.promote_read_replica(DBInstanceIdentifier=name)["DBInstance"]
    statuses = [answer["DBInstanceStatus"]]

    def done() -> bool:
        one = databases.look(site.cloud, name, RECOVERY)
        statuses.append(one["DBInstanceStatus"])
        return statuses[-1] == "available" and "ReadReplicaSourceDBInstanceIdentifier" not in one

    try:
        site.cloud.until(done, f"{name} promoted")
        yield name, statuses, session
    finally:
        session.close()
        databases.delete(site.cloud, name, RECOVERY)


Promoted = tuple[str, list[str], psycopg.Connection]


@pytest.mark.behaviour("RDS-PROMOTE-REBOOTS")
def test_promotion_reboots_and_ends_every_session(promoted: Promoted) -> None:
    _, statuses, session = promoted
    # The reboot is short: whoever looks on a slow day may see what comes before it and after it, and no more.
    order = ["modifying", "rebooting", "backing-up", "available"]
    assert list(dict.fromkeys(statuses)) == [one for one in order if one in statuses]
    assert {"modifying", "available"} <= set(statuses)
    with pytest.raises(psycopg.OperationalError):
        session.execute("select 1")


@pytest.mark.behaviour("RDS-PROMOTE-ONE-WAY")
def test_a_promoted_replica_is_a_database_of_its_own_for_ever(site: Site, promoted: Promoted) -> None:
    name = promoted[0]
    after = databases.look(site.cloud, name, RECOVERY)
    assert "ReadReplicaSourceDBInstanceIdentifier" not in after
    assert not after.get("StatusInfos")
    assert after["DBInstanceArn"] not in databases.look(site.cloud, site.source)["ReadReplicaDBInstanceIdentifiers"]
    with site.enter(site.source) as here, site.enter(name, RECOVERY) as there:
        before = databases.ask(there, "select count(*) from rows")
        here.execute("insert into rows values (-1)")
        there.execute("insert into rows values (-2)")
        assert databases.ask(there, "select count(*) from rows") == before + 1
        assert databases.ask(here, "select count(*) from rows where id = -2") == 0
    site.cloud.refused("InvalidDBInstanceState", site.rds(RECOVERY).promote_read_replica, DBInstanceIdentifier=name)


@pytest.mark.behaviour("RDS-PROMOTE-BACKUPS")
def test_a_promoted_replica_keeps_backups_for_a_day(site: Site, promoted: Promoted) -> None:
    name = promoted[0]
    one = databases.until(site.cloud, name, RECOVERY, lambda seen: "LatestRestorableTime" in seen, "restorable")
    assert one["BackupRetentionPeriod"] == 1
    assert one["DBParameterGroups"][0]["DBParameterGroupName"].startswith("default.")


@pytest.mark.behaviour("RDS-REPLICA-SOURCE-DELETED")
def test_deleting_a_source_frees_its_replicas_and_leaves_those_abroad_behind(site: Site) -> None:
    # The last test of this file: it takes the source away.
    with site.enter(site.source) as here:
        here.execute("insert into rows values (-3)")
    site.rds().delete_db_instance(DBInstanceIdentifier=site.source, SkipFinalSnapshot=True)
    databases.until(
        site.cloud, site.home, PRIMARY, lambda one: "ReadReplicaSourceDBInstanceIdentifier" not in one, "on its own"
    )
    databases.available(site.cloud, site.home)
    with site.enter(site.home) as home:
        assert databases.ask(home, "select count(*) from rows where id = -3") == 1
        home.execute("insert into rows values (-4)")
    abroad = databases.until(
        site.cloud,
        site.abroad,
        RECOVERY,
        lambda one: one["StatusInfos"][0]["Status"] == "terminated",
        "replication terminated",
    )
    assert abroad["StatusInfos"][0]["Normal"] is False
    with site.enter(site.abroad, RECOVERY) as there:
        assert databases.ask(there, "select pg_is_in_recovery()") is True
