"""One document with its entries, as one transaction writes it: the shape that the assertions of the estate rely on."""

import random
from decimal import Decimal
from typing import Any

import psycopg

from dr.lab.receipts.objects import Stored

Cursor = psycopg.Cursor[tuple[Any, ...]]


def insert(cursor: Cursor, rng: random.Random, stored: Stored | None) -> int:
    """Insert a document and entries that add up to zero; returns its id. The caller commits."""
    cents = rng.randint(100, 250_000)
    cursor.execute(
        """
        insert into documents (account_id, title, status, attributes, amount, period,
            object_key, object_version, sha256, size)
        values ((select id from accounts where id >= %(dice)s * (select max(id) from accounts) order by id limit 1),
                %(title)s, 'received', jsonb_build_object('page_count', %(pages)s::int, 'channel', %(channel)s::text),
                %(amount)s, daterange(current_date, current_date + %(pages)s),
                %(key)s, %(version)s, %(sha256)s, %(size)s)
        returning id
        """,
        {
            "dice": rng.random(),
            "title": f"Receipt {rng.getrandbits(40):x}",
            "pages": rng.randint(1, 9),
            "channel": rng.choice(("mail", "phone", "scanner")),
            "amount": Decimal(cents) / 100,
            "key": stored.key if stored else None,
            "version": stored.version if stored else None,
            "sha256": stored.sha256 if stored else None,
            "size": stored.size if stored else None,
        },
    )
    row = cursor.fetchone()
    assert row is not None  # noqa: S101 - an insert that returns
    document = int(row[0])
    book(cursor, rng, document, cents)
    return document


def book(cursor: Cursor, rng: random.Random, document: int, cents: int) -> None:
    """Write the entries of a document: one debit, and credits of the same sum."""
    tax = cents * 19 // 100
    entries = ((cents, 0), (0, cents - tax), (0, tax))
    cursor.executemany(
        """
        insert into ledger (document_id, account_id, debit, credit)
        values (%s, (select id from accounts where id >= %s * (select max(id) from accounts) order by id limit 1),
            %s, %s)
        """,
        [(document, rng.random(), debit, credit) for debit, credit in entries],
    )
