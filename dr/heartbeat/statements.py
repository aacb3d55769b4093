"""What installing a heartbeat executes, word by word: what the dry run shows is what is executed. Pure."""

import re
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources

from dr.errors import Refused

LOCK = 0x66697265
"""The writers' advisory lock: whoever holds it writes, and nobody else.

Any role of the database may hold an advisory lock, and so keep beats from being written, though it can write none. A
row's lock would be out of others' reach, but ends with its transaction: then a process and jobs of pg_cron would write
by turns, and neither could say that it is the one that writes.
"""
FORM = (("seq", "bigint"), ("at", "timestamp with time zone"), ("lsn", "pg_lsn"), ("lineage", "uuid"))
"""The columns of `firedrill.heartbeat`, none of them null."""
CONNECTIONS = 3
"""Of the writer's role: one that writes, one that waits to take over, and one that its server still holds for dead."""
OLDEST_CRON = (1, 5)
"""pg_cron repeats a job within a minute since 1.5 (its changelog)."""

_TEXT = resources.files(__package__).joinpath("install.sql").read_text(encoding="utf-8")
_ROLE = re.compile(r"[a-z_][a-z0-9_]{0,62}")
# Jobs run as the owner, by whatever search path the owner has: each name and operator says where it is, so that nobody
# who may create things in that database can put a function of his own in its place.
# A job begins anywhere in a second, and at the second that the one before has ended: two of them leave no second out.
_CRON_BEAT = "select firedrill.wait(); select firedrill.beat()"
_CRON_LOG = """delete from cron.job_run_details using cron.job
 where job.jobid operator(pg_catalog.=) job_run_details.jobid
 and job.jobname operator(pg_catalog.~~) 'firedrill %'::pg_catalog.text
 and job_run_details.end_time operator(pg_catalog.<)
 (pg_catalog.now() operator(pg_catalog.-) '1 hour'::pg_catalog.interval)"""


@dataclass(frozen=True)
class Statement:
    """One statement; `shown` differs where it carries a password's verifier."""

    text: str
    shown: str


def statements(
    user: str, verifier: str, secret: str, *, keep: timedelta, exists: bool, standing: bool
) -> tuple[Statement, ...]:
    """Everything that the database itself gets.

    `exists`: the role is there, and is only given its limits again. `standing`: the table is there; what its owner has
    granted of its rows stays then, because somebody else may write it already.
    """
    assert_role(user)
    role = (
        f"{'alter' if exists else 'create'} role {user} login noinherit connection limit {CONNECTIONS} "
        "password '{password}'"
    )
    given = {"user": user, "lock": str(LOCK), "keep": f"{int(keep.total_seconds())} seconds"}
    given["rights"] = "trigger, references, truncate" if standing else "all"
    found = []
    for part in _TEXT.split("\n----\n"):
        text = part.strip().replace("{role}", role)
        for name, value in given.items():
            text = text.replace(f"{{{name}}}", value)
        shown = text.replace("{password}", f"<the one in secret {secret}>")
        found.append(Statement(text.replace("{password}", verifier), shown))
    return tuple(found)


def schedule(dbname: str, cron_database: str) -> tuple[Statement, ...]:
    """What pg_cron gets, in the database that it lives in: two writers, and a broom for its own log of their runs."""
    jobs = [
        (f"firedrill heartbeat of {dbname}, first", "1 seconds", _CRON_BEAT, dbname),
        (f"firedrill heartbeat of {dbname}, second", "1 seconds", _CRON_BEAT, dbname),
        ("firedrill log", "*/10 * * * *", _CRON_LOG, cron_database),
    ]
    texts = [f"select cron.schedule_in_database({', '.join(map(_literal, job))})" for job in jobs]
    return tuple(Statement(text, text) for text in texts)


def assert_role(user: str) -> None:
    """Raises Refused for a name that would have to be quoted: it stands in statements that people read."""
    if not _ROLE.fullmatch(user):
        raise Refused(
            "the heartbeat's secret names a user that is no plain name",
            hint="lower case letters, digits and underscores, such as firedrill_heartbeat",
        )


def _literal(text: str) -> str:
    # Backslashes mean nothing in an ordinary literal: every PostgreSQL since 9.1 conforms to the standard there.
    return "'" + text.replace("'", "''") + "'"
