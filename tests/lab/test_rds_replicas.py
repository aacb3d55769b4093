"""Read replicas that are held back, and what a promotion then loses."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from dr.lab.outages import Outage
from dr.lab.rds import replicas
from dr.lab.rds.faults import Fault
from tests.lab.rds_fixtures import PRIMARY, RECOVERY, RdsLab


class Pair:
    """A source and its replica abroad, in one lab."""

    def __init__(self, lab: RdsLab, stem: str) -> None:
        self.lab, self.source, self.replica = lab, f"{stem}-source", f"{stem}-replica"
        made = lab.create(self.source, BackupRetentionPeriod=1)
        lab.client(RECOVERY).create_db_instance_read_replica(
            DBInstanceIdentifier=self.replica, SourceDBInstanceIdentifier=made["DBInstanceArn"]
        )
        with lab.enter(made) as master:
            master.execute("create table rows (id int)")
        lab.await_instance(self.replica, RECOVERY)

    @property
    def record(self) -> Any:
        return self.lab.rds.world.regions[RECOVERY].instances[self.replica]

    def write(self, row: int) -> None:
        with self.lab.enter(self.lab.instance(self.source)) as master:
            master.execute("insert into rows values (%s)", (row,))

    def rows(self) -> list[int]:
        with self.lab.enter(self.lab.instance(self.replica, RECOVERY)) as master:
            return [row for (row,) in master.execute("select id from rows order by id")]

    def shows(self, *rows: int) -> None:
        self.lab.until(lambda: self.rows() == list(rows), f"the replica shows {rows}")

    def status(self, wanted: str) -> None:
        def seen() -> bool:
            infos = self.lab.instance(self.replica, RECOVERY)["StatusInfos"]
            return bool(infos[0]["Status"] == wanted)

        self.lab.until(seen, f"replication {wanted}")

    def end(self) -> None:
        self.lab.delete(self.replica, RECOVERY)
        self.lab.delete(self.source)


@pytest.fixture
def pair(rds_lab: RdsLab) -> Iterator[Pair]:
    one = Pair(rds_lab, f"pair{time.monotonic_ns()}")
    try:
        yield one
    finally:
        one.end()


def test_a_delayed_replica_shows_old_rows_and_a_promotion_replays_what_it_received(pair: Pair) -> None:
    world = pair.lab.rds.world
    pair.write(1)
    pair.shows(1)
    replicas.delay(world, pair.record, seconds=3600 * pair.lab.rds.world.speed)
    pair.write(2)
    with pair.record.cluster.connect() as admin:
        # What has arrived is more than what is shown.
        pair.lab.until(
            lambda: admin.execute("select pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()").fetchone() == (True,),
            "received, not replayed",
        )
    assert pair.rows() == [1]
    pair.status("replicating")
    replicas.resume(world, pair.record)
    pair.shows(1, 2)
    replicas.delay(world, pair.record, seconds=3600 * pair.lab.rds.world.speed)
    pair.write(3)
    source = pair.lab.rds.world.regions[PRIMARY].instances[pair.source]
    with source.cluster.connect() as admin:
        pair.lab.until(
            lambda: (
                admin.execute("select bool_and(flush_lsn >= pg_current_wal_lsn()) from pg_stat_replication").fetchone()
                == (True,)
            ),
            "received",
        )
    pair.lab.client(RECOVERY).promote_read_replica(DBInstanceIdentifier=pair.replica, BackupRetentionPeriod=0)
    pair.lab.await_instance(pair.replica, RECOVERY)
    assert pair.rows() == [1, 2, 3]


def test_a_stopped_replica_loses_what_came_after_when_it_is_promoted(pair: Pair) -> None:
    world, source = pair.lab.rds.world, pair.lab.rds.world.regions[PRIMARY].instances[pair.source]
    pair.write(1)
    pair.shows(1)
    replicas.stop(world, pair.record)
    pair.status("stopped")
    pair.write(2)
    replicas.resume(world, pair.record)
    pair.shows(1, 2)
    pair.status("replicating")

    # A source that moves is followed: it comes up elsewhere under another name.
    pair.lab.client().modify_db_instance(
        DBInstanceIdentifier=pair.source, NewDBInstanceIdentifier=f"{pair.source}-moved", ApplyImmediately=True
    )
    pair.source = f"{pair.source}-moved"
    pair.lab.until(lambda: pair.source in world.regions[PRIMARY].instances, "renamed")
    pair.lab.await_instance(pair.source)
    pair.lab.client().reboot_db_instance(DBInstanceIdentifier=pair.source)
    pair.lab.await_instance(pair.source)
    pair.write(3)
    pair.shows(1, 2, 3)
    pair.status("replicating")

    replicas.stop(world, pair.record)
    pair.write(4)
    pair.lab.client(RECOVERY).promote_read_replica(DBInstanceIdentifier=pair.replica, BackupRetentionPeriod=0)
    pair.lab.await_instance(pair.replica, RECOVERY)
    assert pair.rows() == [1, 2, 3]
    with source.cluster.connect() as admin:
        # The source keeps no WAL for a replica that is none any more.
        pair.lab.until(
            lambda: admin.execute("select count(*) from pg_replication_slots").fetchone() == (0,), "slot dropped"
        )
    with pytest.raises(Fault, match="not a read replica"):
        replicas.stop(world, pair.record)


@pytest.mark.soak(15)
def test_a_restore_of_a_replicas_snapshot_is_no_replica(pair: Pair) -> None:
    client, name = pair.lab.client(RECOVERY), f"{pair.replica}-again"
    pair.write(1)
    pair.shows(1)
    client.create_db_snapshot(DBInstanceIdentifier=pair.replica, DBSnapshotIdentifier=name)
    pair.lab.await_snapshot(name, RECOVERY)
    client.restore_db_instance_from_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=name)
    restored = pair.lab.await_instance(name, RECOVERY)
    with pair.lab.enter(restored) as master:
        master.execute("insert into rows values (2)")
    pair.lab.delete(name, RECOVERY)
    client.delete_db_snapshot(DBSnapshotIdentifier=name)


@pytest.mark.soak(15)
def test_a_replica_with_fewer_connections_than_its_source_says_why_it_is_down(rds_lab: RdsLab) -> None:
    client = rds_lab.client()
    family = client.describe_db_engine_versions(Engine="postgres")["DBEngineVersions"][0]["DBParameterGroupFamily"]
    client.create_db_parameter_group(DBParameterGroupName="many", DBParameterGroupFamily=family, Description="many")
    client.modify_db_parameter_group(
        DBParameterGroupName="many",
        Parameters=[{"ParameterName": "max_connections", "ParameterValue": "120", "ApplyMethod": "pending-reboot"}],
    )
    source = rds_lab.create("many-source", BackupRetentionPeriod=1, DBParameterGroupName="many")
    abroad = rds_lab.client(RECOVERY)
    abroad.create_db_instance_read_replica(
        DBInstanceIdentifier="few", SourceDBInstanceIdentifier=source["DBInstanceArn"]
    )
    rds_lab.await_instance("few", RECOVERY, status="incompatible-parameters")
    told = [
        one["Message"] for one in abroad.describe_events(SourceType="db-instance", SourceIdentifier="few")["Events"]
    ]
    assert any("max_connections" in message for message in told)

    # Parameter groups do not travel: the same one has to be made abroad, and the replica starts with it.
    abroad.create_db_parameter_group(DBParameterGroupName="many", DBParameterGroupFamily=family, Description="many")
    abroad.modify_db_parameter_group(
        DBParameterGroupName="many",
        Parameters=[{"ParameterName": "max_connections", "ParameterValue": "120", "ApplyMethod": "pending-reboot"}],
    )
    abroad.modify_db_instance(DBInstanceIdentifier="few", DBParameterGroupName="many")
    abroad.reboot_db_instance(DBInstanceIdentifier="few")
    rds_lab.await_instance("few", RECOVERY)
    for name, region in (("few", RECOVERY), ("many-source", PRIMARY)):
        rds_lab.delete(name, region)
        rds_lab.client(region).delete_db_parameter_group(DBParameterGroupName="many")


@pytest.mark.parametrize("lost", [PRIMARY, pytest.param(RECOVERY, marks=pytest.mark.soak(6))])
def test_nothing_is_streamed_from_or_to_a_lost_region_until_it_is_healed(pair: Pair, lost: str) -> None:
    world, source = pair.lab.rds.world, pair.lab.rds.world.regions[PRIMARY].instances[pair.source]
    pair.write(1)
    pair.shows(1)

    def held() -> list[int]:
        # Around the gates: a lost database runs on inside.
        with pair.record.cluster.connect(source.traits.database or "postgres") as admin:
            return [row for (row,) in admin.execute("select id from rows order by id")]

    pair.lab.rds.lose(lost, Outage("blackhole"))
    try:
        pair.status("error")
        with source.cluster.connect(source.traits.database or "postgres") as admin:
            admin.execute("insert into rows values (2)")
        world.stop.wait(1.0)
        assert held() == [1]
    finally:
        pair.lab.rds.lose(lost, None)
    pair.shows(1, 2)
    pair.status("replicating")
