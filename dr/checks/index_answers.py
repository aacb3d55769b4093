"""Does an index find the rows that stand in its table? (L3)

amcheck compares B-trees with their heap. For GIN before PostgreSQL 18, and for GiST, SP-GiST, BRIN, hash and whatever
extensions bring, nothing does: a flipped GIN page passes every tool. So such an index is asked for rows that are known.

The method, for any kind of index: rows are drawn from the heap (by a seeded sample of its blocks; all of them where the
table is small), and each one's own values are looked up by operators of the index's own operator classes, sequential
scans being switched off. `=` is one that nearly every row satisfies with itself, `@>`, `&&` or `~=` are others, a
document matches the query of all its lexemes; that the row really does is asked of the heap first, not assumed. The
index must find that very row, and no row that does not satisfy the operator. The plan must say that it was this index
that was used: where the planner prefers another, that one is dropped for the time of the question, in a transaction
that is rolled back. What cannot be asked in this way is `not_available`, by name, with the reason.

It proves what was looked up, not every page of the index. No value leaves the server: sample, look-up and comparison
are one statement, which answers with counts. Where the server offers no amcheck, B-trees are asked as well.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from dr.checks.chunks import BLOCK
from dr.checks.survey import Piece, Survey, Visit
from dr.postgres import Login, Session
from dr.verification import Finding

CHECK = "index_answers"
LOOKED_UP = 2000
"""Rows of one table, at the most."""
SAMPLED = 400
"""Blocks that they are drawn from, about."""
EFFORT = 5_000_000.0
"""What all look-ups in one index may cost, in the planner's units. A dear one is asked for fewer rows."""
OPERATORS = ("=", "~=", "@>", "<@", "&&", "@@", "~~", "%")
"""Operators that rows mostly satisfy with themselves, the narrowest first."""
RIVALS = 8
"""Other indexes that are dropped, at the most, until the planner takes the one that is asked."""

_INDEXES = """
select i.indexrelid, format('%%I.%%I', n.nspname, c.relname), c.relname, pg_relation_size(t.oid), m.amname,
       tn.nspname, t.relname, pg_get_expr(i.indpred, i.indrelid), k.terms, k.operators
  from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
  join pg_am m on m.oid = c.relam join pg_class t on t.oid = i.indrelid join pg_namespace tn on tn.oid = t.relnamespace
 cross join lateral (
    select array_agg(format('(%%s)%%s', pg_get_indexdef(i.indexrelid, p.n::int, false),
                            (select format(' collate %%I.%%I', ln.nspname, l.collname) from pg_collation l
                               join pg_namespace ln on ln.oid = l.collnamespace where l.oid = i.indcollation[p.n - 1]))
                     order by p.n) as terms,
           array_agg((select format('%%I.%%s', sn.nspname, o.oprname) from pg_opclass oc
                        join pg_amop a on a.amopfamily = oc.opcfamily and a.amopmethod = m.oid
                        join pg_operator o on o.oid = a.amopopr join pg_namespace sn on sn.oid = o.oprnamespace
                       where oc.oid = i.indclass[p.n - 1] and a.amoppurpose = 's' and o.oprresult = 'bool'::regtype
                         and a.amoplefttype = oc.opcintype and o.oprname = any(%(operators)s)
                         and (a.amoprighttype = a.amoplefttype and o.oprname <> '@@'
                              or o.oprname = '@@' and a.amoplefttype = 'tsvector'::regtype)
                       order by array_position(%(operators)s, o.oprname::text) limit 1) order by p.n) as operators
      from generate_series(1, i.indnkeyatts) p (n)) k
 where c.relkind = 'i' and c.relpersistence = 'p' and i.indisvalid and i.indisready and t.relkind in ('r', 'm')
   and t.relispopulated and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
   and (m.amname <> 'btree' or not exists (select from pg_available_extensions where name = 'amcheck'))
 order by 2
"""
_EVERY_INDEX = "select count(*) from pg_index"
_OWN_QUERY = (
    "array_to_string(array(select '''' || replace(replace(w, '\\', '\\\\'), '''', '''''') || ''''"
    " from unnest(tsvector_to_array({})) w), ' & ')::pg_catalog.tsquery"
)
"""What a document is found by: all its lexemes, quoted as a tsquery quotes them."""


