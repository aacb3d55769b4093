"""Bring a base backup to life: as it is, or replayed to an exact second."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime

from dr.errors import Unable
from dr.lab.engine.archive import Archive
from dr.lab.engine.backup import Base, duplicate
from dr.lab.engine.cluster import Cluster


def from_base(cluster: Cluster, base: Base) -> None:
    """Start a copy of a base backup; it shows what the backup shows."""
    _lay_out(cluster, base)
    cluster.start()


Astray = Callable[[Cluster, dict[str, str]], object]
"""Does something to what was laid out, and to the settings that the server is about to recover by."""


def to_instant(
    cluster: Cluster, base: Base, archive: Archive, instant: datetime, *, astray: Astray | None = None
) -> None:
    """Replay the archive up to and including `instant`, and open the copy for writing. `astray` may spoil that.

    Raises ServerFailed when the archive does not carry that far, and Unable when the base is younger than the
    instant: PostgreSQL would silently restore a later state.
    """
    if base.earliest > instant:
        raise Unable(
            f"{base.directory}: finished at {base.finished.isoformat()}, after {instant.isoformat()}",
            hint="choose an older base backup",
        )
    _lay_out(cluster, base)
    # WAL comes from the archive only, so that a hole in it shows.
    for leftover in (cluster.data / "pg_wal").iterdir():
        if leftover.is_file():
            leftover.unlink()
    signal = cluster.data / "recovery.signal"
    signal.touch(mode=0o600)
    cluster.machine.account.own(signal)
    settings = {
        "restore_command": archive.restore_command,
        "recovery_target_time": f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S}+00",
        "recovery_target_inclusive": "on",
        "recovery_target_action": "promote",
        # With a standby's checks a copy with fewer connections than its source would pause for ever.
        "hot_standby": "off",
    }
    if astray:
        astray(cluster, settings)
    cluster.start(settings)
    with cluster.connect() as connection:
        row = connection.execute("select pg_is_in_recovery()").fetchone()
    if row != (False,):
        raise Unable(f"{cluster.endpoint}: still in recovery", hint=str(cluster.log))
    # The copy forgets where its source archives.
    cluster.reload()


def _lay_out(cluster: Cluster, base: Base) -> None:
    cluster.machine.account.folder(cluster.directory)
    shutil.rmtree(cluster.data, ignore_errors=True)
    duplicate(cluster.machine.account, base.directory, cluster.data)
    cluster.data.chmod(0o700)
    # The base of a standby is a standby itself, until told otherwise.
    (cluster.data / "standby.signal").unlink(missing_ok=True)
