"""A standby that streams from another cluster of the lab, and how it becomes a database of its own.

The standby holds a replication slot on its source, so that the source keeps the WAL that a standby with patience needs.
"""

import psycopg
from psycopg import conninfo

from dr.errors import Unable
from dr.lab.engine import roles
from dr.lab.engine.cluster import Cluster

RETRY = "200ms"
PROMOTION_SECONDS = 60


def follow(cluster: Cluster, source: Cluster, slot: str) -> None:
    """Bring up `cluster` as a hot standby of `source`, from a base backup taken now. Raises Unable where it fails."""
    machine = cluster.machine
    machine.account.folder(cluster.directory)
    machine.account.run(
        [
            machine.tree.program("pg_basebackup"),
            f"--pgdata={cluster.data}",
            "--wal-method=stream",
            "--checkpoint=fast",
            "--no-sync",
            "--no-verify-checksums",
            "--no-manifest",
            "--create-slot",
            f"--slot={slot}",
            f"--dbname={source.replication_address()}",
        ],
        environment={"PGPASSWORD": machine.password},
    )
    cluster.data.chmod(0o700)
    # The password stands beside the data, where neither a snapshot nor `show primary_conninfo` finds it.
    cluster.write(cluster.directory / "passfile", f"*:*:*:{roles.ADMIN}:{machine.password}\n")
    cluster.write(cluster.data / "standby.signal", "")
    cluster.following = {
        "primary_conninfo": address(cluster, source, slot),
        "primary_slot_name": slot,
        "wal_retrieve_retry_interval": RETRY,
    }
    cluster.start()


def address(cluster: Cluster, source: Cluster, slot: str) -> str:
    """Where the standby finds its source; it changes when the source is renamed or comes up on another port."""
    words = {word: str(value) for word, value in conninfo.conninfo_to_dict(source.replication_address()).items()}
    return conninfo.make_conninfo(
        **{**words, "passfile": str(cluster.directory / "passfile"), "application_name": slot}
    )


def change(cluster: Cluster, **settings: str) -> None:
    """Follow in another way from now on; an empty `primary_conninfo` ends the stream."""
    cluster.following = {**cluster.following, **settings}
    cluster.reload()


def receiving(connection: psycopg.Connection) -> tuple[bool, bool]:
    """Whether WAL is streaming in, and whether the standby has paused its replay.

    PostgreSQL pauses by itself where the source was given more connections, workers or locks than the standby has.
    """
    row = connection.execute(
        "select (select status from pg_stat_wal_receiver) = 'streaming', pg_is_wal_replay_paused()"
    ).fetchone()
    if row is None:
        raise Unable("the standby did not tell how it follows", hint="this cannot happen with PostgreSQL")
    return bool(row[0]), bool(row[1])


def promote(cluster: Cluster) -> None:
    """End recovery: what has been received is replayed, then the cluster is writable on a timeline of its own."""
    with cluster.connect() as connection:
        row = connection.execute("select pg_promote(true, %s)", (PROMOTION_SECONDS,)).fetchone()
    if row != (True,):
        raise Unable(f"{cluster.endpoint}: still in recovery", hint=str(cluster.log))
    cluster.following = {}
    (cluster.directory / "passfile").unlink()


def release(source: Cluster, slot: str) -> None:
    """Let the source forget a standby. Raises psycopg.Error while the source cannot be reached or still streams."""
    with source.connect() as connection:
        connection.execute(
            "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = %s and active", (slot,)
        )
        connection.execute(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s", (slot,)
        )
