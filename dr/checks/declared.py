"""What the schema promises of its rows, as questions to the rows: how many, how many break it, and which promise.

Not a check: `constraints` asks these. The server spells every name, expression and operator, so nothing in here has to
be quoted again. What is not validated is nobody's promise, and is left out; so is a condition that a row may have kept
when it was written and need not keep today, see `fickle`.
"""

from collections.abc import Iterator, Sequence
from typing import LiteralString

from dr.checks.survey import Piece
from dr.postgres import Session

SAMPLED = 400
"""Blocks whose rows are held against an exclusion constraint; the whole table where it has fewer."""

_OWN = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"

# Whether more than the row decides: the clock, the session, its settings, chance. PostgreSQL asks this of an index's
# expressions (contain_mutable_functions in optimizer/util/clauses.c) and lets nobody ask it of a constraint's, so the
# stored tree is read: the functions and operators it calls, and the types it takes through their text. Constants stand
# in it as bytes, so nothing that people wrote can look like a node. `pg_depend` does not know the built-in functions.
_FICKLE: LiteralString = r"""
   (c.conbin::text ~ '[{](SQLVALUEFUNCTION|NEXTVALUEEXPR|COERCETODOMAIN|XMLEXPR|JSON[A-Z]*EXPR) '
    or exists (select from regexp_matches(c.conbin::text, ':(?:op|elem)?funcid (\d+)', 'g') m
                 left join pg_proc v on v.oid = m[1]::oid where v.provolatile is distinct from 'i')
    or exists (select from regexp_matches(c.conbin::text, ':opnos \(o ([\d ]+)\)', 'g') m
                cross join lateral regexp_split_to_table(m[1], ' ') called (oid)
                 left join pg_operator w on w.oid = called.oid::oid left join pg_proc v on v.oid = w.oprcode
                where v.provolatile is distinct from 'i')
    or c.conbin::text ~ '[{]COERCEVIAIO ' and exists (
        select from regexp_matches(c.conbin::text, ':(?:vartype|consttype|\w*resulttype|\w*typeid) (\d+)', 'g') m
          join pg_type y on y.oid = m[1]::oid join pg_proc v on v.oid in (y.typinput, y.typoutput)
         where v.provolatile <> 'i'))
"""
_LEFT_OUT: LiteralString = f"""
select format('%I of %I.%I', c.conname, n.nspname, coalesce(t.relname, d.typname))
  from pg_constraint c join pg_namespace n on n.oid = c.connamespace left join pg_class t on t.oid = c.conrelid
  left join pg_type d on d.oid = c.contypid
 where c.contype = 'c' and c.convalidated and c.conparentid = 0 and coalesce(t.relpersistence, 'p') = 'p'
   and {_OWN} and {_FICKLE} order by 1
"""
_FOREIGN: LiteralString = f"""
select format('%I.%I (%I)', n.nspname, f.relname, c.conname), c.oid::int8, pg_table_size(f.oid) + pg_table_size(p.oid),
       format('%s%I.%I', case f.relkind when 'p' then '' else 'only ' end, n.nspname, f.relname),
       format('%s%I.%I', case p.relkind when 'p' then '' else 'only ' end, pn.nspname, p.relname), c.confmatchtype,
       k.columns, k.same, coalesce(to_jsonb(c) ->> 'conperiod', 'false')::boolean
  from pg_constraint c join pg_class f on f.oid = c.conrelid join pg_namespace n on n.oid = f.relnamespace
  join pg_class p on p.oid = c.confrelid join pg_namespace pn on pn.oid = p.relnamespace
 cross join lateral (
    select array_agg(format('f.%I', fa.attname) order by x.i) as columns,
           array_agg(format('p.%I operator(%I.%s) f.%I%s', pa.attname, o.nspname, o.oprname, fa.attname,
                            case when fa.attcollation <> pa.attcollation then (
                                select format(' collate %I.%I', ln.nspname, l.collname) from pg_collation l
                                  join pg_namespace ln on ln.oid = l.collnamespace where l.oid = pa.attcollation) end)
                     order by x.i) as same
      from unnest(c.conkey, c.confkey, c.conpfeqop) with ordinality x (f, p, op, i)
      join pg_attribute fa on fa.attrelid = c.conrelid and fa.attnum = x.f
      join pg_attribute pa on pa.attrelid = c.confrelid and pa.attnum = x.p
      join (select r.oid, r.oprname, s.nspname from pg_operator r join pg_namespace s on s.oid = r.oprnamespace) o
        on o.oid = x.op) k
 where c.contype = 'f' and c.convalidated and c.conparentid = 0 and f.relpersistence = 'p' and {_OWN}
"""
# Of one table: the names of its promises, and when a row breaks each.
_ROWS: LiteralString = f"""
select format('%I.%I', n.nspname, t.relname), t.oid::int8, pg_table_size(t.oid), array_agg(b.name order by b.name),
       array_agg(b.broken order by b.name)
  from pg_class t join pg_namespace n on n.oid = t.relnamespace
 cross join lateral (
    select format('not null %I', a.attname), format('num_nulls(%I) > 0', a.attname) from pg_attribute a
     where a.attrelid = t.oid and a.attnum > 0 and a.attnotnull and not a.attisdropped
       and not exists (select from pg_constraint u where u.conrelid = t.oid and u.contype = 'n' and not u.convalidated
                          and u.conkey[1] = a.attnum)
    union all
    select format('check %I', c.conname), format('(%s) is false', pg_get_expr(c.conbin, c.conrelid))
      from pg_constraint c where c.conrelid = t.oid and c.contype = 'c' and c.convalidated
       and not {_FICKLE}) b (name, broken)
 where t.relkind = 'r' and t.relpersistence = 'p' and {_OWN} group by 1, 2, 3
"""
# A column of a domain, and what lies under it: the conversion from there asks all that the domain demands.
_DOMAINS: LiteralString = f"""
with recursive domain (oid, under, modifier, sure) as (
    select d.oid, d.typbasetype, d.typtypmod, d.sure from demanding d
    union all
    select b.oid, d.typbasetype, d.typtypmod, b.sure and d.sure from domain b join demanding d on d.oid = b.under),
demanding as (
    select d.*, not exists (select from pg_constraint c where c.contypid = d.oid
                               and (not c.convalidated or c.contype = 'c' and {_FICKLE})) as sure
      from pg_type d where d.typtype = 'd')
select format('%I.%I (%I as %I.%I)', n.nspname, t.relname, a.attname, dn.nspname, dt.typname), t.oid::int8,
       pg_table_size(t.oid), format('only %I.%I', n.nspname, t.relname), format('%I', a.attname),
       format_type(d.under, d.modifier), format_type(a.atttypid, a.atttypmod)
  from pg_attribute a join pg_class t on t.oid = a.attrelid join pg_namespace n on n.oid = t.relnamespace
  join domain d on d.oid = a.atttypid and d.sure join pg_type u on u.oid = d.under and u.typtype <> 'd'
  join pg_type dt on dt.oid = a.atttypid join pg_namespace dn on dn.oid = dt.typnamespace
 where t.relkind = 'r' and t.relpersistence = 'p' and a.attnum > 0 and not a.attisdropped and {_OWN}
"""
_TERMS: LiteralString = """
    select array_agg(format('(%s)%s', pg_get_indexdef(i.indexrelid, p.n::int, false),
                            (select format(' collate %I.%I', ln.nspname, l.collname) from pg_collation l
                               join pg_namespace ln on ln.oid = l.collnamespace where l.oid = i.indcollation[p.n - 1]))
                     order by p.n) as terms,
           bool_and(exists (
               select from pg_opclass oc join pg_opclass d on d.opcintype = oc.opcintype and d.opcdefault
                                                          and d.opcmethod = oc.opcmethod
                 join pg_amop mine on mine.amopfamily = oc.opcfamily and mine.amoplefttype = oc.opcintype
                                  and mine.amoprighttype = oc.opcintype and mine.amopstrategy = 3
                 join pg_amop usual on usual.amopfamily = d.opcfamily and usual.amoplefttype = d.opcintype
                                   and usual.amoprighttype = d.opcintype and usual.amopstrategy = 3
                where oc.oid = i.indclass[p.n - 1] and mine.amopopr = usual.amopopr)) as usual
      from generate_series(1, i.indnkeyatts) p (n)
"""
# Unique indexes whose notion of equality is that of GROUP BY.
_UNIQUE: LiteralString = f"""
select format('%I.%I', n.nspname, x.relname), i.indexrelid::int8, pg_table_size(t.oid),
       format('only %I.%I', n.nspname, t.relname), k.terms, pg_get_expr(i.indpred, i.indrelid),
       coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', 'false')::boolean
  from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam and m.amname = 'btree'
  join pg_class t on t.oid = i.indrelid join pg_namespace n on n.oid = t.relnamespace cross join lateral ({_TERMS}) k
 where i.indisunique and i.indisvalid and t.relkind in ('r', 'm') and t.relispopulated and t.relpersistence = 'p'
   and k.usual and {_OWN}
"""
_EXCLUSIVE: LiteralString = f"""
select format('%I.%I (%I)', n.nspname, t.relname, c.conname), c.oid::int8, pg_table_size(t.oid),
       format('only %I.%I', n.nspname, t.relname), k.terms, pg_get_expr(i.indpred, i.indrelid),
       (select array_agg(format('operator(%I.%s)', s.nspname, o.oprname) order by e.n)
          from unnest(c.conexclop) with ordinality e (op, n) join pg_operator o on o.oid = e.op
          join pg_namespace s on s.oid = o.oprnamespace),
       pg_relation_size(t.oid) / current_setting('block_size')::int
  from pg_constraint c join pg_index i on i.indexrelid = c.conindid join pg_class t on t.oid = c.conrelid
  join pg_namespace n on n.oid = t.relnamespace cross join lateral ({_TERMS}) k
 where c.conexclop is not null and t.relkind = 'r' and t.relpersistence = 'p' and i.indisvalid and {_OWN}
"""


