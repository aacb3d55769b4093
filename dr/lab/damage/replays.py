"""Recoveries that go astray: what happens to a base backup and its log between being laid out and being opened."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from dr.errors import Refused
from dr.lab.engine.archive import Archive
from dr.lab.engine.cluster import Cluster

TARGET = ("recovery_target_time", "recovery_target_inclusive", "recovery_target_action")
OFF = timedelta(seconds=3)
"""How far from its target a recovery goes: more than the heartbeat's second, less than what a lab has in its log."""


@dataclass
class Replay:
    """A recovery that is about to begin. The settings and the folder may be changed; the archive may not."""

    cluster: Cluster
    archive: Archive
    instant: datetime
    settings: dict[str, str]

    def private(self) -> Path:
        """A copy of the log that belongs to this recovery alone, and the recovery reads from now on."""
        place = self.cluster.directory / "wal"
        own = Archive(place)
        own.prepare(self.cluster.machine.account)
        for name in self.archive.segments():
            shutil.copyfile(self.archive.directory / name, place / name)
            (place / name).chmod(0o600)
            self.cluster.machine.account.own(place / name)
        self.settings["restore_command"] = own.restore_command
        return place

    def to_the_end(self) -> None:
        """Ask for whatever the log holds, as a restore to `latest` does: an early end is then no error."""
        for name in TARGET:
            self.settings.pop(name, None)

    def aim(self, moment: datetime) -> None:
        """Ask for another moment."""
        self.settings["recovery_target_time"] = f"{moment:%Y-%m-%d %H:%M:%S}+00"


def lose_segment(replay: Replay) -> str:
    """A hole in the log, and nobody who says how far it must reach."""
    lost = _needed(replay)
    lost.unlink()
    replay.to_the_end()
    return f"segment {lost.name} is missing, and the recovery ends where the log seems to end"


def rot_segment(replay: Replay) -> str:
    """A segment whose first page is no log, and nobody who says how far the log must reach."""
    rotten = _needed(replay)
    with rotten.open("r+b") as opened:
        opened.write(bytes(64))
    replay.to_the_end()
    return f"the head of segment {rotten.name} holds zeros, and the recovery ends where the log seems to end"


def cut_segment(replay: Replay) -> str:
    """Half a segment: PostgreSQL refuses it by its size."""
    cut = _needed(replay)
    with cut.open("r+b") as opened:
        opened.truncate(cut.stat().st_size // 2)
    return f"segment {cut.name} is cut in half"


def hole(replay: Replay) -> str:
    """A hole in the log before the moment that was asked for."""
    lost = _needed(replay)
    lost.unlink()
    return f"segment {lost.name} is missing"


def lose_label(replay: Replay) -> str:
    """Without its label, and not told to recover, a base backup is taken for a server that crashed."""
    (replay.cluster.data / "backup_label").unlink()
    (replay.cluster.data / "recovery.signal").unlink()
    return "the backup label is missing, and the base backup is started as it is"


def forget_recovery(replay: Replay) -> str:
    """Nobody tells the server that it is to recover."""
    (replay.cluster.data / "recovery.signal").unlink()
    for name in (*TARGET, "restore_command"):
        replay.settings.pop(name, None)
    return "the server was not told to recover"


def reset_log(replay: Replay) -> str:
    """Somebody made it start by throwing the log away."""
    cluster = replay.cluster
    (cluster.data / "backup_label").unlink()
    (cluster.data / "recovery.signal").unlink()
    program = cluster.machine.tree.program("pg_resetwal")
    cluster.machine.account.run([program, "--force", f"--pgdata={cluster.data}"])
    replay.settings.clear()
    return "the log was reset instead of replayed"


def aim_early(replay: Replay) -> str:
    """An earlier moment than was asked for."""
    replay.aim(replay.instant - OFF)
    return f"the recovery ends {OFF.total_seconds():.0f} s before its instant"


def aim_late(replay: Replay) -> str:
    """A later moment than was asked for."""
    replay.aim(replay.instant + OFF)
    return f"the recovery ends {OFF.total_seconds():.0f} s after its instant"


def _needed(replay: Replay) -> Path:
    """The segment of a private copy in the middle of what this recovery has to read.

    Raises Refused where the base backup needs no other segment than its own.
    """
    place = replay.private()
    label = (replay.cluster.data / "backup_label").read_text()
    newest = max(Archive(place).segments())
    first = next(name for name in sorted(Archive(place).segments()) if name in label)
    needed = [name for name in Archive(place).segments() if first < name <= newest and len(name) == len(first)]
    early = [
        name for name in needed if datetime.fromtimestamp(_made(replay, name), replay.instant.tzinfo) < replay.instant
    ]
    if not early:
        raise Refused("the log holds no segment between the base backup and the instant", hint="wait a while")
    return place / early[-1]


def _made(replay: Replay, name: str) -> float:
    """When a segment was archived: everything in it is older."""
    return (replay.archive.directory / name).stat().st_mtime


REPLAYS: Mapping[str, Callable[[Replay], str]] = {
    "log-segment-lost": lose_segment,
    "log-segment-rotten": rot_segment,
    "log-segment-cut": cut_segment,
    "log-hole": hole,
    "backup-label-lost": lose_label,
    "recovery-forgotten": forget_recovery,
    "log-reset": reset_log,
    "recovered-too-early": aim_early,
    "recovered-too-late": aim_late,
}
