"""One damage, planted in a scratch database on purpose, for the checks to find. Not a check: see `dr.challenge`.

Whoever calls has proven that the instance is scratch of the run; the login carries the run's one-time password, which
no other instance knows. Which row, index, sequence or role it is follows from chance alone: a seed tells it again.
What a constraint or a privilege forbids is left, and the next one is tried. No value of a row leaves the server.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from random import Random
from typing import LiteralString

import psycopg
from psycopg import sql

from dr.challenge import Kind, NothingToPlant
from dr.postgres import Login, Session, connect
from dr.telling import telling
from dr.verification import DatabaseBaseline, InstanceBaseline, TableBaseline

BLOCKS = 128
"""Blocks of the heap in one chunk of a baseline."""
TRIES = 40
"""Rows, indexes, sequences or roles that are tried before the damage counts as one that cannot be planted."""
Column = tuple[str, str, bool, bool, bool]
"""Name, category of its type, generated, always an identity, part of a unique index."""
Announce = Callable[[str], None]
"""Told of the subject right before each change: only what was announced may be damaged."""

_NAMED = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where format('%I.%I', n.nspname, c.relname) = {key} and c.relkind = any ({kinds}) and n.nspname <> 'pg_catalog'
"""
_ALONE = " and not exists (select from pg_constraint where conindid = c.oid)"
_QUIET = """
 and not exists (select from pg_rewrite w where w.ev_class = c.oid and w.ev_type <> '1')
 and not exists (select from pg_trigger g where g.tgrelid = c.oid and g.tgenabled <> 'D'
     and not exists (select from pg_constraint k where k.oid = g.tgconstraint and k.contype <> 't'))
"""
"""Nothing of the application's own runs when its rows change: neither a rule nor a trigger, but for its constraints."""
_YOUNGER = """
select pg_snapshot_xmax(pg_current_snapshot())::text::bigint >= pg_snapshot_xmax({begun}::pg_snapshot)::text::bigint
"""
_COLUMNS = """
select a.attname, t.typcategory, a.attgenerated <> '', a.attidentity = 'a',
       exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and a.attnum = any (i.indkey))
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped join pg_type t on t.oid = a.atttypid
 where format('%I.%I', n.nspname, c.relname) = {key} order by a.attnum
"""
_OTHERWISE = {"N": "{} + 1", "S": "{} || 'x'", "B": "not {}", "D": "{} + interval '1 day'"}
"""By the category of a type (number, text, boolean, moment): how a value becomes another one."""


def plant(
    login_for: Callable[[str], Login],
    baseline: InstanceBaseline,
    kind: Kind,
    chance: Random,
    announce: Announce,
    *,
    first: str,
    spared: Collection[str] = (),
) -> str:
    """Plant one damage and say what was hit. `spared` must not be hit: whatever it is, as findings name it.

    Raises NothingToPlant where nothing of this kind can be done here.
    """
    if baseline.in_progress and kind in ("row changed", "row deleted"):
        # While a transaction may have been committing at the instant, nobody can call a row lost.
        raise NothingToPlant(f"{kind!r} could not be told from a transaction that was under way at the instant")
    names = sorted(baseline.databases)
    chance.shuffle(names)
    for name in [first] if kind == "role changed" else names:
        known = baseline.databases.get(name)
        if known is None:
            continue
        with connect(login_for(name), readonly=False) as session, telling(f"planting damage in {name}"):
            for subject, statement in _statements(session, baseline, known, kind, chance, spared):
                if subject in spared:
                    continue
                announce(subject)
                if _done(session, statement):
                    return subject
    raise NothingToPlant(
        f"nothing was found where {kind!r} could be planted", hint="may the owner change what it owns?"
    )


def _statements(
    session: Session,
    baseline: InstanceBaseline,
    known: DatabaseBaseline,
    kind: Kind,
    chance: Random,
    spared: Collection[str],
) -> Iterator[tuple[str, sql.Composed]]:
    """Each subject as a finding would name it, and what damages it."""
    match kind:
        case "row changed" | "row deleted" | "row inserted":
            if kind == "row inserted" and not _younger(session, baseline.begun_at):
                return
            yield from _rows(session, known, kind, chance, spared)
        case "index dropped":
            for index in _some(known.before.objects.keys() & known.after.objects.keys(), "index ", chance):
                if there := _named(session, index, "i", also=_ALONE):
                    yield f"{known.name}: index {index}", sql.SQL("drop index {}").format(there)
        case "sequence set back":
            back = "select setval(seqrelid, seqstart, false) from pg_sequence where seqrelid = to_regclass({})"
            for name in _some(filter(partial(_used, known), known.after.sequences), "", chance):
                yield f"{known.name}: {name}", sql.SQL(back).format(sql.Literal(name))
        case "role changed":
            for role in _some(known.before.roles.keys() & known.after.roles.keys(), "", chance):
                if not role.startswith(("pg_", "rds")):
                    limit = sql.SQL("alter role {} connection limit 4321").format(sql.Identifier(role))
                    yield f"{baseline.asset}: {role}", limit
        case _:
            raise NothingToPlant(f"{kind!r} is nothing that could be planted in a database")


