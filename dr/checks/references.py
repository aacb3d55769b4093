"""Does every row find its object? Rows against the objects that were restored beside them, and the other way. (L7)

Both sides are streamed in the order of their keys, and merged: neither is ever whole in memory. Rows come from a cursor
on the server, ordered by the bytes of the key in UTF-8, which is the order in which S3 lists. A row names an object by
key, and perhaps by version and SHA-256; what can be wrong stands in `dr.resolving`.
"""

import heapq
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, repeat

from psycopg import sql

from dr.errors import Unable
from dr.estate import Reference
from dr.held import HeldKey, spans, standing
from dr.joint_recovery import Joint, Together
from dr.object_versions import RECENT
from dr.postgres import Login, Session, connect
from dr.resolving import PROBLEMS, Named, problem
from dr.telling import telling
from dr.verification import Finding, Outcome

CHECK = "references"
SHOWN = 50
"""Findings about single objects; more than these are counted, and named in one."""
SOME = 3
"""Objects that no row names, where that is no failure: as many are named."""
_AT_ONCE = 2000


@dataclass
class _Rows:
    """The rows of one reference, and what became of them."""

    subject: str
    seen: int = 0
    untold: int = 0
    """Those whose object is archived, in the restore's site as at home."""
    wrong: Counter[str] = field(default_factory=Counter)
    named: list[Finding] = field(default_factory=list)

    def tell(self, named: Named, why: str) -> None:
        self.wrong[why] += 1
        if len(self.named) < SHOWN:
            version = f"version {named.version}" if named.version else "its object"
            self.named.append(_finding("failed", f"{self.subject}: {named.key}", version, why))

    def findings(self) -> list[Finding]:
        if self.seen == self.untold:
            told = f"{self.seen}, all of archived objects" if self.seen else "none"
            return [_finding("errored", self.subject, "rows that name objects", told, "nothing was compared")]
        wrong = self.wrong.total()
        kinds = ", ".join(f"{self.wrong[one]} {one}" for one in PROBLEMS if self.wrong[one])
        expected = f"{self.seen - self.untold} rows find their objects"
        observed = f"{wrong} do not{f': {kinds}' if kinds else ''}"
        more = wrong - len(self.named)
        rest = [_finding("failed", self.subject, "", f"{more} more rows", "the first are named above")] if more else []
        if self.untold:
            detail = f"{self.untold} rows name objects that are archived, here as at home: not followed"
            rest.append(_finding("not_available", self.subject, "", "", detail))
        return [_finding("failed" if wrong else "passed", self.subject, expected, observed), *self.named, *rest]


def check(
    asked: Sequence[tuple[Login, Reference]],
    held: Iterable[HeldKey],
    instant: datetime,
    *,
    bucket: str,
    heartbeat: str,
    whole: bool,
) -> tuple[list[Finding], Joint]:
    """Ask the servers of all references into one bucket for their rows, and compare. Raises Unable.

    `reference.table` is read as SQL reads a name: quoted where it must be, in `public` unless it says otherwise.
    """
    with ExitStack() as stack:
        told = []
        for login, reference in asked:
            session = stack.enter_context(connect(login))
            stack.enter_context(session.transaction())
            with telling(f"reading {login.dbname}.{reference.table}"):
                subject, query = _query(session, login, reference)
            rows = stack.enter_context(closing(_stream(session, query, reference, subject)))
            told.append((subject, reference, rows))
        return compare(told, held, instant, bucket=bucket, heartbeat=heartbeat, whole=whole)


def compare(
    told: Sequence[tuple[str, Reference, Iterable[Named]]],
    held: Iterable[HeldKey],
    instant: datetime,
    *,
    bucket: str,
    heartbeat: str,
    whole: bool,
) -> tuple[list[Finding], Joint]:
    """Every reference into one bucket, at once: an object is an orphan when none of them names it.

    `told`: subject, reference, and what its rows name, in the order of the keys; `held`: the lines of the restored
    bucket, in the same order. Zero rows are no proof, and answer `errored`. `whole`: all references into the bucket
    are among those told; else orphans are not counted.
    """
    together = Together(instant)
    orphans: list[str] = []
    unnamed = objects = 0
    rows = [_Rows(subject) for subject, _, _ in told]
    streams = [zip(stream, repeat(number)) for number, (_, _, stream) in enumerate(told)]
    merged = heapq.merge(*streams, key=lambda row: row[0].key)
    for line, of_key in _beside(_in_order(held), groupby(merged, lambda row: row[0].key)):
        orphan = True
        for named, number in of_key:
            orphan = False
            rows[number].seen += 1
            together.add(spans(line, named.version, named.sha256) if line else ())
            match problem(line, named, instant):
                case None:
                    pass
                case "archived at home too":
                    rows[number].untold += 1
                case why:
                    rows[number].tell(named, why)
        top = standing(line, instant) if line else None
        if line is None or top is None or top.marker or line.key == heartbeat:
            continue
        objects += 1
        # Whoever uploads first and commits then leaves, at any instant, an object whose row is still to come.
        if orphan and top.stored <= instant - RECENT:
            unnamed += 1
            if len(orphans) < SHOWN:
                orphans.append(line.key)
    findings = [finding for one in rows for finding in one.findings()]
    fatal = whole and unnamed > 0 and any(reference.orphans == "fail" for _, reference, _ in told)
    findings += _of_bucket(bucket, objects, unnamed, orphans, whole=whole, fatal=fatal)
    wrong = sum(one.wrong.total() for one in rows)
    untold = sum(one.untold for one in rows)
    agrees = wrong == 0 and together.rows > untold
    joint = Joint(instant=instant, rows=together.rows, agrees=agrees, never=together.never, untold=untold)
    if not joint.agrees:
        joint = joint.model_copy(update={"bucket_later": together.later(), "bucket_earlier": together.earlier()})
    return findings, joint


