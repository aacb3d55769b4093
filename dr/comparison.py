"""Compare the content of a restore with a baseline. Pure: what was observed goes in, findings come out.

A chunk that is equal on both sides of the bracket must be bit-equal in the restore. A chunk that changed inside the
bracket is judged row by row: what stands on both sides must be there exactly, and whatever else is there must be a row
of one of the sides, or one that a transaction inside the bracket wrote and another replaced before it closed.

Comparing goes in two passes. `second_look` names the chunks whose rows must be read from the restore: those that
changed inside the bracket, and those that differ although they should not. `compare_content` then decides with the rows
in hand.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dr.verification import (
    Chunk,
    Coverage,
    DatabaseBaseline,
    Finding,
    HotChunk,
    HotRow,
    InstanceBaseline,
    ObservedDatabase,
    Outcome,
    SeenRow,
    TableBaseline,
    TableSide,
)
from dr.visibility import Bracket

CHECK = "content"
BLOCKS = 128
"""Blocks of the heap per chunk: one megabyte."""
MANY = 8
"""Changed rows from which on losing half of them is no accident of the moment."""
SUSPECTS = 64
"""Chunks of one table that differ and are looked at row by row. Where more differ, no transaction explains it."""
_NOTHING = Chunk(count=0, digest=0)
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


def whole(baseline: InstanceBaseline) -> str:
    """What is missing from a baseline that was cut on its way; empty when it is whole."""
    if not any(database.tables for database in baseline.databases.values()):
        return "the baseline holds no table"
    for name, count in baseline.held.items():
        there = len(baseline.databases[name].tables) if name in baseline.databases else 0
        if there != count:
            return f"the baseline holds {there} of the {count} tables of database {name}"
    for name, database in baseline.databases.items():
        if name not in baseline.held:
            return f"the baseline does not say how many tables database {name} has"
        for key, table in database.tables.items():
            for side in (table.before, table.after):
                if side is not None and sum(chunk.count for chunk in side.chunks.values()) != side.rows:
                    return f"the baseline of {name}.{key} has lost chunks"
    return ""


def second_look(baseline: DatabaseBaseline, observed: ObservedDatabase) -> dict[str, list[int]]:
    """table -> the chunks whose rows have to be read from the restore before anything can be said."""
    wanted: dict[str, list[int]] = {}
    for key, table in baseline.tables.items():
        if key in observed.tables and not table.unread:
            suspects = [
                chunk
                for chunk, (expected, found) in _cold(table, observed.tables[key]).items()
                if expected != found and (expected or _NOTHING) != (found or _NOTHING)
            ]
            if some := sorted(table.hot.keys() | set(suspects[:SUSPECTS])):
                wanted[key] = some
    return wanted


def compare_content(
    baseline: DatabaseBaseline,
    observed: ObservedDatabase,
    rows: Mapping[str, Mapping[int, Sequence[SeenRow]]],
    *,
    begun_at: str = "",
    in_doubt: Collection[int] = (),
) -> tuple[list[Finding], Coverage]:
    """One finding for every table of the source and every table too many, and how much was compared.

    `rows` are the rows of the chunks that `second_look` asked for. `in_doubt` are transactions that may have been
    committing at the instant: while there are any, a row that is missing cannot be called lost.
    """
    bracket = Bracket(baseline.visible_before, begun_at, observed.horizon)
    findings: list[Finding] = []
    parts: list[Coverage] = []
    for key in sorted(baseline.tables):
        subject = f"{baseline.name}.{key}"
        table = baseline.tables[key]
        if (finding := _not_there(subject, key, table, observed)) is not None:
            findings.append(finding)
            parts.append(Coverage(tables_expected=1, tables_compared=int(finding.outcome == "passed")))
            continue
        seen = observed.tables[key]
        judged = _Table(bracket, bool(in_doubt))
        judged.compare(table, seen, rows.get(key, {}))
        findings.append(judged.finding(subject, table, seen))
        parts.append(
            Coverage(
                tables_expected=1,
                tables_compared=1,
                rows=(rows_of_it := max(seen.rows, _least_rows(table))),
                bytes=seen.bytes,
                exact_fraction=judged.exact / rows_of_it if rows_of_it else None,
            )
        )
    extra = (observed.tables.keys() | observed.damaged.keys() | observed.unread.keys()) - baseline.tables.keys()
    findings += [
        _finding(f"{baseline.name}.{key}", "failed", "no such table", "a table that the source did not have")
        for key in sorted(extra - baseline.excluded.keys())
    ]
    findings += [
        _finding(f"{baseline.name}.{key}", "not_available", "", "", reason)
        for key, reason in sorted(baseline.excluded.items())
    ]
    return findings, total(parts)


def database_finding(name: str, *, expected: bool) -> Finding:
    """A whole database that is missing, or too many."""
    if expected:
        return _finding(name, "failed", "a database", "missing")
    return _finding(name, "failed", "no such database", "a database that the source did not have")


def total(parts: Iterable[Coverage]) -> Coverage:
    """All parts together; the exact fraction is weighted by rows."""
    some = list(parts)
    rows = sum(part.rows for part in some)
    exact = sum((part.exact_fraction or 0.0) * part.rows for part in some)
    compared = sum(part.tables_compared for part in some)
    return Coverage(
        tables_expected=sum(part.tables_expected for part in some),
        tables_compared=compared,
        rows=rows,
        bytes=sum(part.bytes for part in some),
        exact_fraction=exact / rows if rows else (1.0 if compared else None),
    )


@dataclass
class _Table:
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
        for chunk, (expected, found) in _cold(table, seen).items():
            if (expected or _NOTHING) == (found or _NOTHING):
                self.exact += found.count if found else 0
            elif chunk in rows:
                self._judge(_blocks_of(chunk), expected or _NOTHING, rows[chunk])
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
            self._judge(range(block, block + 1), hot.same.get(block, _NOTHING), some)

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
        return _finding(
            subject, outcome, f"{' to '.join(map(str, counts))} rows", f"{seen.rows} rows", "; ".join(details)
        )

    def _thin(self, seen: TableSide) -> bool:
        """Whether so much of what changed inside the bracket is missing that nobody can call it a moment of it.

        An update leaves one row on each side, and one at every moment in between. Deleting and inserting may dip
        below both sides for a moment, so single rows prove nothing; half of them, or a table that is empty, ask.
        """
        least = min(self.changed_before, self.changed_after)
        return least > 0 and (seen.rows == 0 or (least >= MANY and 2 * self.tolerated < least))


def _cold(table: TableBaseline, seen: TableSide) -> dict[int, tuple[Chunk | None, Chunk | None]]:
    """chunk -> what it must be and what it is, for every chunk that did not change inside the bracket."""
    before = table.before.chunks if table.before else {}
    hot = _changed(table) | table.hot.keys()
    return {
        chunk: (before.get(chunk), seen.chunks.get(chunk))
        for chunk in sorted(before.keys() | seen.chunks.keys())
        if chunk not in hot
    }


def _least_rows(table: TableBaseline) -> int:
    """What must not count as fully proven just because the restore has fewer rows."""
    return min((side.rows for side in (table.before, table.after) if side is not None), default=0)


def _changed(table: TableBaseline) -> set[int]:
    return changed(table.before, table.after)


def _not_there(subject: str, key: str, table: TableBaseline, observed: ObservedDatabase) -> Finding | None:
    """The answer for a table that was not read on one of the two, or None when both were."""
    if table.unread:
        return _finding(subject, "errored", "", "", f"the baseline has no content of it: {table.unread}")
    if key in observed.damaged:
        return _finding(subject, "failed", "a table that can be read", "damaged", observed.damaged[key])
    if key in observed.unread:
        return _finding(subject, "errored", "a table that can be read", "unread", observed.unread[key])
    if key in observed.tables:
        return None
    if key in observed.excluded:
        return _finding(subject, "failed", "an ordinary table", observed.excluded[key])
    if table.before is None or table.after is None:
        return _finding(subject, "passed", "a table that came or went inside the bracket", "not there")
    return _finding(subject, "failed", f"{table.after.rows} rows", "the table is missing")


def _finding(subject: str, outcome: Outcome, expected: str, observed: str, detail: str = "") -> Finding:
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