def pieces(session: Session) -> list[Piece]:
    """One question for each foreign key, unique index, exclusion constraint and domain; one for each table's rows."""
    return [*_foreign(session), *_rows(session), *_domains(session), *_unique(session), *_exclusive(session)]


def fickle(session: Session) -> list[str]:
    """Conditions in which more than the row has a say: the clock, the session or its settings. They are not asked."""
    return [str(name) for (name,) in session.execute(_LEFT_OUT).fetchall()]


def each_of(session: Session, table: Piece) -> list[Piece]:
    """The promises about the rows of one table, each on its own."""
    return [
        Piece(f"{label} ({name})", oid, size, query=_broken(label, [name], [one]))
        for label, oid, size, names, broken in session.execute(_ROWS).fetchall()
        if oid == table.oid
        for name, one in zip(names, broken, strict=True)
    ]


def _foreign(session: Session) -> Iterator[Piece]:
    for label, oid, size, rows, target, match, columns, same, period in session.execute(_FOREIGN).fetchall():
        if period:
            continue  # it asks for a whole span to be covered, by several rows together
        given = " and ".join(f"{column} is not null" for column in columns)
        broken = f"{given} and p.ctid is null"
        if match == "f":
            some = " or ".join(f"{column} is not null" for column in columns)
            broken = f"{broken} or ({some}) and not ({given})"
        joined = f"{rows} f left join {target} p on {' and '.join(same)}"
        query = f"select count(*), count(*) filter (where {broken}), '' from {joined}"
        yield Piece(label, oid, size, query=query)


