"""A database that is sound and odd, by settings, functions and rights of its own. No check calls it damaged.

It stands beside those of the source for the length of a test.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import psycopg
import pytest

from dr.checks import constraints, index_answers, lookups, readable, structure, visibility
from dr.checks.heeding import QUICK, SLOWEST, TIMEOUT
from dr.checks.survey import TOGETHER, Piece, Survey, Visit
from dr.postgres import Login, Session
from dr.verification import Finding
from tests.checks.conftest import Source, as_owner, entering, login_to

ODD = """
create function doubled(n int) returns int language sql immutable as 'select $1 * 2';
create function calling(n int) returns int language plpgsql immutable as 'begin return doubled(n); end';
create table called (n int, check (calling(n) > 0));
insert into called select generate_series(1, 100);
create index called_n on called (calling(n));
create function helped(n int) returns int language sql immutable as 'select n';
create function lost(n int) returns int language plpgsql immutable as 'begin return helped(n); end';
create table losing (n int check (lost(n) >= 0) check (n > 0));
insert into losing select generate_series(1, 100);
create index losing_n on losing (lost(n));
drop function helped;
create function day(at timestamptz) returns date language sql immutable as 'select $1::date';
create table dated (at timestamptz, on_day date, check (day(at) = on_day));
insert into dated select at, at::date from generate_series(timestamptz '2026-01-01', '2026-01-09', '1 hour') at;
create index dated_day on dated (day(at));
create index dated_days on dated using gin ((array[day(at)]));
create table texts (words tsvector);
insert into texts select array_to_tsvector(array_agg('word' || i)) from generate_series(1, 60000) i;
create index texts_words on texts using gin (words);
create table linked (n int primary key, up int references linked);
create table guarded (n int primary key);
insert into guarded select generate_series(1, 100);
alter table guarded enable row level security;
grant select on guarded to reader;
"""
HIDDEN = """
create schema hidden;
create extension amcheck schema hidden;
create extension pg_visibility schema hidden;
grant execute on all functions in schema hidden to reader;
"""


@pytest.fixture
def odd(source: Source) -> Iterator[Callable[[str], Login]]:
    """How to enter the cluster that has it."""
    with source.cluster.connect() as admin:
        admin.execute("create database odd owner owner")
        admin.execute("alter database odd set timezone = 'America/New_York'")
    try:
        with as_owner(source.cluster, "odd") as owner:
            owner.execute(ODD.encode())
        yield entering(source.cluster)
    finally:
        with source.cluster.connect() as admin:
            admin.execute("drop database odd with (force)")


def of_odd(found: list[Finding]) -> dict[str, Finding]:
    return {one.subject: one for one in found if one.subject == "odd" or one.subject.startswith("odd.")}


def test_what_a_role_was_refused_is_no_evidence(source: Source, odd: Callable[[str], Login]) -> None:
    def reader(name: str) -> Login:
        return login_to(source.cluster, name, "reader", "reader-password")

    found = of_odd(readable.check(reader, first="postgres"))
    assert found["odd.public.guarded"].outcome == "not_available"
    assert "row-level security" in found["odd.public.guarded"].detail
    assert found["odd"].outcome == "not_available"
    assert "nothing that users made" in found["odd"].detail
    whole = of_odd(readable.check(odd, first="postgres"))["odd"]
    assert whole.outcome == "passed"
    refused, asked = (int(one.observed.split(" ")[0]) for one in (found["odd"], whole))
    assert refused == asked - ODD.count("create table")
    assert f"{refused} of " in found["odd"].observed

    with source.cluster.connect("odd") as admin:
        admin.execute(HIDDEN.encode())
    for check in (structure.check, visibility.check):
        (said,) = of_odd(check(reader, first="postgres")).values()
        assert said.outcome == "not_available"
        assert "may not call" in said.detail


def test_what_users_wrote_runs_with_their_own_settings(source: Source, odd: Callable[[str], Login]) -> None:
    recorded = source.capture()
    found = {
        "structure": of_odd(structure.check(odd, first="postgres")),
        "index_answers": of_odd(index_answers.check(odd, recorded, first="postgres", seed=3)),
        "constraints": of_odd(constraints.check(odd, recorded, first="postgres")),
    }
    untold = {
        "structure": ["odd.public.losing_n"],
        "index_answers": [],
        "constraints": ["odd.public.losing (check losing_n_check)"],
    }
    for check, said in found.items():
        assert said["odd"].outcome == "passed", said
        others = {subject: one.outcome for subject, one in said.items() if subject != "odd"}
        assert others == dict.fromkeys(untold[check], "not_available"), said


def test_what_locks_one_another_out_is_asked_about_by_one_session(odd: Callable[[str], Login]) -> None:
    survey = Survey("any", "L3", odd, "odd")
    pieces = [Piece(f"{table}_{n}", bytes=TOGETHER, among=table) for n in range(3) for table in (1, 2)]
    asking: dict[int, set[int]] = defaultdict(set)
    both = threading.Barrier(2)

    def look(session: Session, group: Sequence[Piece]) -> list[Finding]:
        for one in group:
            asking[one.among].add(session.info.backend_pid)
        both.wait(60)
        return []

    with survey.enter("odd") as session:
        assert Visit(survey, "odd", 2, session).each(pieces, look) == []
        tables: dict[str, set[int]] = defaultdict(set)
        for piece, asked in lookups.indexes(session, btrees=True):
            tables[asked.table.as_string()].add(piece.among)
    assert [len(pids) for pids in asking.values()] == [1, 1]
    assert {len(among) for among in tables.values()} == {1}
    assert len(set.union(*tables.values())) == len(tables) > 1


def test_a_statement_has_as_long_as_its_pieces_are_large(odd: Callable[[str], Login]) -> None:
    survey = Survey("any", "L3", odd, "odd")
    given = {}

    def look(session: Session, group: Sequence[Piece]) -> list[Finding]:
        (row,) = session.execute("select setting::int8 / 1000 from pg_settings where name = 'statement_timeout'")
        given[group[0].subject] = row[0]
        return []

    with survey.enter("odd") as session:
        visit = Visit(survey, "odd", 1, session)
        visit.each([Piece("small", bytes=1), Piece("large", bytes=SLOWEST * 90_000)], look)
    assert given == {"large": 90_000, "small": QUICK}


def test_what_is_little_and_slow_has_longer_the_second_time(odd: Callable[[str], Login]) -> None:
    """A server that heeds its limit is not damaged."""
    survey = Survey("any", "L3", odd, "odd")
    limits = []

    def look(session: Session, group: Sequence[Piece]) -> list[Finding]:
        (row,) = session.execute("select setting::int8 / 1000 from pg_settings where name = 'statement_timeout'")
        limits.append(row[0])
        if row[0] == QUICK:
            raise psycopg.errors.QueryCanceled("canceling statement due to statement timeout")
        return [survey.finding("passed", group[0].subject)]

    with survey.enter("odd") as session:
        found = Visit(survey, "odd", 1, session).each([Piece("slow", bytes=1)], look)
    assert [one.outcome for one in found] == ["passed"]
    assert limits == [QUICK, TIMEOUT]


def test_a_kind_of_definition_fails_only_if_it_does_so_again(source: Source, odd: Callable[[str], Login]) -> None:
    """One of its objects cannot be had for as long as the kind is asked about, and can be when each is."""
    asked = "select query ~ 'pg_get_constraintdef' and query !~ 'union all' from pg_stat_activity"
    change = "update pg_constraint set contype = %s where conname = 'linked_up_fkey'"
    mended: list[bool] = []

    with source.cluster.connect("odd") as admin:

        def pause() -> None:
            rows = admin.execute(
                f"{asked} where datname = 'odd' and application_name = 'firedrill'".encode()
            ).fetchall()
            if not mended and (True,) in rows:
                admin.execute(change, ("f",))
                mended.append(True)

        admin.execute(change, ("?",))
        found = of_odd(readable.check(odd, first="postgres", workers=1, pause=pause))
    assert mended
    assert [one.outcome for one in found.values()] == ["passed"], found
