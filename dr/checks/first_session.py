"""The first session of a restored instance: note what could reach out, switch it off, and ask the server whether it is.

No check: it changes the scratch instance, and stands here because it speaks SQL. It asks for no more than RDS's
`rds_superuser` may do. To switch off an event trigger, a subscription or a foreign server's mappings one has to own it,
or be a member of the role that does (PostgreSQL documentation, ALTER EVENT TRIGGER, ALTER SUBSCRIPTION, DROP USER
MAPPING); where the owner does not, the answer is Unable, and the hint says what to grant.

- Event triggers come first: they would fire on the statements that follow. Those of `rdsadmin` are RDS's own, and stay.
- A subscription is disabled and its slot forgotten. It is not dropped: that would call the publisher.
- Of foreign servers the user mappings are dropped. Pointing a server elsewhere would depend on how each wrapper spells
  its options, and leave the password behind; without a mapping no wrapper has a credential, and `postgres_fdw` and
  `dblink` give up before they open a connection. Connection strings inside functions nobody can find: against those
  there is the network.
- pg_cron's jobs are marked inactive. Its trigger on the table loads a library that is not there (pg_cron.c: "can only
  be loaded via shared_preload_libraries"), so triggers are passed over where the server allows it.
"""

from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from dr.checks.chunks import Relation, Span, chunks, relations, rows_of, side, sized
from dr.checks.digests import hashable
from dr.clock import Deadline
from dr.errors import Unable
from dr.hashing import Hashing
from dr.isolation import FIRST_SESSION, LIBRARIES, REACHING, WORKERS, Before, Outlet, TableBefore, complaints
from dr.postgres import Login, Session, begin, connect, release
from dr.telling import telling

_SHAPE = resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
_JOBS = "cron.job"

_DATABASES = """
select datname from pg_database where datallowconn and datconnlimit <> -2 and datname <> 'rdsadmin' order by datname
"""
"""Templates too, where they accept connections: they can hold whatever other databases hold."""

_TRIGGERS = """
select evtname, evtenabled <> 'D' from pg_event_trigger
 where pg_get_userbyid(evtowner) <> 'rdsadmin' order by evtname
"""
_SUBSCRIPTIONS = """
select subname, subenabled or subslotname is not null from pg_subscription
 where subdbid = (select oid from pg_database where datname = current_database()) order by subname
"""
_MAPPINGS = """
select case when umuser <> 0 then usename end, srvname from pg_user_mappings order by srvname, umuser
"""
_SERVERS = "select srvname from pg_foreign_server order by srvname"
_EXTENSIONS = "select extname from pg_extension where extname = any(%s) order by extname"
_HAS_JOBS = """
select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                 join pg_attribute a on a.attrelid = c.oid
                where n.nspname = 'cron' and c.relname = 'job' and c.relkind = 'r' and a.attname = 'active'
                  and a.atttypid = 'bool'::regtype and not a.attisdropped)
"""
_EVERY_JOB = "select jobid, active from cron.job order by jobid"
_STOP_JOBS = "update cron.job set active = false where active"

_SETTINGS = "select name, setting from pg_settings where name = any(%s)"
_LIBRARIES_OF_OTHERS = """
select lower(split_part(one, '=', 1)), substr(one, strpos(one, '=') + 1),
       coalesce('role ' || quote_ident(rolname), 'every role') || ' in '
           || coalesce('database ' || quote_ident(datname), 'every database')
  from pg_db_role_setting
  cross join unnest(setconfig) as one
  left join pg_roles on pg_roles.oid = setrole
  left join pg_database on pg_database.oid = setdatabase
 where lower(split_part(one, '=', 1)) = any(%s)
   and rolname is distinct from 'rdsadmin' and datname is distinct from 'rdsadmin'
 order by 1, 3
"""
"""What a session of somebody else, or in another database, would load: ours shows only what holds for itself."""
_PROCESSES = """
select count(*), count(*) filter (where backend_type is null and usename is distinct from 'rdsadmin'),
       count(*) filter (where backend_type ~* '(logical replication|walsender|cron|pglogical|pgactive|partman)')
  from pg_stat_activity
"""
"""RDS may show nobody what its own sessions do; they are the service's, and no part of what was restored."""
_SLOTS = "select count(*) filter (where active), count(*) from pg_replication_slots"
_ALL_SUBSCRIPTIONS = (
    "select count(*) filter (where subenabled or subslotname is not null), count(*) from pg_subscription"
)

