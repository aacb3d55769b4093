"""How a row is hashed inside the server, so that source and restore are seen with the same eyes.

A row's hash is `hash_record_extended` where the types have a hash function, and a hash of the column's text where they
have none (json, point, xml). It is seeded by the row's place. It is a hash of *equality*: 1.0 and 1.00, and 0.0 and
-0.0, are one and the same to it. Types whose equality is looser than people mean (`interval`: a month equals thirty
days; `citext`; collations that ignore case) are hashed as text. Such hashes are not promised to be the same in another
major version: baseline and restore must be of one, or both be hashed in the *canonical* way, by the text of every
column.
"""

from collections.abc import Sequence

import psycopg
from psycopg import sql

from dr.hashing import Hashing
from dr.postgres import Session
from dr.telling import telling

_TYPES = """
with recursive used as (
    select distinct a.atttypid as oid from pg_attribute a join pg_class c on c.oid = a.attrelid
      join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'm') and a.attnum > 0 and not a.attisdropped
       and (n.nspname !~ '^pg_' and n.nspname <> 'information_schema' or c.oid = 'pg_largeobject'::regclass)),
 bases as (
    select oid, oid as base from used
    union all
    select b.oid, t.typbasetype from bases b join pg_type t on t.oid = b.base where t.typtype = 'd')
select b.oid, format_type(t.oid, null), t.typname in ('interval', 'citext', '_interval', '_citext')
  from bases b join pg_type t on t.oid = b.base where t.typtype <> 'd'
"""


def hashable(session: Session) -> dict[int, bool]:
    """Every type that some column has, and whether rows of it can be hashed as they are.

    The server is asked for a row of one null each: it looks the hash function up before it looks at the value, and
    knows best about arrays, ranges and composites. Of a domain its base is asked: a null cast to the domain itself
    would be refused by one that takes none, and would call the functions that somebody checks it with. Needs a session
    outside of any transaction.
    """
    with telling(f"listing the types of {session.info.dbname}"):
        types = session.execute(_TYPES).fetchall()
        known: dict[int, bool] = {}
        for oid, name, loose in types:
            try:
                # format_type quotes where needed: it is the server's own spelling of the type.
                probe = sql.SQL("select hash_record_extended(row(null::{}), 0)").format(sql.SQL(name))
                session.execute(probe)
                known[oid] = not loose
            except (psycopg.errors.UndefinedFunction, psycopg.errors.FeatureNotSupported):
                known[oid] = False
    return known


def digest(columns: Sequence[tuple[str, bool]], hashing: Hashing) -> sql.Composable:
    """The hash of a row of `t`, seeded by its place: a row that is deleted and written again elsewhere is a change.

    `columns`: the name of each, and whether only its text can be hashed.
    """
    if hashing.tier == "canonical":
        values = [sql.SQL("t.{}").format(sql.Identifier(name)) for name, _ in columns]
        # A record's text tells null from empty, and where one column ends; and it is made by the types' own output
        # functions, never by a cast that somebody made. Of a digest of 128 bits 64 are enough: the sum of a chunk has
        # no more.
        return sql.SQL("('x' || left(md5({} || t.ctid || row({})::text), 16))::bit(64)::bigint").format(
            sql.Literal(f"{hashing.seed} "), sql.SQL(", ").join(values)
        )
    fields = [
        # As a record's text, for the same reasons.
        sql.SQL('row(t.{})::text collate "C"' if text else "t.{}").format(sql.Identifier(name))
        for name, text in columns
    ]
    # Of named columns a row is made without a copy of the whole tuple.
    row = sql.SQL("row({})").format(sql.SQL(", ").join(fields))
    return sql.SQL("hash_record_extended({}, hashtidextended(t.ctid, {}))").format(row, sql.Literal(hashing.seed))
