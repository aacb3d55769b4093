"""What it costs to prove the content of a table, beside what others do with it, in one run.

    .venv/bin/python bench/verify.py [--rows 10000000] [--rounds 3] [--workers 2]

Two tables: a narrow one, and a wide one whose values are stored out of line (TOAST). Every figure is the whole time of
reading the table once, from an open server with a warm cache:

- content:   what a restore test does: every chunk's count and hash, by so many sessions. Connections included.
- canonical: the same by text hashes, which compare across major versions.
- count:     `count(*)`, forced to read the heap, by as many processes.
- pg_dump:   to /dev/null; it reads one table with one session, whatever one asks for.
- md5 text:  each row's columns as text, hashed by md5 and summed over ranges of the key, as data-diff and
             pt-table-checksum compare tables: by one session, as both do unless told otherwise, and by as many as ours.
"""

import argparse
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
from psycopg import sql
from pydantic import SecretStr

from dr.checks.content import Reading
from dr.estate import Tier
from dr.hashing import Hashing
from dr.lab.engine import roles, tree
from dr.lab.engine.account import Account
from dr.lab.engine.cluster import Cluster, Machine
from dr.lab.engine.tls import Authority
from dr.postgres import Login

PASSWORD = "only-for-this-run"  # noqa: S105 - of a server that nobody else reaches, and that is removed at the end
RANGES = 32
"""Pieces that a tool with md5 reads a table in."""

NARROW = """
create table narrow (id bigint primary key, account int not null, amount numeric not null, note text, at timestamptz);
insert into narrow select i, i % 9973, i * 0.01, case when i % 5 > 0 then 'booking ' || i end,
  timestamptz '2026-01-01' + i * interval '1 second' from generate_series(1, {rows}) i;
"""
WIDE = """
create table wide (id bigint primary key, title text not null, body text not null, tags text[]);
alter table wide alter body set storage external;
insert into wide select i, 'document ' || i, (select string_agg(md5(i || ' ' || j), '') from generate_series(1, 128) j),
  array['a', 'b' || i % 7] from generate_series(1, {rows}) i;
"""


class Bench:
    """A server with both tables, for as long as the block lasts."""

    def __init__(self, rows: int, workers: int) -> None:
        self.rows, self.workers = rows, workers
        self.home = Path(tempfile.mkdtemp(prefix="firedrill-bench-", dir="/var/tmp"))
        self.home.chmod(0o711)
        machine = Machine(tree.plant(self.home), Account.choose(), Authority.found(self.home / "tls"), PASSWORD)
        self.cluster = Cluster(machine, self.home / "server", "bench.lab")

    def __enter__(self) -> "Bench":
        self.cluster.create(checksums=True)
        with self.cluster.connect() as connection:
            for name in ("narrow", "wide"):
                roles.create_master(connection, f"owner_{name}", PASSWORD, name)
        for name, made, rows in (("narrow", NARROW, self.rows), ("wide", WIDE, self.rows // 50)):
            with self.session(name) as session:
                session.execute(made.format(rows=rows).encode())
                session.execute("vacuum analyze")
        return self

    def __exit__(self, *_: object) -> None:
        self.cluster.stop("immediate")
        shutil.rmtree(self.home, ignore_errors=True)

    def session(self, name: str) -> psycopg.Connection:
        return psycopg.connect(self.cluster.address(f"owner_{name}", PASSWORD, name), autocommit=True)

    def content(self, name: str, tier: Tier = "fast") -> None:
        login = Login(
            host=self.cluster.endpoint,
            port=self.cluster.port,
            user=f"owner_{name}",
            password=SecretStr(PASSWORD),
            dbname=name,
            ca=self.cluster.machine.authority.certificate_file,
            address="127.0.0.1",
        )
        with Reading(login, Hashing(seed=7, tier=tier), workers=self.workers) as reading:
            observed = reading.observe()
        assert observed.tables[f"public.{name}"].rows, observed  # noqa: S101 - a bench of nothing measures nothing

    def count(self, name: str) -> None:
        with self.session(name) as session:
            for way in ("indexscan", "indexonlyscan", "bitmapscan"):
                session.execute(sql.SQL("set enable_{} = off").format(sql.SQL(way)))
            for cost in ("parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size"):
                session.execute(sql.SQL("set {} = 0").format(sql.SQL(cost)))
            # The leader reads as well.
            session.execute(sql.SQL("set max_parallel_workers_per_gather = {}").format(sql.Literal(self.workers - 1)))
            session.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(name)))

    def dump(self, name: str) -> None:
        program = self.cluster.machine.tree.program("pg_dump")
        address = self.cluster.address(f"owner_{name}", PASSWORD, name)
        with Path(os.devnull).open("wb") as nowhere:
            subprocess.run([str(program), f"--table={name}", f"--dbname={address}"], stdout=nowhere, check=True)

    def md5(self, name: str, sessions: int) -> None:
        with self.session(name) as session:
            columns = session.execute(
                "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 order by attnum", [name]
            ).fetchall()
            (last,) = session.execute(sql.SQL("select max(id) from {}").format(sql.Identifier(name))).fetchone() or (0,)
        texts = sql.SQL(", ").join(
            sql.SQL("coalesce({}::text, '<null>')").format(sql.Identifier(column)) for (column,) in columns
        )
        query = sql.SQL(
            "select count(*), sum(('x' || substring(md5(concat_ws('|', {})), 18))::bit(60)::bigint) from {}"
            " where id > %s and id <= %s"
        ).format(texts, sql.Identifier(name))
        bounds = [last * piece // RANGES for piece in range(RANGES + 1)]

        def part(number: int) -> None:
            with self.session(name) as session:
                session.execute("set max_parallel_workers_per_gather = 0")
                for low, high in list(itertools.pairwise(bounds))[number::sessions]:
                    session.execute(query, [low, high])

        with ThreadPoolExecutor(sessions) as pool:
            list(pool.map(part, range(sessions)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the narrow table; the wide one has a fiftieth")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with Bench(given.rows, given.workers) as bench:
        ways: dict[str, Callable[[str], None]] = {
            "content": bench.content,
            "canonical": lambda name: bench.content(name, "canonical"),
            "count": bench.count,
            "pg_dump": bench.dump,
            "md5 text, one session": lambda name: bench.md5(name, 1),
            f"md5 text, {given.workers} sessions": lambda name: bench.md5(name, given.workers),
        }
        for name in ("narrow", "wide"):
            with bench.session(name) as session:
                row = session.execute(
                    "select count(*), pg_size_pretty(pg_table_size(%s)) from " + name,  # noqa: S608 - one of two names
                    [name],
                ).fetchone()
            assert row is not None  # noqa: S101 - a count has one row
            print(f"{name}: {row[0]:,} rows, {row[1]}; seconds: least, median, most")  # noqa: T201
            found: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(given.rounds):
                for way, work in ways.items():
                    begun = time.monotonic()
                    work(name)
                    found[way].append(time.monotonic() - begun)
            ours = statistics.median(found["content"])
            for way, seconds in found.items():
                median = statistics.median(seconds)
                print(  # noqa: T201
                    f"  {way:<24} {min(seconds):8.2f} {median:8.2f} {max(seconds):8.2f}   {median / ours:5.2f} x ours"
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
