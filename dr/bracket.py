"""Open the bracket: every database of a source at two moments, one just before a whole second T and one just after.

What is visible before T is in every restore to T. The other way round takes care: a commit bears the time at which it
began to commit, and becomes visible only when it is flushed. So the second snapshots are opened once every transaction
that may have been committing at T has come to an end; those that take too long are recorded as in doubt.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from dr.checks import chunks, schema
from dr.checks.digests import hashable
from dr.clock import Clock
from dr.errors import Unable
from dr.postgres import Login, Session, Snapshot, begin, connect, hold, release
from dr.recovery import stamp
from dr.settling import first_look, settled
from dr.telling import telling
from dr.verification import SequenceState

LEAD = 0.06
"""Seconds before T at which the first snapshots are opened, and as much more for each database after the first."""
LEAD_PER_DATABASE = 0.015
ATTEMPTS = 6
PATIENCE = 2.0
"""Seconds that the second snapshots wait for what may have been committing at T."""


@dataclass
class Side:
    """One snapshot of one database, and what had to be read of it at once."""

    session: Session
    counting: Session
    """Reads sequences, which know no snapshot, and lets go of them at once."""
    snapshot: Snapshot | None = None
    sequences: dict[str, SequenceState] = field(default_factory=dict)

    def open(self) -> datetime:
        """Fix the moment. The server's clock after everything that must belong to it was read."""
        self.snapshot = hold(self.session)
        self.sequences = schema.sequences(self.counting)
        return _now(self.session)

    @property
    def held(self) -> Snapshot:
        assert self.snapshot is not None  # noqa: S101 - nobody reads a side before it was opened
        return self.snapshot


@dataclass
class Source:
    """One database of the source, with its two sides."""

    login: Login
    types: dict[int, bool]
    before: Side
    after: Side

    def lock(self) -> None:
        """Hold every table in both sessions, before either moment is fixed."""
        chunks.lock(self.before.session, self.types)
        self.lock_after()

    def lock_after(self) -> None:
        """Hold every table in the second session only."""
        chunks.lock(self.after.session, self.types)


@dataclass(frozen=True)
class Opened:
    """The bracket, once it stands."""

    instant: datetime
    before: datetime
    after: datetime
    begun_at: str
    in_doubt: tuple[int, ...]


def enter(stack: ExitStack, login: Login) -> Source:
    """The sessions of one database, closed with the stack."""
    before = stack.enter_context(connect(login))
    types = hashable(before)
    after = stack.enter_context(connect(login))
    counting = stack.enter_context(connect(login))
    return Source(login, types, Side(before, counting), Side(after, counting))


def open_bracket(watcher: Session, sources: dict[str, Source], clock: Clock, say: Callable[[str], None]) -> Opened:
    """Both sides around a whole second of the source's clock that is about to come. Raises Unable."""
    lead = LEAD + LEAD_PER_DATABASE * (len(sources) - 1)
    for _ in range(ATTEMPTS):
        for source in sources.values():
            source.lock()
        instant = _whole_second_after(_now(watcher), lead + 0.1)
        _sleep_until(watcher, instant - timedelta(seconds=lead), clock)
        moments = [source.before.open() for source in sources.values()]
        if max(moments) < instant:
            return _close(watcher, sources, clock, instant)
        say(f"the second of {stamp(instant)} came too soon; trying another")
        for source in sources.values():
            release(source.before.session)
            release(source.after.session)
        lead = min(0.8, lead * 2)
    raise Unable(
        f"no bracket could be opened in {ATTEMPTS} attempts: the source answers too slowly",
        hint="try again when it is less busy, or from a machine closer to it",
    )


def open_around(watcher: Session, sources: dict[str, Source], clock: Clock, around: Callable[[], datetime]) -> Opened:
    """Both sides around something that happens in between, and that says itself of which moment it is.

    It may take long, and a lock held that long would make everybody queue behind the first change of a table. So none
    is taken until it has happened: a table that is dropped or rewritten meanwhile is not read, and that is said.
    """
    for source in sources.values():
        begin(source.before.session)
        source.before.open()
    instant = around()
    for source in sources.values():
        source.lock_after()
    now = _now(watcher)
    if not max(source.before.held.at for source in sources.values()) < instant < now:
        raise Unable(f"the instant {stamp(instant)} is not inside its bracket", hint="do the clocks agree?")
    # Waited for is what may have been committing at the end, so that nothing hangs on what was said.
    return replace(_close(watcher, sources, clock, now), instant=instant)


def _close(watcher: Session, sources: dict[str, Source], clock: Clock, instant: datetime) -> Opened:
    """Open the second side, once what may have been committing at the instant has come to an end."""
    _sleep_until(watcher, instant, clock)
    look = first_look(watcher, instant)
    in_doubt = settled(watcher, look, clock, PATIENCE)
    for source in sources.values():
        source.after.open()
    return Opened(
        instant=instant,
        before=min(source.before.held.at for source in sources.values()),
        after=max(source.after.held.at for source in sources.values()),
        begun_at=look.begun,
        in_doubt=tuple(sorted(in_doubt)),
    )


def _now(session: Session) -> datetime:
    with telling("reading the source's clock"):
        row = session.execute("select clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101 - a select without a table has one row
    return row[0]  # type: ignore[no-any-return] # a timestamptz comes as a datetime


def _whole_second_after(moment: datetime, seconds: float) -> datetime:
    earliest = moment + timedelta(seconds=seconds)
    return earliest.replace(microsecond=0) + timedelta(seconds=1)


def _sleep_until(watcher: Session, moment: datetime, clock: Clock) -> None:
    """Sleep by the source's clock, not by this machine's: the two may differ by more than the bracket is wide."""
    while (left := (moment - _now(watcher)).total_seconds()) >= 0:
        clock.sleep(max(left, 0.0005))