def _rows(session: Session) -> Iterator[Piece]:
    for label, oid, size, names, broken in session.execute(_ROWS).fetchall():
        yield Piece(label, oid, size, kind="rows", query=_broken(label, names, broken))


def _broken(table: str, names: Sequence[str], broken: Sequence[str]) -> str:
    counts = [f"count(*) filter (where {one})" for one in broken]
    named = [f"case when {count} > 0 then {_quoted(name)} end" for name, count in zip(names, counts, strict=True)]
    return f"select count(*), {' + '.join(counts)}, concat_ws('; ', {', '.join(named)}) from only {table}"


def _domains(session: Session) -> Iterator[Piece]:
    for label, oid, size, rows, column, under, domain in session.execute(_DOMAINS).fetchall():
        # A row that breaks it is an error here, and no number.
        query = f"select count(*) + 0 * count(({column}::{under})::{domain}), 0, '' from {rows}"
        yield Piece(label, oid, size, query=query)


def _unique(session: Session) -> Iterator[Piece]:
    for label, oid, size, rows, terms, where, nulls in session.execute(_UNIQUE).fetchall():
        keys = ", ".join(f"{term} as k{n}" for n, term in enumerate(terms))
        names = ", ".join(f"k{n}" for n in range(len(terms)))
        given = "" if nulls else f" where num_nulls({names}) = 0"
        groups = f"select count(*) from (select {keys} from {rows}{_only(where)}) r{given} group by {names}"
        yield Piece(
            label,
            oid,
            size,
            query=f"select coalesce(sum(n), 0), count(*) filter (where n > 1), '' from ({groups}) g (n)",
        )


def _exclusive(session: Session) -> Iterator[Piece]:
    for label, oid, size, rows, terms, where, operators, blocks in session.execute(_EXCLUSIVE).fetchall():
        keys = ", ".join(f"{term} as k{n}" for n, term in enumerate(terms))
        same = " and ".join(f"{term} {op} one.k{n}" for n, (term, op) in enumerate(zip(terms, operators, strict=True)))
        sample = f" tablesample system ({min(100.0, 100.0 * SAMPLED / max(1, blocks))}) repeatable (1)"
        second = f"exists (select from {rows} where {same} and ctid <> one.place{f' and ({where})' if where else ''})"
        query = (
            f"select count(*), count(*) filter (where {second}), ''"
            f" from (select ctid as place, {keys} from {rows}{sample}{_only(where)}) one"
        )
        yield Piece(label, oid, size, query=query)


def _only(where: str | None) -> str:
    """A predicate in a form that no index is recognised by: what stands in the heap is asked for."""
    return f" where case when {where} then true else false end" if where else ""


def _quoted(text: str) -> str:
    return "e'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
