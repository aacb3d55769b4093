"""Is the content what the source held? Every chunk of every table against the baseline. (L4)"""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack

import psycopg

from dr import comparison, postgres
from dr.checks.chunks import Relation, Span, chunks, from_the_heap, relations, rows_of, side, sized
from dr.checks.digests import hashable
from dr.errors import Unable
from dr.hashing import Hashing
from dr.isolation import Before, TableBefore
from dr.postgres import Login, Session, Snapshot, begin, connect, hold, join
from dr.sharing import spread
from dr.telling import Damaged
from dr.verification import Chunk, Coverage, DatabaseBaseline, Finding, InstanceBaseline, ObservedDatabase, SeenRow


class Reading:
    """One database of a restore, open at one moment: its tables, then the rows of chunks that need a second look."""

    def __init__(
        self,
        login: Login,
        hashing: Hashing,
        *,
        workers: int = 2,
        pause: Callable[[], None] = lambda: None,
        only: Collection[str] | None = None,
    ) -> None:
        self._pause = pause
        self._only = only
        self._login = login
        self._hashing = hashing
        self._workers = workers
        self._open = ExitStack()
        self._relations: dict[str, Relation] = {}
        self._excluded: dict[str, str] = {}
        self._horizon: int | None = None

    def __enter__(self) -> "Reading":
        try:
            session = self._open.enter_context(connect(self._login))
            types = hashable(session)
            self._horizon = _horizon(session)
            begin(session)
            self._snapshot: Snapshot = hold(session)
            found, self._excluded = relations(session, types)
            if self._only is not None:
                found = [relation for relation in found if relation.key in self._only]
            found = sized(session, found)
            from_the_heap(session)
        except BaseException:
            self._open.close()
            raise
        self._relations = {relation.key: relation for relation in found}
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def session(self) -> Session:
        return self._snapshot.session

    def observe(self) -> ObservedDatabase:
        """Every chunk of every table. A table that cannot be read is listed, and does not keep the others back."""
        spans = [span for relation in self._relations.values() for span in relation.spans()]
        spans.sort(key=lambda span: span.bytes, reverse=True)
        parts: dict[str, dict[int, Chunk]] = {key: {} for key in self._relations}
        damaged: dict[str, str] = {}
        unread: dict[str, str] = {}

        def work(following: Callable[[], Span | None], stack: ExitStack) -> None:
            session = stack.enter_context(join(self._login, self._snapshot))
            from_the_heap(session)
            while (span := following()) is not None:
                key = span.relation.key
                self._pause()
                try:
                    found = chunks(session, span, self._hashing)
                except Damaged as problem:
                    damaged[key] = problem.message
                except Unable as problem:
                    if session.closed:
                        raise
                    unread[key] = problem.message
                else:
                    # Spans begin and end at chunks: no chunk comes twice.
                    parts[key].update(found)

        spread(spans, self._workers, work)
        tables = {
            key: side(relation, parts[key])
            for key, relation in self._relations.items()
            if key not in damaged and key not in unread
        }
        return ObservedDatabase(
            name=self._login.dbname,
            tables=tables,
            excluded=self._excluded,
            damaged=damaged,
            unread={key: reason for key, reason in unread.items() if key not in damaged},
            horizon=self._horizon,
        )

    def rows(self, wanted: Mapping[str, Iterable[int]]) -> dict[str, dict[int, list[SeenRow]]]:
        """The rows of some chunks, in the same moment."""
        return {
            key: {chunk: rows_of(self.session, self._relations[key], chunk, self._hashing) for chunk in some}
            for key, some in wanted.items()
            if key in self._relations
        }


def check(
    login_for: Callable[[str], Login],
    baseline: InstanceBaseline,
    *,
    first: str,
    workers: int = 2,
    pause: Callable[[], None] = lambda: None,
    before: Mapping[str, Before] | None = None,
    seen: Callable[[ObservedDatabase], None] = lambda _: None,
    only: str | None = None,
) -> tuple[list[Finding], Coverage]:
    """Compare every database of a restored instance with the baseline: one finding per table.

    `first` is a database that is there in any case: the one to ask which others there are. `pause` is called between
    two ranges of blocks, and may raise to end the reading. `before` holds the table that the first session changed rows
    of, as it was: that is what was restored. `seen` is told what was read of each database. `only` is one table, as a
    finding names it: then nothing else is read. Raises Unable where the instance as a whole cannot be asked; a single
    database that cannot is an errored finding of its own.
    """
    if missing := comparison.whole(baseline):
        raise Unable(missing, hint="a baseline is no evidence unless it is whole; `dr backup` records a new one")
    with connect(login_for(first)) as session:
        version = session.info.server_version
        there = postgres.databases(session)
    if baseline.tier == "fast" and version // 10000 != baseline.server_version // 10000:
        raise Unable(
            f"the baseline is of PostgreSQL {baseline.server_version // 10000}, the restore is {version // 10000}",
            hint="fast hashes are of one major version; `reading: {hashing: canonical}` in the estate makes others",
        )
    findings: list[Finding] = []
    parts: list[Coverage] = []
    for name in sorted(baseline.databases.keys() | set(there)):
        known = baseline.databases.get(name)
        if only is not None:
            known = _narrowed(known, only)
            if known is None:
                continue
        if known is None or name not in there:
            findings.append(comparison.database_finding(name, expected=known is not None))
            parts.append(Coverage(tables_expected=len(known.tables) if known else 0))
            continue
        try:
            alone = known.tables if only is not None else None
            with Reading(login_for(name), baseline.hashing, workers=workers, pause=pause, only=alone) as reading:
                table = (before or {}).get(name, Before(database=name)).table
                observed = _as_found(reading.observe(), table)
                wanted = comparison.second_look(known, observed)
                rows = _rows_as_found(reading.rows(wanted), table)
                seen(observed)
        except Unable as problem:
            findings.append(Finding(check="content", level="L4", outcome="errored", subject=name, detail=str(problem)))
            parts.append(Coverage(tables_expected=len(known.tables)))
            continue
        found, part = comparison.compare_content(
            known, observed, rows, begun_at=baseline.begun_at, in_doubt=baseline.in_progress
        )
        findings += found
        parts.append(part)
    return findings, comparison.total(parts)


def _narrowed(known: DatabaseBaseline | None, table: str) -> DatabaseBaseline | None:
    """What is known of one table; None where it is another database's."""
    found = {key: one for key, one in known.tables.items() if f"{known.name}.{key}" == table} if known else {}
    return known.model_copy(update={"tables": found, "excluded": {}}) if known and found else None


def _as_found(observed: ObservedDatabase, table: TableBefore | None) -> ObservedDatabase:
    """With the table that the first session changed as it was before; one that cannot be read any more stays so."""
    if table is None or table.key not in observed.tables:
        return observed
    return observed.model_copy(update={"tables": {**observed.tables, table.key: table.side}})


def _rows_as_found(
    rows: dict[str, dict[int, list[SeenRow]]], table: TableBefore | None
) -> dict[str, dict[int, list[SeenRow]]]:
    if table is None or table.key not in rows:
        return rows
    return {**rows, table.key: {chunk: list(table.rows.get(chunk, ())) for chunk in rows[table.key]}}


def _horizon(session: Session) -> int | None:
    """The first transaction number of the restore's own, while the checkpoint that ended recovery is the newest."""
    try:
        row = session.execute("select next_xid, timeline_id, prev_timeline_id from pg_control_checkpoint()").fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return None
    if row is None or row[1] == row[2]:
        return None
    epoch, _, number = str(row[0]).partition(":")
    return (int(epoch) << 32) + int(number)
