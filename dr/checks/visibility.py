"""Does the visibility map say what the heap says? (L3)

A bit that is set without reason makes index-only scans return rows that are gone, and lets vacuum skip pages that it
must freeze. `pg_visibility` finds rows on pages that are marked all-visible or all-frozen and are not; and pages that
the map marks while the page itself does not, which never happens to a sound page, and is what a page of zeros in a
quiet table looks like. A page that was lost before its bits were ever set is left to `content`.

The extension is created in a transaction that is rolled back. What is found is looked at twice: on versions before 17 a
horizon that moved in between may let a sound row look wrong once.
"""

from collections.abc import Callable, Sequence

from psycopg import sql

from dr.checks import extension
from dr.checks.survey import Look, Piece, Survey, Visit
from dr.postgres import Login, Session
from dr.verification import Finding

CHECK = "visibility"
EXTENSION = "pg_visibility"
QUESTIONS = (
    ("pg_check_visible", "null::int8", ""),
    ("pg_check_frozen", "null::int8", ""),
    ("pg_visibility", "min(blkno)", "where (all_visible or all_frozen) and not pd_all_visible"),
)
"""The function that is asked, the first block that it names, and which of its rows are wrong."""

_RELATIONS = """
select c.oid, format('%I.%I', n.nspname, c.relname), coalesce(pg_relation_size(c.oid), 0),
       coalesce(pg_relation_size(c.oid, 'vm'), 0) > 0
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_am m on m.oid = c.relam and m.amname = 'heap'
 where c.relkind in ('r', 'm', 't') and c.relpersistence = 'p' order by 2
"""


def check(
    login_for: Callable[[str], Login],
    *,
    first: str,
    workers: int = 2,
    pause: Callable[[], None] = lambda: None,
) -> list[Finding]:
    """Every database of a restored instance, one finding each and one for every map that is wrong. Raises Unable."""
    survey = Survey(CHECK, "L3", login_for, first, workers, pause, readonly=False, prepare=_prepare)
    return survey.databases(_database)


def _prepare(session: Session) -> None:
    if session.autocommit:
        extension.borrow(session, EXTENSION)


def _database(visit: Visit) -> list[Finding]:
    shared = extension.installed(visit.session, EXTENSION)
    try:
        schema = extension.borrow(visit.session, EXTENSION)
    except extension.NotOffered as problem:
        return [visit.finding("not_available", detail=problem.message)]
    if missing := {function for function, *_ in QUESTIONS} - extension.functions(visit.session, EXTENSION).keys():
        return [visit.finding("not_available", detail=f"this role may not call {', '.join(sorted(missing))}")]
    rows = visit.session.execute(_RELATIONS).fetchall()
    mapped = [Piece(subject, oid, size) for oid, subject, size, has_map in rows if has_map]
    found = visit.each(mapped, _ask(schema, visit), alone=not shared)
    if not mapped:
        # Every database has some: its catalogs were frozen when the cluster was made.
        return [visit.finding("errored", detail=f"nothing was checked: none of {len(rows)} tables has a map")]
    told = f"{len(visit.answered(mapped, found))} of {len(mapped)} maps compared; {len(rows)} tables"
    return [visit.summary(found, "every visibility map as its table", told, "", mapped), *found]


def _ask(schema: sql.Composable, visit: Visit) -> Look:
    """Each question reads the whole table: they are asked apart, so that each has the time for that."""
    queries = [
        sql.SQL(
            "select n, q.number, q.first from unnest(%s::oid[]) with ordinality as r (o, n) cross join lateral"
            " (select count(*), {} from {}.{}(o::regclass) {}) q (number, first) where q.number > 0"
        ).format(sql.SQL(first), schema, sql.SQL(function), sql.SQL(which))
        for function, first, which in QUESTIONS
    ]

    def ask(session: Session, group: Sequence[Piece]) -> dict[Piece, dict[str, tuple[int, int | None]]]:
        found: dict[Piece, dict[str, tuple[int, int | None]]] = {}
        for (function, *_), query in zip(QUESTIONS, queries, strict=True):
            for n, number, first in session.execute(query, ([one.oid for one in group],)).fetchall():
                found.setdefault(group[n - 1], {})[function] = (number, first)
        return found

    def look(session: Session, group: Sequence[Piece]) -> list[Finding]:
        again = list(ask(session, group))
        wrong = ask(session, again) if again else {}
        return [
            visit.finding("failed", piece.subject, "bits as the rows are", *_told(*values))
            for piece, said in wrong.items()
            for values in [[said.get(function, (0, None)) for function, *_ in QUESTIONS]]
        ]

    return look


def _told(visible: tuple[int, object], frozen: tuple[int, object], marked: tuple[int, object]) -> tuple[str, str]:
    said = f"{visible[0]} rows marked all-visible are not, {frozen[0]} marked all-frozen are not"
    pages, first = marked
    if not pages:
        return said, ""
    return f"{said}, {pages} pages are marked in the map alone", f"the first is block {first}: is it a page of zeros?"
