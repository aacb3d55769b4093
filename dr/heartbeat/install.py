"""Install the heartbeat in a source: look first, execute in one transaction, write down what was done, prove it.

This changes production. Whoever calls it has been told, and has said yes.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from threading import Event as Flag
from typing import Literal

from dr.aws import rds
from dr.drill import TOOL, House
from dr.errors import Refused
from dr.heartbeat import statements
from dr.heartbeat.ours import assert_ours
from dr.heartbeat.statements import Statement
from dr.postgres import Login, Session, connect, databases
from dr.recovery import stamp
from dr.telling import telling

KEPT = timedelta(hours=6)
LEAST_KEPT = timedelta(minutes=20)
"""A judge looks back a thousand beats."""
SECONDS = 30.0
"""For a statement. A lock is waited for less long than that: see `dr.postgres.MANNERS`."""

_COLUMNS = """
select attname, format_type(atttypid, atttypmod), attnotnull from pg_attribute
 where attrelid = to_regclass('firedrill.heartbeat') and attnum > 0 and not attisdropped order by attnum
"""
_ROLE = """
select rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls,
       (select count(*) from pg_auth_members where member = pg_roles.oid),
       (select count(*) from pg_shdepend where refclassid = 'pg_authid'::regclass and refobjid = pg_roles.oid
           and not (dbid = (select oid from pg_database where datname = current_database()) and deptype = 'a'
               and objid in (
                   coalesce(to_regnamespace('firedrill')::oid, 0), coalesce(to_regprocedure('firedrill.beat()')::oid, 0)
               )))
  from pg_roles where rolname = %s
"""
# Temporary tables and the catalogs apart, which nobody can be kept from.
_PUBLIC = """
select (select count(*) from pg_class where relkind in ('r', 'p', 'v', 'm', 'f') and relpersistence <> 't'
           and relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'pg_toast')
           and has_table_privilege(%(user)s, oid, 'select, insert, update, delete')
           and has_schema_privilege(%(user)s, relnamespace, 'usage')),
       (select count(*) from pg_proc where prosecdef
           and pronamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'firedrill')
           and has_function_privilege(%(user)s, oid, 'execute')
           and has_schema_privilege(%(user)s, pronamespace, 'usage'))
"""


@dataclass(frozen=True)
class Everybodys:
    """What the writer may do in its database because everybody may: nothing of it is granted to its role."""

    tables: int
    """And views, that it may read or write."""
    functions: int
    """That do what they do by their owner's right."""


@dataclass(frozen=True)
class Prepared:
    """Everything that installing will do to one source."""

    asset: str
    owner: Login
    writer: Login
    statements: tuple[Statement, ...]
    cron: str | None
    """The database in which pg_cron lives, where it is to write."""
    schedule: tuple[Statement, ...]

    def shown(self) -> list[dict[str, str]]:
        """Each statement, with the database that it is for."""
        parts = ((self.owner.dbname, self.statements), (self.cron or "", self.schedule))
        return [{"database": dbname, "statement": one.shown} for dbname, some in parts for one in some]


def prepare(
    asset: str, owner: Login, writer: Login, secret: str, *, keep: timedelta = KEPT, cron: bool | None = None
) -> Prepared:
    """Look at a source, and bind what installing will execute. Changes nothing.

    `secret`: the name of the writer's. `cron`: whether pg_cron is to write; None: where the instance offers it. Raises
    Refused for a schema that others have a part in, for a table that is no heartbeat's, for a role that may more than
    beat, and where pg_cron is asked for and not offered.
    """
    if keep < LEAST_KEPT:
        minutes = LEAST_KEPT.total_seconds() / 60
        raise Refused(f"beats are kept for {minutes:.0f} minutes at least", hint="a restore is judged by a thousand")
    statements.assert_role(writer.user)
    if writer.user == owner.user:
        raise Refused(f"{asset}: secret {secret} is the owner's", hint="the writer needs a role of its own")
    with connect(owner) as session:
        exists, standing = _fit(session, asset, writer.user, secret)
        password = writer.password.get_secret_value()
        verifier = session.pgconn.encrypt_password(password.encode(), writer.user.encode(), b"scram-sha-256").decode()
        names = databases(session)
    home = _cron(owner, names) if cron is not False else None
    if cron and home is None:
        raise Refused(
            f"{asset}: no database of the instance has pg_cron {'.'.join(map(str, statements.OLDEST_CRON))}",
            hint="install without it; `dr heartbeat run` writes then",
        )
    return Prepared(
        asset=asset,
        owner=owner,
        writer=writer,
        statements=statements.statements(writer.user, verifier, secret, keep=keep, exists=exists, standing=standing),
        cron=home,
        schedule=statements.schedule(owner.dbname, home) if home else (),
    )


