"""Compare the content of one table with a baseline, chunk by chunk. Pure.

A chunk that is equal on both sides of the bracket must be bit-equal in the restore. A chunk that changed inside the
bracket is judged row by row: what stands on both sides must be there exactly, and whatever else is there must be a row
of one of the sides, or one that a transaction inside the bracket wrote and another replaced before it closed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dr.verification import Chunk, Finding, HotChunk, HotRow, Outcome, SeenRow, TableBaseline, TableSide
from dr.visibility import Bracket

CHECK = "content"
BLOCKS = 128
"""Blocks of the heap per chunk: one megabyte."""
MANY = 8
"""Changed rows from which on losing half of them is no accident of the moment."""
NOTHING = Chunk(count=0, digest=0)
_WHOLE = 1 << 64


def hot_chunk(before: Iterable[HotRow], after: Iterable[HotRow]) -> HotChunk:
    """What the two sides of a chunk share, block by block, and the rows that only one of them has."""
    first = {(row.block, row.offset): row.digest for row in before}
    second = {(row.block, row.offset): row.digest for row in after}
    same = {place for place, digest in first.items() if second.get(place) == digest}
    blocks: dict[int, list[int]] = {}
    for place in same:
        blocks.setdefault(place[0], []).append(first[place])
    return HotChunk(
        same={block: _summed(digests) for block, digests in sorted(blocks.items())},
        before=_rows(first, same),
        after=_rows(second, same),
    )


def changed(before: TableSide | None, after: TableSide | None) -> set[int]:
    """The chunks that differ between the two sides of a bracket."""
    first = before.chunks if before else {}
    second = after.chunks if after else {}
    return {chunk for chunk in first.keys() | second.keys() if first.get(chunk) != second.get(chunk)}


@dataclass
class Judgement:
    """What becomes of one table, chunk by chunk."""

    bracket: Bracket
    in_doubt: bool
    exact: int = 0
    tolerated: int = 0
    changed_before: int = 0
    changed_after: int = 0
    """Rows in hot chunks that only one side has."""
    wrong: list[range] = field(default_factory=list)
    unsure: list[range] = field(default_factory=list)
    """Ranges of blocks."""

    def compare(self, table: TableBaseline, seen: TableSide, rows: Mapping[int, Sequence[SeenRow]]) -> None:
        for chunk, (expected, found) in cold(table, seen).items():
            if (expected or NOTHING) == (found or NOTHING):
                self.exact += found.count if found else 0
            elif chunk in rows:
                self._judge(_blocks_of(chunk), expected or NOTHING, rows[chunk])
            else:
                self.wrong.append(_blocks_of(chunk))
        for chunk, hot in table.hot.items():
            if chunk in rows:
                self._judge_hot(hot, rows[chunk])
            else:
                self.unsure.append(_blocks_of(chunk))
        for chunk in _changed(table) - table.hot.keys():
            self.unsure.append(_blocks_of(chunk))

    def _judge_hot(self, hot: HotChunk, rows: Sequence[SeenRow]) -> None:
        sides = {(row.block, row.offset, row.digest) for row in (*hot.before, *hot.after)}
        self.changed_before += len(hot.before)
        self.changed_after += len(hot.after)
        rest: dict[int, list[SeenRow]] = {block: [] for block in hot.same}
        for row in rows:
            if (row.block, row.offset, row.digest) in sides:
                self.tolerated += 1
            else:
                rest.setdefault(row.block, []).append(row)
        for block, some in sorted(rest.items()):
            self._judge(range(block, block + 1), hot.same.get(block, NOTHING), some)

    def _judge(self, blocks: range, expected: Chunk, rows: Sequence[SeenRow]) -> None:
        """Take away what was written inside the bracket; the rest must be what was expected, to the bit."""
        told = [(row.digest, self.bracket.wrote(row.xmin)) for row in rows]
        sure = _summed([digest for digest, wrote in told if wrote != "inside"])
        if sure == expected:
            self.exact += expected.count
            self.tolerated += len(rows) - expected.count
        elif _summed([digest for digest, wrote in told if wrote == "outside"]) == expected or (
            self.in_doubt and sure.count < expected.count
        ):
            self.unsure.append(blocks)
        else:
            self.wrong.append(blocks)

    def finding(self, subject: str, table: TableBaseline, seen: TableSide) -> Finding:
        thin = self._thin(seen)
        outcome: Outcome = "failed" if self.wrong else "errored" if self.unsure or thin else "passed"
        counts = sorted({side.rows for side in (table.before, table.after) if side is not None})
        details = []
        if self.wrong:
            details.append(f"differs in {_told(self.wrong)}")
        if self.unsure:
            details.append(f"cannot be told of {_told(self.unsure)}: a transaction was still under way")
        if thin:
            details.append(
                f"of the rows that changed inside the bracket only {self.tolerated} are there: lost, or not?"
            )
        if self.tolerated:
            details.append(f"{self.tolerated} rows changed inside the bracket")
        return finding_of(
            subject, outcome, f"{' to '.join(map(str, counts))} rows", f"{seen.rows} rows", "; ".join(details)
        )

    def _thin(self, seen: TableSide) -> bool:
        """Whether so much of what changed inside the bracket is missing that nobody can call it a moment of it.

        An update leaves one row on each side, and one at every moment in between. Deleting and inserting may dip
        below both sides for a moment, so single rows prove nothing; half of them, or a table that is empty, ask.
        """
        least = min(self.changed_before, self.changed_after)
        return least > 0 and (seen.rows == 0 or (least >= MANY and 2 * self.tolerated < least))


def cold(table: TableBaseline, seen: TableSide) -> dict[int, tuple[Chunk | None, Chunk | None]]:
    """chunk -> what it must be and what it is, for every chunk that did not change inside the bracket."""
    before = table.before.chunks if table.before else {}
    hot = _changed(table) | table.hot.keys()
    return {
        chunk: (before.get(chunk), seen.chunks.get(chunk))
        for chunk in sorted(before.keys() | seen.chunks.keys())
        if chunk not in hot
    }


def least_rows(table: TableBaseline) -> int:
    """What must not count as fully proven just because the restore has fewer rows."""
    return min((side.rows for side in (table.before, table.after) if side is not None), default=0)


def _changed(table: TableBaseline) -> set[int]:
    return changed(table.before, table.after)


def finding_of(subject: str, outcome: Outcome, expected: str, observed: str, detail: str = "") -> Finding:
    return Finding(
        check=CHECK,
        level="L4",
        outcome=outcome,
        subject=subject,
        expected=expected,
        observed=observed,
        detail=detail,
    )


def _summed(digests: Sequence[int]) -> Chunk:
    return Chunk(count=len(digests), digest=sum(digests) % _WHOLE)


def _rows(side: Mapping[tuple[int, int], int], same: set[tuple[int, int]]) -> tuple[HotRow, ...]:
    return tuple(
        HotRow(block=block, offset=offset, digest=digest)
        for (block, offset), digest in sorted(side.items())
        if (block, offset) not in same
    )


def _blocks_of(chunk: int) -> range:
    return range(chunk * BLOCKS, (chunk + 1) * BLOCKS)


def _told(ranges: Sequence[range], shown: int = 8) -> str:
    some = sorted(ranges, key=lambda blocks: blocks.start)
    texts = [f"{blocks.start}-{blocks.stop - 1}" if len(blocks) > 1 else str(blocks.start) for blocks in some]
    return f"blocks {', '.join(texts[:shown])}" + (f" and {len(texts) - shown} more" if len(texts) > shown else "")
