"""Does every row find its object? Rows against the bytes that were restored beside them. (L7)

A row names an object by key, and perhaps by version and SHA-256. Scratch objects have new versions, so the row's
version is looked up through the map that the restore kept from source version to new version. What comes out: *missing*
(no such key), *another version* (the key is there, the version is not), *wrong* (the bytes are not what the row says).
"""

from collections.abc import Iterable

from psycopg import sql

from dr.errors import Unable
from dr.estate import Reference
from dr.postgres import Login, connect
from dr.telling import telling
from dr.verification import Finding, Outcome, RestoredObject

CHECK = "references"
SHOWN = 50
"""Findings about single objects; more than these are counted, and named in one."""
_AT_ONCE = 2000


def check(login: Login, reference: Reference, restored: Iterable[RestoredObject]) -> list[Finding]:
    """Stream the rows and look each one's object up. Zero rows are no proof, and answer `errored`. Raises Unable.

    `reference.table` is read as SQL reads a name: quoted where it must be, in `public` unless it says otherwise.
    """
    by_version: dict[tuple[str, str], str] = {}
    by_key: dict[str, set[str]] = {}
    for found in restored:
        by_version[found.key, found.source_version] = found.sha256
        by_key.setdefault(found.key, set()).add(found.sha256)
    bad: list[Finding] = []
    rows = 0
    wrong = 0
    with connect(login) as session, telling(f"reading {login.dbname}.{reference.table}"):
        schema, table = session.execute(
            "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid ="
            " coalesce(to_regclass(%(name)s), to_regclass('public.' || %(name)s))",
            {"name": reference.table},
        ).fetchone() or (None, None)
        if schema is None:
            raise Unable(
                f"{login.dbname} has no table {reference.table}",
                hint="the estate's references name it; quote it as SQL",
            )
        subject = f"{login.dbname}.{schema}.{table}"
        columns = [sql.Identifier(reference.key)]
        columns += [sql.Identifier(name) for name in (reference.version, reference.sha256) if name]
        query = sql.SQL("select {} from {} where {} is not null").format(
            sql.SQL(", ").join(sql.SQL("{}::text").format(column) for column in columns),
            sql.Identifier(schema, table),
            sql.Identifier(reference.key),
        )
        with session.transaction(), session.cursor(name="references") as cursor:
            cursor.itersize = _AT_ONCE
            for key, *rest in cursor.execute(query):
                rows += 1
                version = rest.pop(0) if reference.version else None
                sha256 = rest.pop(0) if reference.sha256 else None
                problem = _judge(key, version, sha256, by_version, by_key)
                if problem is not None:
                    wrong += 1
                    if len(bad) < SHOWN:
                        bad.append(_finding("failed", f"{subject}: {key}", *problem))
    if rows == 0:
        return [_finding("errored", subject, "rows that name objects", "none", "nothing was compared")]
    if wrong > len(bad):
        bad.append(_finding("failed", subject, "", f"{wrong - len(bad)} more rows", "the first are named above"))
    summary = _finding(
        "failed" if wrong else "passed", subject, f"{rows} rows find their objects", f"{wrong} do not", ""
    )
    return [summary, *bad]


def _judge(
    key: str,
    version: str | None,
    sha256: str | None,
    by_version: dict[tuple[str, str], str],
    by_key: dict[str, set[str]],
) -> tuple[str, str, str] | None:
    if key not in by_key:
        return ("an object", "missing", f"version {version}" if version else "")
    if version is not None:
        there = by_version.get((key, version))
        if there is None:
            return (f"version {version}", "another version", "the row's own version was not restored")
        return None if sha256 in (None, there) else (f"sha256 {sha256}", f"sha256 {there}", f"version {version}")
    if sha256 is None or sha256 in by_key[key]:
        return None
    return (f"sha256 {sha256}", f"sha256 {', '.join(sorted(by_key[key]))}", "")


def _finding(outcome: Outcome, subject: str, expected: str, observed: str, detail: str) -> Finding:
    return Finding(
        check=CHECK,
        level="L7",
        outcome=outcome,
        subject=subject,
        expected=expected,
        observed=observed,
        detail=detail,
    )
