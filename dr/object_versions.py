"""What stood in a bucket at an instant, told from a listing of its versions. Pure.

S3 lists the versions and delete markers of a key newest first, with times of whole seconds. The instant is a whole
second too, so what was stored in *earlier* seconds had certainly arrived, and what bears the second of the instant may
have come just before it or just after: a one-second clock cannot tell. Such versions are kept as candidates, and the
rows that name an object by its hash decide between them, or nobody does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Protocol

RECENT = timedelta(seconds=60)
"""How long before the instant a replaced version may still be named by a row: an upload and its commit are two acts."""


class Version(Protocol):
    """An entry of a version listing: a stored version, or a delete marker."""

    @property
    def key(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def modified(self) -> datetime: ...
    @property
    def marker(self) -> bool: ...


@dataclass(frozen=True)
class Wanted:
    """One key at the instant."""

    key: str
    chosen: Version | None
    """The newest version of an earlier second than the instant's; None when there was none, or it was deleted."""
    candidates: tuple[Version, ...]
    """Entries of the instant's own second, newest first. Any of them, or `chosen`, may be what stood there."""
    recent: tuple[Version, ...]
    """Versions replaced or deleted shortly before the instant, newest first: a row of that moment may name them."""

    @property
    def versions(self) -> tuple[str, ...]:
        """Every version that a restore to the instant has to bring, newest first, without markers."""
        kept = [*self.candidates, *([self.chosen] if self.chosen else []), *self.recent]
        return tuple(entry.version for entry in kept if not entry.marker)


def standing_at(listing: Iterable[Version], instant: datetime, recent: timedelta = RECENT) -> list[Wanted]:
    """Every key that stood at the instant, that may have, or whose last version a row of the instant may still name.

    The listing is in S3's order: all entries of a key together, newest first. That order decides, not the times:
    two entries of one second are told apart by nothing else.
    """
    found = []
    for key, entries in groupby(listing, lambda entry: entry.key):
        wanted = of_key(key, list(entries), instant, recent)
        if wanted.versions:
            found.append(wanted)
    return found


def hidden_at(listing: Iterable[Version], instant: datetime) -> dict[str, str]:
    """Keys on which a delete marker surely stood at the instant, to the marker's version."""
    second = instant.replace(microsecond=0)
    found = {}
    for key, entries in groupby(listing, lambda entry: entry.key):
        of_key = list(entries)
        standing = next((entry for entry in of_key if entry.modified.replace(microsecond=0) < second), None)
        unsure = any(entry.modified.replace(microsecond=0) == second for entry in of_key)
        if standing is not None and standing.marker and not unsure:
            found[key] = standing.version
    return found


def of_key(key: str, entries: Sequence[Version], instant: datetime, recent: timedelta = RECENT) -> Wanted:
    """What one key held at the instant, by all of its entries."""
    second = instant.replace(microsecond=0)
    candidates = tuple(entry for entry in entries if entry.modified.replace(microsecond=0) == second)
    standing = [entry for entry in entries if entry.modified.replace(microsecond=0) < second]
    replaced = tuple(
        older for newer, older in pairwise(standing) if newer.modified >= second - recent and not older.marker
    )
    newest = standing[0] if standing else None
    return Wanted(key, None if newest is None or newest.marker else newest, candidates, replaced)
