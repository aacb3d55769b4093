"""The heartbeat is installed by a plan that can be read, again and again, and its role is granted nothing else."""

import json
from datetime import timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from dr.errors import Refused
from dr.heartbeat import statements
from dr.heartbeat.install import Everybodys, install, prepare
from dr.lab.receipts import heartbeat as labs
from dr.lab.receipts import seed
from tests.checks.conftest import as_owner
from tests.heartbeat.conftest import SECRET, WRITER, Source

COLUMNS = """
select attname, format_type(atttypid, atttypmod), attnotnull, exists (
    select from pg_index where indrelid = attrelid and indisprimary and indkey[0] = attnum)
  from pg_attribute where attrelid = 'firedrill.heartbeat'::regclass and attnum > 0 order by attnum
"""


def as_writer(source: Source) -> psycopg.Connection:
    login = source.login()
    return psycopg.connect(
        host=login.host,
        hostaddr="127.0.0.1",
        port=login.port,
        user=login.user,
        password=login.password.get_secret_value(),
        dbname=login.dbname,
        sslmode="verify-full",
        sslrootcert=str(login.ca),
        autocommit=True,
    )


def test_the_dry_run_shows_every_statement_and_no_password(empty: Source) -> None:
    prepared = prepare("receipts-db", empty.owner, empty.login(), SECRET)
    shown = "\n".join(one["statement"] for one in prepared.shown())
    assert all(one.text.count("\n") == one.shown.count("\n") for one in prepared.statements)
    assert "create table if not exists firedrill.heartbeat" in shown
    assert f"role {WRITER} login" in shown
    assert "security definer set search_path = pg_catalog, pg_temp" in shown
    assert "SCRAM-SHA-256" not in shown
    assert "a-beating-heart" not in shown + repr(prepared)
    assert "{" not in shown


STATE = (
    "select lineage, since from firedrill.lineage",
    "select oid, proname, prosrc, proacl from pg_proc where pronamespace = 'firedrill'::regnamespace order by 2",
    f"select rolname, rolconnlimit, rolinherit, rolsuper from pg_roles where rolname = '{WRITER}'",
)


def test_installing_twice_changes_nothing_but_the_password(source: Source) -> None:
    def state() -> object:
        with as_owner(source.cluster) as owner:
            return [owner.execute(question.encode()).fetchall() for question in STATE]

    before = state()
    changed = prepare("receipts-db", source.owner, source.login(password="another"), SECRET)
    assert install(changed) == Everybodys(tables=1, functions=1)  # notices and lifted()
    assert state() == before
    install(prepare("receipts-db", source.owner, source.login(), SECRET))
    as_writer(source).close()


@pytest.mark.parametrize(
    "forbidden",
    [
        "select * from accounts",
        "insert into accounts values (1)",
        "select * from firedrill.heartbeat",
        "insert into firedrill.heartbeat values (1, now(), '0/0', gen_random_uuid())",
        "delete from firedrill.heartbeat",
        "update firedrill.lineage set lineage = gen_random_uuid()",
        "select firedrill.prune('0', 1000)",
        "select firedrill.line()",
        "select firedrill.wait()",
        "create table firedrill.mine ()",
        "create schema mine",
        "create table public.mine ()",
        "create role mine",
        "create database mine",
        "set role owner",
        "alter function firedrill.beat() reset search_path",
        "select pg_read_file('PG_VERSION')",
        "select pg_ls_dir('.')",
    ],
)
def test_the_writer_is_granted_nothing_else(source: Source, forbidden: str) -> None:
    with as_writer(source) as writer, pytest.raises(psycopg.errors.InsufficientPrivilege):
        writer.execute(forbidden.encode())


def test_whoever_writes_cannot_lead_the_function_astray(source: Source) -> None:
    """Its names are looked up where it says, and not where the caller does."""
    with as_writer(source) as writer:
        writer.execute("create temp table heartbeat (seq bigint)")
        writer.execute(
            "create function pg_temp.clock_timestamp() returns timestamptz language sql as 'select null::timestamptz'"
        )
        writer.execute("set search_path = pg_temp, pg_catalog")
        writer.execute("select firedrill.beat()")
        assert writer.execute("select count(*) from heartbeat").fetchone() == (0,)


