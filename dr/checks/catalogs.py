"""What the catalogs say of one another, as questions: how many rows, how many lead nowhere, and by which column.

Not a check: `readable` asks these. PostgreSQL declares no foreign keys on its catalogs, but from version 14 on it lists
them (`pg_get_catalog_foreign_keys`); its own regression tests follow the same list.
"""

from collections.abc import Sequence

from psycopg import sql

from dr.checks.survey import Piece
from dr.postgres import Session
from dr.telling import telling

_FOREIGN_KEYS = """
select p.pktable, f.pkcols, f.fktable::text, f.fkcols, f.is_array, f.is_opt from pg_get_catalog_foreign_keys() f,
       lateral (select case f.pktable when 'pg_authid'::regclass then 'pg_roles' else f.pktable::text end) p (pktable)
 where has_table_privilege(f.fktable, 'select') and has_table_privilege(p.pktable, 'select') order by 1, 2, 3, 4
"""
# A catalog that rows of pg_depend speak of, and that this role may read.
_DEPENDED = """
select distinct d.classid::regclass::text, d.side from (
    select classid, 'obj' as side from pg_depend union select refclassid, 'refobj' from pg_depend) d
  join pg_attribute a on a.attrelid = d.classid and a.attname = 'oid'
 where has_table_privilege(d.classid, 'select') order by 1, 2
"""
_CLASS_OF = {"obj": "classid", "refobj": "refclassid"}
_WHOLE = {
    "attributes": "c.relnatts > 0 and (c.oid, c.relnatts::int8)"
    " not in (select attrelid, count(*) from pg_attribute where attnum > 0 group by 1)",
    "index": "c.relkind in ('i', 'I') and c.oid not in (select indexrelid from pg_index)",
    "sequence": "c.relkind = 'S' and c.oid not in (select seqrelid from pg_sequence)",
    "rule": "c.relkind in ('v', 'm') and c.oid not in (select ev_class from pg_rewrite)",
    "checks": "c.relchecks > 0 and (c.oid, c.relchecks::int8)"
    " not in (select conrelid, count(*) from pg_constraint where contype = 'c' group by 1)",
    "defaults": "c.oid in (select attrelid from pg_attribute"
    " where atthasdef and (attrelid, attnum) not in (select adrelid, adnum from pg_attrdef))",
}
"""What a relation's own row says that there must be elsewhere."""

# kind: catalog, object id, name, definition, and which of them have one.
_DEFINED = {
    "function": ("pg_proc", "oid", "proname", "pg_get_functiondef(oid)", "prokind <> 'a'"),
    "aggregate": ("pg_proc", "oid", "proname", "pg_get_function_arguments(oid)", "prokind = 'a'"),
    "view": ("pg_class", "oid", "relname", "pg_get_viewdef(oid)", "relkind in ('v', 'm')"),
    "rule": ("pg_rewrite", "oid", "rulename", "pg_get_ruledef(oid)", "rulename <> '_RETURN'"),
    "constraint": ("pg_constraint", "oid", "conname", "pg_get_constraintdef(oid)", "true"),
    "index": ("pg_index", "indexrelid", "indexrelid", "pg_get_indexdef(indexrelid)", "true"),
    "trigger": ("pg_trigger", "oid", "tgname", "pg_get_triggerdef(oid)", "true"),
    "default": ("pg_attrdef", "oid", "oid", "pg_get_expr(adbin, adrelid)", "true"),
    "partition key": ("pg_partitioned_table", "partrelid", "partrelid", "pg_get_partkeydef(partrelid)", "true"),
    "partition bound": (
        "pg_class",
        "oid",
        "relname",
        "pg_get_expr(relpartbound, oid)",
        "relispartition and relkind in ('r', 'p', 'f')",
    ),
    "statistics": ("pg_statistic_ext", "oid", "stxname", "pg_get_statisticsobjdef(oid)", "true"),
    "policy": (
        "pg_policy",
        "oid",
        "polname",
        "coalesce(pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid), '')",
        "true",
    ),
    "default of a type": ("pg_type", "oid", "typname", "pg_get_expr(typdefaultbin, 0)", "typdefaultbin is not null"),
    "column": (
        "pg_attribute",
        "attrelid",
        "attname",
        "nullif(format_type(atttypid, atttypmod), '???')",
        "not attisdropped",
    ),
}


