"""Record what is true of a source around one whole second, while it goes on being written to.

Two snapshots of every database are opened around T, one just before and one just after, and both are held open and read
at leisure: the bracket is milliseconds wide, however long the reading takes. Every table is held by the weakest of
locks from before the first snapshot on (as pg_dump does), so that no TRUNCATE or rewrite can pull it from under a
snapshot that has not read it yet; DDL on the source waits for the capture to end, and whoever queues behind it too.
"""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from datetime import datetime
from typing import TypeVar

from dr import table_comparison
from dr.bracket import Side, Source, enter, open_around, open_bracket
from dr.checks import chunks, heartbeat, schema
from dr.checks.chunks import Relation
from dr.clock import Clock
from dr.errors import Unable
from dr.postgres import Login, Session, connect, databases
from dr.recovery import stamp
from dr.verification import (
    Chunk,
    DatabaseBaseline,
    HeartbeatWindow,
    InstanceBaseline,
    SeenRow,
    TableBaseline,
    TableSide,
)

Found = TypeVar("Found")


def capture(
    asset: str,
    resource_id: str,
    login_for: Callable[[str], Login],
    clock: Clock,
    *,
    seed: int | None = None,
    first: str = "postgres",
    say: Callable[[str], None] = lambda _: None,
    around: Callable[[], datetime] | None = None,
) -> InstanceBaseline:
    """The baseline of every database of an instance around a whole second of the source's own clock.

    With `around`, it is that of something which happens in between, such as a snapshot: the first side is opened, it is
    called, and returns the instant that it stands for; then the second side is opened. Until then tables are held
    against being dropped or rewritten, so it should not take long.

    `login_for` says how to enter a database; `first` is one that is there in any case. Every session is closed at the
    end, whatever happened. Raises Unable when a table cannot be read, when no bracket could be opened in time, and
    when there is nothing to record.
    """
    seed = secrets.randbits(63) if seed is None else seed
    with ExitStack() as stack:
        watcher = stack.enter_context(connect(login_for(first)))
        names = databases(watcher)
        if not names:
            raise Unable(f"{asset}: the instance has no database to record", hint="is this the right instance?")
        sources = {name: enter(stack, login_for(name)) for name in names}
        opened = open_around(watcher, sources, clock, around) if around else open_bracket(watcher, sources, clock, say)
        if databases(watcher) != names:
            raise Unable(f"{asset}: a database came or went while the baseline was opened", hint="try again")
        width = (opened.after - opened.before).total_seconds() * 1000
        say(f"{asset}: bracket around {stamp(opened.instant)} is {width:.0f} ms wide; reading {len(names)} databases")
        moment = opened.after if around else opened.instant
        beats = {name: _heartbeats(source, moment) for name, source in sources.items()}
        beating = next((name for name in names if beats[name][1].present), None)
        absent = HeartbeatWindow(present=False)
        recorded = {name: _record(name, source, seed, clock) for name, source in sources.items()}
        tables = sum(len(database.tables) for database in recorded.values())
        if tables == 0:
            raise Unable(f"{asset}: no database of the instance has a table", hint="is this the right instance?")
        say(f"{asset}: {tables} tables in {len(names)} databases recorded")
        return InstanceBaseline(
            asset=asset,
            resource_id=resource_id,
            server_version=watcher.info.server_version,
            seed=seed,
            instant=opened.instant,
            opened_before=opened.before,
            opened_after=opened.after,
            in_progress=opened.in_doubt,
            begun_at=opened.begun_at,
            around_snapshot=around is not None,
            databases=recorded,
            held={name: len(database.tables) for name, database in recorded.items()},
            heartbeat_before=beats[beating][0] if beating else None,
            heartbeat=beats[beating][1] if beating else absent,
            heartbeat_database=beating,
        )


def _record(name: str, source: Source, seed: int, clock: Clock) -> DatabaseBaseline:
    """Read both sides of one database, each in the session that holds it.

    No other session takes part: it would need locks of its own, and where somebody waits to truncate or alter a table,
    new locks queue up behind him, and he behind ours.
    """
    sides = (source.before, source.after)
    (first, excluded), (second, excluded_after) = (chunks.relations(side.session, source.types) for side in sides)
    unread = {key for side in sides for key in _lost(side.session, first, second)}
    # The shape first: it may use indexes, which the reading of the content then forgoes.
    shapes = [schema.fingerprint(side.session, side.sequences) for side in sides]
    kept = [[one for one in relations if one.key not in unread] for relations in (first, second)]
    before, after = _both(sides, lambda side, number: _read(side.session, kept[number], seed, clock))
    relations = {one.key: one for some in kept for one in some}
    changed = {one: sorted(table_comparison.changed(before.get(key), after.get(key))) for key, one in relations.items()}
    rows = _both(sides, lambda side, _: _rows(side.session, changed, seed, clock))
    tables = {
        relation.key: TableBaseline(
            before=before.get(relation.key),
            after=after.get(relation.key),
            hot={
                chunk: table_comparison.hot_chunk(rows[0][relation.key, chunk], rows[1][relation.key, chunk])
                for chunk in some
            },
        )
        for relation, some in changed.items()
    }
    reason = "it was dropped, rewritten or locked while the baseline was opened"
    tables |= {key: TableBaseline(before=None, after=None, unread=reason) for key in unread}
    return DatabaseBaseline(
        name=name,
        tables=dict(sorted(tables.items())),
        excluded=excluded | excluded_after,
        before=shapes[0],
        after=shapes[1],
        visible_before=source.before.held.visible,
    )


def _both(sides: tuple[Side, Side], work: Callable[[Side, int], Found]) -> list[Found]:
    """The same work on both sides at once. Where one fails, the other is not waited for."""
    with ThreadPoolExecutor(max_workers=len(sides)) as pool:
        running = [pool.submit(work, side, number) for number, side in enumerate(sides)]
        try:
            for future in as_completed(running):
                future.result()
        except BaseException:
            for side in sides:
                side.session.cancel_safe(timeout=5)
            raise
    return [future.result() for future in running]


def _lost(session: Session, first: list[Relation], second: list[Relation]) -> Iterator[str]:
    """Tables that this session cannot hold any more as the first snapshot knew them.

    Those are tables that came up too late to be locked beforehand, and materialized views, which LOCK TABLE knows not.
    """
    for relation in {one.key: one for one in (*second, *first)}.values():
        if not chunks.touch(session, relation) or not chunks.same_file(session, relation):
            yield relation.key


def _read(session: Session, relations: list[Relation], seed: int, clock: Clock) -> dict[str, TableSide]:
    """Every chunk of every table in one session."""
    chunks.from_the_heap(session)
    found = {}
    for relation in chunks.sized(session, relations):
        parts: dict[int, Chunk] = {}
        for span in relation.spans():
            clock.sleep(0)  # where somebody asked to stop, this says so
            parts |= chunks.chunks(session, span, seed)
        found[relation.key] = chunks.side(relation, parts)
    return found


def _rows(
    session: Session, changed: dict[Relation, list[int]], seed: int, clock: Clock
) -> dict[tuple[str, int], list[SeenRow]]:
    found = {}
    for relation, some in changed.items():
        for chunk in some:
            clock.sleep(0)
            # A table that this side does not have has no rows on it.
            found[relation.key, chunk] = chunks.rows_of(session, relation, chunk, seed)
    return found


def _heartbeats(source: Source, instant: datetime) -> tuple[HeartbeatWindow, HeartbeatWindow]:
    return heartbeat.observe(source.before.session, instant), heartbeat.observe(source.after.session, instant)
