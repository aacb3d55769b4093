"""Go through every database of a restore and everything in it that a check wants to look at, piece by piece.

Not a check: what is looked at, and what it means, is each check's own. Here stands what all of them need: sessions of
their own, few of them for small databases; pieces that are asked about together as long as nothing is wrong, and one
by one as soon as something is, so that one that cannot be read keeps no other from being looked at; and a new session
when the server went down over a piece.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from functools import partial

import psycopg

from dr import postgres
from dr.checks import heeding
from dr.clock import Deadline, SystemClock
from dr.errors import Unable
from dr.postgres import Login, Session, connect
from dr.sharing import spread
from dr.telling import Damaged, telling, told
from dr.verification import Finding, Level, Outcome

SMALL = 1 << 28
"""Bytes. A database below this is looked at by one session: several small ones are then looked at side by side."""
TOGETHER = 1 << 23
"""Bytes of storage that one statement looks at, where a piece is not larger by itself."""
AT_ONCE = 80
"""Pieces that one statement looks at."""
FIRST_OF_USERS = 16384
"""Object ids below this are PostgreSQL's own (FirstNormalObjectId in access/transam.h)."""
_FOR_EVER = "the server neither answers nor heeds its time limit, as where damage leads it round in circles"
_RESTART = 60.0
"""Seconds to wait for a server that went down over a piece."""


@dataclass(frozen=True)
class Piece:
    """Something that can be asked about on its own: a relation, a constraint, a kind of catalog row."""

    subject: str
    """As a finding names it, without the database."""
    oid: int = 0
    bytes: int = 0
    kind: str = ""
    query: str = ""
    """What to ask, where it is not the same for all pieces."""
    among: int = 0
    """Pieces with the same number lock one another out: one session asks about them, one after another."""


Look = Callable[[Session, Sequence[Piece]], list[Finding]]
"""Asks about pieces in one statement. Raises psycopg's errors: they are told of the piece that they came up for."""


@dataclass(frozen=True)
class Survey:
    """One check's way through a restore."""

    check: str
    level: Level
    login_for: Callable[[str], Login]
    first: str
    """A database that is there in any case: the one to ask which others there are."""
    workers: int = 2
    pause: Callable[[], None] = lambda: None
    """Called between pieces; it may raise to end the survey."""
    readonly: bool = True
    as_users: bool = False
    """Look with the search path, time zone and styles that the database gives its users: for expressions of theirs."""
    prepare: Callable[[Session], None] = lambda _: None
    """What a session needs before it looks at pieces; it is closed afterwards, not committed."""

    def databases(self, look: Callable[["Visit"], list[Finding]]) -> list[Finding]:
        """Visit every database. One that cannot be looked at is errored on its own. Raises Unable for the instance."""
        with self.enter(self.first) as session:
            names = postgres.databases(session)
            sizes = _sizes(session)
            small = [name for name in names if sizes.get(name, SMALL) < SMALL]
            found = self._small(small, look, session)
        for name in names:
            if name not in small:
                found[name] = self._visit(name, look, self.workers, None)
        return [finding for name in names for finding in found[name]]

    def finding(
        self, outcome: Outcome, subject: str, expected: str = "", observed: str = "", detail: str = ""
    ) -> Finding:
        return Finding(
            check=self.check,
            level=self.level,
            outcome=outcome,
            subject=subject,
            expected=expected,
            observed=observed,
            detail=detail,
        )

    def enter(self, name: str, deadline: Deadline | None = None) -> Session:
        return connect(
            self.login_for(name),
            deadline=deadline,
            readonly=self.readonly,
            search_path=None if self.as_users else "pg_catalog",
            styles=not self.as_users,
            statement_timeout=heeding.TIMEOUT,
        )

    def _small(
        self, names: list[str], look: Callable[["Visit"], list[Finding]], session: Session
    ) -> dict[str, list[Finding]]:
        found: dict[str, list[Finding]] = {}

        def work(following: Callable[[], str | None], stack: ExitStack) -> None:
            del stack
            while (name := following()) is not None:
                found[name] = self._visit(name, look, 1, session if name == self.first else None)

        spread(names, self.workers, work)
        return found

    def _visit(
        self, name: str, look: Callable[["Visit"], list[Finding]], workers: int, session: Session | None
    ) -> list[Finding]:
        try:
            with ExitStack() as stack:
                visit = Visit(self, name, workers, session or stack.enter_context(self.enter(name)))
                stack.callback(visit.leave)
                with telling(f"{self.check} of {name}"):
                    return look(visit)
        except Unable as problem:
            outcome: Outcome = "failed" if isinstance(problem, Damaged) else "errored"
            return [self.finding(outcome, name, detail=str(problem))]


