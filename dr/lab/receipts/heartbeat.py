"""The heartbeat: one numbered row a second, at the half second, by the server's own clock, and an object now and then.

At the half second, because restores are to whole seconds: no beat can then stand on the boundary of one. The newest
beat in a restore says how recent it is, the first one missing says that nothing came along from later, and a hole in
the numbers is a lost commit.
"""

import json
import threading
from datetime import UTC, datetime
from uuid import UUID

from dr.lab.receipts import names
from dr.lab.receipts.reach import Database, Reach

KEEP = "6 hours"
PRUNE_EVERY = 600
LOCK = 0x66697265
"""One writer at a time: a second one waits until the first has gone, and never takes its numbers."""

_WAIT = """
select extract(epoch from date_trunc('second', now + interval '0.5 s') + interval '0.5 s' - now)::float8
from clock_timestamp() as now
"""
# A beat that was held up until the second is nearly over is left out: better none than one on the boundary.
_BEAT = """
insert into firedrill.heartbeat (seq, at, lsn, lineage)
select coalesce((select max(seq) from firedrill.heartbeat), 0) + 1, now, pg_current_wal_insert_lsn(), lineage
from firedrill.lineage, clock_timestamp() as now
where extract(second from now) % 1 between 0.4 and 0.8
returning seq, at, lineage
"""
_PRUNE = "delete from firedrill.heartbeat where at < clock_timestamp() - %s::interval"


class Beat:
    """The newest beat that is known to be committed."""

    def __init__(self) -> None:
        self.newest: tuple[int, datetime, UUID] | None = None


def rows(database: Database, beat: Beat, stop: threading.Event) -> None:
    """Write a row every second until told to stop. Raises psycopg's errors when the connection is lost."""
    database.autocommit = True
    while database.execute("select pg_try_advisory_lock(%s)", (LOCK,)).fetchone() != (True,):
        if stop.wait(0.25):
            return
    while True:
        row = database.execute(_WAIT).fetchone()
        if stop.wait(row[0] if row else 0):
            return
        if committed := database.execute(_BEAT).fetchone():
            beat.newest = (committed[0], committed[1], committed[2])
            if committed[0] % PRUNE_EVERY == 0:
                database.execute(_PRUNE, (KEEP,))


def objects(reach: Reach, beat: Beat, every: float, stop: threading.Event) -> None:
    """Store the newest committed beat as an object, again and again, whenever there is a newer one."""
    written = 0
    while not stop.wait(every):
        if beat.newest and beat.newest[0] != written:
            seq, at, lineage = beat.newest
            body = {"seq": seq, "at": at.astimezone(UTC).isoformat(), "lineage": str(lineage)}
            reach.s3(names.PRIMARY).put_object(
                Bucket=names.documents_bucket(names.PRIMARY),
                Key=names.HEARTBEAT_KEY,
                Body=json.dumps(body).encode(),
                ContentType="application/json",
                ChecksumAlgorithm="SHA256",
            )
            written = seq
