"""What others prepared or may change is not built upon: its functions would run by the owner's right."""

from collections.abc import Iterator

import psycopg
import pytest

from dr.errors import Refused
from dr.heartbeat.install import Prepared, install, prepare
from tests.heartbeat.conftest import SECRET, Source

HEARTBEAT = """
create table firedrill.heartbeat (
    seq bigint primary key, at timestamptz not null, lsn pg_lsn not null, lineage uuid not null);
"""
LINEAGE = """
create table firedrill.lineage (
    one_row boolean primary key default true check (one_row), lineage uuid not null default gen_random_uuid(),
    since timestamptz not null default clock_timestamp());
"""
TRAP = """
create function public.trap() returns trigger language plpgsql as $$
    begin raise exception 'executed as %', current_user; end $$;
"""
TRUTH = """
create function public.truth() returns boolean language plpgsql as $$
    begin raise exception 'executed as %', current_user; end $$;
"""
TRAPPED = "create trigger trap before insert on firedrill.{} for each row execute function public.trap()"


@pytest.fixture
def prepared(empty: Source) -> Iterator[psycopg.Connection]:
    """A session of the administrator in a database of the owner's, in which `planter` may create things."""
    with empty.cluster.connect() as admin:
        admin.execute("create database prepared owner owner")
        admin.execute("create role planter; grant create on database prepared to planter")
        try:
            with empty.cluster.connect("prepared") as session:
                session.execute("grant create on schema public to planter")
                yield session
        finally:
            admin.execute("drop database prepared (force)")
            admin.execute("drop role planter; drop role if exists a_writer")


def look(empty: Source) -> Prepared:
    return prepare("receipts-db", empty.owner.to("prepared"), empty.login("a_writer", dbname="prepared"), SECRET)


@pytest.mark.parametrize(
    ("trap", "complaint"),
    [
        ("set role planter; create schema firedrill", "schema firedrill is planter's"),
        (
            f"set role planter; create schema firedrill; {HEARTBEAT} {TRAP} {TRAPPED.format('heartbeat')}",
            "is planter's",
        ),
        (
            "create schema firedrill authorization owner; grant all on schema firedrill to planter; set role planter;"
            f"{LINEAGE} {TRAP} {TRAPPED.format('lineage')}",
            "relation firedrill.lineage is planter's; planter may create things in schema firedrill",
        ),
        ("set role owner; create schema firedrill; grant create on schema firedrill to public", "PUBLIC may create"),
        (
            f"set role owner; create schema firedrill; {HEARTBEAT} grant usage on schema firedrill to planter;"
            f"grant trigger on firedrill.heartbeat to planter; set role planter; {TRAP} {TRAPPED.format('heartbeat')}",
            "firedrill.heartbeat has trigger trap",
        ),
        (
            "set role owner; create schema firedrill; grant create on schema firedrill to planter; set role planter;"
            "create function firedrill.line() returns text language sql as 'select null'; set role owner;"
            "revoke create on schema firedrill from planter",
            r"function firedrill.line\(\) is planter's",
        ),
        (
            f"set role planter; {TRUTH} set role owner; create schema firedrill; {HEARTBEAT}"
            "alter table firedrill.heartbeat add check (public.truth())",
            r"firedrill.heartbeat depends on function public.truth\(\)",
        ),
        (
            f"set role planter; {TRUTH} set role owner; create schema firedrill; {LINEAGE}"
            "alter table firedrill.lineage alter one_row set default public.truth()",
            r"firedrill.lineage depends on function public.truth\(\)",
        ),
        (
            f"set role owner; create schema firedrill; {LINEAGE} create rule odd as on insert to firedrill.lineage "
            "do also select 1",
            "firedrill.lineage has rule odd",
        ),
        ("set role owner; create schema firedrill; create view firedrill.lineage as select", "no ordinary table"),
    ],
)
def test_what_somebody_else_prepared_is_not_built_upon(
    empty: Source, prepared: psycopg.Connection, trap: str, complaint: str
) -> None:
    """The functions run by their owner's right: nothing that another may change may be in their way."""
    prepared.execute(trap.encode())
    with pytest.raises(Refused, match=complaint):
        look(empty)


def test_what_somebody_prepares_between_the_look_and_the_installation_is_found(
    empty: Source, prepared: psycopg.Connection
) -> None:
    """A person reads the statements in between. Nothing of the other's is executed, and everything is rolled back."""
    seen = look(empty)
    prepared.execute("set role planter; create schema firedrill; grant all on schema firedrill to owner")
    prepared.execute(f"{LINEAGE} {TRAP} {TRAPPED.format('lineage')}; grant all on firedrill.lineage to owner".encode())
    with pytest.raises(Refused, match="schema firedrill is planter's"):
        install(seen)
    made = prepared.execute("select to_regclass('firedrill.heartbeat'), to_regrole('a_writer')").fetchone()
    assert made == (None, None)


GRANTED = """
select grantee::regrole::text, string_agg(privilege_type, ',' order by privilege_type) from pg_class, aclexplode(relacl)
 where oid = 'firedrill.heartbeat'::regclass and grantee <> relowner group by 1
"""


def test_nobody_is_given_the_tables_by_default(empty: Source, prepared: psycopg.Connection) -> None:
    """Who may put a trigger on them would be the owner. What of their rows is granted later, and on purpose, stays."""
    prepared.execute("set role owner; alter default privileges grant all on tables to planter")
    install(look(empty))
    assert prepared.execute(GRANTED).fetchall() == []
    prepared.execute("grant select, insert, trigger on firedrill.heartbeat to planter")
    install(look(empty))
    assert prepared.execute(GRANTED).fetchall() == [("planter", "INSERT,SELECT")]
