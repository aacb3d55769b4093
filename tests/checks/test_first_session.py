"""The first session of a restored instance, on a real server: all is switched off, and the proof is not blind."""

from collections import Counter
from collections.abc import Callable, Iterator

import psycopg
import pytest

from dr.checks import first_session, schema
from dr.clock import Deadline, SystemClock
from dr.errors import Unable
from dr.hashing import Hashing
from dr.isolation import INSIDE, WORKERS, as_found, left_behind
from dr.lab.engine import roles
from dr.lab.engine.cluster import Cluster
from tests import reaching
from tests.checks.conftest import PASSWORD, Source, entering


@pytest.fixture(scope="module")
def scratch(source: Source) -> Iterator[Cluster]:
    """A server as a restore would leave it: full of what reached out of production, without a worker for it."""
    cluster = source.copy()
    cluster.parameters = {WORKERS: "0"}
    try:
        cluster.create()
        with cluster.connect() as connection:
            roles.create_master(connection, "owner", PASSWORD, "app")
        with reaching.Listener() as remote:
            reaching.plant(cluster.connect, "owner", remote.port)
            with cluster.connect(reaching.DATABASE) as connection:
                connection.execute(reaching.TRIGGER_OFF)
                connection.execute(reaching.ENABLED)
                connection.execute(reaching.TRIGGER_ON)
            yield cluster
            assert remote.came == 0
    finally:
        cluster.stop("immediate")


def look(cluster: Cluster, seed: int | None = 7) -> list[first_session.Before]:
    deadline = Deadline.within(SystemClock(), 30)
    return first_session.look(
        entering(cluster), first="app", hashing=lambda: None if seed is None else Hashing(seed=seed), deadline=deadline
    )


def prove(cluster: Cluster) -> dict[str, str]:
    return first_session.prove(entering(cluster), first="app")


def test_it_switches_everything_off_and_proves_it(scratch: Cluster) -> None:
    with pytest.raises(Unable, match="1 subscriptions are enabled"):
        prove(scratch)
    noted = {one.database: one for one in look(scratch)}
    assert noted.keys() == {"app", "outlets", "postgres", "template1"}
    before = noted[reaching.DATABASE]
    counted = Counter((one.kind, one.live) for one in before.outlets)
    assert counted == {
        ("event trigger", True): 1,
        ("subscription", True): 1,
        ("user mapping", True): 2,
        ("foreign server", False): 1,
        ("extension", False): 2,
        ("cron job", True): 2,
        ("cron job", False): 1,
    }
    assert reaching.CANARY not in before.model_dump_json()
    assert before.table is not None
    assert before.table.side.rows == 3
    first_session.disable(entering(scratch), first="app")
    proven = prove(scratch)
    assert set(proven) == set(INSIDE)
    assert proven["subscriptions"] == "none of 1 is enabled or knows a slot"
    assert proven["cron jobs"] == "none of 3 is active"
    with scratch.connect(reaching.DATABASE) as connection:
        assert connection.execute("select subenabled, subslotname from pg_subscription").fetchall() == [(False, None)]
        assert connection.execute("select oid from pg_user_mapping").fetchall() == []
    after = {one.database: one for one in look(scratch)}[reaching.DATABASE]
    assert not [one for one in after.outlets if one.live]
    shape = schema.observe(entering(scratch)(reaching.DATABASE)).objects
    for label, text in before.shape.items():
        expected = left_behind(label, text) if "rds_grant" not in label else text
        assert shape.get(label) == expected, label
    assert {label: as_found(shape, before)[label] for label in before.shape} == before.shape
    # Whoever goes on after a kill does it again.
    first_session.disable(entering(scratch), first="app")
    assert prove(scratch) == proven


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        ('alter subscription "the ""feed"" here" set (slot_name = feed)', "1 subscriptions are enabled or know a slot"),
        (reaching.TRIGGER_ON, "1 event triggers are enabled"),
        ('create user mapping for public server "the archive"', "1 user mappings are left"),
        (
            "set session_replication_role = replica; update cron.job set active = true where jobid = 3",
            "1 cron jobs are active",
        ),
        ("revoke pg_monitor from rds_superuser", "does not show shared_preload_libraries"),
        (
            f"alter role {reaching.OWNER} set session_preload_libraries = 'auto_explain', 'pg_tle'",
            "for role outlets_owner in every database, session_preload_libraries must not hold pg_tle",
        ),
        (
            "alter database outlets set local_preload_libraries = 'own'",
            "for every role in database outlets, local_preload_libraries must not hold own",
        ),
        ("alter database outlets allow_connections false", None),
    ],
    ids=["slot", "trigger", "mapping", "job", "hidden", "library of a role", "library of a database", "closed"],
)
def test_whatever_is_left_out_shows(scratch: Cluster, harm: str, complaint: str | None) -> None:
    first_session.disable(entering(scratch), first="app")
    prove(scratch)
    enter: Callable[[str], psycopg.Connection] = scratch.connect
    with enter(reaching.DATABASE if "alter database" not in harm else "postgres") as connection:
        connection.execute(harm.encode())
    try:
        if complaint:
            with pytest.raises(Unable, match=complaint):
                prove(scratch)
        else:
            # Nobody can enter it, and what it holds cannot act: subscriptions are counted for the whole instance.
            assert prove(scratch)["cron jobs"] == "none of 0 is active"
    finally:
        with enter("postgres") as connection:
            connection.execute("alter database outlets allow_connections true")
            connection.execute("alter database outlets reset all")
            connection.execute(f"alter role {reaching.OWNER} reset all".encode())
            connection.execute("grant pg_monitor to rds_superuser with admin option")


def test_what_cannot_be_switched_off_stops_everything(scratch: Cluster) -> None:
    """The owner is no superuser: what belongs to somebody else stays, and nobody calls that isolated."""
    with scratch.connect("postgres") as connection:
        connection.execute("revoke outlets_owner from owner")
    with scratch.connect(reaching.DATABASE) as connection:
        connection.execute(reaching.TRIGGER_ON)
    try:
        with pytest.raises(Unable, match=r"switching off stop everything in outlets[\s\S]*hint: the owner must own it"):
            first_session.disable(entering(scratch), first="app")
    finally:
        with scratch.connect("postgres") as connection:
            connection.execute("grant outlets_owner to owner")


def test_a_server_that_would_start_subscriptions_is_not_isolated(scratch: Cluster) -> None:
    first_session.disable(entering(scratch), first="app")
    scratch.stop("fast")
    scratch.parameters = {}
    scratch.start()
    try:
        with pytest.raises(Unable, match="max_logical_replication_workers must be 0"):
            prove(scratch)
    finally:
        scratch.stop("fast")
        scratch.parameters = {WORKERS: "0"}
        scratch.start()
