"""Logging in, and the checks that ask one database: opens, assertions."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from dr.checks import assertions, opens
from dr.clock import Deadline, SystemClock
from dr.errors import Unable
from dr.estate import Assertion
from dr.postgres import LoginRefused, NotTrusted, connect, databases
from dr.telling import Damaged, telling
from tests.checks.conftest import Source


def test_sessions_are_verified_pinned_and_read_only(source: Source) -> None:
    with connect(source.login("app")) as session:
        assert session.info.parameter_status("TimeZone") == "UTC"
        assert session.execute("show search_path").fetchone() == ("pg_catalog",)
        assert session.execute("select ssl from pg_stat_ssl where pid = pg_backend_pid()").fetchone() == (True,)
        with pytest.raises(Unable, match="read-only"), telling("writing"):
            session.execute("create table public.never (id int)")
        assert databases(session) == ["app", "audit", "postgres"]


@pytest.mark.parametrize("authority", [None, Path("/nowhere/ca.pem")])
def test_a_missing_authority_is_never_made_good_by_weaker_tls(source: Source, authority: Path | None) -> None:
    with pytest.raises(NotTrusted, match=r"certificate authority[\s\S]*hint:"):
        connect(replace(source.login("app"), ca=authority))


def test_another_authority_and_another_name_are_not_trusted(source: Source, tmp_path: Path) -> None:
    from dr.lab.engine.tls import Authority

    other = Authority.found(tmp_path)
    with pytest.raises(NotTrusted, match="certificate"):
        connect(replace(source.login("app"), ca=other.certificate_file))
    with pytest.raises(NotTrusted, match=r"other\.lab"):
        connect(replace(source.login("app"), host="other.lab"))


def test_a_wrong_password_fails_at_once_and_is_not_told(source: Source) -> None:
    deadline = Deadline.within(SystemClock(), 30)
    began = time.monotonic()
    with pytest.raises(LoginRefused) as caught:
        connect(replace(source.login("app"), password=SecretStr("canary-4711")), deadline=deadline)
    assert time.monotonic() - began < 5
    assert "canary-4711" not in str(caught.value)
    assert "canary-4711" not in repr(replace(source.login("app"), password=SecretStr("canary-4711")))


def test_a_server_that_is_not_there_is_asked_until_the_deadline(source: Source) -> None:
    nobody = replace(source.login("app"), port=1)
    began = time.monotonic()
    with pytest.raises(Unable, match="not after 1 s"):
        connect(nobody, deadline=Deadline.within(SystemClock(), 1))
    assert time.monotonic() - began >= 1
    with pytest.raises(Unable, match="refused"):
        connect(nobody)


def test_errors_about_data_do_not_quote_it(source: Source) -> None:
    with connect(source.login("app")) as session, pytest.raises(Unable) as caught, telling("looking"):
        session.execute("select ('canary' || (select 4711))::int")
    assert "canary4711" not in str(caught.value)
    assert "22P02" in str(caught.value)


@pytest.mark.parametrize("code", ["XX000", "XX001", "42501", "58P01"])
def test_what_a_function_raises_is_neither_quoted_nor_damage(source: Source, code: str) -> None:
    raised = f"do $$ begin raise 'canary4711' using errcode = '{code}'; end $$"
    with connect(source.login("app")) as session, pytest.raises(Unable) as caught, telling("looking"):
        session.execute(raised.encode())
    assert "canary4711" not in str(caught.value)
    assert code in str(caught.value)
    assert not isinstance(caught.value, Damaged)


def test_a_value_too_large_for_memory_is_no_damage(source: Source) -> None:
    with connect(source.login("app")) as session, pytest.raises(Unable) as caught, telling("looking"):
        session.execute("select repeat('a', 270000000) ~ 'b'")
    assert "invalid memory alloc" in str(caught.value)
    assert not isinstance(caught.value, Damaged)


def test_opens(source: Source) -> None:
    (finding,) = opens.check(source.login("app"), server_version=None, subject="receipts-db")
    assert (finding.outcome, finding.level) == ("passed", "L1")
    assert "TLS" in finding.observed
    (refused,) = opens.check(replace(source.login("app"), user="nobody"), server_version=None, subject="receipts-db")
    assert refused.outcome == "failed"
    (other,) = opens.check(source.login("app"), server_version=130004, subject="receipts-db")
    assert other.outcome == "failed"
    with pytest.raises(Unable):
        opens.check(replace(source.login("app"), port=1), server_version=None, subject="receipts-db")


@pytest.mark.parametrize(
    ("sql", "expect", "outcome"),
    [
        ("select count(*) from counters", "50", "passed"),
        ("select count(*) from counters", "51", "failed"),
        ("select null", "", "failed"),
        ("select repeat('x', 500)", "y", "failed"),
        ("select 1, 2", "1", "errored"),
        ("select generate_series(1, 2)", "1", "errored"),
        ("select 1 where false", "1", "errored"),
    ],
)
def test_assertions(source: Source, sql: str, expect: str, outcome: str) -> None:
    asked = Assertion.model_construct(name="counted", database="receipts-db", sql=sql, expect=expect)
    finding = assertions.check(source.login("app"), asked, subject="receipts-db")
    assert finding.outcome == outcome
    assert len(finding.observed) <= 80


def test_an_assertion_that_writes_or_never_ends_is_unable(source: Source) -> None:
    def ask(sql: str) -> None:
        asked = Assertion(name="bad", database="receipts-db", sql=sql, expect="1")
        assertions.check(source.login("app"), asked, subject="receipts-db", seconds=0.3)

    with pytest.raises(Unable, match="read-only"):
        ask("delete from counters")
    with pytest.raises(Unable, match="timeout"):
        ask("select pg_sleep(60)")
    with pytest.raises(Unable, match="does not exist"):
        ask("select no_such_column from counters")
