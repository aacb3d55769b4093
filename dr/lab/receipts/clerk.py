"""Transactions on rows alone: what clerks and imports do all day, in every table of both databases."""

import random
from collections.abc import Callable

import psycopg

from dr.lab.receipts.documents import Cursor, book, insert

Transaction = Callable[[Cursor, random.Random], None]


def choose(cursor: Cursor, rng: random.Random) -> int | None:
    """Lock some document that has no object; those with one belong to the archivist. None when it finds none."""
    cursor.execute("select min(id), max(id) from documents")
    low, high = cursor.fetchone() or (None, None)
    if low is None or high is None:
        return None
    cursor.execute(
        """
        select id from documents where id >= %s and object_key is null and status <> 'replacing'
        order by id limit 1 for update skip locked
        """,
        (rng.randint(low, high),),
    )
    row = cursor.fetchone()
    return int(row[0]) if row else None


def receive(cursor: Cursor, rng: random.Random) -> None:
    """A new document, with all that hangs on it."""
    document = insert(cursor, rng, None)
    cursor.execute("insert into document_events (document_id, kind) values (%s, 'arrived')", (document,))
    cursor.execute(
        "insert into import_log (source, line) values ('mailbox-0', %s)", (rng.choice((None, "message read")),)
    )
    if rng.random() < 0.4:
        cursor.execute(
            "insert into scans (document_id, meta, place) values (%s, '{\"dpi\": 300}', point(%s, %s))",
            (document, round(rng.uniform(-180, 180), 2), round(rng.uniform(-90, 90), 2)),
        )
    if rng.random() < 0.2:
        cursor.execute(
            "insert into page_texts (document_id, page, body) values (%s, 1, repeat(md5(%s::text), 150))",
            (document, rng.random()),
        )


def receive_and_think_again(cursor: Cursor, rng: random.Random) -> None:
    """The same, rolled back: numbers are skipped, and nothing else may remain."""
    receive(cursor, rng)
    raise psycopg.Rollback


def amend(cursor: Cursor, rng: random.Random) -> None:
    document = choose(cursor, rng)
    cursor.execute(
        """
        update documents set title = title || '.',
            attributes = attributes || jsonb_build_object('amended', clock_timestamp()),
            status = (case status when 'filed' then 'disputed' else 'filed' end)::document_status
        where id = %s
        """,
        (document,),
    )
    cursor.execute(
        """
        insert into document_events (document_id, kind, detail)
        select id, 'amended', '{}' from documents where id = %s
        """,
        (document,),
    )
    cursor.execute("update scans set meta = '{\"dpi\": 600}', place = null where document_id = %s", (document,))


def rebook(cursor: Cursor, rng: random.Random) -> None:
    """Void the entries of a document, and book them anew on other accounts."""
    document = choose(cursor, rng)
    cursor.execute("delete from ledger where document_id = %s returning debit", (document,))
    if debits := [row[0] for row in cursor.fetchall() if row[0]]:
        assert document is not None  # noqa: S101 - it had entries
        book(cursor, rng, document, int(debits[0]))


def shred(cursor: Cursor, rng: random.Random) -> None:
    """A document goes, and what hangs on it goes along."""
    cursor.execute("delete from documents where id = %s", (choose(cursor, rng),))


def import_batch(cursor: Cursor, rng: random.Random) -> None:
    cursor.execute(
        "insert into import_log (source, line) select 'bulk', 'line ' || i %% 3 from generate_series(1, %s) as i",
        (rng.randint(1, 8),),
    )
    cursor.execute(
        "delete from import_log where ctid = any (array(select ctid from import_log where source = 'bulk' limit 2))"
    )


def keep_accounts(cursor: Cursor, rng: random.Random) -> None:
    number = rng.randint(1, 100)
    cursor.execute("update accounts set name = %s where id = %s", (f"Account {number} {rng.getrandbits(32):x}", number))
    if rng.random() < 0.2:
        cursor.execute(
            """
            insert into accounts (parent_id, code, name, kind)
            select 1, 'X' || max(id) + 1, 'Account made in passing', 'expense' from accounts
            """
        )
    cursor.execute("insert into approvals (account_id, note) values (%s, 'renamed')", (number,))
    cursor.execute("delete from approvals where id < (select max(id) - 500 from approvals)")


def rewrite_page(cursor: Cursor, rng: random.Random) -> None:
    cursor.execute(
        """
        update page_texts set body = repeat(md5(%s::text), %s) where document_id =
            (select document_id from page_texts where document_id >= %s * (select max(document_id) from page_texts)
             order by document_id limit 1)
        """,
        (rng.random(), rng.randint(100, 600), rng.random()),
    )


def odd_names(cursor: Cursor, rng: random.Random) -> None:
    cursor.execute(
        """
        insert into "odd ""name""; --" values (%s, 0, %s, true)
        on conflict ("a column", "select") do update
            set "größe ☃" = excluded."größe ☃", "100%%" = not "odd ""name""; --"."100%%"
        """,
        (f"row {rng.randint(0, 50)}", rng.randint(0, 10_000)),
    )
    cursor.execute(
        'delete from "odd ""name""; --" where "a column" = %s and "select" = 0', (f"row {rng.randint(0, 50)}",)
    )


def old_event(cursor: Cursor, rng: random.Random) -> None:
    """An event of long ago: in the default partition, or in that of an earlier month."""
    cursor.execute(
        """
        insert into document_events (document_id, at, kind)
        select id, %s::timestamptz, 'found' from documents where id = %s
        """,
        (rng.choice(("2018-03-01 12:00+00", "2019-12-31 23:59:59+00")), choose(cursor, rng)),
    )
    cursor.execute(
        "update document_events set kind = 'checked' where document_id = %s and kind = 'arrived'",
        (choose(cursor, rng),),
    )


def audit(cursor: Cursor, rng: random.Random) -> None:
    """One entry in the second database."""
    cursor.execute(
        "insert into entries (action, detail) values (%s, jsonb_build_object('ticket', %s::int))",
        (rng.choice(("opened", "exported", "closed")), rng.randint(1, 99_999)),
    )


WEIGHTS: dict[Transaction, int] = {
    receive: 34,
    amend: 20,
    rebook: 6,
    shred: 10,
    receive_and_think_again: 6,
    import_batch: 8,
    keep_accounts: 4,
    rewrite_page: 4,
    odd_names: 4,
    old_event: 4,
}
"""What the clerks do, and how often, of a hundred transactions."""
