"""Tables are read by ranges of blocks: no row is left out, and sessions can share what is stored out of line."""

from collections.abc import Iterator

import pytest

from dr.checks.chunks import BLOCK, Relation, Span, chunks, relations, rows_of, sized
from dr.checks.digests import hashable
from dr.hashing import Hashing
from dr.postgres import Session
from dr.table_comparison import BLOCKS
from tests.checks.conftest import Source, as_owner

HASHING = Hashing(seed=7)
NAMES = ("g", "t", "c", "block", "rows", "digest", "at", "ctid_", "first")
"""Columns called as something of ours is, in the statement that reads them."""


@pytest.fixture
def owner(source: Source) -> Iterator[Session]:
    with as_owner(source.cluster) as session:
        session.execute("create schema apart")
        try:
            yield session
        finally:
            session.execute("drop schema apart cascade")


def found(owner: Session, name: str) -> Relation:
    every, _ = relations(owner, hashable(owner))
    (one,) = sized(owner, [relation for relation in every if (relation.schema, relation.name) == ("apart", name)])
    return one


def test_every_row_is_in_the_chunk_where_it_stands_and_empty_chunks_are_none(owner: Session) -> None:
    columns = ", ".join(f'"{name}" int' for name in NAMES)
    owner.execute(f"create table apart.t ({columns}, filler text)".encode())
    owner.execute("insert into apart.t (g, filler) select i, repeat('x', 1500) from generate_series(1, 1600) i")
    owner.execute("delete from apart.t where (ctid::text::point)[0] between 128 and 255 or g % 7 = 0")
    expected = owner.execute(
        "select (ctid::text::point)[0]::bigint / 128, count(*) from apart.t group by 1 order by 1"
    ).fetchall()
    relation = found(owner, "t")
    assert relation.blocks > 2 * BLOCKS
    for span in (Span(relation, 0, None), Span(relation, 0, relation.blocks // BLOCKS * BLOCKS + BLOCKS)):
        read = chunks(owner, span, HASHING)
        assert [(chunk, one.count) for chunk, one in sorted(read.items())] == expected
        assert 1 not in read
        for chunk, one in read.items():
            assert sum(row.digest for row in rows_of(owner, relation, chunk, HASHING)) % 2**64 == one.digest
    parts = [chunks(owner, span, HASHING) for span in relation.spans(BLOCKS * BLOCK)]
    assert len(parts) == 3
    assert {chunk: one for part in parts for chunk, one in part.items()} == read


def test_a_table_that_grew_since_it_was_measured_is_read_to_its_end(owner: Session) -> None:
    owner.execute("create table apart.growing as select 1 as id")
    relation = found(owner, "growing")
    owner.execute("insert into apart.growing select i from generate_series(1, 100000) i")
    (span,) = relation.spans()
    assert sum(one.count for one in chunks(owner, span, HASHING).values()) == 100_001


def test_rows_without_any_column_are_counted(owner: Session) -> None:
    owner.execute("create table apart.bare ()")
    owner.execute("insert into apart.bare default values")
    owner.execute("insert into apart.bare default values")
    assert chunks(owner, Span(found(owner, "bare"), 0, None), HASHING)[0].count == 2


def test_what_is_stored_out_of_line_is_shared_between_sessions(owner: Session) -> None:
    owner.execute("create table apart.wide (id int, body text)")
    owner.execute("alter table apart.wide alter body set storage external")
    owner.execute("insert into apart.wide select i, repeat('y', 200000) from generate_series(1, 300) i")
    relation = found(owner, "wide")
    assert relation.toast > 300 * 200_000
    # So few blocks are one chunk, and nobody reads less.
    assert [span.bytes for span in relation.spans()] == [relation.bytes + relation.toast]
    large = Relation(1, "s", "n", "s.n", "r", 1, (), bytes=400 * BLOCKS * BLOCK, toast=40 * 400 * BLOCKS * BLOCK)
    spans = large.spans()
    assert {span.first % BLOCKS for span in spans} == {0}
    assert max(span.bytes for span in spans) <= 128 * BLOCKS * BLOCK
    assert sum(span.bytes for span in spans) == large.bytes + large.toast
    assert [span.end for span in spans[:-1]] == [span.first for span in spans[1:]]
