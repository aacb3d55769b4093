"""How long a statement may take, and how to leave a server that heeds no limit any more. Not a check.

PostgreSQL ends a statement where it asks for interrupts, and in damaged pages it may go round in circles without ever
asking: a descent through a page of zeros in a GIN index never ends (PostgreSQL 15, `ginFindLeafPage`), whatever
`statement_timeout` says, and cannot be cancelled. Whoever waits for the answer waits for ever.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from dr.errors import Unable
from dr.postgres import Session
from dr.sharing import SYSTEM

TIMEOUT = 3600.0
"""Seconds for one statement about little. A piece that takes longer is one that nothing can be told about."""
SLOWEST = 10_000_000
"""Bytes in a second: a statement about more than that many in an hour has as much more time."""
QUICK = 10.0
"""Seconds that a statement about little takes at the very most, unless the server is slow or goes round in circles."""
GRACE = 5.0
"""Seconds beyond its limit that a statement has to end in."""
_ACTIVE = """
select true from pg_stat_activity where pid = %s and state = 'active'
   and clock_timestamp() - query_start > make_interval(secs => %s)
"""


@dataclass
class Watch:
    """What became of a block."""

    left: bool = False
    """A statement did not end: its session was cut off, and the server goes on with it alone."""


@contextmanager
def watched(session: Session, limit: float, beside: Callable[[], Session], *, grace: float = GRACE) -> Iterator[Watch]:
    """Where one statement of the block takes longer than its limit and some grace, psycopg's OperationalError ends it.

    The limit, in seconds, is the `statement_timeout` that the server was given. How long a statement takes is asked of
    the server, by a session from `beside`: many short ones may take as long as they like.
    """
    seen, began, server = Watch(), time.monotonic(), session.info.backend_pid

    def look() -> bool:
        if time.monotonic() - began < limit + grace:
            return True
        try:
            with beside() as other:
                seen.left = other.execute(_ACTIVE, (server, limit + grace)).fetchone() is not None
        except (Unable, psycopg.Error):
            return True  # a server that is down, or too busy to answer, is asked again
        if seen.left:
            _cut(session)
        return not seen.left

    with SYSTEM.beside(grace, look, "heeding"):
        yield seen


def allowed(size: int) -> float:
    """Seconds for each statement about so many bytes. The server takes no more than some 24 days."""
    return min(max(TIMEOUT, size / SLOWEST), 2_000_000.0)


def _cut(session: Session) -> None:
    """Let the session's own thread see the end of its connection, which it waits for."""
    with socket.socket(fileno=os.dup(session.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
