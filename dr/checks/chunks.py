"""Counts and seeded hashes of a table's rows, by chunks of 128 blocks, and row by row.

Not a check: checks and baselines both read with these functions, so that source and restore are seen with the same
eyes. A restore on RDS is a physical copy, so a row stands in the same block and at the same offset, and a chunk of
blocks has the same rows on both. Only counts and hashes leave the server.

How a row is hashed, `digests.py` says. Hashes are summed, never XORed: two equal rows too many would cancel out.

Policy: ordinary tables, the leaves of partitioned ones, materialized views, and large objects where they can be read.
TOAST is covered through its rows. Unlogged tables are empty after a restore by design, foreign tables hold nothing of
their own, temporary ones belong to their session: the first two are excluded and listed.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psycopg
from psycopg import sql

from dr.checks.digests import digest
from dr.hashing import Hashing
from dr.postgres import Session, begin, release
from dr.table_comparison import BLOCKS
from dr.telling import telling, told
from dr.verification import Chunk, SeenRow, TableSide

BLOCK = 8192
"""Bytes. RDS builds PostgreSQL with no other size."""
SPAN = 128 * BLOCKS * BLOCK
"""Bytes that one worker reads at a time of a large table, so that several can share it."""
_WHOLE = 1 << 64


@dataclass(frozen=True)
class Relation:
    """A table as a reader needs to know it."""

    oid: int
    schema: str
    name: str
    key: str
    """`schema.table`, quoted where SQL would quote it."""
    kind: str
    filenode: int
    columns: tuple[tuple[str, bool], ...]
    """Name, and whether only its text can be hashed."""
    bytes: int = 0
    """Zero where nobody has measured it yet."""
    toast: int = 0
    """Bytes of the values that are stored out of line: whoever hashes the rows reads them too."""

    @property
    def blocks(self) -> int:
        return self.bytes // BLOCK

    def spans(self, most: int = SPAN) -> list["Span"]:
        """Ranges of chunks of so many bytes at the most, or one chunk. The last has no end: a table may be growing."""
        blocks = max(1, most * self.blocks // max(1, self.bytes + self.toast) // BLOCKS) * BLOCKS
        starts = range(0, max(1, self.blocks), blocks)
        return [Span(self, start, None if start == starts[-1] else start + blocks) for start in starts]


@dataclass(frozen=True)
class Span:
    """A range of blocks of one table."""

    relation: Relation
    first: int
    end: int | None

    @property
    def bytes(self) -> int:
        """As the table was measured, with its share of what is stored out of line."""
        table = self.relation
        blocks = min(table.blocks, self.end or table.blocks) - self.first
        return blocks * (table.bytes + table.toast) // max(1, table.blocks)


_RELATIONS = """
select c.oid, n.nspname, c.relname, format('%I.%I', n.nspname, c.relname), c.relkind, c.relpersistence,
       c.relispopulated, c.relfilenode,
       (select coalesce(array_agg(a.attname order by a.attnum), '{}') from pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
       (select coalesce(array_agg(a.atttypid order by a.attnum), '{}') from pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
       (select coalesce(array_agg(coalesce(not l.collisdeterministic, false) order by a.attnum), '{}')
          from pg_attribute a left join pg_collation l on l.oid = a.attcollation
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'm', 'f') and c.relpersistence <> 't'
   and (n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
        or c.oid = 'pg_largeobject'::regclass and exists (select from pg_largeobject_metadata))
 order by c.oid
"""


def relations(session: Session, types: Mapping[int, bool]) -> tuple[list[Relation], dict[str, str]]:
    """Every table to read, and every table that is left out, with the reason."""
    with telling(f"listing the tables of {session.info.dbname}"):
        rows = session.execute(_RELATIONS).fetchall()
    found: list[Relation] = []
    excluded: dict[str, str] = {}
    for oid, schema, name, key, kind, persistence, populated, filenode, columns, column_types, loose in rows:
        if kind == "f":
            excluded[key] = "a foreign table: its rows live elsewhere"
        elif persistence == "u":
            excluded[key] = "unlogged: empty after a restore, by design"
        elif not populated:
            excluded[key] = "a materialized view that was never populated"
        else:
            texts = [not types.get(t, False) or odd for t, odd in zip(column_types, loose, strict=True)]
            pairs = tuple(zip(columns, texts, strict=True))
            found.append(Relation(oid, schema, name, key, kind, filenode, pairs))
    return found, excluded


def sized(session: Session, known: Sequence[Relation]) -> list[Relation]:
    """The same tables with their sizes. This takes the weakest lock on each, and waits where somebody holds it."""
    with telling(f"measuring the tables of {session.info.dbname}"):
        rows = session.execute(
            "select o, coalesce(pg_relation_size(o), 0), coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0)"
            " from unnest(%s::oid[]) as o left join pg_class c on c.oid = o",
            ([relation.oid for relation in known],),
        ).fetchall()
    sizes = {oid: (own, toast) for oid, own, toast in rows}
    return [replace(relation, bytes=sizes[relation.oid][0], toast=sizes[relation.oid][1]) for relation in known]


def lock(session: Session, types: Mapping[int, bool]) -> None:
    """Begin a long look with the weakest lock on every table, before its moment is fixed.

    Materialized views cannot be locked this way, and catalogs need not: for them, and for a table that comes up in
    between, there is `touch`. Raises Unable for a table that may not be read, or that stays locked by somebody else.
    """
    for attempt in range(3):
        found = [r for r in relations(session, types)[0] if r.kind == "r" and r.schema != "pg_catalog"]
        begin(session)
        if not found:
            return
        names = sql.SQL(", ").join(sql.SQL("only {}").format(_name(relation)) for relation in found)
        try:
            session.execute(sql.SQL("lock table {} in access share mode").format(names))
        except psycopg.errors.UndefinedTable as problem:
            release(session)
            if attempt == 2:
                raise told(problem, f"locking the tables of {session.info.dbname}") from None
        except psycopg.Error as problem:
            raise told(problem, f"locking the tables of {session.info.dbname}") from None
        else:
            return


def touch(session: Session, relation: Relation) -> bool:
    """Take the weakest lock on a table in a look that has begun; False when it is not there any more."""
    try:
        with session.transaction():
            session.execute(sql.SQL("select from only {} limit 0").format(_name(relation)))
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return False
    except psycopg.Error as problem:
        raise told(problem, f"reading {session.info.dbname}.{relation.key}") from None
    return True


def chunks(session: Session, span: Span, hashing: Hashing) -> dict[int, Chunk]:
    """Count and summed hash of each chunk of a range of blocks, as this session's snapshot sees it.

    One range scan of blocks for each chunk: to group the rows by their blocks instead takes twice as long. Whatever
    the snapshot sees stands in blocks that the table has by now.
    """
    end = sql.SQL("pg_relation_size({}) / {}").format(sql.Literal(span.relation.oid), sql.Literal(BLOCK))
    # Names of ours are qualified: the table may have columns of the same names.
    query = sql.SQL(
        "select g.block / {blocks}, c.rows, c.digest"
        " from generate_series({first}, greatest({first}, {end} - 1), {blocks}) g(block),"
        " lateral (select count(*) as rows, sum({digest}) as digest from only {table} t"
        " where t.ctid >= format('(%s,0)', g.block)::tid and t.ctid < format('(%s,0)', g.block + {blocks})::tid) c"
        " where c.rows > 0"
    ).format(
        blocks=sql.Literal(BLOCKS),
        first=sql.Literal(span.first),
        end=end if span.end is None else sql.Literal(span.end),
        digest=digest(span.relation.columns, hashing),
        table=_name(span.relation),
    )
    with _reading(session, span.relation):
        rows = session.execute(query).fetchall()
    return {int(chunk): Chunk(count=count, digest=int(total) % _WHOLE) for chunk, count, total in rows}


def rows_of(session: Session, relation: Relation, chunk: int, hashing: Hashing) -> list[SeenRow]:
    """Where each row of a chunk stands, its hash, and which transaction wrote it. No value leaves the server."""
    query = sql.SQL(
        "select r.place[0]::bigint, r.place[1]::bigint, r.digest, r.writer from (select t.ctid::text::point as place,"
        " t.xmin::text::bigint as writer, {digest} as digest from only {table} t"
        " where t.ctid >= {first}::tid and t.ctid < {end}::tid) r"
    ).format(
        digest=digest(relation.columns, hashing),
        table=_name(relation),
        first=sql.Literal(f"({chunk * BLOCKS},0)"),
        end=sql.Literal(f"({(chunk + 1) * BLOCKS},0)"),
    )
    with _reading(session, relation):
        rows = session.execute(query).fetchall()
    return [
        SeenRow(block=block, offset=offset, digest=digest % _WHOLE, xmin=writer)
        for block, offset, digest, writer in rows
    ]


def same_file(session: Session, relation: Relation) -> bool:
    """Whether the table that was just read is still the file that the snapshot knew: not truncated, not rewritten."""
    with telling(f"looking again at {relation.key}"):
        row = session.execute("select pg_relation_filenode(%s)", (relation.oid,)).fetchone()
    return row is not None and (row[0] == relation.filenode or relation.filenode == 0)


def from_the_heap(session: Session) -> None:
    """For the rest of this look, ask what the heap holds: an index may be right where the table is not."""
    with telling(f"preparing to read {session.info.dbname}"):
        session.execute("set local enable_tidscan = on")
        for way in ("indexscan", "indexonlyscan", "bitmapscan"):
            session.execute(sql.SQL("set local {} = off").format(sql.Identifier(f"enable_{way}")))


def impatient(session: Session, patience: str) -> None:
    """For the rest of this look, wait no longer than this for a table that somebody has locked: that raises Locked."""
    with telling(f"preparing to read {session.info.dbname}"):
        session.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(patience)))


def side(relation: Relation, found: Mapping[int, Chunk]) -> TableSide:
    """One table from its chunks."""
    rows = sum(chunk.count for chunk in found.values())
    return TableSide(filenode=relation.filenode, rows=rows, bytes=relation.bytes, chunks=dict(sorted(found.items())))


@contextmanager
def _reading(session: Session, relation: Relation) -> Iterator[None]:
    """Tell what went wrong, and keep the snapshot: a table that cannot be read must not take the others with it."""
    with telling(f"reading {session.info.dbname}.{relation.key}"), session.transaction():
        yield


def _name(relation: Relation) -> sql.Composable:
    return sql.Identifier(relation.schema, relation.name)
