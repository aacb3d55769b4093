"""Open the bracket on a physical replica, so that the source itself is spared.

A replica replays commits one after another, in the order of the log. So a snapshot of it is a beginning of the log, and
so is a restore to T: it ends right before the first commit of a later time than T (PostgreSQL's documentation of
`recovery_target_time`). A beginning in which no later commit was replayed yet is inside the restore, and one in which
such a commit was replayed holds all of it. Nothing can be committing at the instant, so nobody has to be waited for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dr.bracket import Opened, Source
from dr.clock import Clock, Deadline
from dr.errors import Unable
from dr.postgres import Session, begin
from dr.recovery import stamp
from dr.telling import telling
from dr.wait import until

MARGIN = timedelta(milliseconds=100)
"""A commit takes its time a moment before its place in the log, so two neighbours may stand in the other order."""
PATIENCE = 120.0
"""Seconds until something is replayed that was committed later than the instant. A heartbeat is, within one."""
AFTER_A_SNAPSHOT = timedelta(seconds=1)
"""What the clocks of a source and of its replica may differ by."""


@dataclass(frozen=True)
class Replica:
    """A session of the replica that watches how far it has come."""

    watcher: Session
    clock: Clock

    def open_bracket(self, sources: dict[str, Source], say: Callable[[str], None]) -> Opened:
        """Both sides around a whole second of the source's clock, by what has been replayed. Raises Unable."""
        self._held_back()
        for source in sources.values():
            source.lock()
        for source in sources.values():
            source.before.open()
        before = self._replayed()
        instant = (before + MARGIN).replace(microsecond=0) + timedelta(seconds=1)
        say(f"the replica has replayed up to {stamp(before)}; waiting for a commit after {stamp(instant)}")
        return self._close(sources, before, instant, instant + MARGIN)

    def open_around(self, sources: dict[str, Source], around: Callable[[], datetime]) -> Opened:
        """Both sides around something that happens at the source in between, and that says of which moment it is."""
        self._held_back()
        for source in sources.values():
            begin(source.before.session)
            source.before.open()
        before = self._replayed()
        instant = around()
        for source in sources.values():
            source.lock_after()
        if instant <= before:
            raise Unable(f"the instant {stamp(instant)} is not inside its bracket", hint="do the clocks agree?")
        return self._close(sources, before, instant, self._now() + AFTER_A_SNAPSHOT)

    def _held_back(self) -> None:
        """What a snapshot of the replica still sees must not be cleaned away at the source: its log would wait for us.

        With `hot_standby_feedback` the replica tells its source what it reads. Without, replay stops at the first row
        version that the source removes (PostgreSQL, "Handling Query Conflicts"), the bracket never closes, and after
        `max_standby_streaming_delay` the replica ends our sessions.
        """
        with telling("asking the replica whether it tells its source what it reads"):
            row = self.watcher.execute("show hot_standby_feedback").fetchone()
        if row != ("on",):
            raise Unable(
                "the replica does not tell its source what it reads: hot_standby_feedback is off",
                hint="set it in the replica's parameter group, or read the source itself",
            )

    def _close(self, sources: dict[str, Source], before: datetime, instant: datetime, later: datetime) -> Opened:
        until(
            self._replayed,
            lambda replayed: replayed > later,
            what=f"a commit after {stamp(later)} to be replayed",
            clock=self.clock,
            deadline=Deadline.within(self.clock, PATIENCE),
            every=0.05,
            shown=lambda replayed: f"replayed up to {stamp(replayed)}; is the replica behind, or the source idle?",
        )
        for source in sources.values():
            source.after.open()
        newest = max(sources.values(), key=lambda source: _xmax(source.after.held.visible))
        return Opened(
            instant=instant,
            before=before,
            after=self._replayed(),
            # What had not been given out by then is in no beginning of the log as short as this one.
            begun_at=newest.after.held.visible,
            in_doubt=(),
        )

    def _replayed(self) -> datetime:
        """The time of the newest commit that was replayed, by the source's clock."""
        with telling("asking the replica how far it has come"):
            row = self.watcher.execute("select pg_last_xact_replay_timestamp()").fetchone()
        if row is None or row[0] is None:
            raise Unable(
                "the replica has replayed nothing since it was started",
                hint="an idle source says nothing: `dr heartbeat` keeps it talking",
            )
        return row[0]  # type: ignore[no-any-return] # a timestamptz comes as a datetime

    def _now(self) -> datetime:
        with telling("reading the replica's clock"):
            row = self.watcher.execute("select clock_timestamp()").fetchone()
        assert row is not None  # noqa: S101 - a select without a table has one row
        return row[0]  # type: ignore[no-any-return] # a timestamptz comes as a datetime


def in_recovery(session: Session) -> bool:
    """Whether it is a replica that answers."""
    with telling(f"asking {session.info.dbname} whether it is a replica"):
        row = session.execute("select pg_is_in_recovery()").fetchone()
    return row is not None and bool(row[0])


def _xmax(visible: str) -> int:
    return int(visible.split(":")[1])
