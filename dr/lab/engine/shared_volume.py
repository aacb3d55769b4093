"""Several servers over what clients take for one volume: the writer's directory is the volume, each reader follows it.

PostgreSQL cannot open one directory twice. A reader is therefore a standby that streams from the writer, and the volume
changes hands by renaming: the new writer continues the same timeline in the same directory, so that nothing that was
committed can be lost, and the WAL archive goes on without a seam.
"""

from pathlib import Path

import psycopg

from dr.lab.engine import backup
from dr.lab.engine.archive import Archive
from dr.lab.engine.cluster import Cluster
from dr.lab.engine.settings import quoted

SIGNAL = "standby.signal"
AUTOMATIC = "postgresql.auto.conf"
"""Read after postgresql.conf, and nothing else of the lab writes it: what makes a standby survives a reload."""


def join(reader: Cluster, writer: Cluster, archive: Archive) -> None:
    """Make a running reader out of nothing."""
    reader.machine.account.folder(reader.directory)
    backup.copy(writer, reader.data)
    reader.data.chmod(0o700)
    follow(reader, writer, archive)


def follow(reader: Cluster, writer: Cluster, archive: Archive) -> None:
    """Start a stopped reader behind this writer. What the writer no longer has comes from the archive."""
    source = psycopg.conninfo.make_conninfo(writer.replication_address(), password=reader.machine.password)
    settings = {
        "primary_conninfo": source,
        "restore_command": archive.restore_command,
        "hot_standby": "on",
        "wal_retrieve_retry_interval": "100ms",
    }
    _place(reader, AUTOMATIC, "".join(f"{name} = {quoted(value)}\n" for name, value in settings.items()))
    _place(reader, SIGNAL, "")
    reader.start()


def hand_over(old: Cluster, new: Cluster) -> None:
    """Give the volume of one stopped server to another, whose own directory goes the other way."""
    aside = old.directory / "data.aside"
    old.data.rename(aside)
    new.data.rename(old.data)
    aside.rename(new.data)


def move(old: Cluster, new: Cluster) -> None:
    """Give the volume of a stopped server to one that has no directory yet."""
    new.machine.account.folder(new.directory)
    old.data.rename(new.data)


def _place(cluster: Cluster, name: str, text: str) -> None:
    path: Path = cluster.data / name
    path.touch(mode=0o600)
    path.write_text(text)
    cluster.machine.account.own(path)
