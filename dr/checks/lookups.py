"""How an index is asked for rows that stand in its table: which rows, and by which operators.

Not a check: `index_answers` asks these. The server spells every name, expression and operator; no value leaves it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from dr.checks.chunks import BLOCK
from dr.checks.survey import Piece
from dr.postgres import Session

LOOKED_UP = 2000
"""Rows of one table, at the most."""
SAMPLED = 400
"""Blocks that they are drawn from, about."""
RANGE = 128
"""Blocks that one entry of a BRIN index speaks of, where nobody said otherwise (BRIN_DEFAULT_PAGES_PER_RANGE)."""
OPERATORS = ("=", "~=", "@>", "<@", "&&", "@@", "~~", "%")
"""Operators that rows mostly satisfy with themselves, the narrowest first."""

_INDEXES = """
select i.indexrelid, format('%%I.%%I', n.nspname, c.relname), c.relname, pg_relation_size(t.oid), m.amname,
       tn.nspname, t.relname, pg_get_expr(i.indpred, i.indrelid), k.terms, k.operators,
       case when m.amname = 'brin' and k.ordered then coalesce(
           (select option_value from pg_options_to_table(c.reloptions) where option_name = 'pages_per_range')::int,
           %(range)s) else 0 end, t.oid
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
                       order by array_position(%(operators)s, o.oprname::text) limit 1) order by p.n) as operators,
           bool_and(exists (select from pg_opclass oc join pg_opclass d on d.opcintype = oc.opcintype and d.opcdefault
                              join pg_am b on b.oid = d.opcmethod and b.amname = 'btree'
                             where oc.oid = i.indclass[p.n - 1])) as ordered
      from generate_series(1, i.indnkeyatts) p (n)) k
 where c.relkind = 'i' and c.relpersistence = 'p' and i.indisvalid and i.indisready and t.relkind in ('r', 'm')
   and t.relispopulated and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
   and (m.amname <> 'btree' or %(btrees)s)
 order by 2
"""
_OWN_QUERY = (
    "array_to_string(array(select '''' || replace(replace(w, '\\', '\\\\'), '''', '''''') || ''''"
    " from unnest((tsvector_to_array({}))[:50]) w), ' & ')::pg_catalog.tsquery"
)
"""What a document is found by: its first lexemes, quoted as a tsquery quotes them. Tens of thousands are too many."""


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
    range: int = 0
    """Blocks of which one entry says between which values they hold; nothing where the entries are of single rows."""

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
            " from (with firedrill_drawn as materialized (select ctid as place, {values} from only {table}"
            " tablesample system ({percent}) repeatable ({seed}) where {own})"
            " select place, {names} from {drawn} order by hashtidextended(place, {seed}) limit {rows}) firedrill_row"
            " cross join lateral (select coalesce(bool_or(place = firedrill_row.place), false) as found,"
            " count(*) filter (where same is not true) as strangers"
            " from (select ctid as place, {same} as same from only {table} where {asked}) x) l"
        ).format(
            values=sql.SQL(", ").join(
                sql.SQL("{} as {}").format(value, sql.Identifier(name))
                for value, name in zip(values, names, strict=True)
            ),
            table=self.table,
            names=sql.SQL(", ").join(map(sql.Identifier, names)),
            drawn=self._edges(names) if self.range else sql.Identifier("firedrill_drawn"),
            percent=sql.Literal(min(100.0, 100.0 * max(SAMPLED, LOOKED_UP // 2 * self.range) / max(1, self.blocks))),
            seed=sql.Literal(seed),
            own=both.join([*covered, *own]),
            rows=sql.Literal(rows),
            same=both.join(same),
            asked=both.join([*covered, *same]),
        )

    def _edges(self, names: Sequence[str]) -> sql.Composed:
        """Of what was drawn, the rows with the least and the greatest value of each range of blocks."""
        ends = [
            sql.SQL(
                "(select distinct on (r) * from (select (place::text::point)[0]::bigint / {blocks} as r, *"
                " from firedrill_drawn) x order by r, {name} {way})"
            ).format(blocks=sql.Literal(self.range), name=sql.Identifier(name), way=sql.SQL(way))
            for name in names
            for way in ("asc", "desc")
        ]
        return sql.SQL("(select distinct on (place) * from ({}) y) firedrill_edges").format(
            sql.SQL(" union all ").join(ends)
        )


def indexes(session: Session, *, btrees: bool) -> list[tuple[Piece, Asked]]:
    """Every index of the users' tables, B-trees only where they are wanted; without keys where it cannot be asked."""
    words = {"operators": list(OPERATORS), "range": RANGE, "btrees": btrees}
    found = []
    for oid, subject, name, size, access, schema, table, where, terms, operators, blocks, heap in session.execute(
        _INDEXES, words
    ).fetchall():
        keys = tuple((term, operator) for term, operator in zip(terms, operators, strict=True) if operator)
        asked = Asked(schema, name, sql.Identifier(schema, table), size // BLOCK, where or "", keys, blocks)
        found.append((Piece(subject, oid, size, access, among=heap), asked))
    return found


def _holds(term: str, operator: str, value: sql.Composable) -> sql.Composed:
    """Terms, operators and predicates are the server's own spelling of them, quoted where they must be."""
    return sql.SQL("{} operator({}) {}").format(sql.SQL(term), sql.SQL(operator), value)
