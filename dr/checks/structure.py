"""Is the structure sound: every heap and every index that amcheck knows, as amcheck sees them? (L3)

amcheck is asked for all that this server's version of it can do, which is read from its functions and not from a table
of versions: B-trees against their heap, from parent to child, each tuple found again from the root (and, from amcheck
1.4 on, nothing twice in a unique one); heaps with their TOAST; GIN indexes from amcheck 1.5 on. Tables, materialized
views, TOAST, catalogs; sequences where the server lets it. Indexes that no function covers are named: they are left to
`index_answers`.

It is created in the scratch database inside a transaction that is rolled back, so the restore stays as it was. Where
the server does not offer it, or the role may not use it, the answer is `not_available`, with the reason. An index that
is not valid has nothing to be checked against: see `constraints`.
"""

from collections.abc import Callable, Sequence

import psycopg
from psycopg import sql

from dr.checks import extension
from dr.checks.survey import Look, Piece, Survey, Visit
from dr.postgres import Login, Session
from dr.verification import Finding

CHECK = "structure"
EXTENSION = "amcheck"
OF_INDEX = {"btree": "bt_index_parent_check", "gin": "gin_index_check"}
OF_HEAP = "verify_heapam"
HEAPS = ("r", "m", "t")
SEQUENCE = "S"
OLD_TREE = "rootdescend"
"""What an index that was built before PostgreSQL 12 does not support."""
NAMED = 20

_RELATIONS = """
select c.oid, format('%I.%I', n.nspname, c.relname), c.relkind, m.amname,
       -- An index is read with its table, a table with its TOAST.
       coalesce(pg_relation_size(c.oid), 0) + coalesce(pg_relation_size(i.indrelid), 0)
       + coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_am m on m.oid = c.relam
  left join pg_index i on i.indexrelid = c.oid
 where c.relkind in ('r', 'm', 't', 'S', 'i') and c.relpersistence = 'p'
   and (c.relkind <> 'i' or i.indisvalid and i.indisready)
   and (c.relkind in ('i', 'S') or m.amname = 'heap') order by 2
"""


def check(
    login_for: Callable[[str], Login],
    *,
    first: str,
    workers: int = 2,
    pause: Callable[[], None] = lambda: None,
) -> list[Finding]:
    """Every database of a restored instance, one finding each and one for every damaged table or index.

    Raises Unable where the instance as a whole cannot be asked.
    """
    # amcheck evaluates the expressions of indexes.
    survey = Survey(CHECK, "L3", login_for, first, workers, pause, readonly=False, as_users=True, prepare=_prepare)
    return survey.databases(_database)


def _prepare(session: Session) -> None:
    if session.autocommit:
        extension.borrow(session, EXTENSION)


def _database(visit: Visit) -> list[Finding]:
    shared = extension.installed(visit.session, EXTENSION)
    try:
        schema = extension.borrow(visit.session, EXTENSION)
    except extension.NotOffered as problem:
        return [visit.finding("not_available", detail=problem.message)]
    offered = extension.functions(visit.session, EXTENSION)
    if OF_HEAP not in offered or OF_INDEX["btree"] not in offered:
        return [visit.finding("not_available", detail=f"this role may not call {OF_HEAP} and {OF_INDEX['btree']}")]
    rows = visit.session.execute(_RELATIONS).fetchall()
    pieces = [Piece(subject, oid, size, access if kind == "i" else kind) for oid, subject, kind, access, size in rows]
    found: list[Finding] = []
    indexes: list[Piece] = []
    for access, function in OF_INDEX.items():
        if function in offered:
            mine = [one for one in pieces if one.kind == access]
            found += visit.each(mine, _ask_index(schema, function, offered[function]), alone=not shared)
            indexes += mine
    heaps = [one for one in pieces if one.kind in HEAPS]
    ask_heap = _ask_heap(schema, visit)
    sequences = [one for one in pieces if one.kind == SEQUENCE]
    if heaps and sequences and _takes(visit.session, ask_heap, sequences[0]):
        heaps += sequences
    found += visit.each(heaps, ask_heap, alone=not shared)
    if not heaps or not indexes:
        return [visit.finding("errored", detail="nothing was checked: no tables or no indexes were found"), *found]
    left = _left([one for one in pieces if one not in indexes and one.kind not in (*HEAPS, SEQUENCE)])
    told = " and ".join(
        f"{len(visit.answered(some, found))} of {len(some)} {kind}"
        for kind, some in (("tables", heaps), ("indexes checked", indexes))
    )
    return [visit.summary(found, "every table and index sound", told, left, [*heaps, *indexes]), *found]


def _ask_index(schema: sql.Composable, function: str, arguments: Sequence[str]) -> Look:
    """An index that is damaged is an error; one that is sound has no answer."""

    def query(*without: str) -> sql.Composed:
        flags = [sql.SQL("false" if flag in without else "true") for flag in arguments[1:]]
        call = sql.SQL(", ").join([sql.SQL("o::regclass"), *flags])
        return sql.SQL("select {}.{}({}) from unnest(%s::oid[]) as o").format(schema, sql.Identifier(function), call)

    def look(session: Session, group: Sequence[Piece]) -> list[Finding]:
        oids = [one.oid for one in group]
        try:
            with session.transaction():
                session.execute(query(), (oids,))
        except psycopg.errors.FeatureNotSupported:
            if len(group) > 1 or OLD_TREE not in arguments:
                raise
            session.execute(query(OLD_TREE), (oids,))
        return []

    return look


def _ask_heap(schema: sql.Composable, visit: Visit) -> Look:
    """A heap that is damaged has rows that say how."""
    query = sql.SQL(
        "select n, count(*), min(f.blkno), (array_agg(f.msg order by f.blkno))[1]"
        " from unnest(%s::oid[]) with ordinality as r (o, n)"
        " cross join lateral {}.{}(o::regclass, check_toast => true, skip => 'none') f group by n order by n"
    ).format(schema, sql.Identifier(OF_HEAP))

    def look(session: Session, group: Sequence[Piece]) -> list[Finding]:
        rows = session.execute(query, ([one.oid for one in group],)).fetchall()
        # amcheck's messages speak of line pointers, lengths and transaction numbers, not of what a row says.
        return [
            visit.finding("failed", group[n - 1].subject, "a sound table", f"{faults} faults", f"block {block}: {said}")
            for n, faults, block, said in rows
        ]

    return look


def _takes(session: Session, look: Look, sequence: Piece) -> bool:
    """Whether this server checks sequences: nothing but asking tells."""
    try:
        with session.transaction():
            look(session, [sequence])
    except (psycopg.errors.WrongObjectType, psycopg.errors.FeatureNotSupported):
        return False
    except psycopg.Error:
        # It does, and has something to say: which is heard when all of them are asked.
        return not session.closed
    return True


def _left(pieces: Sequence[Piece]) -> str:
    if not pieces:
        return ""
    named = ", ".join(f"{one.subject} ({one.kind})" for one in pieces[:NAMED])
    return f"left to index_answers: {named}" + (f" and {len(pieces) - NAMED} more" if len(pieces) > NAMED else "")
