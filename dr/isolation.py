"""What a scratch instance could reach out with, and what must be known before anybody believes that it cannot. Pure.

A restore is a physical copy: whatever made production act by itself came along. Here stand what a parameter group may
hold, what is noted of each database before anything in it is changed, and the proofs that a run has to journal.
"""

from collections.abc import Mapping

from pydantic import Field

from dr.recovery import Fact
from dr.verification import SeenRow, TableSide

INSIDE = ("workers", "libraries", "processes", "subscriptions", "event triggers", "user mappings", "cron jobs")
"""What the server itself has to say."""
OUTSIDE = ("security group", "parameter group", "public", "encrypted", "backups", "roles")
"""What AWS has to say of the instance as it stands."""
PROOFS = (*OUTSIDE, *INSIDE)

WORKERS = "max_logical_replication_workers"
LIBRARIES = ("shared_preload_libraries", "session_preload_libraries", "local_preload_libraries")
MULTI_ACTIVE = "rds.enable_pgactive"

ACTING = {
    "pg_cron": "runs jobs by the clock",
    "pglogical": "starts the subscriptions that it finds",
    "pgactive": "replicates with the nodes that it finds",
    "pg_partman_bgw": "makes and drops partitions by the clock",
    "pg_transport": "moves databases between instances",
    "pg_tle": "runs functions of the database when somebody logs in",
}
"""Libraries that act by themselves once they are loaded, and how."""
HARMLESS = frozenset(
    {"rdsutils", "pg_stat_statements", "pgaudit", "auto_explain", "pg_hint_plan", "pg_prewarm", "plprofiler", "orafce"}
)
"""Libraries that only watch, plan or compute. `rdsutils` is RDS's own, and in every instance."""

REACHING = (
    "aws_s3",
    "aws_lambda",
    "dblink",
    "postgres_fdw",
    "mysql_fdw",
    "oracle_fdw",
    "tds_fdw",
    "pg_cron",
    "pglogical",
)
"""Extensions that can reach out when somebody calls them. They are noted and stay: what is restored is compared with
what was recorded, extensions included, and without egress, a credential or a role they reach nothing."""

FIRST_SESSION = ("event trigger", "subscription", "user mapping of")
"""How the fingerprint of a schema names what the first session changes."""


class Outlet(Fact):
    """One thing in a database that could act or reach out."""

    kind: str
    """As people call it: subscription, event trigger, user mapping, foreign server, cron job, extension."""
    name: str
    """`database.name`. Never a connection string, an option or a command: those hold secrets."""
    live: bool = True
    """False: it was switched off at the source already, or it does nothing unless somebody calls it."""


class TableBefore(Fact):
    """A table as it was before the first session changed rows of it: hashes, no values."""

    key: str
    side: TableSide
    rows: dict[int, tuple[SeenRow, ...]]


class Before(Fact):
    """One database before the first session changed anything in it. The checks compare this, not our own doing."""

    database: str
    outlets: tuple[Outlet, ...] = ()
    shape: dict[str, str] = Field(default_factory=dict)
    """The fingerprint of what is about to be changed, as `checks/schema.sql` writes it."""
    table: TableBefore | None = None


def complaints(parameters: Mapping[str, str | None]) -> list[str]:
    """What a scratch parameter group, or a running server's settings, would let start by itself: a sentence for each.

    A parameter that is absent, or has no value, has the engine's default: four logical replication workers, and no
    library (PostgreSQL documentation, 20.6.4 and 20.11.3). RDS preloads `pg_stat_statements` by default.
    """
    found = []
    workers = parameters.get(WORKERS)
    if not workers or not workers.strip().isdecimal() or int(workers) != 0:
        # The launcher starts every enabled subscription as soon as the server is open: before our first session.
        found.append(
            f"{WORKERS} must be 0, and is {workers or 'the default, 4'}: subscriptions would start by themselves"
        )
    for setting in LIBRARIES:
        for library in loaded(parameters.get(setting)):
            if library not in HARMLESS:
                why = ACTING.get(library, "nobody here knows that it does nothing by itself")
                found.append(f"{setting} must not hold {library}: {why}")
    if (parameters.get(MULTI_ACTIVE) or "0").strip() not in ("0", "off"):
        found.append(f"{MULTI_ACTIVE} must be 0: pgactive {ACTING['pgactive']}")
    return found


def loaded(value: str | None) -> list[str]:
    """The libraries of a list such as `rdsutils,"$libdir/pg_cron"`."""
    words = (
        one.strip().strip("\"'").strip().rpartition("/")[2].removesuffix(".so") for one in (value or "").split(",")
    )
    return [one for one in words if one]


def as_found(observed: Mapping[str, str], before: Before | None) -> dict[str, str]:
    """The shape of a restored database as it was before the first session changed it.

    Only what looks exactly as the first session leaves things is put back: whatever else differs is still a difference.
    """
    shape = dict(observed)
    for label, text in before.shape.items() if before else ():
        if observed.get(label) == left_behind(label, text):
            shape[label] = text
    return shape


def left_behind(label: str, text: str) -> str | None:
    """What the first session makes of an entry of the fingerprint; None where it removes it."""
    if label.startswith("subscription "):
        return text.replace("enabled=t ", "enabled=f ", 1)
    if label.startswith("event trigger "):
        event, _, rest = text.partition(" enabled=")
        return f"{event} enabled=D{rest[1:]}"
    return None
