"""Base backups: taken from a running server, self-sufficient, and dated by what is really inside."""

import filecmp
import json
import os
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dr.errors import Unable
from dr.lab.engine.account import Account
from dr.lab.engine.cluster import Cluster

COMMIT = re.compile(rb"desc: COMMIT (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC")

SEGMENT = re.compile(r"[0-9A-F]{24}")

STARTED = re.compile(r"^START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)$", re.MULTILINE)


@dataclass(frozen=True)
class Base:
    """One base backup in a directory."""

    directory: Path
    started: datetime
    finished: datetime
    newest_transaction: datetime
    """The time stamp of the newest commit that a restore of this backup alone would show."""

    @property
    def earliest(self) -> datetime:
        """The first whole second to which this base can be brought.

        PostgreSQL does not refuse an earlier one: it stops where it becomes consistent, which is *later* than asked.
        """
        return ceiling(self.finished)

    @property
    def first_segment(self) -> str:
        """The oldest WAL segment that a recovery from this base reads."""
        found = STARTED.search((self.directory / "backup_label").read_text())
        if found is None:
            raise Unable(f"{self.directory}: the backup label names no segment", hint="the base backup is damaged")
        return found[1]

    def moved(self, directory: Path) -> "Base":
        return Base(directory, self.started, self.finished, self.newest_transaction)


def take(cluster: Cluster, target: Path) -> Base:
    """Copy a running server, with the WAL that makes the copy consistent."""
    cluster.machine.account.folder(target.parent)
    with cluster.connect() as connection:
        started = _clock(connection.execute("select clock_timestamp()").fetchone())
    copy(cluster, target)
    with cluster.connect() as connection:
        finished = _clock(connection.execute("select clock_timestamp()").fetchone())
    return Base(target, started, finished, _newest_transaction(cluster, target) or finished)


def copy(cluster: Cluster, target: Path) -> None:
    """A running server's directory and the WAL that makes it consistent, without asking when."""
    machine = cluster.machine
    machine.account.run(
        [
            machine.tree.program("pg_basebackup"),
            f"--pgdata={target}",
            "--wal-method=stream",
            "--checkpoint=fast",
            "--no-sync",
            # RDS copies blocks without looking at them: what is damaged in the source is damaged in the copy.
            "--no-verify-checksums",
            "--manifest-checksums=NONE",
            f"--dbname={cluster.replication_address()}",
        ],
        environment={"PGPASSWORD": machine.password},
    )


def duplicate(account: Account, source: Path, target: Path) -> None:
    """Copy a directory tree, keeping owners; a partial copy never stands under the final name."""
    account.folder(target.parent)
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    # As ourselves, not as the account: only we can read what other accounts of the lab may own.
    Account().run(["cp", "-a", "--reflink=auto", source, partial])
    partial.rename(target)


def duplicate_newer(account: Account, source: Path, older: Path, target: Path) -> None:
    """Copy a base backup to where an older one was copied before, which `share` may have given files to share.

    What has the size and the modification time of the older copy's file is not copied again but shared with it.
    """
    account.folder(target.parent)
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for folder, _, files in os.walk(source):
        below = Path(folder).relative_to(source)
        (partial / below).mkdir(mode=0o700)
        _keep_owner(source / below, partial / below)
        for name in files:
            mine, theirs, made = source / below / name, older / below / name, partial / below / name
            if theirs.is_file() and _unchanged(mine.stat(), theirs.stat()):
                made.hardlink_to(theirs)
            else:
                shutil.copyfile(mine, made)
                _keep_owner(mine, made)
    partial.rename(target)


def _unchanged(mine: os.stat_result, theirs: os.stat_result) -> bool:
    return (mine.st_size, mine.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns)


def _keep_owner(original: Path, copy: Path) -> None:
    shutil.copystat(original, copy)
    found = original.stat()
    os.chown(copy, found.st_uid, found.st_gid)


def share(older: Path, newer: Path) -> None:
    """Let two base backups hold the files that are equal in both only once, as RDS stores unchanged blocks only once.

    Nobody writes into a base backup, and a restore copies it. Whoever means to write calls `part` before.
    """
    for folder, _, files in os.walk(newer):
        for name in files:
            mine = Path(folder) / name
            theirs = older / mine.relative_to(newer)
            if theirs.is_file() and mine.stat().st_size and filecmp.cmp(mine, theirs, shallow=False):
                draft = mine.with_name(f".{name}.shared")
                draft.hardlink_to(theirs)
                draft.rename(mine)
    filecmp.clear_cache()


def part(file: Path) -> None:
    """Give a base backup a copy of its own of a file that it shares with another."""
    if file.stat().st_nlink > 1:
        draft = file.with_name(f".{file.name}.own")
        shutil.copyfile(file, draft)
        _keep_owner(file, draft)
        draft.rename(file)


def ceiling(moment: datetime) -> datetime:
    """The first whole second that is not before `moment`."""
    whole = moment.replace(microsecond=0)
    return whole if whole == moment else whole + timedelta(seconds=1)


def size(directory: Path) -> int:
    """Bytes of all files below a directory."""
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())


def _newest_transaction(cluster: Cluster, target: Path) -> datetime | None:
    """Read the WAL of the backup; None where no transaction ended while it was taken."""
    manifest = json.loads((target / "backup_manifest").read_text())
    last = manifest["WAL-Ranges"][-1]
    command = [
        str(cluster.machine.tree.program("pg_waldump")),
        f"--path={target / 'pg_wal'}",
        "--rmgr=Transaction",
        f"--timeline={last['Timeline']}",
        f"--start={last['Start-LSN']}",
        f"--end={_end_of_wal(target / 'pg_wal')}",
    ]
    # A restore replays whatever WAL the backup holds, so we read to its end too, which pg_waldump calls an error.
    found = COMMIT.findall(cluster.machine.account.run(command, accept=(0, 1)).encode())
    if not found:
        return None
    return max(datetime.fromisoformat(stamp.decode()).replace(tzinfo=UTC) for stamp in found)


def _end_of_wal(directory: Path) -> str:
    """Where the newest segment ends. Without a bound pg_waldump waits seconds for a segment that never comes."""
    newest = max(file for file in directory.iterdir() if SEGMENT.fullmatch(file.name))
    end = (int(newest.name[8:16], 16) << 32) + (int(newest.name[16:24], 16) + 1) * newest.stat().st_size
    return f"{end >> 32:X}/{end & 0xFFFFFFFF:X}"


def _clock(row: tuple[object, ...] | None) -> datetime:
    if row is None or not isinstance(row[0], datetime):
        raise Unable("the server did not tell the time", hint="this cannot happen with PostgreSQL")
    return row[0].astimezone(UTC)
