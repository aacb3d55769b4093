"""Wait until whatever may have been committing at an instant has come to an end.

A commit takes its time first and becomes visible later, once it is flushed and perhaps acknowledged by a replica. In
between it looks like any running transaction. Most running ones can be told apart: a session that is idle in its
transaction, that began its statement after the instant, or that waits for a lock, a client or a data file is not in the
middle of a commit that began before. Only the others have to be waited for.
"""

from dataclasses import dataclass
from datetime import datetime

from dr.clock import Clock, Deadline
from dr.errors import Unable
from dr.postgres import Session
from dr.telling import telling
from dr.visibility import widened

_POLL = 0.005

# Every number that was given out and has not ended is locked by its owner, until after its end is visible. A snapshot
# would not do: it lists only those below the newest that has ended.
_RUNNING = """
select l.transactionid::text::bigint from pg_locks l
 where l.locktype = 'transactionid' and l.mode = 'ExclusiveLock' and l.granted
"""
_UNSETTLED = """
select l.transactionid::text::bigint from pg_locks l
 where l.locktype = 'transactionid' and l.mode = 'ExclusiveLock' and l.granted
   and l.transactionid::text::bigint = any (%(running)s)
   and not exists (
       select from pg_stat_activity a
        where a.pid = l.pid
          and (a.state like 'idle in transaction%%'
               or a.state = 'active' and (
                   a.query_start > %(instant)s
                   or a.wait_event_type in ('Lock', 'BufferPin', 'Client')
                   or a.wait_event in ('PgSleep', 'VacuumDelay')
                   or a.wait_event like 'DataFile%%' or a.wait_event like 'BufFile%%')))
   and not (l.pid is null
        and not exists (select from pg_stat_activity a
                         where a.state = 'active' and a.query ~* '^\\s*(commit|rollback)\\s+prepared'))
"""
"""A lock without an owner is that of a prepared transaction: it sleeps, unless somebody is just waking it."""


@dataclass(frozen=True)
class Look:
    """What was under way at a moment right after the instant."""

    instant: datetime
    begun: str
    """In `pg_snapshot`'s notation. A number that had not been given out by then did not commit by the instant."""
    running: frozenset[int]
    """The low halves of the numbers, as locks and rows have them."""


def first_look(session: Session, instant: datetime) -> Look:
    """The transactions under way, once the server's clock has passed the instant."""
    with telling("looking at the transactions under way"):
        row = session.execute("select clock_timestamp() > %s", (instant,)).fetchone()
        if row is None or not row[0]:
            raise Unable("the source's clock went back", hint="is its time being corrected? try again later")
        running = frozenset(number for (number,) in session.execute(_RUNNING).fetchall())
        ended = session.execute("select pg_snapshot_xmax(pg_current_snapshot())::text::bigint").fetchone()
    newest = ended[0] if ended is not None else 0
    whole = sorted(widened(number, newest) for number in running)
    return Look(
        instant, f"{min([newest, *whole])}:{max([newest, *(number + 1 for number in whole)])}:{_listed(whole)}", running
    )


def settled(session: Session, look: Look, clock: Clock, patience: float) -> frozenset[int]:
    """Wait for those that may have been committing at the instant; return the ones that took longer than that."""
    deadline = Deadline.within(clock, patience)
    left = look.running
    while left:
        asked = {"running": sorted(left), "instant": look.instant}
        with telling("waiting for commits to become visible"):
            left = frozenset(number for (number,) in session.execute(_UNSETTLED, asked).fetchall())
        if not left or deadline.passed():
            break
        clock.sleep(_POLL)
    return left


def _listed(numbers: list[int]) -> str:
    return ",".join(str(number) for number in numbers)
