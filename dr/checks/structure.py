"""Is the structure sound: every heap and every B-tree, as amcheck sees them? (L3)

amcheck is created in the scratch database inside a transaction that is rolled back, so the restore stays as it was.
Where the server does not offer it, or the role may not use it, the answer is `not_available`, with the reason.
"""

from collections.abc import Callable

import psycopg
from psycopg import sql

from dr import postgres
from dr.errors import Unable
from dr.postgres import Login, Session, connect
from dr.telling import Damaged, telling, told
from dr.verification import Finding, Outcome

CHECK = "structure"

_INDEXES = """
select c.oid, format('%I.%I', n.nspname, c.relname) from pg_index i join pg_class c on c.oid = i.indexrelid
  join pg_am m on m.oid = c.relam join pg_namespace n on n.oid = c.relnamespace
 where m.amname = 'btree' and c.relkind = 'i' and c.relpersistence = 'p' and i.indisvalid and i.indisready
   and n.nspname !~ '^pg_temp' order by 2
"""
_TABLES = """
select c.oid, format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join pg_am m on m.oid = c.relam and m.amname = 'heap'
 where c.relkind in ('r', 'm', 't') and c.relpersistence = 'p' and n.nspname !~ '^pg_temp' order by 2
"""
_INVALID = """
select format('%I.%I', n.nspname, c.relname) from pg_index i join pg_class c on c.oid = i.indexrelid
  join pg_namespace n on n.oid = c.relnamespace where not i.indisvalid or not i.indisready order by 1
"""


def check(login_for: Callable[[str], Login], *, first: str) -> list[Finding]:
    """Every database of a restored instance, one finding each and one for every damaged table or index."""
    with connect(login_for(first)) as session:
        names = postgres.databases(session)
    findings: list[Finding] = []
    for name in names:
        try:
            findings += check_database(login_for(name))
        except Unable as problem:
            findings.append(_finding("errored", name, detail=str(problem)))
    return findings


def check_database(login: Login) -> list[Finding]:
    """One database. Raises Unable when it cannot be entered."""
    name = login.dbname
    with connect(login, readonly=False) as session:
        with telling(f"looking for amcheck in {name}"):
            available = session.execute("select from pg_available_extensions where name = 'amcheck'").fetchone()
        if available is None:
            return [_finding("not_available", name, detail="the server does not offer amcheck")]
        session.autocommit = False
        try:
            return _amcheck(session, name)
        except psycopg.errors.InsufficientPrivilege as problem:
            return [_finding("not_available", name, detail=told(problem, "amcheck").message)]
        except psycopg.Error as problem:
            raise told(problem, f"amcheck in {name}") from None
        finally:
            if not session.closed:
                session.rollback()


def _amcheck(session: Session, name: str) -> list[Finding]:
    session.execute("create extension if not exists amcheck")
    row = session.execute(
        "select quote_ident(n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace"
        " where e.extname = 'amcheck'"
    ).fetchone()
    schema = sql.SQL(row[0] if row else "public")
    bad: list[Finding] = []
    indexes = session.execute(_INDEXES).fetchall()
    for oid, label in indexes:
        query = sql.SQL("select {}.bt_index_parent_check({}::oid::regclass, true, true)")
        bad += _ask(session, f"{name}.{label}", query.format(schema, sql.Literal(oid)), "index")
    tables = session.execute(_TABLES).fetchall()
    for oid, label in tables:
        rows = sql.SQL("select blkno, msg from {}.verify_heapam({}::oid::regclass)")
        bad += _ask(session, f"{name}.{label}", rows.format(schema, sql.Literal(oid)), "table")
    invalid = [label for (label,) in session.execute(_INVALID).fetchall()]
    bad += [_finding("failed", f"{name}.{label}", "a valid index", "invalid") for label in invalid]
    if not indexes or not tables:
        return [_finding("errored", name, detail="nothing was checked: no tables or no indexes were found")]
    seen = f"{len(tables)} tables and {len(indexes)} indexes checked, {len(bad)} damaged"
    return [_finding("failed" if bad else "passed", name, "every table and index sound", seen), *bad]


def _ask(session: Session, subject: str, query: sql.Composed, kind: str) -> list[Finding]:
    """What amcheck says of one relation: an error for an index, rows for a table."""
    try:
        with session.transaction():
            rows = session.execute(query).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        raise
    except psycopg.Error as problem:
        ours = told(problem, subject)
        if isinstance(ours, Damaged):
            return [_finding("failed", subject, f"a sound {kind}", "damaged", ours.message)]
        if session.closed:
            raise
        return [_finding("errored", subject, detail=str(ours))]
    if kind == "table" and rows:
        # amcheck's messages speak of line pointers, lengths and transaction numbers, not of what a row says.
        return [
            _finding("failed", subject, "a sound table", f"{len(rows)} faults", f"block {rows[0][0]}: {rows[0][1]}")
        ]
    return []


def _finding(outcome: Outcome, subject: str, expected: str = "", observed: str = "", detail: str = "") -> Finding:
    return Finding(
        check=CHECK,
        level="L3",
        outcome=outcome,
        subject=subject,
        expected=expected,
        observed=observed,
        detail=detail,
    )