def references(session: Session) -> list[Piece]:
    """One question for each catalog that others refer to, for each that `pg_depend` speaks of, and for `pg_class`."""
    with telling(f"listing the catalogs of {session.info.dbname}"):
        keys = session.execute(_FOREIGN_KEYS).fetchall()
        depended = session.execute(_DEPENDED).fetchall()
    referring: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for target, columns, *reference in keys:
        referring.setdefault((target, tuple(columns)), []).append(_referring(*reference))
    for target, side in depended:
        kind = f"{_CLASS_OF[side]} = '{target}'::regclass"
        rows = f"select 'pg_depend.{side}id', {side}id, null::int2 from pg_depend where {kind}"
        referring.setdefault((target, ("oid",)), []).append(rows)
    pieces = [_followed(target, columns, rows) for (target, columns), rows in referring.items()]
    return [*pieces, _question("pg_catalog.pg_class (what belongs to it)", "pg_class c", list(_WHOLE.items()))]


def definitions(first: int) -> list[Piece]:
    """One question for each kind of object: the definitions of all that have an id from `first` on."""
    return [
        _question(f"definition of a {kind}", f"{table} where {oid} >= {first} and {which}", [(kind, f"{text} is null")])
        for kind, (table, oid, _, text, which) in _DEFINED.items()
    ]


def each_definition(session: Session, kind: Piece, first: int) -> list[Piece]:
    """The same question for each object of one kind."""
    (word,) = [word for word in _DEFINED if kind.subject == f"definition of a {word}"]
    table, oid, name, text, which = _DEFINED[word]
    listed = f"select distinct {oid}::int8, {name}::text from {table} where {oid} >= {first} and {which} order by 1"
    with telling(f"listing every {word} of {session.info.dbname}"):
        rows = session.execute(listed.encode()).fetchall()
    return [
        _question(
            f"{kind.subject}: {label} ({number})",
            f"{table} where {oid} = {number} and {which}",
            [(word, f"{text} is null")],
        )
        for number, label in rows
    ]


def _referring(table: str, columns: Sequence[str], is_array: bool, is_optional: bool) -> str:
    """What one reference refers to, row by row. Zero stands for nothing where the reference is optional."""
    values = [f"f.{column}" for column in columns]
    rows = f"{table} f"
    if is_array:
        rows += f" cross join lateral unnest({values[-1]}) k (v)"
        values[-1] = "k.v"
    there = " and ".join(f"{value} {'<> 0' if is_optional else 'is not null'}" for value in values)
    second = f"{values[1]}::int2" if len(values) > 1 else "null::int2"
    return f"select '{table}.{columns[-1]}', {values[0]}::oid, {second} from {rows} where {there}"


def _followed(target: str, columns: Sequence[str], rows: Sequence[str]) -> Piece:
    """All that refers to one catalog: one pass over that catalog is enough for it."""
    same = " and ".join(f"p.{column} = f.{place}" for column, place in zip(columns, ("a", "b"), strict=False))
    query = (
        f"select count(*), count(*) filter (where p.{columns[0]} is null),"
        f" string_agg(distinct f.which, '; ') filter (where p.{columns[0]} is null)"
        f" from ({' union all '.join(rows)}) f (which, a, b) left join {target} p on {same}"
    )
    return Piece(f"pg_catalog.{target} (what refers to it)", query=query)


def _question(subject: str, rows: str, conditions: Sequence[tuple[str, str]]) -> Piece:
    """Names of columns and conditions are PostgreSQL's own or stand in this file: nothing in them needs quoting."""
    counts = [f"count(*) filter (where {condition})" for _, condition in conditions]
    named = [
        f"case when {count} > 0 then {sql.Literal(name).as_string()} end"
        for (name, _), count in zip(conditions, counts, strict=True)
    ]
    query = f"select count(*), {' + '.join(counts)}, concat_ws('; ', {', '.join(named)}) from {rows}"
    return Piece(subject, query=query)
