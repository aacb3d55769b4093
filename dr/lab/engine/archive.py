"""The WAL archive of one automated backup, and the one honest way to say how far it reaches.

PostgreSQL ends recovery with a fatal error when the archive runs out before a commit *later* than the requested time
was seen. So the restorable time advances only like this: read the server's clock inside a transaction that surely
commits, close the segment that holds the commit, see that very segment arrive in the archive, and only then say the
whole second below that clock reading.
"""

import re
import shlex
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from dr.errors import Unable
from dr.lab.engine.account import Account
from dr.lab.engine.cluster import Cluster

LOOK_AGAIN = 0.02
DATED = re.compile(r"[0-9A-F]{8}([0-9A-F]{16})(\.[0-9A-F]{8}\.backup)?")
"""A segment, or the note of a base backup that began in it; a timeline's history has no place among the segments."""


@dataclass(frozen=True)
class Archive:
    """A directory of WAL segments, each complete or absent."""

    directory: Path

    @property
    def archive_command(self) -> str:
        """Copies beside and renames, so that a partial segment never counts; refuses to replace different content."""
        place = shlex.quote(str(self.directory)).replace("%", "%%")
        return (
            f"if test -f {place}/%f; then cmp -s %p {place}/%f; "
            f"else cp --sparse=always %p {place}/.%f.partial && mv {place}/.%f.partial {place}/%f; fi"
        )

    @property
    def restore_command(self) -> str:
        place = shlex.quote(str(self.directory)).replace("%", "%%")
        return f"cp {place}/%f %p"

    def prepare(self, account: Account) -> None:
        account.folder(self.directory)

    def segments(self) -> list[str]:
        """Complete files, oldest first."""
        return sorted(file.name for file in self.directory.iterdir() if not file.name.startswith("."))

    def has_had(self, segment: str) -> bool:
        """Whether a segment has arrived, also if it was lost since."""
        return (self.directory / segment).exists() or self._lost(segment).exists()

    def lose(self, segment: str) -> None:
        """Let a segment be missing. A replica does not fetch it again: it has been here."""
        (self.directory / segment).rename(self._lost(segment))

    def find_again(self, segment: str) -> None:
        """Undo `lose`, where the archive is still there."""
        if self._lost(segment).exists():
            self._lost(segment).rename(self.directory / segment)

    def prune(self, needed: str | None) -> None:
        """Remove what lies before the segment that the oldest base needs; everything where no base needs any."""
        for name in self.segments():
            if needed is None or _before(name, needed):
                (self.directory / name).unlink()

    def _lost(self, segment: str) -> Path:
        return self.directory / f".{segment}.lost"

    def follow(self, account: Account, source: "Archive", needed: str) -> None:
        """Bring over what the source has and this archive lacks, oldest first, from the segment that a base needs."""
        self.prepare(account)
        have = set(self.segments())
        for name in source.segments():
            if name not in have and not self._lost(name).exists() and not _before(name, needed):
                partial = self.directory / f".{name}.partial"
                shutil.copyfile(source.directory / name, partial)
                partial.chmod(0o600)
                account.own(partial)
                partial.rename(self.directory / name)


def _before(name: str, segment: str) -> bool:
    """Whether a file of an archive is older than a segment, on whatever timeline."""
    found = DATED.fullmatch(name)
    return found is not None and found[1] < segment[8:]


def advance(cluster: Cluster, archive: Archive, stop: Event) -> datetime | None:
    """The newest whole second to which the archive can restore, or None if told to stop before it was known.

    None too where the server ends meanwhile: what it has not archived then stands still with it.
    """
    with cluster.connect() as connection:
        with connection.transaction():
            row = connection.execute("select clock_timestamp()").fetchone()
            connection.execute("select pg_logical_emit_message(true, 'rds', 'restorable time')")
        if row is None or not isinstance(row[0], datetime):
            raise Unable(f"{cluster.endpoint}: the server did not tell the time", hint=str(cluster.log))
        # Somebody else may have closed the segment of the commit by now, and an empty segment is never archived. So
        # one more record, which only says where it stands, goes behind the commit.
        behind = "select pg_walfile_name(pg_logical_emit_message(false, 'rds', 'behind the restorable time') - 1)"
        holding = connection.execute(behind).fetchone()
        connection.execute("select pg_switch_wal()")
    if holding is None:
        raise Unable(f"{cluster.endpoint}: the server did not name its segment", hint=str(cluster.log))
    while not archive.has_had(str(holding[0])):
        if stop.wait(LOOK_AGAIN) or not cluster.alive:
            return None
    return row[0].astimezone(UTC).replace(microsecond=0)
