"""A server that heeds no time limit is left; one that is merely slow is not."""

import psycopg
import pytest

from dr.checks import heeding
from dr.postgres import Session, connect
from tests.checks.conftest import Source

LIMIT, GRACE = 0.2, 0.3


def entered(source: Source) -> Session:
    """With no limit at all: the server heeds none."""
    session = connect(source.login("app"))
    session.execute("set statement_timeout = 0")
    return session


def test_a_statement_that_does_not_end_is_left(source: Source) -> None:
    with entered(source) as session, heeding.watched(session, LIMIT, lambda: entered(source), grace=GRACE) as watch:
        with pytest.raises(psycopg.OperationalError):
            session.execute("select pg_sleep(120)")
        assert session.closed
    assert watch.left


def test_many_statements_may_take_longer_than_one(source: Source) -> None:
    with entered(source) as session, heeding.watched(session, LIMIT, lambda: entered(source), grace=GRACE) as watch:
        for _ in range(15):
            session.execute("select pg_sleep(0.1)")
    assert not watch.left


def test_little_has_an_hour_and_much_has_more() -> None:
    assert heeding.allowed(0) == heeding.TIMEOUT
    assert heeding.allowed(10**12) == pytest.approx(100_000)
    assert heeding.allowed(10**15) < 2**31 / 1000