def _younger(session: Session, begun_at: str) -> bool:
    """Whether what is written now cannot be taken for what was under way at the instant, and thus for a fair row."""
    if not begun_at:
        return False
    row = session.execute(sql.SQL(_YOUNGER).format(begun=sql.Literal(begun_at))).fetchone()
    return row is not None and bool(row[0])


def _used(known: DatabaseBaseline, name: str) -> bool:
    """Whether a sequence had been used before the bracket, and only went its way inside it."""
    before, after = known.before.sequences.get(name), known.after.sequences[name]
    if before is None or before.last is None or after.last is None or before.cycles or after.cycles:
        return False
    return before.increment == after.increment and (after.last - before.last) * after.increment >= 0


def _some(labels: Iterable[str], prefix: str, chance: Random) -> list[str]:
    found = sorted(label.removeprefix(prefix) for label in labels if label.startswith(prefix))
    chance.shuffle(found)
    return found[:TRIES]


def _rows(
    session: Session, known: DatabaseBaseline, kind: Kind, chance: Random, spared: Collection[str]
) -> Iterator[tuple[str, sql.Composed]]:
    """Rows of tables that the baseline covers, where nothing changed inside the bracket: there every row counts."""
    places = [
        (key, chunk)
        for key, table in sorted(known.tables.items())
        if f"{known.name}.{key}" not in spared and not table.unread
        for chunk in _cold(table)
    ]
    chance.shuffle(places)
    for key, chunk in places[:TRIES]:
        table = _named(session, key, "r", also=_QUIET)
        place = _a_row(session, table, chunk, chance) if table else None
        if table is None or place is None:
            continue
        columns: list[Column] = session.execute(sql.SQL(_COLUMNS).format(key=sql.Literal(key))).fetchall()
        here = sql.SQL("ctid = {}::tid").format(sql.Literal(place))
        subject = f"{known.name}.{key}"
        if kind == "row deleted":
            yield subject, sql.SQL("delete from only {} where {}").format(table, here)
        elif kind == "row inserted":
            yield subject, _doubled(table, columns, here)
        else:
            for statement in _changes(table, columns, here, chance):
                yield subject, statement


def _cold(table: TableBaseline) -> list[int]:
    if table.before is None or table.after is None:
        return []
    after = table.after.chunks
    return [number for number, one in table.before.chunks.items() if one.count and after.get(number) == one]


def _named(session: Session, key: str, *kinds: str, also: LiteralString) -> sql.Identifier | None:
    """A relation by the name that a baseline has for it, which is the server's own spelling; `also` is asked of it."""
    asked = sql.SQL(_NAMED + also).format(key=sql.Literal(key), kinds=sql.Literal(list(kinds)))
    row = session.execute(asked).fetchone()
    return sql.Identifier(*row) if row else None


def _a_row(session: Session, table: sql.Identifier, chunk: int, chance: Random) -> str | None:
    """Where one row of a chunk stands."""
    found = session.execute(
        sql.SQL("select ctid::text from only {} where ctid >= {}::tid and ctid < {}::tid").format(
            table, sql.Literal(f"({chunk * BLOCKS},0)"), sql.Literal(f"({(chunk + 1) * BLOCKS},0)")
        )
    ).fetchall()
    return str(chance.choice(found)[0]) if found else None


def _changes(
    table: sql.Identifier, columns: list[Column], here: sql.Composed, chance: Random
) -> Iterator[sql.Composed]:
    """One column after the other gets another value, in an order that chance gives."""
    able = [
        (name, _OTHERWISE[category])
        for name, category, generated, identity, _ in columns
        if category in _OTHERWISE and not generated and not identity
    ]
    chance.shuffle(able)
    for name, otherwise in able:
        column = sql.Identifier(name)
        change = sql.SQL("update only {} set {} = {} where {} and {} is not null")
        yield change.format(table, column, sql.SQL(otherwise).format(column), here, column)


def _doubled(table: sql.Identifier, columns: list[Column], here: sql.Composed) -> sql.Composed:
    """A row like another one. What must be unique becomes the next greater value of its column."""
    given = sql.SQL("insert into {} ({}) overriding system value select {} from only {} where {}")
    own = [one for one in columns if not one[2]]
    values: list[sql.Composable] = []
    for name, category, _, _, unique in own:
        column = sql.Identifier(name)
        if unique and category == "N":
            values.append(sql.SQL("(select max({}) + 1 from only {})").format(column, table))
        elif unique and category == "S":
            values.append(sql.SQL("{} || 'x'").format(column))
        else:
            values.append(column)
    names = sql.SQL(", ").join(sql.Identifier(one[0]) for one in own)
    return given.format(table, names, sql.SQL(", ").join(values), table, here)


def _done(session: Session, statement: sql.Composed) -> bool:
    """Whether it could be done, and changed something. Where it could not, for whatever reason, another one is tried.

    Foreign keys look away where the role may tell them to.
    """
    try:
        with session.transaction():
            try:
                with session.transaction():
                    session.execute("set local session_replication_role = replica")
            except psycopg.errors.InsufficientPrivilege:
                pass  # then they have their say
            return session.execute(statement).rowcount != 0
    except psycopg.Error:
        if session.closed:
            raise
        return False
