"""Connect to PostgreSQL with patience, over verified TLS only, and hold its moments open.

With `telling.py` and `checks/` this is the only room that knows psycopg. Every session is pinned to one set of
settings, because the same row written under another time zone or date style is another text, and another hash.
"""

import math
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import IsolationLevel, sql
from pydantic import SecretStr

from dr.clock import Deadline
from dr.errors import Unable
from dr.telling import first_line, telling
from dr.wait import until

Session = psycopg.Connection[tuple[Any, ...]]
"""One connection. Outside this room and `checks/` it is only handed on."""

SYSTEM_AUTHORITIES = Path("system")
"""Pass this as `ca` to trust the certificate authorities of the operating system, on purpose."""

OLDEST = 140000
"""`hash_record_extended` and scans of a range of blocks came with PostgreSQL 14."""

STYLES = {
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "3",
    "lc_monetary": "C",
    "xmlbinary": "base64",
}
"""How a value is written as text, and what some expressions over values mean."""

MANNERS = {
    "row_security": "off",  # a policy that hides rows is an error, never a smaller table
    "jit": "off",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "max_parallel_workers_per_gather": "0",  # how much of the server is used is ours to say, by the number of sessions
}

# What libpq says of a server that is not there yet. It gives no SQLSTATE for a connection that never stood.
_NOT_YET = (
    "connection refused",
    "timeout expired",
    "timed out",
    "server closed the connection unexpectedly",
    "connection reset",
    "starting up",
    "not yet accepting connections",
    "not accepting connections",
    "shutting down",
    "could not translate host name",
    "failed to resolve host",
    "no route to host",
    "network is unreachable",
    "closed unexpectedly",
    "unexpected eof",
)
_LOGIN = (
    "password authentication failed",
    "authentication failed",
    "no password supplied",
    "is not permitted to log in",
)
_TLS = ("certificate", "ssl error", "does not support ssl")


class LoginRefused(Unable):
    """The server answered, and does not let this role in."""


class NotTrusted(Unable):
    """Who answered could not be verified."""


@dataclass(frozen=True)
class Login:
    """Where a database is and as whom to enter it."""

    host: str
    port: int
    user: str
    password: SecretStr = field(repr=False)
    dbname: str
    ca: Path | None
    """The certificate authority to verify the server against. None is refused: there is no weaker way in."""
    address: str | None = None
    """The address to dial where no resolver knows the host; the certificate is still checked against the host."""

    def to(self, dbname: str) -> "Login":
        """The same server and role, another database."""
        return replace(self, dbname=dbname)

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}/{self.dbname}"


def connect(
    login: Login,
    *,
    deadline: Deadline | None = None,
    readonly: bool = True,
    search_path: str | None = "pg_catalog",
    styles: bool = True,
    statement_timeout: float = 3600.0,
) -> Session:
    """A session in autocommit mode, over TLS verified against the host's name.

    With a deadline, a server that is starting, or not there yet, is asked again until then. `search_path` None leaves
    the database's own; `styles` False leaves its time zone and styles, under which alone an expression that users call
    immutable may be so. Raises LoginRefused, NotTrusted or Unable, all of them Unable.
    """
    options = (
        MANNERS | (STYLES if styles else {}) | {"statement_timeout": f"{max(1, round(statement_timeout * 1000))}ms"}
    )
    if readonly:
        options["default_transaction_read_only"] = "on"
    if search_path is not None:
        options["search_path"] = search_path
    wanted: dict[str, Any] = {
        "host": login.host,
        "port": login.port,
        "user": login.user,
        "password": login.password.get_secret_value(),
        "dbname": login.dbname,
        "sslmode": "verify-full",
        "sslrootcert": str(_authority(login)),
        "gssencmode": "disable",
        "application_name": "firedrill",
        "client_encoding": "UTF8",
        "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
        "keepalives_idle": 30,
    }
    if login.address is not None:
        wanted["hostaddr"] = login.address

    def look() -> Session | psycopg.OperationalError:
        patience = 10 if deadline is None else max(2, min(10, math.ceil(deadline.remaining())))
        try:
            return psycopg.connect(**wanted, connect_timeout=patience, autocommit=True, prepare_threshold=None)
        except psycopg.OperationalError as problem:
            if deadline is None or not _passes(problem):
                raise _refusal(login, problem) from None
            return problem

    if deadline is None:
        seen = look()
    else:
        seen = until(
            look,
            lambda seen: not isinstance(seen, psycopg.OperationalError),
            what=f"connecting to {login}",
            clock=deadline.clock,
            deadline=deadline,
            every=min(1.0, max(0.05, deadline.seconds / 100)),
            shown=lambda seen: first_line(seen) if isinstance(seen, psycopg.OperationalError) else "connected",
        )
    assert not isinstance(seen, psycopg.OperationalError)  # noqa: S101 - for the type checker; `until` waited for this
    if seen.info.server_version < OLDEST:
        version = seen.info.server_version
        seen.close()
        raise Unable(
            f"{login}: PostgreSQL {version // 10000} is too old to verify", hint="PostgreSQL 14 or newer is needed"
        )
    return seen


