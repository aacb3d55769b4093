"""Does an index find the rows that stand in its table? (L3)

amcheck compares B-trees with their heap. For GIN before PostgreSQL 18, and for GiST, SP-GiST, BRIN, hash and whatever
extensions bring, nothing does: a flipped GIN page passes every tool. So such an index is asked for rows that are known.

The method, for any kind of index: rows are drawn from the heap (by a seeded sample of its blocks; all of them where the
table is small), and each one's own values are looked up by operators of the index's own operator classes, sequential
scans being switched off. `=` is one that nearly every row satisfies with itself, `@>`, `&&` or `~=` are others, a
document matches the query of its first lexemes; that the row really does is asked of the heap first, not assumed. The
index must find that very row, and no row that does not satisfy the operator. The plan must say that it was this index
that was used: where the planner prefers another, that one is dropped for the time of the question, in a transaction
that is rolled back. What cannot be asked in this way is `not_available`, by name, with the reason.

A BRIN index says of each range of blocks which values may stand in it, and loses rows by one range that says too
little. So it is not asked for any rows, but for those at the edges: the least and the greatest value of each range that
was drawn, which is every range of a table of some hundred megabytes. Where both are found, whatever lies between is.

It proves what was looked up, not every page of the index. No value leaves the server: sample, look-up and comparison
are one statement, which answers with counts. Where amcheck cannot be used, B-trees are asked as well.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from dr.checks import extension, lookups
from dr.checks.lookups import LOOKED_UP, Asked
from dr.checks.survey import Piece, Survey, Visit
from dr.errors import Unable
from dr.postgres import Login, Session
from dr.telling import telling
from dr.verification import DatabaseBaseline, Finding, InstanceBaseline

CHECK = "index_answers"
EFFORT = 5_000_000.0
"""What all look-ups in one index may cost, in the planner's units. A dear one is asked for fewer rows."""
AMCHECK = ("bt_index_parent_check", "verify_heapam")
"""What `structure` needs: where the role may not call these, nothing else looks at B-trees."""
RIVALS = 8
"""Other indexes that are dropped, at the most, until the planner takes the one that is asked."""

_EVERY_INDEX = "select count(*) from pg_index"


def check(
    login_for: Callable[[str], Login],
    baseline: InstanceBaseline | None,
    *,
    first: str,
    seed: int,
    workers: int = 2,
    pause: Callable[[], None] = lambda: None,
) -> list[Finding]:
    """Every database of a restored instance, one finding each and one for every index that answers wrongly.

    `seed` decides which rows are drawn. The baseline says whether a source had nothing to ask for either; where nothing
    says so, having asked for nothing is no pass. Raises Unable where the instance as a whole cannot be asked.
    """
    known = baseline.databases if baseline else {}
    # For the functions in an index's expressions.
    survey = Survey(CHECK, "L3", login_for, first, workers, pause, readonly=False, as_users=True, prepare=_prepare)
    return survey.databases(lambda visit: _database(visit, seed % 2**31, known.get(visit.name)))


def _prepare(session: Session) -> None:
    session.autocommit = False
    # As everywhere else, what a look does is rolled back: the settings, and the rivals that were dropped.
    session.execute("set local enable_seqscan = off")
    session.execute("set local enable_memoize = off")


def _database(visit: Visit, seed: int, known: DatabaseBaseline | None) -> list[Finding]:
    asked = lookups.indexes(visit.session, btrees=not _amcheck(visit.session))
    every = visit.session.execute(_EVERY_INDEX).fetchone()
    pieces = [piece for piece, way in asked if way.keys]
    ways = {piece.oid: way for piece, way in asked}
    found = [
        visit.finding("not_available", piece.subject, detail=f"{piece.kind}: no operator finds a row by itself")
        for piece, way in asked
        if not way.keys
    ]
    looked_up: dict[int, int] = {}
    found += visit.each(pieces, partial(_look, visit, ways, seed, looked_up))
    if not every or not every[0]:
        return [visit.finding("errored", detail="the catalog has no index at all: nothing was checked"), *found]
    if not looked_up and all(one.outcome == "not_available" for one in found):
        reason = "none of them can be asked" if found else _why_nothing(len(pieces), known)
        if reason:
            return [visit.finding("not_available", detail=reason), *found]
    told = f"{len(looked_up)} of {every[0]} indexes asked, for {sum(looked_up.values())} rows"
    others = "" if asked else "all are of kinds that `structure` compares with their tables; so they were at the source"
    drawn = others or f"rows drawn by seed {seed}"
    return [visit.summary(found, "every index finds its rows", told, drawn, pieces), *found]