@dataclass(frozen=True)
class Asked:
    """One index, and how to ask it."""

    schema: str
    name: str
    table: sql.Composable
    blocks: int
    where: str
    """Its predicate, if it covers a part of the table only."""
    keys: tuple[tuple[str, str], ...]
    """An expression over the row, and an operator, for each of its columns that has one."""

    def query(self, rows: int, seed: int) -> sql.Composed:
        """Looked up, not found, strangers, and the first block of a row that was not found."""
        names = [f"firedrill_{n}" for n in range(len(self.keys))]
        values = [
            sql.SQL(_OWN_QUERY if operator.endswith(".@@") else "{}").format(sql.SQL(term))
            for term, operator in self.keys
        ]
        own = [_holds(term, operator, value) for (term, operator), value in zip(self.keys, values, strict=True)]
        same = [_holds(*key, sql.SQL(f"firedrill_row.{one}")) for key, one in zip(self.keys, names, strict=True)]
        covered = [sql.SQL(self.where)] if self.where else []
        both = sql.SQL(" and ")
        return sql.SQL(
            "select count(*), count(*) filter (where not l.found), coalesce(sum(l.strangers), 0),"
            " min((firedrill_row.place::text::point)[0]) filter (where not l.found)"
            " from (select ctid as place, {values} from only {table}"
            " tablesample system ({percent}) repeatable ({seed}) where {own}"
            " order by hashtidextended(ctid, {seed}) limit {rows}) firedrill_row"
            " cross join lateral (select coalesce(bool_or(place = firedrill_row.place), false) as found,"
            " count(*) filter (where same is not true) as strangers"
            " from (select ctid as place, {same} as same from only {table} where {asked}) x) l"
        ).format(
            values=sql.SQL(", ").join(
                sql.SQL("{} as {}").format(value, sql.Identifier(name))
                for value, name in zip(values, names, strict=True)
            ),
            table=self.table,
            percent=sql.Literal(min(100.0, 100.0 * SAMPLED / max(1, self.blocks))),
            seed=sql.Literal(seed),
            own=both.join([*covered, *own]),
            rows=sql.Literal(rows),
            same=both.join(same),
            asked=both.join([*covered, *same]),
        )


def _holds(term: str, operator: str, value: sql.Composable) -> sql.Composed:
    """Terms, operators and predicates are the server's own spelling of them, quoted where they must be."""
    return sql.SQL("{} operator({}) {}").format(sql.SQL(term), sql.SQL(operator), value)


def check(
    login_for: Callable[[str], Login],
    *,
    first: str,
    seed: int,
    workers: int = 2,
    pause: Callable[[], None] = lambda: None,
) -> list[Finding]:
    """Every database of a restored instance, one finding each and one for every index that answers wrongly.

    `seed` decides which rows are drawn. Raises Unable where the instance as a whole cannot be asked.
    """
    # Functions in an index's expressions run with the search path that the database gives them.
    survey = Survey(CHECK, "L3", login_for, first, workers, pause, readonly=False, search_path=None, prepare=_prepare)
    return survey.databases(partial(_database, seed % 2**31))


def _prepare(session: Session) -> None:
    session.autocommit = False
    # As everywhere else, what a look does is rolled back: the settings, and the rivals that were dropped.
    session.execute("set local enable_seqscan = off")
    session.execute("set local enable_memoize = off")


def _database(seed: int, visit: Visit) -> list[Finding]:
    rows = visit.session.execute(_INDEXES, {"operators": list(OPERATORS)}).fetchall()
    every = visit.session.execute(_EVERY_INDEX).fetchone()
    pieces: list[Piece] = []
    ways: dict[int, Asked] = {}
    found: list[Finding] = []
    for oid, subject, name, size, access, schema, table, where, terms, operators in rows:
        keys = tuple((term, operator) for term, operator in zip(terms, operators, strict=True) if operator)
        if keys:
            pieces.append(Piece(subject, oid, size, access))
            ways[oid] = Asked(schema, name, sql.Identifier(schema, table), size // BLOCK, where or "", keys)
        else:
            reason = f"{access}: its operator class has no operator that a row satisfies with itself"
            found.append(visit.finding("not_available", subject, detail=reason))
    looked_up: dict[int, int] = {}
    found += visit.each(pieces, partial(_look, visit, ways, seed, looked_up))
    if not every or not every[0]:
        return [visit.finding("errored", detail="the catalog has no index at all: nothing was checked"), *found]
    told = f"{len(looked_up)} of {every[0]} indexes asked, for {sum(looked_up.values())} rows"
    others = "" if rows else "all are of kinds that `structure` compares with their tables"
    return [visit.summary(found, "every index finds its rows", told, others or f"rows drawn by seed {seed}"), *found]


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
