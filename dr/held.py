"""What a restore holds of one key, beside all that the site's bucket lists of it: one line of a kept stream. Pure.

Lines come in the order of their keys, as S3 lists them: by the bytes of UTF-8, which is the order of Python's strings.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

from dr.manifest import ObjectVersion, RestoredObject
from dr.object_versions import RECENT, Version, Wanted
from dr.recovery import Fact, Moment

MOST = 1000
"""Versions of a key of which more is kept than that they were restored: a key that is written each minute has more."""
Unreadable = Literal["", "archived", "undecryptable"]
Span = tuple[int, int | None]
"""First and last whole second, both inclusive: a one-second clock cannot tell which came first. None: for ever."""


class Listed(Version, Protocol):
    """An entry of a listing that tells of storage classes too."""

    @property
    def storage_class(self) -> str: ...


class HeldVersion(Fact):
    """One entry of the listing, and what became of it in the restore."""

    version: str
    stored: Moment
    marker: bool = False
    storage: str = ""
    """Its storage class; nothing of a delete marker."""
    copied: str = ""
    """The version in scratch that became of it; nothing where it is not of the instant."""
    lost: Unreadable = ""
    """Why it is of the instant, and could not be copied."""
    at_home_too: bool = False
    """It is archived, as it was at the source: nobody could read it there either."""
    sha256: str = ""
    """Of its bytes, as they were read back; nothing where they were not."""


class HeldKey(Fact):
    """One key: all of its entries, newest first."""

    key: str
    entries: tuple[HeldVersion, ...]
    plain: bool = True
    """Whether a plain read of the restore finds a version of the instant: nothing else stands on top."""


def of_listing(
    wanted: Wanted, entries: Sequence[Listed], copied: Mapping[str, str], lost: Mapping[str, Unreadable]
) -> HeldKey:
    """The line of one key: its listing, and what became of the versions that were to be copied."""
    kept = [
        HeldVersion(
            version=entry.version,
            stored=entry.modified,
            marker=entry.marker,
            storage=entry.storage_class,
            copied=copied.get(entry.version, ""),
            lost=lost.get(entry.version, ""),
        )
        for number, entry in enumerate(entries)
        if number < MOST or entry.version in copied or entry.version in lost
    ]
    return HeldKey(key=wanted.key, entries=tuple(kept))


def read_back(line: HeldKey, restored: Sequence[RestoredObject], expected: ObjectVersion | None = None) -> HeldKey:
    """The same line, with what the restore was found to hold under its key. `expected`: what the manifest says."""
    digests: dict[str, str] = {}
    for one in restored:
        # A copy whose answer was lost was made twice: what a plain read finds counts.
        if one.current or one.source_version not in digests:
            digests[one.source_version] = one.sha256
    asleep = expected.version if expected is not None and expected.archived else None

    def seen(entry: HeldVersion) -> HeldVersion:
        if entry.copied:
            return entry.model_copy(update={"sha256": digests.get(entry.version, "")})
        too = entry.lost == "archived" and entry.version == asleep
        return entry.model_copy(update={"at_home_too": True}) if too else entry

    entries = tuple(map(seen, line.entries))
    ours = any(one.current and one.source_version for one in restored)
    return line.model_copy(update={"entries": entries, "plain": ours})


def standing(line: HeldKey, instant: datetime) -> HeldVersion | None:
    """The newest entry that was stored by then: what a plain read met, or the delete marker that it met."""
    return next((entry for entry in line.entries if entry.stored.replace(microsecond=0) <= instant), None)


def spans(line: HeldKey, version: str | None, sha256: str | None) -> Iterator[Span]:
    """When a row that names this key, and perhaps a version and a digest, found what it names: newest first.

    A row may name a version for a little while after that was replaced: an upload and its commit are two acts. Bytes
    that were not read back are taken for those of the version that is named, and for nobody's where none is.
    """
    gone: int | None = None
    replaced = False
    for entry in line.entries:
        stored = int(entry.stored.timestamp())
        there = not entry.marker and (not entry.lost or entry.at_home_too)
        if there and (gone is None or stored <= gone):
            named = version in (None, entry.version)
            trusted = not entry.sha256 and (version is not None or entry.at_home_too)
            right = sha256 is None or entry.sha256 == sha256 or trusted
            if named and right:
                late = int(RECENT.total_seconds()) if replaced and (version or sha256) else 0
                yield stored, None if gone is None else gone + late
        # Of two of one second the one that is listed lower came first: that one is what came on top of this key's next.
        if gone is None or stored <= gone:
            gone, replaced = stored, not entry.marker