def install(prepared: Prepared) -> Everybodys:
    """Execute what was prepared, and prove that the writer can write. Raises Unable.

    Whose the schema is is looked at again around each statement, because time has passed and others may have been
    there: raises Refused then, and nothing was done.
    """
    with connect(prepared.owner, readonly=False, statement_timeout=SECONDS) as session:
        with telling(f"{prepared.asset}: installing the heartbeat"), session.transaction():
            for one in prepared.statements:
                assert_ours(session, prepared.asset)
                session.execute(one.text.encode())
            assert_ours(session, prepared.asset)
        with telling(f"looking at what {prepared.writer.user} may do"):
            tables, functions = session.execute(_PUBLIC, {"user": prepared.writer.user}).fetchone() or (0, 0)
    if prepared.cron:
        with (
            connect(prepared.owner.to(prepared.cron), readonly=False, statement_timeout=SECONDS) as session,
            telling(f"{prepared.asset}: scheduling the heartbeat"),
            session.transaction(),
        ):
            for one in prepared.schedule:
                session.execute(one.text.encode())
    with (
        connect(prepared.writer, readonly=False, statement_timeout=SECONDS) as session,
        telling(f"beating as {prepared.writer.user}"),
    ):
        session.execute("select firedrill.beat()")
    return Everybodys(tables, functions)


def record(house: House, prepared: Prepared, instance: rds.Instance, state: Literal["intended", "done"]) -> None:
    """Write down what is about to be done, or was: each a document of its own, as the store's are written once."""
    moment = stamp(house.machine.clock(Flag()).now())
    told = {
        "schema": "firedrill.heartbeat/1",
        "state": state,
        "at": moment,
        "tool": TOOL,
        "account": house.estate.account,
        "asset": prepared.asset,
        "instance": instance.identifier,
        "resource_id": instance.resource_id,
        "by": prepared.owner.user,
        "writer": prepared.writer.user,
        "statements": prepared.shown(),
    }
    house.store.create(f"heartbeats/{prepared.asset}/{moment}-{state}.json", json.dumps(told, indent=1).encode())


def _fit(session: Session, asset: str, user: str, secret: str) -> tuple[bool, bool]:
    """Whether the role is there, and whether the table is. Raises Refused for what stands in the way."""
    assert_ours(session, asset)
    with telling(f"{asset}: looking for a heartbeat"):
        columns = session.execute(_COLUMNS).fetchall()
        role = session.execute(_ROLE, (user,)).fetchone()
    if columns and tuple(columns) != tuple((name, kind, True) for name, kind in statements.FORM):
        raise Refused(
            f"{asset}: table firedrill.heartbeat of {session.info.dbname} is no heartbeat of ours",
            hint=f"its columns should be {', '.join(f'{name} {kind}' for name, kind in statements.FORM)}, all not null",
        )
    if role is None:
        return False, bool(columns)
    privileged, memberships, others = role
    more = [
        what
        for what, so in (
            ("it has attributes of an administrator", privileged),
            (f"it is a member of {memberships} roles", memberships),
            (f"it owns or may use {others} other things", others),
        )
        if so
    ]
    if more:
        raise Refused(
            f"{asset}: role {user} may do more than write a beat: {'; '.join(more)}",
            hint=f"put another user into secret {secret}; installing creates it",
        )
    return True, bool(columns)


def _cron(owner: Login, names: list[str]) -> str | None:
    """The database in which pg_cron lives, if it is new enough to write every second. It lives in one at most."""
    for name in names:
        with connect(owner.to(name)) as session, telling(f"looking for pg_cron in {name}"):
            row = session.execute("select extversion from pg_extension where extname = 'pg_cron'").fetchone()
        if row is not None:
            numbers = tuple(int(part) if part.isdigit() else 0 for part in str(row[0]).split(".")[:2])
            return name if numbers >= statements.OLDEST_CRON else None
    return None