def test_both_writers_make_one_form(source: Source, empty: Source) -> None:
    """The lab's own writer knows nothing of this one: the form is what they share."""
    with as_owner(empty.cluster, "postgres") as owner:
        owner.execute("create database labs")
    with as_owner(empty.cluster, "labs") as owner:
        seed.run(owner, "schema.sql")
        by_the_lab = owner.execute(COLUMNS).fetchall()
        assert owner.execute(labs._BEAT) is not None
    with as_owner(source.cluster) as owner:
        assert owner.execute(COLUMNS).fetchall() == by_the_lab
    assert [(name, kind) for name, kind, _, _ in by_the_lab] == list(statements.FORM)
    assert statements.LOCK == labs.LOCK
    # And what the lab began, this one goes on with.
    install(prepare("receipts-db", source.owner.to("labs"), source.login("another_writer", dbname="labs"), SECRET))
    with as_owner(empty.cluster, "postgres") as owner:
        owner.execute("drop database labs")
        owner.execute("drop role another_writer")


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("seq int primary key, at timestamptz not null, lsn pg_lsn not null, lineage uuid not null", "no heartbeat of"),
        ("seq bigint primary key, at timestamptz, lsn pg_lsn not null, lineage uuid not null", "no heartbeat of ours"),
    ],
)
def test_another_table_of_that_name_is_left_alone(empty: Source, table: str, complaint: str) -> None:
    with as_owner(empty.cluster, "postgres") as owner:
        owner.execute("create schema firedrill")
        owner.execute(f"create table firedrill.heartbeat ({table})".encode())
        with pytest.raises(Refused, match=complaint):
            prepare("receipts-db", empty.owner.to("postgres"), empty.login(dbname="postgres"), SECRET)
        owner.execute("drop schema firedrill cascade")


@pytest.mark.parametrize(
    ("grant", "revoke", "complaint"),
    [
        ("alter role {} createdb", "alter role {} nocreatedb", "administrator"),
        ("grant pg_read_all_data to {}", "revoke pg_read_all_data from {}", "member of 1 roles"),
        ("grant select on accounts to {}", "revoke select on accounts from {}", "1 other things"),
    ],
)
def test_a_role_that_may_more_is_refused(source: Source, grant: str, revoke: str, complaint: str) -> None:
    with source.cluster.connect("app") as admin:
        admin.execute(grant.format(WRITER).encode())
        try:
            with pytest.raises(Refused, match=complaint):
                prepare("receipts-db", source.owner, source.login(), SECRET)
        finally:
            admin.execute(revoke.format(WRITER).encode())
    assert prepare("receipts-db", source.owner, source.login(), SECRET).statements


def test_a_role_of_the_applications_is_refused_where_no_heartbeat_is_yet(empty: Source) -> None:
    """A null among what is ours must not make everything ours."""
    with as_owner(empty.cluster, "postgres") as owner:
        owner.execute("create database bare")
    try:
        with as_owner(empty.cluster, "bare") as owner:
            owner.execute(
                "create role app_login login; create table accounts (); grant select on accounts to app_login"
            )
            with pytest.raises(Refused, match="app_login may do more than write a beat: it owns or may use 1 other"):
                prepare("receipts-db", empty.owner.to("bare"), empty.login("app_login", dbname="bare"), SECRET)
    finally:
        with as_owner(empty.cluster, "postgres") as owner:
            owner.execute("drop database bare")
            owner.execute("drop role app_login")


@pytest.mark.parametrize("user", ["owner", "Writer", "a b", 'a"b', "x;drop", "", "ä", "a" * 64])
def test_what_is_no_plain_name_of_its_own_is_refused(empty: Source, user: str) -> None:
    with pytest.raises(Refused):
        prepare("receipts-db", empty.owner, empty.login(user), SECRET)


def test_beats_are_kept_for_as_long_as_a_judge_looks_back(empty: Source) -> None:
    with pytest.raises(Refused, match="20 minutes at least"):
        prepare("receipts-db", empty.owner, empty.login(), SECRET, keep=timedelta(minutes=19))


def test_nothing_of_a_row_or_a_password_is_in_what_is_recorded(source: Source) -> None:
    prepared = prepare("receipts-db", source.owner, source.login(), SECRET)
    recorded = json.dumps(prepared.shown())
    for one in (source.login(), source.owner):
        assert isinstance(one.password, SecretStr)
        assert one.password.get_secret_value() not in recorded


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ages=st.lists(st.integers(0, 40), min_size=0, max_size=30),
    start=st.integers(1, 500),
    batch=st.integers(1, 40),
    reach=st.integers(0, 1200),
)
def test_pruning_takes_the_oldest_numbers_and_leaves_no_hole(
    source: Source, ages: list[int], start: int, batch: int, reach: int
) -> None:
    """Against a model: numbers grow, ages need not fall with them, and the newest number is `reach` further on."""
    beats = {start + number: age for number, age in enumerate(ages)}
    if beats:
        beats[max(beats) + 1 + reach] = 0
    with as_owner(source.cluster) as owner, owner.transaction(force_rollback=True):
        owner.execute("delete from firedrill.heartbeat")
        owner.cursor().executemany(
            "insert into firedrill.heartbeat values (%s, clock_timestamp() - make_interval(mins => %s), '0/0', "
            "gen_random_uuid())",
            beats.items(),
        )
        done = owner.execute("select firedrill.prune('20 minutes 30 seconds', %s)", (batch,)).fetchone()
        left = [seq for (seq,) in owner.execute("select seq from firedrill.heartbeat order by seq").fetchall()]
    gone = []
    for seq in sorted(beats)[:batch]:
        if beats[seq] <= 20 or seq >= max(beats) - 999:
            break
        gone.append(seq)
    assert done == (len(gone),)
    assert left == sorted(set(beats) - set(gone))


