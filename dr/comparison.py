"""Compare the content of a restore with a baseline. Pure: what was observed goes in, findings come out.

Comparing goes in two passes. `second_look` names the chunks whose rows must be read from the restore: those that
changed inside the bracket, and those that differ although they should not. `compare_content` then decides with the rows
in hand.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from dr.table_comparison import NOTHING, Judgement, cold, finding_of, least_rows
from dr.verification import (
    Coverage,
    DatabaseBaseline,
    Finding,
    InstanceBaseline,
    ObservedDatabase,
    SeenRow,
    TableBaseline,
)
from dr.visibility import Bracket

SUSPECTS = 64
"""Chunks of one table that differ and are looked at row by row. Where more differ, no transaction explains it."""


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
                for chunk, (expected, found) in cold(table, observed.tables[key]).items()
                if expected != found and (expected or NOTHING) != (found or NOTHING)
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
        judged = Judgement(bracket, bool(in_doubt))
        judged.compare(table, seen, rows.get(key, {}))
        findings.append(judged.finding(subject, table, seen))
        parts.append(
            Coverage(
                tables_expected=1,
                tables_compared=1,
                rows=(rows_of_it := max(seen.rows, least_rows(table))),
                bytes=seen.bytes,
                exact_fraction=judged.exact / rows_of_it if rows_of_it else None,
            )
        )
    extra = (observed.tables.keys() | observed.damaged.keys() | observed.unread.keys()) - baseline.tables.keys()
    findings += [
        finding_of(f"{baseline.name}.{key}", "failed", "no such table", "a table that the source did not have")
        for key in sorted(extra - baseline.excluded.keys())
    ]
    findings += [
        finding_of(f"{baseline.name}.{key}", "not_available", "", "", reason)
        for key, reason in sorted(baseline.excluded.items())
    ]
    return findings, total(parts)


def database_finding(name: str, *, expected: bool) -> Finding:
    """A whole database that is missing, or too many."""
    if expected:
        return finding_of(name, "failed", "a database", "missing")
    return finding_of(name, "failed", "no such database", "a database that the source did not have")


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


def _not_there(subject: str, key: str, table: TableBaseline, observed: ObservedDatabase) -> Finding | None:
    """The answer for a table that was not read on one of the two, or None when both were."""
    if table.unread:
        return finding_of(subject, "errored", "", "", f"the baseline has no content of it: {table.unread}")
    if key in observed.damaged:
        return finding_of(subject, "failed", "a table that can be read", "damaged", observed.damaged[key])
    if key in observed.unread:
        return finding_of(subject, "errored", "a table that can be read", "unread", observed.unread[key])
    if key in observed.tables:
        return None
    if key in observed.excluded:
        return finding_of(subject, "failed", "an ordinary table", observed.excluded[key])
    if table.before is None or table.after is None:
        return finding_of(subject, "passed", "a table that came or went inside the bracket", "not there")
    return finding_of(subject, "failed", f"{table.after.rows} rows", "the table is missing")