Row = tuple[Named, int]
"""What a row names, and the number of the reference that it is a row of."""


def _beside(
    lines: Iterator[HeldKey], rows: Iterator[tuple[str, Iterator[Row]]]
) -> Iterator[tuple[HeldKey | None, Iterable[Row]]]:
    """Both streams, key by key: the line of a key, if it has one, and its rows, if there are any."""
    line = next(lines, None)
    for key, of_key in rows:
        while line is not None and line.key < key:
            yield line, ()
            line = next(lines, None)
        if line is not None and line.key == key:
            yield line, of_key
            line = next(lines, None)
        else:
            yield None, of_key
    while line is not None:
        yield line, ()
        line = next(lines, None)


def _in_order(lines: Iterable[HeldKey]) -> Iterator[HeldKey]:
    """The same lines. Raises Unable when they are not in the order of their keys: a merge would miss some."""
    before: str | None = None
    for line in lines:
        if before is not None and line.key <= before:
            raise Unable(f"the objects are not listed in the order of their keys: {line.key!r} after {before!r}")
        before = line.key
        yield line


def _query(session: Session, login: Login, reference: Reference) -> tuple[str, sql.Composed]:
    """What is read, in words, and how."""
    schema, table = session.execute(
        "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid ="
        " coalesce(to_regclass(%(name)s), to_regclass('public.' || %(name)s))",
        {"name": reference.table},
    ).fetchone() or (None, None)
    if not isinstance(schema, str) or not isinstance(table, str):
        raise Unable(
            f"{login.dbname} has no table {reference.table}",
            hint="the estate's references name it; quote it as SQL",
        )
    key = sql.Identifier(reference.key)
    others = [
        sql.SQL("{}::text").format(sql.Identifier(name)) if name else sql.SQL("null::text")
        for name in (reference.version, reference.sha256)
    ]
    # Only there are the bytes of the text those of UTF-8, and an index may help.
    plain = session.info.parameter_status("server_encoding") == "UTF8"
    order = sql.SQL('{}::text collate "C"' if plain else "convert_to({}::text, 'UTF8')").format(key)
    query = sql.SQL("select {}::text, {} from {} where {} is not null order by {}").format(
        key, sql.SQL(", ").join(others), sql.Identifier(schema, table), key, order
    )
    return f"{login.dbname}.{schema}.{table}", query


def _stream(
    session: Session,
    query: sql.Composed,
    reference: Reference,
    subject: str,
) -> Generator[Named, None, None]:
    """The rows of one reference. Raises Unable when they do not come in the order that was asked for."""
    before = ""
    with telling(f"reading {subject}"), session.cursor(name="references") as cursor:
        cursor.itersize = _AT_ONCE
        try:
            for key, version, sha256 in cursor.execute(query):
                if str(key) < before:
                    raise Unable(f"{subject}: the rows do not come in the order of {reference.key}")
                before = str(key)
                yield Named(before, version and str(version), sha256 and str(sha256))
        except UnicodeDecodeError:
            # A database in SQL_ASCII holds whatever bytes it was given; S3's keys are UTF-8.
            raise Unable(f"{subject}: a value of {reference.key} or beside it is no text in UTF-8") from None


def _of_bucket(
    bucket: str, objects: int, unnamed: int, orphans: Sequence[str], *, whole: bool, fatal: bool
) -> list[Finding]:
    """The other way: objects that no row names."""
    if not whole:
        detail = f"{objects} objects; which of them no row names is not told: not every reference is part of this run"
        return [_finding("not_available", bucket, "objects that rows name", "", detail)]
    if not objects:
        return [_finding("errored", bucket, "objects that rows name", "none", "no object was looked at")]
    some = f": {', '.join(map(repr, orphans[:SOME]))}{' …' if unnamed > SOME else ''}" if orphans and not fatal else ""
    outcome: Outcome = "failed" if fatal else "passed"
    found = [_finding(outcome, bucket, f"{objects} objects that rows name", f"{unnamed} that no row names{some}")]
    if fatal:
        found += [_finding("failed", f"{bucket}/{key}", "a row that names it", "orphaned") for key in orphans]
        if unnamed > len(orphans):
            found.append(_finding("failed", f"{bucket}/...", "", f"{unnamed - len(orphans)} more objects"))
    return found


def _finding(outcome: Outcome, subject: str, expected: str, observed: str, detail: str = "") -> Finding:
    return Finding(
        check=CHECK,
        level="L7",
        outcome=outcome,
        subject=subject,
        expected=expected,
        observed=observed,
        detail=detail,
    )
