"""The sample application in a real lab: what is seeded, what the writers do to it, and what holds at every instant.

The tests share one lab, because seeding one takes seconds; each says whether it wants the writers busy or quiet.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from dr.errors import Refused, UsageError
from dr.lab import life
from dr.lab.home import Home
from dr.lab.receipts import archivist, names, objects, workload_process
from dr.lab.receipts.reach import Reach
from dr.lab.receipts.seed import seed
from tests.room import public_folder

SPEED = 600.0
BEATS = "select count(*) from firedrill.heartbeat"
SESSIONS = "select count(*) from pg_stat_activity where usename = 'receipts_app'"
UNBALANCED = "select count(*) from (select from ledger group by document_id having sum(net) <> 0) as off"
UNBOOKED = "select count(*) from documents as d where not exists (select from ledger as l where l.document_id = d.id)"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    # Not below pytest's own folder, which the unprivileged user of the clusters may not enter.
    path = public_folder("receipts") / "lab"
    lab = life.start(Home(path), SPEED)
    try:
        seed(path, "small", workload=False)
        yield path
        workload_process.stop(path)
    finally:
        life.end(Home(path), lab)
        shutil.rmtree(path.parent, ignore_errors=True)


@pytest.fixture(scope="module")
def reach(home: Path) -> Reach:
    return Reach(home)


@pytest.fixture
def owner(reach: Reach) -> Iterator[psycopg.Connection[Any]]:
    with reach.open(names.DATABASE, reach.login(names.OWNER_SECRET), name="test") as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture
def busy(home: Path) -> None:
    workload_process.start(home, rate=60)


@pytest.fixture
def quiet(home: Path) -> None:
    workload_process.stop(home)


def one(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def until(holds: Callable[[], object], seconds: float = 15.0) -> None:
    give_up = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up, "it did not come true in time"
        time.sleep(0.1)


def referenced(connection: psycopg.Connection[Any]) -> list[tuple[str, str, str]]:
    query = "select object_key, object_version, sha256 from documents where object_key is not null"
    return list(connection.execute(query).fetchall())


@pytest.mark.usefixtures("quiet")
def test_a_small_seed_is_small_and_whole(owner: psycopg.Connection[Any]) -> None:
    size = one(
        owner,
        """
        select sum(pg_table_size(oid))::bigint from pg_class
        where relkind in ('r', 'm') and relnamespace = 'public'::regnamespace
        """,
    )
    assert 15_000_000 < size < 30_000_000
    assert one(owner, "select coalesce(sum(debit - credit), 0)::text from ledger") == "0"
    assert one(owner, UNBALANCED) == one(owner, UNBOOKED) == 0
    assert one(owner, "select count(*) from document_events_default") > 0
    assert one(owner, "select count(*) from account_balances") == one(owner, "select count(*) from accounts") > 0
    kinds = {
        row[0]
        for row in owner.execute(
            "select amname from pg_index join pg_class on pg_class.oid = indexrelid join pg_am on pg_am.oid = relam"
        )
    }
    assert kinds >= {"btree", "hash", "gin", "gist", "brin"}


def test_the_owner_is_no_superuser_and_still_reads_every_row(owner: psycopg.Connection[Any], reach: Reach) -> None:
    assert one(owner, "select rolsuper from pg_roles where rolname = current_user") is False
    owner.execute("set row_security = off")
    everything = one(owner, "select count(*) from approvals")
    with reach.open(names.DATABASE, reach.login(names.APP_SECRET), name="test") as app:
        assert one(app, "select count(*) from approvals") < everything


@pytest.mark.usefixtures("quiet")
def test_every_row_that_names_an_object_version_finds_these_bytes(owner: psycopg.Connection[Any], reach: Reach) -> None:
    rows = referenced(owner)
    assert len(rows) > 300
    for key, version, sha256 in rows:
        answer = reach.s3(names.PRIMARY).get_object(Bucket=objects.BUCKET, Key=key)
        assert answer["VersionId"] == version, key
        assert hashlib.sha256(answer["Body"].read()).hexdigest() == sha256, key
    assert {key for key, _, _ in rows} >= {*objects.ODD_KEYS, "odd/empty"}


@pytest.mark.usefixtures("quiet")
def test_objects_deletions_and_secrets_reach_the_other_region(reach: Reach) -> None:
    def entries(region: str) -> set[tuple[str, str, str]]:
        pages = reach.s3(region).get_paginator("list_object_versions").paginate(Bucket=names.documents_bucket(region))
        return {
            (kind, entry["Key"], entry["VersionId"])
            for page in pages
            for kind in ("Versions", "DeleteMarkers")
            for entry in cast("list[dict[str, str]]", page.get(kind, []))
        }

    until(lambda: entries(names.PRIMARY) == entries(names.RECOVERY))
    assert {kind for kind, _, _ in entries(names.RECOVERY)} == {"Versions", "DeleteMarkers"}
    for secret in (names.OWNER_SECRET, names.APP_SECRET, names.HEARTBEAT_SECRET):
        copy = reach.secrets(names.RECOVERY).get_secret_value(SecretId=secret)["SecretString"]
        assert json.loads(copy)["password"] == reach.login(secret).password


def test_the_instance_is_protected_and_its_backups_are_replicated(reach: Reach) -> None:
    (instance,) = reach.rds(names.PRIMARY).describe_db_instances(DBInstanceIdentifier=names.INSTANCE)["DBInstances"]
    assert instance["StorageEncrypted"]
    assert instance["DeletionProtection"]
    assert instance["BackupRetentionPeriod"] == names.RETENTION_DAYS
    (backup,) = reach.rds(names.RECOVERY).describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"]
    assert backup["DbiResourceId"] == instance["DbiResourceId"]


def test_a_seeded_lab_is_not_seeded_again(home: Path) -> None:
    with pytest.raises(Refused, match="seeded already"):
        seed(home, "small")
    with pytest.raises(UsageError, match="gigantic"):
        seed(home, "gigantic")


@pytest.mark.usefixtures("quiet")
def test_the_writer_changes_every_table_of_both_databases(home: Path, reach: Reach) -> None:
    # Left out: a partitioned table itself and its other months, the materialized view, the lineage (it never changes).
    counters = """
        select relname, n_tup_ins + n_tup_upd + n_tup_del from pg_stat_user_tables
        where relname not in ('document_events', 'monthly_totals', 'lineage')
        and (relname not like 'document_events_2%' or relname = 'document_events_' || to_char(now(), 'YYYY_MM'))
    """

    def written() -> dict[tuple[str, str], int]:
        found: dict[tuple[str, str], int] = {}
        for database in (names.DATABASE, names.AUDIT):
            with reach.open(database, reach.login(names.OWNER_SECRET), name="test") as connection:
                found |= {(database, table): count for table, count in connection.execute(counters).fetchall()}
        return found

    first = written()
    assert {table for _, table in first} >= {"accounts", "documents", "ledger", "import_log", "heartbeat", "entries"}
    assert len(first) == 12
    workload_process.start(home, rate=60)

    def unchanged() -> set[tuple[str, str]]:
        return {table for table, count in written().items() if count == first[table]}

    until(lambda: not unchanged(), 20)
    assert workload_process.status(home) == {"writer": True, "heartbeat": True}


@pytest.mark.usefixtures("busy")
def test_under_load_the_ledger_balances_and_every_named_version_exists(
    owner: psycopg.Connection[Any], reach: Reach
) -> None:
    for _ in range(5):
        time.sleep(0.4)
        with owner.transaction():
            owner.execute("set transaction isolation level repeatable read")
            assert one(owner, "select sum(debit - credit) from ledger") == 0
            assert one(owner, UNBALANCED) == one(owner, UNBOOKED) == 0
            rows = referenced(owner)
        assert len(rows) > 200
        assert {(key, version) for key, version, _ in rows} <= stored(reach)


OPERATIONS = (archivist.add, archivist.replace, archivist.remove)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("killed_at", [None, "before-call", "after-call"])
@pytest.mark.parametrize("operate", OPERATIONS, ids=lambda operate: operate.__name__)
def test_before_and_after_each_call_to_s3_every_row_names_the_newest_version(
    operate: Callable[..., None], killed_at: str | None, home: Path, owner: psycopg.Connection[Any], reach: Reach
) -> None:
    rng = random.Random(f"{operate.__name__} {killed_at}")  # noqa: S311 - another key in each case
    seen = []

    def look(event_name: str, **_: object) -> None:
        moment = event_name.partition(".")[0]
        newest = stored(reach, "IsLatest")
        seen.append(moment)
        assert [key for key, version, _ in referenced(owner) if (key, version) not in newest] == []
        if moment == killed_at:
            raise Killed

    watched = Reach(home)
    for event in ("before-call.s3", "after-call.s3"):
        watched.s3(names.PRIMARY).meta.events.register(event, look)
    with reach.open(names.DATABASE, reach.login(names.APP_SECRET), name="test") as database:
        with pytest.raises(Killed) if killed_at else nullcontext():
            operate(watched, database, rng)
        archivist.finish_what_was_left(reach, database)
    assert seen == (["before-call"] if killed_at == "before-call" else ["before-call", "after-call"])
    assert one(owner, "select count(*) from documents where status = 'replacing'") == 0
    newest = stored(reach, "IsLatest")
    assert [key for key, version, _ in referenced(owner) if (key, version) not in newest] == []


class Killed(Exception):  # noqa: N818
    """The process ends here."""


def stored(reach: Reach, *only: str) -> set[tuple[str, str]]:
    """Key and version of every version in the bucket, or of those that are the newest of their key."""
    pages = reach.s3(names.PRIMARY).get_paginator("list_object_versions").paginate(Bucket=objects.BUCKET)
    return {
        (entry["Key"], entry["VersionId"])
        for page in pages
        for entry in cast("list[dict[str, str]]", page.get("Versions", []))
        if all(entry[flag] for flag in only)
    }


@pytest.mark.usefixtures("busy")
def test_the_heart_beats_at_the_half_second_without_a_gap(owner: psycopg.Connection[Any], reach: Reach) -> None:
    until(lambda: one(owner, BEATS) >= 5)
    beats = owner.execute("select seq, at, lsn, lineage from firedrill.heartbeat order by seq").fetchall()
    assert [beat[0] for beat in beats] == list(range(1, len(beats) + 1))
    off = [abs(beat[1].microsecond / 1e6 - 0.5) for beat in beats]
    # A machine that is busy with something else may hold up a beat: not most of them, and none up to the second.
    assert sorted(off)[len(off) // 2] < 0.1
    assert max(off) < 0.35
    assert {beat[3] for beat in beats} == {one(owner, "select lineage from firedrill.lineage")}

    newest = reach.s3(names.PRIMARY).get_object(Bucket=objects.BUCKET, Key=names.HEARTBEAT_KEY)
    beat = json.loads(newest["Body"].read())
    assert (beat["seq"], datetime.fromisoformat(beat["at"]), beat["lineage"]) in {
        (seq, at.astimezone(UTC), str(lineage))
        for seq, at, _, lineage in owner.execute("select * from firedrill.heartbeat").fetchall()
    }
    assert newest["LastModified"] >= datetime.fromisoformat(beat["at"]) - timedelta(seconds=1)


@pytest.mark.usefixtures("busy")
def test_a_writer_whose_connections_are_cut_begins_again(owner: psycopg.Connection[Any]) -> None:
    until(lambda: one(owner, SESSIONS) >= 5)
    cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'receipts_app'"
    assert one(owner, cut) >= 5
    last = "select max(id) from documents"
    before = one(owner, last)
    until(lambda: one(owner, last) > before + 5)
    beats = one(owner, BEATS)
    until(lambda: one(owner, BEATS) > beats + 1)


@pytest.mark.usefixtures("busy")
def test_the_heartbeat_can_be_lost_alone_and_goes_on_where_it_was(home: Path, owner: psycopg.Connection[Any]) -> None:
    until(lambda: one(owner, BEATS) > 0)
    (heart,) = [part.process for part in workload_process.recorded(home) if part.name == "heartbeat"]
    os.kill(heart.pid, signal.SIGKILL)
    until(lambda: not heart.alive() and not one(owner, f"{SESSIONS} and application_name = 'firedrill heartbeat'"))
    assert workload_process.status(home) == {"writer": True, "heartbeat": False}
    beats, document = one(owner, BEATS), one(owner, "select max(id) from documents")
    time.sleep(1.2)
    assert one(owner, BEATS) == beats
    until(lambda: one(owner, "select max(id) from documents") > document)

    workload_process.start(home)
    until(lambda: one(owner, BEATS) > beats)
    assert one(owner, "select count(*) = max(seq) from firedrill.heartbeat")
    assert one(owner, "select count(distinct lineage) from firedrill.heartbeat") == 1


@pytest.mark.usefixtures("busy")
def test_a_killed_writer_finishes_what_it_left(home: Path, owner: psycopg.Connection[Any]) -> None:
    for _ in range(2):
        (writer,) = [part.process for part in workload_process.recorded(home) if part.name == "writer"]
        os.kill(writer.pid, signal.SIGKILL)
        until(lambda writer=writer: not writer.alive())  # type: ignore[misc]
        workload_process.start(home, "writer")
        last = one(owner, "select max(id) from documents")
        until(lambda last=last: one(owner, "select max(id) from documents") > last)  # type: ignore[misc]
    left = {row[0] for row in owner.execute("select id from documents where status = 'replacing'").fetchall()}
    until(lambda: not left & {row[0] for row in owner.execute("select id from documents where status = 'replacing'")})


@pytest.mark.usefixtures("busy")
def test_stopping_is_quick_and_leaves_no_process(home: Path, owner: psycopg.Connection[Any]) -> None:
    parts = [part.process for part in workload_process.recorded(home)]
    assert len(parts) == 2
    began = time.monotonic()
    workload_process.stop(home)
    assert time.monotonic() - began < 2 * workload_process.PATIENCE
    assert not any(process.alive() for process in parts)
    assert workload_process.status(home) == {}
    until(lambda: one(owner, SESSIONS) == 0)
