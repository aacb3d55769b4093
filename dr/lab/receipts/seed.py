"""Fill the lab: the application's rows and objects, as if it had been in use for a hundred days."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import psycopg
from psycopg import sql

from dr.errors import Unable, UsageError
from dr.lab.receipts import documents, names, objects, provision, workload_process
from dr.lab.receipts.reach import Database, Login, Reach

BATCH = 50_000
"""Documents per transaction: enough to be fast, little enough to show progress."""
FIRST_BEAT = 30.0


@dataclass(frozen=True)
class Size:
    """How much there is. Bytes come from the documents; objects are bounded, because the lab holds them in memory."""

    documents: int
    accounts: int
    objects: int


SIZES = {
    "tiny": Size(documents=10_000, accounts=200, objects=60),
    "small": Size(documents=10_000, accounts=200, objects=300),
    "medium": Size(documents=250_000, accounts=400, objects=2_000),
    "large": Size(documents=2_500_000, accounts=1_000, objects=5_000),
}
"""About 20 MB of tables (the first two), 500 MB and 5 GB. A drill of the first spends its time on few objects."""


def _quiet(_: str) -> None:
    return


def seed(
    home: Path,
    size: str,
    *,
    workload: bool = True,
    rate: float | None = None,
    say: Callable[[str], None] = _quiet,
) -> None:
    """Provision, fill, start the writers of the lab at `home`, and only then its automated backups.

    Raises Refused for a lab that is seeded already, UsageError for a size that does not exist.
    """
    if size not in SIZES:
        raise UsageError(f"unknown size {size!r}", hint=f"one of {', '.join(SIZES)}")
    started = time.monotonic()
    reach = Reach(home)
    owner, app = provision.everything(reach, say)
    with reach.open(names.DATABASE, owner, name="receipts seed") as connection:
        _roles(connection, app)
        connection.commit()
        fill(reach, connection, SIZES[size], say)
    with reach.open(names.DATABASE, owner, name="receipts seed") as connection:
        connection.autocommit = True
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(names.AUDIT)))
        connection.execute("analyze")
    with reach.open(names.AUDIT, owner, name="receipts seed") as connection:
        run(connection, "audit.sql")
    if workload:
        say("writers and heartbeat")
        workload_process.start(home, rate=rate)
        _wait_for_the_first_beat(reach, owner)
    say(f"automated backups, and their copy in {names.RECOVERY}")
    provision.back_up(reach)
    say(f"seeded in {time.monotonic() - started:.1f} s")


def fill(reach: Reach, connection: Database, size: Size, say: Callable[[str], None]) -> None:
    """Create the tables, and the rows and objects in them."""
    # The same rows and objects in every lab: what differs between two runs of a drill is then not the data.
    rng = random.Random(20)  # noqa: S311 - nothing secret comes from it
    run(connection, "schema.sql")
    connection.execute(
        """
        insert into accounts (parent_id, code, name, kind, opened_on)
        select case when i > 10 then 1 + i %% 10 end, to_char(1000 + i, 'FM00000'),
            'Account ' || i || ' ' || md5(i::text),
            (array['asset', 'liability', 'income', 'expense'])[1 + i %% 4], current_date - i
        from generate_series(1, %s) as numbers (i)
        """,
        (size.accounts,),
    )
    _small_tables(connection)
    connection.commit()
    for first in range(1, size.documents + 1, BATCH):
        last = min(first + BATCH - 1, size.documents)
        _batch(connection, {"first": first, "last": last, "total": size.documents, "accounts": size.accounts})
        say(f"{last:,} of {size.documents:,} documents")
    say(f"{size.objects:,} objects")
    with connection.cursor() as cursor:
        for stored in objects.first_objects(reach, size.objects, rng):
            documents.insert(cursor, rng, stored)
    connection.commit()
    say("indexes and privileges")
    run(connection, "indexes.sql")
    connection.commit()


def _wait_for_the_first_beat(reach: Reach, owner: Login) -> None:
    until = time.monotonic() + FIRST_BEAT
    with reach.open(names.DATABASE, owner, name="receipts seed") as connection:
        connection.autocommit = True
        while connection.execute("select from firedrill.heartbeat limit 1").fetchone() is None:
            if time.monotonic() > until:
                raise Unable(
                    f"the heartbeat wrote nothing for {FIRST_BEAT:.0f} s",
                    hint="see workload-heartbeat.log in the lab's home",
                )
            time.sleep(0.1)


def run(connection: Database, file: str) -> None:
    """Run one of the SQL files beside this one."""
    text = (files("dr.lab.receipts") / file).read_text(encoding="utf-8")
    connection.execute(text.encode())


def _batch(connection: Database, numbers: dict[str, int]) -> None:
    # Several statements in one go need their parameters bound on this side of the wire.
    with psycopg.ClientCursor(connection) as cursor:
        after = cursor.execute("select coalesce(max(id), 0) from documents").fetchone()
        text = (files("dr.lab.receipts") / "rows.sql").read_text(encoding="utf-8")
        cursor.execute(text.encode(), {**numbers, "after": after[0] if after else 0})
    connection.commit()


def _roles(connection: Database, app: Login) -> None:
    # Hashed here, so that no password stands in the server's log.
    verifier = connection.pgconn.encrypt_password(app.password.encode(), app.username.encode(), b"scram-sha-256")
    connection.execute(
        sql.SQL("create role {} login password {}").format(sql.Identifier(app.username), sql.Literal(verifier.decode()))
    )
    connection.execute("create role receipts_readonly nologin")


def _small_tables(connection: Database) -> None:
    with connection.cursor() as cursor:
        cursor.execute("insert into approvals (account_id, note) select id, 'opened' from accounts where id <= 20")
        cursor.executemany(
            'insert into "odd ""name""; --" values (%s, %s, %s, %s)',
            [("", 0, None, None), ("O'Hara; drop table x", 1, "NaN", True), ("漢字\n\t\\", 2, "-0.00", False)]
            + [(f"row {n}", n, n * n, n % 2 == 0) for n in range(3, 200)],
        )
