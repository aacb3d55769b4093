"""Do the rows keep what the schema promises of them: keys, references, conditions? (L5)

That a constraint is marked as validated is only a mark: a restore carries it along whether or not it is true, and
`session_replication_role` writes past it. So every validated one is asked of the rows again. Foreign keys by an
anti-join, with the operators that the constraint itself names, MATCH SIMPLE and FULL, whole trees of partitioned
tables on either side. CHECK and NOT NULL, those of domains too (of columns whose type is the domain itself, not an
array or a composite of it). Unique keys by grouping what stands in the heap; exclusion constraints by looking for a
second row, for which their own index may be used, see `index_answers`. Conditions in which the clock, the session or
its settings have a say are named and not asked: a row that kept one when it was written need not keep it today.

What is not enforced now (NOT VALID, invalid or unready indexes, disabled triggers, those of foreign keys among them,
views that were never populated) is told, and whether it was so at the source. It is no failure of the restore: where it
is not as it was, `schema` says so. Only an index of a catalog is never left invalid by anything that people do.
"""

from collections.abc import Callable, Sequence

import psycopg
from psycopg import sql

from dr.checks import declared
from dr.checks.survey import Look, Piece, Survey, Visit
from dr.postgres import Login, Session
from dr.telling import telling
from dr.verification import DatabaseBaseline, Finding, InstanceBaseline

CHECK = "constraints"
NAMED = 10

# What is not enforced, as the fingerprint of the schema names it, with what it says there.
_FLAGS = """
with relation as (
    select c.*, format('%I.%I', n.nspname, c.relname) as label, n.nspname from pg_class c
      join pg_namespace n on n.oid = c.relnamespace where c.relpersistence <> 't')
select format('index %s', r.label), ' valid=f', r.nspname = 'pg_catalog'
  from pg_index i join relation r on r.oid = i.indexrelid where not i.indisvalid
union all
select format('index %s', r.label), ' ready=f', r.nspname = 'pg_catalog'
  from pg_index i join relation r on r.oid = i.indexrelid where not i.indisready
union all
select format('constraint %I on %s', c.conname, coalesce(r.label, c.contypid::regtype::text)), ' validated=f', false
  from pg_constraint c left join relation r on r.oid = c.conrelid
 where not c.convalidated and (r.oid is not null or c.contypid <> 0)
union all
select format('trigger %I on %s', t.tgname, r.label), ' enabled=D', false
  from pg_trigger t join relation r on r.oid = t.tgrelid where not t.tgisinternal and t.tgenabled = 'D'
union all
select format('foreign key triggers of %s', r.label), 'D', false
  from pg_trigger t join relation r on r.oid = t.tgrelid where t.tgisinternal and t.tgenabled = 'D' group by r.label
union all
select format('materialized view %s', r.label), ' populated=f', false from relation r
 where r.relkind = 'm' and not r.relispopulated
 order by 1
"""


def check(
    login_for: Callable[[str], Login],
    baseline: InstanceBaseline | None,
    *,
    first: str,
    workers: int = 2,
    pause: Callable[[], None] = lambda: None,
) -> list[Finding]:
    """Every database of a restored instance, one finding each and one for every constraint that rows break.

    The baseline says what was not enforced at the source either; without it, that is only told. Functions in conditions
    run with the settings that the database gives them. Raises Unable where the instance as a whole cannot be asked.
    """
    known = baseline.databases if baseline else {}
    survey = Survey(CHECK, "L5", login_for, first, workers, pause, as_users=True, prepare=_prepare)
    return survey.databases(lambda visit: _database(visit, known.get(visit.name)))


def _prepare(session: Session) -> None:
    """What stands in the tables is asked for: an index may be right where its table is not."""
    for way in ("nestloop", "indexscan", "indexonlyscan"):
        session.execute(sql.SQL("set enable_{} = off").format(sql.SQL(way)))


def _database(visit: Visit, known: DatabaseBaseline | None) -> list[Finding]:
    with telling(f"listing the constraints of {visit.name}"):
        pieces = declared.pieces(visit.session)
        fickle = declared.fickle(visit.session)
        rows = visit.session.execute(_FLAGS).fetchall()
    counted: dict[str, int] = {}
    look = _breaking(visit, visit.count("rows that keep it", counted))
    found: list[Finding] = []
    for one in visit.each(pieces, look):
        table = next((p for p in pieces if p.kind == "rows" and one.subject == f"{visit.name}.{p.subject}"), None)
        single = declared.each_of(visit.session, table) if table and one.outcome != "failed" else []
        again = visit.each(single, look)
        # Where one condition cannot be evaluated, the others of its table still can; unless it is the table.
        if table and visit.answered(single, again):
            pieces = [*(p for p in pieces if p is not table), *single]
            found += again
        else:
            found.append(one)
    found += [visit.finding("failed", label, "valid", mark.strip()) for label, mark, of_catalog in rows if of_catalog]
    seen = sum(counted.values())
    if not seen and all(one.outcome == "not_available" for one in found):
        reason = "this role may read none of the rows" if found else _why_nothing(len(pieces), known)
        if reason:
            return [visit.finding("not_available", detail=reason), *found]
    asked = visit.answered(pieces, found)
    told = f"{len(asked)} of {len(pieces)} promises held against their rows, {seen} of those looked at"
    flags = [(label, mark) for label, mark, of_catalog in rows if not of_catalog]
    left = [f"not asked, because more than the row decides: {_named(fickle)}"] if fickle else []
    detail = "; ".join([*left, *_not_enforced(flags, known)])
    return [visit.summary(found, "every row keeps what its schema promises", told, detail, pieces), *found]


def _why_nothing(promises: int, known: DatabaseBaseline | None) -> str:
    """Why that no row was looked at proves nothing; no reason where the source had nothing to look at either."""
    if known is None:
        return f"no row stands under any of {promises} promises, and no baseline says that it was so at the source"
    if promises:
        return f"no row stands under any of {promises} promises; the source had rows" if known.has_rows else ""
    named = known.objects(
        lambda name, text: name.startswith("constraint ") or (name.startswith("column ") and " null=f " in text)
    )
    return f"no promise is asked of any row; the source's schema names {_named(named)}" if named else ""


def _breaking(visit: Visit, count: Look) -> Look:
    """A value that breaks its domain is an error of the server's, which says no more of it than that."""

    def look(session: Session, group: Sequence[Piece]) -> list[Finding]:
        try:
            return count(session, group)
        except (psycopg.errors.CheckViolation, psycopg.errors.NotNullViolation) as problem:
            if len(group) > 1:
                raise
            return [visit.finding("failed", group[0].subject, "rows that keep it", type(problem).__name__)]

    return look


def _not_enforced(flags: Sequence[tuple[str, str]], known: DatabaseBaseline | None) -> list[str]:
    if not flags:
        return []
    if known is None:
        return [f"not enforced: {_named([label for label, _ in flags])}", "no baseline says whether it was so before"]
    was = [label for label, mark in flags if mark in known.after.objects.get(label, "")]
    new = [label for label, _ in flags if label not in was]
    parts = [f"not enforced at the source either: {_named(was)}"] if was else []
    return parts + ([f"not enforced, and the source had it otherwise: {_named(new)} (see schema)"] if new else [])


def _named(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - NAMED} more" if len(labels) > NAMED else ""
    return ", ".join(labels[:NAMED]) + more
