"""Can everything be read, and does every row of the catalogs lead somewhere? (L3)

Every relation that has storage is read from its first block to its last, the catalogs included, and every value that
could stand outside of its row or be compressed is fetched to its bytes; none of them leaves the server. TOAST is read
through the rows that point to it. Catalogs that are shared by all databases are read once.

A page of a catalog that is all zeros reads cleanly, as no rows. So every reference from catalog to catalog is followed,
those that PostgreSQL itself lists (`pg_get_catalog_foreign_keys`) and those of `pg_depend`; and what a dump of the
schema would ask for, the definition of everything that users made, is asked for.

What only a superuser may read (`pg_authid`, `pg_statistic` …) is named; amcheck looks at its pages, see `structure`.
"""

from collections.abc import Callable, Sequence

from psycopg import sql

from dr.checks import catalogs
from dr.checks.survey import FIRST_OF_USERS, Piece, Survey, Visit
from dr.postgres import Login, Session
from dr.verification import Finding

CHECK = "readable"

_RELATIONS = """
select c.oid, n.nspname, c.relname, format('%I.%I', n.nspname, c.relname), c.relkind, c.relisshared,
       has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select'),
       coalesce(pg_table_size(c.oid), 0),
       (select coalesce(array_agg(a.attname order by a.attnum), '{}') from pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attlen = -1 and a.attstorage <> 'p'),
       (select coalesce(array_agg(a.atttypid::int8 order by a.attnum), '{}') from pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attlen = -1 and a.attstorage <> 'p')
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'm', 'S') and c.relpersistence = 'p' and c.relispopulated order by c.oid
"""
# Comparing fetches both sides to their bytes, and is cheap; of any other type its output function reads all of it.
_TEXTS = (25, 1042, 1043)
_BYTES = 17


def check(
    login_for: Callable[[str], Login],
    *,
    first: str,
    workers: int = 2,
    pause: Callable[[], None] = lambda: None,
) -> list[Finding]:
    """Every database of a restored instance, one finding each and one for everything that cannot be read.

    Raises Unable where the instance as a whole cannot be asked.
    """
    return Survey(CHECK, "L3", login_for, first, workers, pause, prepare=_prepare).databases(_database)


def _prepare(session: Session) -> None:
    """What stands in the tables is asked for: an index may be right where its table is not."""
    session.execute("set enable_indexonlyscan = off")


def _database(visit: Visit) -> list[Finding]:
    rows = visit.session.execute(_RELATIONS).fetchall()
    mine = [row for row in rows if not row[5] or visit.name == visit.survey.first]
    counted: dict[str, int] = {}
    look = visit.count("rows that lead somewhere", counted)
    tables = [_piece(*row) for row in mine if row[6]]
    found = visit.each(tables, look)
    closed = [row for row in mine if not row[6]]
    found += [visit.finding("not_available", row[3], detail="this role may not read it") for row in closed if _own(row)]
    references = catalogs.references(visit.session)
    found += visit.each(references, look)
    definitions = catalogs.definitions(FIRST_OF_USERS)
    followed = [*references, *definitions]
    for one in visit.each(definitions, look):
        # Some definition of a kind cannot be had: which? If none, it may be one that is there again.
        (kind,) = [piece for piece in definitions if one.subject == f"{visit.name}.{piece.subject}"]
        single = catalogs.each_definition(visit.session, kind, FIRST_OF_USERS)
        followed += single
        found += visit.each(single, look) or visit.each([kind], look)
    if not sum(counted.get(one.subject, 0) for one in tables):
        return [visit.finding("errored", detail="nothing was read: not a row of any relation"), *found]
    wanted = tables + [Piece(row[3], row[0]) for row in closed if _own(row)]
    told = f"{len(visit.answered(wanted, found))} of {len(wanted)} relations read"
    told += f", {len(visit.answered(followed, found))} of {len(followed)} kinds of references and definitions followed"
    hidden = ", ".join(row[2] for row in closed if not _own(row))
    detail = f"kept from this role: {hidden}" if hidden else ""
    return [visit.summary(found, "everything can be read and leads somewhere", told, detail, wanted), *found]


def _own(row: Sequence[object]) -> bool:
    return isinstance(row[0], int) and row[0] >= FIRST_OF_USERS


def _piece(
    oid: int,
    schema: str,
    name: str,
    label: str,
    kind: str,
    _: bool,
    __: bool,
    size: int,
    columns: list[str],
    types: list[int],
) -> Piece:
    if kind == "S":
        read = sql.SQL("select count(last_value), 0, '' from {}").format(sql.Identifier(schema, name))
        return Piece(label, oid, size, query=read.as_string())
    ways = [
        _read(sql.SQL("t.{}").format(sql.Identifier(column)), one) for column, one in zip(columns, types, strict=True)
    ]
    values = sql.SQL("").join(sql.SQL(" + 0 * count({})").format(way) for way in ways)
    read = sql.SQL("select count(*){}, 0, '' from only {} t").format(values, sql.Identifier(schema, name))
    return Piece(label, oid, size, query=read.as_string())


def _read(column: sql.Composable, type_: int) -> sql.Composable:
    if type_ in _TEXTS:
        return sql.SQL("""({}::text collate "C") >= ''""").format(column)
    return sql.SQL("{} >= ''::bytea" if type_ == _BYTES else "concat({})").format(column)
