"""Tell in our words what PostgreSQL complains of.

What the server says is passed on only where it cannot carry a row's value: the errors about data (SQLSTATE classes 22,
23 and the like) quote the datum, so of those only the condition's name is told. So it is of what functions raise, in
whatever class, and of what extensions do: they report under any code, and without one under that for broken storage.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from dr.core_sources import CORE
from dr.errors import Unable

# Classes of SQLSTATE whose messages speak of objects and never of a row's values.
_TELLABLE = frozenset(
    {"08", "0A", "25", "26", "28", "2B", "34", "3B", "3D", "3F", "40", "42", "53", "54", "55", "57", "58", "XX"}
)
_DAMAGE = frozenset({"XX000", "XX001", "XX002", "58P01", "58030"})
# Asked for more memory than there may be, the server reports XX000: of large values, and of damaged ones too.
_MEMORY = frozenset({"mcxt.c", "aset.c", "generation.c", "slab.c", "bump.c", "alignedalloc.c", "stringinfo.c"})


class Locked(Unable):
    """Somebody else holds a lock, and did not give it back in time."""


class Damaged(Unable):
    """The server itself says that what it stores cannot be read: in a restore that is bad news about the data."""


@contextmanager
def telling(what: str, *, hint: str | None = None) -> Iterator[None]:
    """Turn what psycopg raises inside into Unable, with the object named and nothing of a row's content."""
    try:
        yield
    except psycopg.Error as problem:
        raise told(problem, what, hint) from None


def told(problem: psycopg.Error, what: str, hint: str | None = None) -> Unable:
    """Our error for one of psycopg's. Never its text where that could quote a value, and never its detail."""
    state = problem.sqlstate or ""
    by_server = problem.diag.source_file in CORE
    if state[:2] in _TELLABLE and by_server and not problem.diag.context and problem.diag.message_primary:
        said = problem.diag.message_primary
    elif isinstance(problem, psycopg.OperationalError) and not state:
        said = first_line(problem)
    else:
        said = f"{type(problem).__name__} {state}".strip()
    if state == "55P03":
        return Locked(f"{what}: {said}", hint=hint or _HINTS[state])
    if state in _DAMAGE and by_server and problem.diag.source_file not in _MEMORY:
        return Damaged(f"{what}: {said}", hint=hint or "the server cannot read what it stores; see its log")
    return Unable(f"{what}: {said}", hint=hint or _HINTS.get(state, "see the server's log at this moment"))


_HINTS = {
    "40001": "a replica let go of what it was reading; see max_standby_streaming_delay and hot_standby_feedback",
    "42501": "grant the role what it needs; `grant pg_read_all_data to` it covers every table",
    "55P03": "somebody holds a lock on it; look at pg_locks, or try again when the migration is over",
    "57014": "the statement took longer than its timeout; give the step more time",
    "57P01": "the server was stopped or restarted; see the instance's events",
    "53300": "no connection is free; see max_connections, or lower the number of workers",
}


def first_line(problem: psycopg.OperationalError) -> str:
    """The last word of what libpq says: it lists each address tried, the reason stands at the end of a line."""
    line = next((line for line in str(problem).splitlines() if line.strip()), type(problem).__name__)
    return line.strip().rsplit("failed: ", 1)[-1]