_HINT = "the owner must own it, or be a member of the role that does: grant it that at the source"


def look(
    login_for: Callable[[str], Login],
    *,
    first: str,
    hashing: Callable[[], Hashing | None],
    deadline: Deadline | None = None,
) -> list[Before]:
    """What could reach out of each database, and how that looks before it is changed.

    `hashing` is the baseline's, asked for only where rows will be changed: they are hashed now, because afterwards
    the rows are no longer what was restored. `first` is a database that is there in any case.
    """
    found = []
    for name in _databases(login_for(first), deadline):
        with connect(login_for(name)) as session, telling(f"looking for what could reach out of {name}"):
            outlets = _outlets(session, name)
            live = {one.kind for one in outlets if one.live}
            # Where nothing will be changed, nothing has to be remembered.
            shape = _shape(session) if live else {}
            known = hashing() if "cron job" in live else None
            table = _before(session, known) if known is not None else None
        found.append(Before(database=name, outlets=tuple(outlets), shape=shape, table=table))
    return found


def disable(login_for: Callable[[str], Login], *, first: str) -> None:
    """Switch off what acts by itself or holds a credential, in every database.

    Raises Unable for the first thing that cannot be switched off.
    """
    for name in _databases(login_for(first), None):
        with connect(login_for(name), readonly=False) as session:
            for trigger, live in _all(session, _TRIGGERS):
                if live:
                    _do(session, sql.SQL("alter event trigger {} disable").format(sql.Identifier(trigger)), trigger)
            for subscription, live in _all(session, _SUBSCRIPTIONS):
                if live:
                    called = sql.Identifier(subscription)
                    _do(session, sql.SQL("alter subscription {} disable").format(called), subscription)
                    _do(session, sql.SQL("alter subscription {} set (slot_name = none)").format(called), subscription)
            for user, server in _all(session, _MAPPINGS):
                role = sql.SQL("public") if user is None else sql.Identifier(user)
                drop = sql.SQL("drop user mapping for {} server {}").format(role, sql.Identifier(server))
                _do(session, drop, f"the mapping of {user or 'public'} on {server}")
            if _has_jobs(session):
                _stop_jobs(session)


def prove(login_for: Callable[[str], Login], *, first: str) -> dict[str, str]:
    """Ask the server, in new sessions: proof -> what was seen. Raises Unable for the first that does not hold."""
    with connect(login_for(first)) as session, telling(f"asking {first} what it could start"):
        asked = [WORKERS, *LIBRARIES]
        settings = {str(name): str(value) for name, value in session.execute(_SETTINGS, (asked,)).fetchall()}
        hidden_settings = [name for name in asked if name not in settings]
        _holds(not hidden_settings, f"it does not show {', '.join(hidden_settings)}", "grant pg_monitor to the owner")
        if wrong := complaints(settings):
            raise Unable(f"the server runs with what it must not: {'; '.join(wrong)}", hint="see its parameter group")
        given = session.execute(_LIBRARIES_OF_OTHERS, (list(LIBRARIES),)).fetchall()
        for name, value, whose in given:
            wrong = complaints({WORKERS: settings[WORKERS], name: value})
            _holds(
                not wrong, f"for {whose}, {'; '.join(wrong)}", "`alter role` or `alter database` set it at the source"
            )
        seen, hidden, acting = _row(session, _PROCESSES)
        _holds(
            seen > 0 and not hidden,
            f"{hidden} of {seen} processes do not show what they are",
            "grant pg_monitor to the owner",
        )
        _holds(not acting, f"{acting} processes replicate or run jobs", "look at pg_stat_activity")
        active, slots = _row(session, _SLOTS)
        _holds(not active, f"{active} replication slots are in use", "who reads from a scratch instance?")
        live, subscriptions = _row(session, _ALL_SUBSCRIPTIONS)
        _holds(not live, f"{live} subscriptions are enabled or know a slot", "is there a database nobody may enter?")
    counts = [_left(login_for(name)) for name in _databases(login_for(first), None)]
    _holds(bool(counts), "no database could be entered", "does the owner have CONNECT?")
    triggers, mappings, jobs, every_job = (sum(column) for column in zip(*counts, strict=True))
    _holds(not triggers, f"{triggers} event triggers are enabled", _HINT)
    _holds(not mappings, f"{mappings} user mappings are left", _HINT)
    _holds(not jobs, f"{jobs} cron jobs are active", _HINT)
    libraries = settings.get(LIBRARIES[0]) or "none"
    return {
        "workers": f"{WORKERS} is {settings[WORKERS]}",
        "libraries": f"preloaded: {libraries}; {len(given)} settings of roles or databases add others, all harmless",
        "processes": f"none of {seen} replicates or runs jobs; none of {slots} replication slots is in use",
        "subscriptions": f"none of {subscriptions} is enabled or knows a slot",
        "event triggers": f"none is enabled in {len(counts)} databases, RDS's own apart",
        "user mappings": f"none is left in {len(counts)} databases",
        "cron jobs": f"none of {every_job} is active",
    }