def databases(session: Session) -> list[str]:
    """Every database of the instance that accepts connections, without the templates and RDS's own."""
    with telling("listing the databases"):
        rows = session.execute(
            "select datname from pg_database where datallowconn and not datistemplate and datconnlimit <> -2"
            " and datname <> 'rdsadmin' order by datname"
        ).fetchall()
    return [str(name) for (name,) in rows]


@dataclass(frozen=True)
class Snapshot:
    """A moment of one database, held open by its session: whoever joins it sees exactly this moment."""

    session: Session
    name: str
    visible: str
    """Which transactions it sees, in `pg_snapshot`'s notation."""
    at: datetime
    """The server's clock just after the snapshot was taken."""


def begin(session: Session) -> None:
    """Turn this session to one long read-only look. The moment is fixed by the first query, not here."""
    session.autocommit = False
    session.isolation_level = IsolationLevel.REPEATABLE_READ
    session.read_only = True


def release(session: Session) -> None:
    """Let go of the moment, and of every lock that came with it."""
    with telling(f"leaving the snapshot of {session.info.dbname}"):
        session.rollback()
        session.autocommit = True


def hold(session: Session) -> Snapshot:
    """Fix the moment of a session that has begun, and let others join it for as long as the session lives."""
    with telling(f"opening a snapshot of {session.info.dbname}"):
        row = session.execute("select pg_export_snapshot(), pg_current_snapshot()::text, clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101 - a select without a table has one row
    return Snapshot(session, str(row[0]), str(row[1]), row[2])


def join(login: Login, snapshot: Snapshot, **options: Any) -> Session:
    """Another session that sees the same moment. `options` are those of `connect`."""
    session = connect(login, **options)
    begin(session)
    with telling(f"joining the snapshot of {login.dbname}"):
        session.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(snapshot.name)))
    return session


def _authority(login: Login) -> Path:
    if login.ca is None:
        raise NotTrusted(
            f"{login}: no certificate authority to verify the server against",
            hint="name the bundle of the database's authorities; on RDS that is global-bundle.pem",
        )
    if login.ca == SYSTEM_AUTHORITIES:
        return login.ca
    try:
        with login.ca.open("rb") as file:
            file.read(1)
    except OSError as problem:
        raise NotTrusted(
            f"{login}: cannot read the certificate authority {login.ca}: {problem.strerror}",
            hint="without it the server cannot be verified, and nothing weaker is tried",
        ) from problem
    return login.ca


def _passes(problem: psycopg.OperationalError) -> bool:
    text = str(problem).lower()
    return any(words in text for words in _NOT_YET) and not any(words in text for words in _LOGIN)


def _refusal(login: Login, problem: psycopg.OperationalError) -> Unable:
    text = str(problem).lower()
    said = f"connecting to {login}: {first_line(problem)}"
    if any(words in text for words in _LOGIN):
        return LoginRefused(said, hint="is the secret the one of this role in this copy?")
    if any(words in text for words in _TLS):
        return NotTrusted(said, hint="the certificate must carry the endpoint's own name, signed by that authority")
    if "does not exist" in text or "permission denied for database" in text or "pg_hba.conf" in text:
        return LoginRefused(said, hint="does the restored copy hold this role and this database?")
    return Unable(said, hint="is the instance available, and does its security group let this machine in?")