def _amcheck(session: Session) -> bool:
    """Whether `structure` can compare B-trees with their tables: the server offers it, and the role may use it."""
    try:
        extension.borrow(session, "amcheck")
        return {*AMCHECK} <= extension.functions(session, "amcheck").keys()
    except Unable:
        # Not offered, not allowed, or not to be created in a catalog that is damaged: `structure` tells which.
        return False
    finally:
        with telling(f"leaving {session.info.dbname} as it was"):
            session.rollback()
            session.autocommit = True


def _why_nothing(indexes: int, known: DatabaseBaseline | None) -> str:
    """Why that no row was looked up proves nothing; no reason where the source had nothing to look up either."""
    if known is None:
        return f"no row stands under any of {indexes} indexes, and no baseline says that it was so at the source"
    if indexes:
        return f"no row stands under any of {indexes} indexes; the source had rows" if known.has_rows else ""
    others = known.objects(lambda name, text: name.startswith("index ") and " USING btree " not in text)
    return f"nothing but B-trees can be asked; the source had {len(others)} other indexes" if others else ""


def _look(
    visit: Visit, ways: dict[int, Asked], seed: int, looked_up: dict[int, int], session: Session, group: Sequence[Piece]
) -> list[Finding]:
    found: list[Finding] = []
    for one in group:
        asked = ways[one.oid]
        with session.transaction(force_rollback=True):
            rows = _rows(session, asked, seed)
            if isinstance(rows, str):
                found.append(visit.finding("not_available", one.subject, detail=f"{one.kind}: {rows}"))
                continue
            answer = session.execute(asked.query(rows, seed)).fetchone()
        assert answer is not None  # noqa: S101 - an aggregate has one row
        count, missing, strangers, block = answer
        if count:
            looked_up[one.oid] = count
        if missing or strangers:
            observed = f"{missing} of {count} rows not found, {strangers} found that do not match"
            where = f"the first of them stands in block {int(block)}" if missing else ""
            found.append(visit.finding("failed", one.subject, "each row found by its own values", observed, where))
    return found


def _rows(session: Session, asked: Asked, seed: int) -> int | str:
    """For how many rows the index can be asked, once the planner uses it; or why it cannot be asked."""
    for _ in range(RIVALS):
        row = session.execute(sql.SQL("explain (format json) {}").format(asked.query(LOOKED_UP, seed))).fetchone()
        assert row is not None  # noqa: S101 - a plan has one document
        plan = row[0][0]["Plan"]
        used = {node["Index Name"] for node in _nodes(plan) if "Index Name" in node}
        if used == {asked.name}:
            join = next(node for node in _nodes(plan) if node["Node Type"] == "Nested Loop")
            return int(max(1, min(LOOKED_UP, EFFORT / max(1.0, join["Plans"][1]["Total Cost"]))))
        if not used:
            return "the planner does not use it to look up a row's own values"
        rival = min(used - {asked.name})
        if not _put_aside(session, asked, rival):
            return f"the planner uses {rival}, which cannot be put aside"
    return "the planner uses other indexes"


def _put_aside(session: Session, asked: Asked, rival: str) -> bool:
    """Drop another index of the table, or the constraint that it serves. Whatever happens here is rolled back."""
    ways = (
        sql.SQL("drop index {}").format(sql.Identifier(asked.schema, rival)),
        sql.SQL("alter table {} drop constraint {}").format(asked.table, sql.Identifier(rival)),
    )
    for way in ways:
        try:
            with session.transaction():
                session.execute(way)
        except psycopg.Error:
            if session.closed:
                raise
        else:
            return True
    return False


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)