def _databases(login: Login, deadline: Deadline | None) -> list[str]:
    with connect(login, deadline=deadline) as session:
        return [name for (name,) in _all(session, _DATABASES)]


def _outlets(session: Session, database: str) -> list[Outlet]:
    def each(kind: str, names: list[tuple[Any, ...]]) -> list[Outlet]:
        return [Outlet(kind=kind, name=f"{database}.{name}", live=live) for name, live in names]

    found = each("event trigger", _all(session, _TRIGGERS)) + each("subscription", _all(session, _SUBSCRIPTIONS))
    mappings = [(f"{user or 'public'} on {server}", True) for user, server in _all(session, _MAPPINGS)]
    found += each("user mapping", mappings)
    found += each("foreign server", [(name, False) for (name,) in _all(session, _SERVERS)])
    reaching = session.execute(_EXTENSIONS, (list(REACHING),)).fetchall()
    found += each("extension", [(name, False) for (name,) in reaching])
    return found + (each("cron job", _all(session, _EVERY_JOB)) if _has_jobs(session) else [])


def _shape(session: Session) -> dict[str, str]:
    """What the first session changes, as the schema check will fingerprint it."""
    rows = session.execute(_SHAPE.encode()).fetchall()
    kinds = tuple(f"{one} " for one in FIRST_SESSION)
    return {label: text or "" for kind, label, text in rows if kind == "object" and label.startswith(kinds)}


def _before(session: Session, hashing: Hashing) -> TableBefore:
    """The job table's chunks and rows, hashed as the content check will hash them."""
    types = hashable(session)
    begin(session)
    try:
        (table,) = sized(session, [one for one in relations(session, types)[0] if one.key == _JOBS])
        found = chunks(session, Span(table, 0, None), hashing)
        return TableBefore(key=table.key, side=side(table, found), rows=_rows(session, table, found, hashing))
    finally:
        release(session)


def _rows(session: Session, table: Relation, found: Mapping[int, object], hashing: Hashing) -> dict[int, Any]:
    return {chunk: tuple(rows_of(session, table, chunk, hashing)) for chunk in found}


def _stop_jobs(session: Session) -> None:
    with telling(f"stopping the cron jobs of {session.info.dbname}", hint=_HINT), session.transaction():
        try:
            with session.transaction():
                session.execute("set local session_replication_role = replica")
        except psycopg.errors.InsufficientPrivilege:
            # Then the table's own triggers have their say: where there are none, nothing is lost by it.
            pass
        session.execute(_STOP_JOBS)


def _left(login: Login) -> tuple[int, int, int, int]:
    """Of one database: event triggers enabled, user mappings, cron jobs active, cron jobs."""
    with connect(login) as session:
        jobs = _all(session, _EVERY_JOB) if _has_jobs(session) else []
        triggers = sum(live for _, live in _all(session, _TRIGGERS))
        return triggers, len(_all(session, _MAPPINGS)), sum(active for _, active in jobs), len(jobs)


def _has_jobs(session: Session) -> bool:
    return bool(_row(session, _HAS_JOBS)[0])


def _all(session: Session, query: LiteralString) -> list[tuple[Any, ...]]:
    with telling(f"looking for what could reach out of {session.info.dbname}"):
        return session.execute(query).fetchall()


def _row(session: Session, query: LiteralString) -> tuple[Any, ...]:
    (row,) = _all(session, query)
    return row


def _do(session: Session, statement: sql.Composed, what: str) -> None:
    with telling(f"switching off {what} in {session.info.dbname}", hint=_HINT):
        session.execute(statement)


def _holds(condition: bool, otherwise: str, hint: str) -> None:
    if not condition:
        raise Unable(f"the scratch instance is not isolated: {otherwise}", hint=hint)