FAKE_CRON = """
create schema cron;
create table cron.job (jobid bigserial, jobname text unique, schedule text, command text, database text);
create table cron.job_run_details (jobid bigint, end_time timestamptz);
create function cron.schedule_in_database(job_name text, schedule text, command text, database text) returns bigint
language sql as $$
    insert into cron.job (jobname, schedule, command, database) values ($1, $2, $3, $4)
    on conflict (jobname) do update set schedule = $2, command = $3, database = $4 returning jobid $$;
grant usage on schema cron to public; grant all on all tables in schema cron to public;
grant usage on all sequences in schema cron to public;
insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
    values (99999, 'pg_cron', 10, 'cron'::regnamespace, false, '{}');
"""


PLANTED = """
create role planter;
grant create on schema public to planter;
set role planter;
create function public.pg_sleep(numeric) returns void language plpgsql as $$
    begin raise exception 'executed as %', current_user; end $$;
create function public.wait() returns void language plpgsql as $$
    begin raise exception 'executed as %', current_user; end $$;
reset role;
"""


def test_what_pg_cron_executes_cannot_be_led_astray(source: Source) -> None:
    """A job runs as the owner, with whatever search path the owner has: nobody's function is a better match."""
    with source.cluster.connect("app") as admin, as_owner(source.cluster) as owner:
        admin.execute(PLANTED)
        try:
            for job in ("first", "second"):
                (given,) = [one.text for one in statements.schedule("app", "postgres") if f", {job}'" in one.text]
                (_, _, command, _) = owner.execute(f"select * from {_taken_apart(given)}".encode()).fetchone() or ()
                owner.execute("set search_path = public, pg_catalog")
                owner.execute(command.encode())
        finally:
            admin.execute("drop owned by planter; drop role planter")


def _taken_apart(given: str) -> str:
    """What `cron.schedule_in_database` is given, as a row."""
    return given.replace("select cron.schedule_in_database(", "(values (", 1) + ") as job"


SHADOWS = """
create role planter;
grant create on schema public to planter;
set role planter;
create function public.now() returns timestamptz language plpgsql as $$
    begin raise exception 'executed as %', current_user; end $$;
create function public.same(bigint, bigint) returns boolean language plpgsql as $$
    begin raise exception 'executed as %', current_user; end $$;
create operator public.= (leftarg = bigint, rightarg = bigint, function = public.same);
reset role;
"""


def test_pg_cron_writes_where_it_is_new_enough(source: Source) -> None:
    """What it is told is executed here as it would: the extension itself is not to be had."""
    with source.cluster.connect("postgres") as admin:
        admin.execute(FAKE_CRON.format("1.4").encode())
        try:
            assert prepare("receipts-db", source.owner, source.login(), SECRET).cron is None
            with pytest.raises(Refused, match=r"no database of the instance has pg_cron 1\.5"):
                prepare("receipts-db", source.owner, source.login(), SECRET, cron=True)
            admin.execute("update pg_extension set extversion = '1.6' where extname = 'pg_cron'")
            assert prepare("receipts-db", source.owner, source.login(), SECRET, cron=False).cron is None
            prepared = prepare("receipts-db", source.owner, source.login(), SECRET)
            assert prepared.cron == "postgres"
            install(prepared)
            install(prepared)
            jobs = admin.execute("select jobname, schedule, command, database from cron.job order by jobid").fetchall()
            assert [(schedule, database) for _, schedule, _, database in jobs] == [
                ("1 seconds", "app"), ("1 seconds", "app"), ("*/10 * * * *", "postgres")
            ]  # fmt: skip
            admin.execute(SHADOWS)
            admin.execute("insert into cron.job_run_details select jobid, '2026-01-01' from cron.job")
            with as_owner(source.cluster, "postgres") as owner:
                owner.execute("set search_path = public, pg_catalog")
                owner.execute(jobs[2][2].encode())
        finally:
            admin.execute("drop owned by planter; drop role planter")
            admin.execute("delete from pg_extension where extname = 'pg_cron'")
            admin.execute("drop schema cron cascade")
    with as_owner(source.cluster) as owner, as_owner(source.cluster) as other:
        before = owner.execute("select coalesce(max(seq), 0) from firedrill.heartbeat").fetchone()
        owner.execute(jobs[0][2].encode())
        other.execute(jobs[1][2].encode())
        ((seconds, beats, offbeat),) = owner.execute(
            "select count(distinct date_trunc('second', at)), count(*),"
            " count(*) filter (where extract(second from at) %% 1 not between 0.4 and 0.8)"
            " from firedrill.heartbeat where seq > %s",
            before,
        ).fetchall()
    assert beats == seconds >= 1
    assert offbeat == 0
