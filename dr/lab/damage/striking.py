"""One damage, done to one server that is up; and taken back."""

import shutil
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg import sql

from dr.errors import Refused
from dr.lab.damage.files import FILES
from dr.lab.damage.statements import MAIN, STATEMENTS
from dr.lab.engine.backup import duplicate
from dr.lab.engine.cluster import Cluster

FORKS = {"main": "", "toast": "", "vm": "_vm", "fsm": "_fsm"}
"""part of a relation -> how its file's name ends"""

_NOT_THERE = (
    psycopg.errors.FeatureNotSupported,
    psycopg.errors.InvalidCatalogName,
    psycopg.errors.UndefinedObject,
    psycopg.errors.UndefinedTable,
)
"""A lab may have been changed by hand, and not every server offers what the sample application uses of it."""


def strike(cluster: Cluster, name: str, *, relation: str | None = None, checksums: str = "as-is") -> str:
    """Do it, and say what was done. Files are damaged while the server is down; it comes up again, if it still can.

    Raises ServerFailed when it does not, and Refused where there is nothing that this damage could hit.
    """
    if name in STATEMENTS:
        statement = STATEMENTS[name]
        with cluster.connect(statement.database) as session:
            session.execute("set session_replication_role = replica")
            session.execute("set allow_system_table_mods = on")
            try:
                session.execute(statement.sql.encode())
            except _NOT_THERE as problem:
                told = problem.diag.message_primary
                raise Refused(f"{name} finds nothing to hit in {statement.database}: {told}") from problem
        return f"`{statement.sql}` in {statement.database}"
    damage = FILES[name]
    place = cluster.data
    if wanted := relation or damage.relation:
        place = cluster.data / _file_of(cluster, wanted, damage.part)
    cluster.stop()
    sealed = _sealed(cluster) if checksums == "as-is" else checksums == "on"
    _seal(cluster, sealed and not damage.resealed)
    told = damage.do(place)
    if damage.resealed:
        _seal(cluster, sealed)
    cluster.start()
    return told


def spare(cluster: Cluster) -> Path:
    """A copy of a server's files, to put back later. The server is down for as long as that takes."""
    kept = cluster.directory / "unharmed"
    shutil.rmtree(kept, ignore_errors=True)
    cluster.stop()
    duplicate(cluster.machine.account, cluster.data, kept)
    cluster.start()
    return kept


def put_back(cluster: Cluster, kept: Path) -> None:
    """Undo whatever was done since `spare`, where the server is still there."""
    if not kept.exists():
        return
    cluster.stop("immediate")
    shutil.rmtree(cluster.data)
    kept.rename(cluster.data)
    cluster.start()


def _file_of(cluster: Cluster, relation: str, part: str) -> str:
    """Where a relation's bytes stand, below the data directory."""
    with cluster.connect(MAIN) as session:
        asked = "select oid, reltoastrelid from pg_class where oid = to_regclass(%s)"
        found = session.execute(asked, (relation,)).fetchone()
        if found is None:
            raise Refused(f"{MAIN} has no relation {relation}", hint="write it as SQL does")
        oid = found[1] if part == "toast" else found[0]
        if not oid:
            raise Refused(f"{relation} keeps no long values apart", hint="name a table with long texts")
        # The maps are made by a vacuum only.
        if part in ("vm", "fsm"):
            session.execute(sql.SQL("vacuum {}").format(sql.SQL(relation)))
        if part == "vm":
            _leave_a_trace(session, relation)
        row = session.execute("select pg_relation_filepath(%s)", (oid,)).fetchone()
        assert row is not None  # noqa: S101 - a select without a table has one row
    return str(row[0]) + FORKS[part]


def _leave_a_trace(session: psycopg.Connection, relation: str) -> None:
    """A row that nobody ever sees, because what inserted it did not commit: so not every page is visible to all."""
    twice = "insert into {0} overriding system value select * from {0} limit 1"
    with suppress(psycopg.errors.UniqueViolation), session.transaction(force_rollback=True):
        session.execute(sql.SQL(twice).format(sql.SQL(relation)))


def _sealed(cluster: Cluster) -> bool:
    """Whether the pages of a stopped server carry checksums."""
    told = cluster.machine.account.run([cluster.machine.tree.program("pg_controldata"), cluster.data])
    return "Data page checksum version:           0" not in told


def _seal(cluster: Cluster, wanted: bool) -> None:
    """Have pages checked when they are read, or not. Asking for what is so already is an error of the program's."""
    if _sealed(cluster) != wanted:
        program = cluster.machine.tree.program("pg_checksums")
        verb = "--enable" if wanted else "--disable"
        cluster.machine.account.run([program, verb, "--no-sync", f"--pgdata={cluster.data}"])
