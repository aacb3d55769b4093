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
FUNCTIONS = ("pg_check_frozen", "pg_check_visible", "pg_visibility")

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
    if missing := {*FUNCTIONS} - extension.functions(visit.session, EXTENSION).keys():
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
    query = sql.SQL(
        "select n, visible, frozen, marked, first from unnest(%s::oid[]) with ordinality as r (o, n)"
        " cross join lateral (select count(*) as visible from {0}.pg_check_visible(o::regclass)) v"
        " cross join lateral (select count(*) as frozen from {0}.pg_check_frozen(o::regclass)) f"
        " cross join lateral (select count(*) as marked, min(blkno) as first from {0}.pg_visibility(o::regclass)"
        " where (all_visible or all_frozen) and not pd_all_visible) p"
        " where visible + frozen + marked > 0 order by n"
    ).format(schema)

    def look(session: Session, group: Sequence[Piece]) -> list[Finding]:
        again = [group[n - 1] for n, *_ in session.execute(query, ([one.oid for one in group],)).fetchall()]
        if not again:
            return []
        rows = session.execute(query, ([one.oid for one in again],)).fetchall()
        return [visit.finding("failed", again[n - 1].subject, "bits as the rows are", *_told(*one)) for n, *one in rows]

    return look


def _told(visible: int, frozen: int, marked: int, first: int | None) -> tuple[str, str]:
    said = f"{visible} rows marked all-visible are not, {frozen} marked all-frozen are not"
    if not marked:
        return said, ""
    return f"{said}, {marked} pages are marked in the map alone", f"the first is block {first}: is it a page of zeros?"
