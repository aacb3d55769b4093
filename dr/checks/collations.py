"""Does this host sort text as the source did? (L5)

PostgreSQL records which version of the operating system's C library, or of ICU, a collation had when it was made, for
each database and each collation, and can ask for the actual one. Where they differ, every index over text may be out of
order. What sees what:

- here: versions that were recorded and are no longer the actual ones; and, with a baseline, a provider, a locale or an
  actual version that is not the source's. A mismatch that the source had as well is told and is no failure of the
  restore. PostgreSQL 14 records nothing for databases: there, the default collation is `not_available`.
- not here: an order that changed while its version did not (a host with locales of its own). Versions are then equal on
  both, and no warning comes; in a proof of that, 12,898 of 20,000 keys were not found by their primary key. The index
  itself shows it: `structure` compares the order of every B-tree over text, and where the server offers no amcheck,
  `index_answers` does not find the rows.

Collations that some column or index uses, and those that users made, are looked at; a server knows hundreds of others.
"""

import re
from collections.abc import Callable

from dr.checks.survey import Survey, Visit
from dr.postgres import Login
from dr.telling import telling
from dr.verification import DatabaseBaseline, Finding, InstanceBaseline

CHECK = "collations"

_DATABASE_14 = """
select 'database', 'c', format('%s %s', datcollate, datctype), null, null
  from pg_database where datname = current_database()
"""
_DATABASE = """
select 'database', datlocprovider::text, format('%s %s', datcollate, datctype), datcollversion,
       pg_database_collation_actual_version(oid)
  from pg_database where datname = current_database()
"""
_COLLATIONS = """
select format('collation %s', c.oid::regcollation), c.collprovider::text, coalesce(c.collcollate, ''), c.collversion,
       pg_collation_actual_version(c.oid)
  from pg_collation c join pg_namespace n on n.oid = c.collnamespace
 where c.collprovider <> 'd'
   and (n.nspname !~ '^pg_' or c.oid in (select attcollation from pg_attribute union
                                         select unnest(indcollation) from pg_index))
 order by 1
"""
_VERSIONS = re.compile(r" version=(?P<recorded>\S*) actual=(?P<actual>\S*)")
"""As the fingerprint of the schema writes them."""
_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin", "d": "default"}


def check(
    login_for: Callable[[str], Login],
    baseline: InstanceBaseline | None,
    *,
    first: str,
    workers: int = 2,
    pause: Callable[[], None] = lambda: None,
) -> list[Finding]:
    """Every database of a restored instance: one finding each, and one for each version that is not what it was.

    Raises Unable where the instance as a whole cannot be asked.
    """
    known = baseline.databases if baseline else {}
    survey = Survey(CHECK, "L5", login_for, first, workers, pause)
    return survey.databases(lambda visit: _database(visit, known.get(visit.name)))


def _database(visit: Visit, known: DatabaseBaseline | None) -> list[Finding]:
    with telling(f"reading the collations of {visit.name}"):
        of_database = _DATABASE if visit.session.info.server_version >= 150000 else _DATABASE_14
        rows = visit.session.execute(of_database).fetchall() + visit.session.execute(_COLLATIONS).fetchall()
    found: list[Finding] = []
    same: list[str] = []
    by_bytes = 0
    told: list[str] = []
    for name, provider, locale, recorded, actual in rows:
        shapes = (known.before, known.after) if known else ()
        sources = [one for shape in shapes if (one := _VERSIONS.search(shape.objects.get(name, "")))]
        source = sources[-1] if sources else None
        version = f"{_PROVIDERS.get(provider, provider)} {actual}"
        if actual is None and _by_bytes(locale):
            by_bytes += 1
        elif actual is None or recorded is None:
            reason = f"{_PROVIDERS.get(provider, provider)}: no version is recorded" if actual else "no version is told"
            found.append(visit.finding("not_available", name, detail=f"{reason}, so the order of {locale} is believed"))
        elif source and source["actual"] != actual:
            sorted_by = f"sorted by version {source['actual'] or 'unknown'}, as the source"
            found.append(visit.finding("failed", name, sorted_by, version, "REINDEX what sorts text before it is used"))
        elif recorded == actual:
            same.append(version)
        elif recorded in [one["recorded"] for one in sources]:
            told.append(f"{name}: recorded {recorded}, {version}; so at the source too")
        else:
            made = f"sorted by version {recorded}, as recorded"
            found.append(visit.finding("failed", name, made, version, "REINDEX what sorts text before it is used"))
    if not rows:
        return [visit.finding("errored", detail="the catalog names no collation at all: nothing was compared"), *found]
    seen = f"{len(same)} as recorded{_named(same)}, {by_bytes} sort by bytes"
    return [visit.summary(found, f"{len(rows)} collations sort as recorded", seen, "; ".join(told)), *found]


def _by_bytes(locale: str) -> bool:
    """Locales that no library can change: C, POSIX and those of C's order with a character set."""
    return all(word in ("C", "POSIX") or word.startswith("C.") for word in locale.split())


def _named(versions: list[str]) -> str:
    return f" ({', '.join(sorted(set(versions)))})" if versions else ""
