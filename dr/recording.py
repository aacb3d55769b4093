"""Read one database of a source on both sides of a bracket, and say what is true of it.

Each side is one snapshot, and a few sessions share it: the one that holds it, with a lock on every table, and workers
that join it. A worker needs locks of its own. Where somebody waits to truncate or alter a table, new locks queue up
behind him, and he behind ours: so a worker asks for a moment only, and what it does not get is read by the session that
holds the table already.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeVar

from dr import table_comparison
from dr.bracket import Side, Source
from dr.checks import chunks, schema
from dr.checks.chunks import Relation, Span
from dr.errors import Unable
from dr.hashing import Hashing
from dr.pace import Pace
from dr.postgres import Login, Session, join
from dr.sharing import spread
from dr.table_comparison import BLOCKS
from dr.telling import Locked
from dr.verification import Chunk, DatabaseBaseline, SeenRow, SequenceState, TableBaseline, TableSide

Found = TypeVar("Found")
PATIENCE_FOR_LOCKS = "100ms"


@dataclass(frozen=True)
class Reading:
    """How a source is to be read."""

    hashing: Hashing
    workers: int
    """Sessions that read one side at the same time."""
    pace: Pace


def record(name: str, source: Source, reading: Reading) -> DatabaseBaseline:
    """One database, once its bracket stands. Raises Unable when a table cannot be read."""
    sides = (source.before, source.after)
    (first, excluded), (second, excluded_after) = (chunks.relations(side.session, source.types) for side in sides)
    unread = {key for side in sides for key in _lost(side.session, first, second)}
    # The shape first: it may use indexes, which the reading of the content then forgoes.
    shapes = [schema.fingerprint(side.session, side.sequences) for side in sides]
    kept = [[one for one in relations if one.key not in unread] for relations in (first, second)]
    before, after = _both(sides, lambda side, number: _tables(source.login, side, kept[number], reading))
    relations = {one.key: one for some in kept for one in some}
    changed = {one: sorted(table_comparison.changed(before.get(key), after.get(key))) for key, one in relations.items()}
    rows = _both(sides, lambda side, _: _rows(side.session, changed, reading))
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
        after=shapes[1].model_copy(update={"sequences": _looked_at_again(source.after, shapes[1].sequences)}),
        visible_before=source.before.held.visible,
    )


def _looked_at_again(side: Side, known: Mapping[str, SequenceState]) -> dict[str, SequenceState]:
    """The same sequences, with where they stand by now, unless one was set back or made anew meanwhile."""
    try:
        now = schema.sequences(side.counting)
    except Unable:
        # Somebody alters one, or ended the session that waited so long. What is known is as true, and only narrower.
        return dict(known)

    def later(name: str, was: SequenceState) -> int | None:
        stands = now.get(name)
        if stands is None or stands.last is None or stands.increment != was.increment:
            return None
        return stands.last if was.last is None or (stands.last - was.last) * was.increment >= 0 else None

    return {name: was.model_copy(update={"later": later(name, was)}) for name, was in known.items()}


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


def _tables(login: Login, side: Side, relations: list[Relation], reading: Reading) -> dict[str, TableSide]:
    """Every chunk of every table, in one moment."""
    chunks.from_the_heap(side.session)
    sized = chunks.sized(side.session, relations)
    parts: dict[str, dict[int, Chunk]] = {relation.key: {} for relation in sized}
    left: SimpleQueue[Span] = SimpleQueue()
    holder: SimpleQueue[Session] = SimpleQueue()
    holder.put(side.session)

    def look(session: Session, span: Span) -> None:
        reading.pace.wait()
        parts[span.relation.key].update(chunks.chunks(session, span, reading.hashing))
        reading.pace.took(span.bytes)

    def work(following: Callable[[], Span | None], stack: ExitStack) -> None:
        session = _or_none(holder)
        if session is not None:
            while (span := following()) is not None:
                look(session, span)
            return
        session = stack.enter_context(join(login, side.held))
        chunks.from_the_heap(session)
        chunks.impatient(session, PATIENCE_FOR_LOCKS)
        while (span := following()) is not None:
            try:
                look(session, span)
            except Locked:
                left.put(span)

    spread(_spans(sized, reading.pace), reading.workers, work)
    while (span := _or_none(left)) is not None:
        look(side.session, span)
    return {relation.key: chunks.side(relation, parts[relation.key]) for relation in sized}


def _spans(relations: list[Relation], pace: Pace) -> list[Span]:
    """What is read at a time, the largest first; about a second's worth where the source is to be spared."""
    most = chunks.SPAN if pace.rate is None else pace.rate
    spans = [span for relation in relations for span in relation.spans(most)]
    return sorted(spans, key=lambda span: span.bytes, reverse=True)


def _or_none(queue: "SimpleQueue[Found]") -> Found | None:
    try:
        return queue.get_nowait()
    except Empty:
        return None


def _rows(
    session: Session, changed: Mapping[Relation, list[int]], reading: Reading
) -> dict[tuple[str, int], list[SeenRow]]:
    found = {}
    for relation, some in changed.items():
        for chunk in some:
            reading.pace.wait()
            # A table that this side does not have has no rows on it.
            found[relation.key, chunk] = chunks.rows_of(session, relation, chunk, reading.hashing)
            reading.pace.took(BLOCKS * chunks.BLOCK)
    return found
