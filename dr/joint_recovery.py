"""To which instants a database and a bucket can be recovered together, so that every row finds its object. Pure.

What is known: the rows as of T, which bear no times of their own, and the bucket's listing, which says of each version
when it was stored and when another one or a delete marker came on top. So it can be told exactly, to the second, with
which *states of the bucket* the rows *of T* agree: the intersection, over all rows, of the spans in which each one
finds its object. From it follow the least such second from T on (objects that were uploaded, and not yet there: wait
for them), and the newest before T (objects that were deleted before their rows).

What rows the database held at an earlier instant is not known, and is not guessed. Of an earlier *backup* it is known
what the bucket held then; so the newest one is named whose every object stands whole in this site. That its rows find
them, only a test that goes there can prove, and the words say so.
"""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import UTC, datetime

from dr.held import HeldKey, Span
from dr.manifest import BucketBaseline, fits
from dr.recovery import Fact, Moment, stamp

END = 2**62
"""A second that nobody lives to see."""
_MOST = 1000
"""Pieces of the intersection that are remembered; those farthest from the instant are let go of first."""


class Joint(Fact):
    """What is known of joint recovery."""

    instant: Moment
    rows: int
    agrees: bool
    """Whether every row finds its object in the restore to the instant."""
    never: int = 0
    """Rows whose object is right in no state of the bucket that is listed. The two below leave them out."""
    untold: int = 0
    """Rows whose object is archived, here as at the source: it is there, and nobody read it."""
    bucket_later: Moment | None = None
    """The least second from the instant on at which the bucket holds what every row of the instant names."""
    bucket_earlier: Moment | None = None
    """The newest second up to the instant at which it did."""
    backup: Moment | None = None
    """The newest earlier backup whose every object stands whole in this site."""

    @property
    def at(self) -> datetime | None:
        """The joint recovery time: the instant itself, or the newest earlier one that is worth a test."""
        return self.instant if self.agrees else self.backup

    def words(self) -> str:
        """What to recover to, and what that rests on."""
        here = stamp(self.instant)
        if self.agrees:
            left = f", but for {self.untold} whose object is archived, here as at home" if self.untold else ""
            return f"joint recovery time {here}: every row of that instant finds its object{left}"
        state = self.bucket_later or self.bucket_earlier
        if state is None or self.never == self.rows:
            known = f"no one state of the bucket holds what the rows of {here} name"
        else:
            known = f"rows of {here} find their objects in the bucket as of {stamp(state)}"
            if self.never:
                known += f", but for {self.never} whose object is right in no state of it"
        if self.backup is None:
            return f"{known}; no earlier backup is known whose every object is whole here"
        then = stamp(self.backup)
        return (
            f"{known}; joint recovery time {then}: the newest earlier backup whose every object is whole here; "
            f"that its rows find them, `dr test --at {then}` proves"
        )


class Together:
    """The states of a bucket in which every row so far finds its object. Memory stays flat, however many rows come."""

    def __init__(self, instant: datetime) -> None:
        self._second = int(instant.timestamp())
        self._pieces: list[tuple[int, int]] = [(-END, END)]
        self.rows = 0
        self.never = 0

    def add(self, found: Iterable[Span]) -> None:
        """One row, by the spans in which it finds its object, in any order."""
        self.rows += 1
        pieces = _joined((first, END if last is None else last) for first, last in found)
        if not pieces:
            self.never += 1
            return
        self._pieces = _intersection(self._pieces, pieces)
        if len(self._pieces) > _MOST:
            self._forget()

    def _forget(self) -> None:
        near = bisect_left(self._pieces, (self._second, self._second))
        self._pieces = self._pieces[max(0, near - _MOST // 4) : near + _MOST // 4]

    def later(self) -> datetime | None:
        """The least second from the instant on that is in all of them."""
        after = [max(first, self._second) for first, last in self._pieces if last >= self._second]
        return datetime.fromtimestamp(min(after), UTC) if after else None

    def earlier(self) -> datetime | None:
        """The newest second up to the instant that is in all of them."""
        before = [min(last, self._second) for first, last in self._pieces if first <= self._second]
        return datetime.fromtimestamp(max(before), UTC) if before else None


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Disjoint and in order."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        elif first <= last:
            joined.append((first, last))
    return joined


def _intersection(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found = []
    at = other = 0
    while at < len(left) and other < len(right):
        first, last = max(left[at][0], right[other][0]), min(left[at][1], right[other][1])
        if first <= last:
            found.append((first, last))
        if left[at][1] < right[other][1]:
            at += 1
        else:
            other += 1
    return found


def unmet(manifest: BucketBaseline, lines: Iterable[HeldKey], *, heartbeat: str) -> int:
    """How many objects of a manifest do not stand whole in this site: gone, unreadable, or found with other bytes.

    The heartbeat has more versions than are remembered, and no row names it.
    """
    left = sum(key != heartbeat for key in manifest.objects)
    for line in lines:
        expected = manifest.objects.get(line.key)
        if expected is not None and line.key != heartbeat:
            accepted = {expected.version: expected.sha256} | expected.ambiguous
            left -= any(
                entry.version in accepted
                and (not entry.lost or (expected.archived and entry.lost == "archived"))
                and (not entry.sha256 or fits(accepted[entry.version], entry.sha256))
                for entry in line.entries
            )
    return left
