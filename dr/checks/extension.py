"""An extension of the server, there for as long as a check looks: created in a transaction that is rolled back.

Not a check. So the restore stays as it was, and nothing that it did not bring along is left in it.
"""

import psycopg
from psycopg import sql

from dr.errors import Unable
from dr.postgres import Session
from dr.telling import telling, told


class NotOffered(Unable):
    """The server does not have the extension, or the role may not use it."""


def borrow(session: Session, name: str) -> sql.Composable:
    """Begin a transaction in which the extension is there; its schema. Raises NotOffered or Unable."""
    with telling(f"looking for {name}"):
        offered = session.execute("select from pg_available_extensions where name = %s", (name,)).fetchone()
    if offered is None:
        raise NotOffered(f"the server does not offer {name}")
    if session.autocommit:
        session.autocommit = False
    try:
        session.execute(sql.SQL("create extension if not exists {} schema pg_catalog").format(sql.Identifier(name)))
        row = session.execute(
            "select quote_ident(n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace"
            " where e.extname = %s",
            (name,),
        ).fetchone()
    except psycopg.errors.InsufficientPrivilege as problem:
        raise NotOffered(told(problem, name).message) from None
    except psycopg.Error as problem:
        raise told(problem, f"creating {name}") from None
    assert row is not None  # noqa: S101 - it was created just now, or was there before
    return sql.SQL(row[0])


def installed(session: Session, name: str) -> bool:
    """Whether it is there without us. Where it is not, two sessions cannot have it at once."""
    with telling(f"looking for {name}"):
        return session.execute("select from pg_extension where extname = %s", (name,)).fetchone() is not None


def functions(session: Session, name: str) -> dict[str, list[str]]:
    """Each function that this role may call and that takes a relation, with its arguments' names; the widest form."""
    with telling(f"reading what {name} offers"):
        rows = session.execute(
            "select p.proname, p.proargnames[1:p.pronargs] from pg_depend d join pg_proc p on p.oid = d.objid"
            " join pg_extension e on e.oid = d.refobjid where d.classid = 'pg_proc'::regclass and d.deptype = 'e'"
            " and d.refclassid = 'pg_extension'::regclass and e.extname = %s"
            " and p.proargtypes[0] = 'regclass'::regtype and has_function_privilege(p.oid, 'execute')"
            " and has_schema_privilege(p.pronamespace, 'usage')"
            " order by p.pronargs",
            (name,),
        ).fetchall()
    return {function: names or [] for function, names in rows}