@dataclass
class Visit:
    """One database, while a check looks at it."""

    survey: Survey
    name: str
    workers: int
    session: Session
    """Where to ask what there is to look at. It is not the one that pieces are looked at with, if there are several."""
    _again: list[Session] = field(default_factory=list)

    def each(self, pieces: Sequence[Piece], look: Look, *, alone: bool = False) -> list[Finding]:
        """Look at every piece, the largest first. `alone`: by this session, because others would wait for it."""
        found: list[Finding] = []
        groups = sorted(_together(pieces), key=lambda group: sum(one.bytes for one in group), reverse=True)
        workers = 1 if alone else min(self.workers, len(groups))
        if workers <= 1:
            self.survey.prepare(self.session)
            for group in groups:
                found += self._ask(group, look, self)
            return found

        def work(following: Callable[[], list[Piece] | None], stack: ExitStack) -> None:
            other = Visit(self.survey, self.name, 1, stack.enter_context(self.survey.enter(self.name)))
            stack.callback(other.leave)
            self.survey.prepare(other.session)
            while (group := following()) is not None:
                found.extend(self._ask(group, look, other))

        spread(groups, workers, work)
        return found

    def finding(
        self, outcome: Outcome, piece: str = "", expected: str = "", observed: str = "", detail: str = ""
    ) -> Finding:
        subject = f"{self.name}.{piece}" if piece else self.name
        return self.survey.finding(outcome, subject, expected, observed, detail)

    def count(self, expected: str, counted: dict[str, int]) -> Look:
        """How to look at pieces whose query gives one row: how many there are, how many are wrong, and what is.

        `counted` takes the number for each piece that could be asked.
        """

        def look(session: Session, group: Sequence[Piece]) -> list[Finding]:
            asked = [f"select {n}, q.* from ({one.query}) q (a, b, c)" for n, one in enumerate(group)]  # noqa: S608 - ours
            rows = session.execute(" union all ".join(asked).encode()).fetchall()
            counted.update({group[n].subject: number for n, number, _, _ in rows})
            return [
                self.finding("failed", group[n].subject, expected, f"{bad} of {number} are not so", which or "")
                for n, number, bad, which in rows
                if bad
            ]

        return look

    def answered(self, pieces: Sequence[Piece], found: Sequence[Finding]) -> list[Piece]:
        """Those of the pieces that could be asked: neither refused to this role nor in error."""
        untold = {one.subject for one in found if one.outcome in ("not_available", "errored")}
        return [one for one in pieces if f"{self.name}.{one.subject}" not in untold]

    def summary(
        self,
        found: Sequence[Finding],
        expected: str,
        told: str,
        detail: str = "",
        pieces: Sequence[Piece] = (),
    ) -> Finding:
        """The finding about the database as a whole, beside those about its pieces.

        Where users have made some of the `pieces` and none of those answered, the rest proves nothing about theirs.
        """
        bad = sum(one.outcome == "failed" for one in found)
        unknown = sum(one.outcome == "errored" for one in found)
        told += f", {bad} wrong" if bad else ""
        told += f", nothing can be told about {unknown}" if unknown else ""
        own = [one for one in pieces if one.oid >= FIRST_OF_USERS] or pieces
        outcome: Outcome = "failed" if bad else "passed"
        if pieces and not bad and not self.answered(own, found):
            outcome, detail = (
                "not_available",
                "; ".join(["nothing that users made could be asked", *filter(None, [detail])]),
            )
        return self.finding(outcome, "", expected, told, detail)

    def problem(self, piece: Piece, problem: psycopg.Error) -> Finding:
        """What an error means: damage, a right that is missing, or that nothing can be told."""
        ours = told(problem, piece.subject)
        if isinstance(ours, Damaged):
            return self.finding("failed", piece.subject, "readable", "damaged", ours.message)
        theirs = (problem.sqlstate or "").startswith("42") and problem.diag.context
        if theirs or isinstance(problem, psycopg.errors.InsufficientPrivilege):
            # A function of the users' own that calls what is not there could not be run at the source either.
            return self.finding("not_available", piece.subject, detail=ours.message)
        return self.finding("errored", piece.subject, detail=str(ours))

    def leave(self) -> None:
        """End what was begun: whatever a look made is gone."""
        for session in self._again:
            session.close()
        if not self.session.closed and not self.session.autocommit:
            self.session.rollback()
            self.session.autocommit = True

    def _ask(self, group: Sequence[Piece], look: Look, visit: "Visit") -> list[Finding]:
        """Together; one by one where that fails; once more where the server went down, and longer where it was slow."""
        self.survey.pause()
        size, once_more = sum(one.bytes for one in group), True
        limit = heeding.QUICK if size <= TOGETHER else heeding.allowed(size)
        while True:
            session = visit.session
            with heeding.watched(session, limit, partial(self.survey.enter, self.name)) as watch:
                try:
                    return _within(look, session, group, limit)
                except psycopg.Error as error:
                    problem = error
            if session.closed:
                visit.reopen()
            if len(group) > 1:
                return [finding for one in group for finding in self._ask([one], look, visit)]
            if watch.left:
                return [self.finding("errored", group[0].subject, detail=_FOR_EVER)]
            if isinstance(problem, psycopg.errors.QueryCanceled) and limit < heeding.allowed(size):
                limit = heeding.allowed(size)
            elif session.closed and once_more:
                once_more = False
            else:
                return [self.problem(group[0], problem)]

    def reopen(self) -> None:
        """A session in place of one that the server ended."""
        self.session = self.survey.enter(self.name, Deadline.within(SystemClock(), _RESTART))
        self._again.append(self.session)
        self.survey.prepare(self.session)


def _within(look: Look, session: Session, group: Sequence[Piece], limit: float) -> list[Finding]:
    with nullcontext() if session.autocommit else session.transaction():
        session.execute(f"set statement_timeout = {round(limit * 1000)}".encode())
        return look(session, group)


def _together(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    group: list[Piece] = []
    for piece in sorted(pieces, key=lambda one: one.among):
        full = len(group) >= AT_ONCE or sum(one.bytes for one in group) + piece.bytes > TOGETHER
        if group and full and not (piece.among and piece.among == group[-1].among):
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def _sizes(session: Session) -> dict[str, int]:
    """Bytes of each database that this role may measure."""
    with telling("measuring the databases"):
        rows = session.execute(
            "select datname, pg_database_size(oid) from pg_database"
            " where has_database_privilege(oid, 'connect') or pg_has_role('pg_read_all_stats', 'member')"
        ).fetchall()
    return dict(rows)
