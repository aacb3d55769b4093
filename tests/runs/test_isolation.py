"""A restored copy of a database full of outlets: it calls nobody from its birth to its end, and still passes."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest

from dr.errors import ExitCode
from dr.isolation import PROOFS, complaints
from dr.report.model import Report
from tests import reaching
from tests.conftest import ESTATE, write_estate
from tests.runs.conftest import Runner, soon
from tests.runs.test_resume import Mortal

MASTER = "receipts_owner"


def enter(dsn: str, dbname: str) -> psycopg.Connection:
    return psycopg.connect(psycopg.conninfo.make_conninfo(dsn, dbname=dbname), autocommit=True)


@contextmanager
def planted(runner: Runner, remote: reaching.Listener) -> Iterator[None]:
    """Outlets in the source, with a backup of it: enabled at its instant, and not at the source any more."""
    instances = runner.lab.status()["regions"]["eu-west-1"]["instances"]
    (source,) = [one for one in instances if one["identifier"] == "receipts"]
    as_admin = partial(enter, source["admin_dsn"])
    reaching.plant(as_admin, MASTER, remote.port)
    try:
        with as_admin(reaching.DATABASE) as session:
            session.execute(reaching.TRIGGER_OFF)
            session.execute(reaching.ENABLED)
            session.execute(reaching.TRIGGER_ON)
        soon(lambda: remote.came > 0)
        assert runner.backup().verdict == "passed"
        with as_admin(reaching.DATABASE) as session:
            session.execute(reaching.TRIGGER_OFF)
            session.execute(reaching.DISABLED)
            # A worker may be on its way still: it goes when it sees that it is not wanted.
            soon(lambda: not session.execute("select from pg_stat_subscription where pid is not null").fetchall())
        yield
    finally:
        reaching.uproot(as_admin, MASTER)


def test_a_restored_copy_calls_nobody(runner: Runner) -> None:
    """Killed between the first session and its proof, and gone on with: what was restored is still what is compared."""
    run = Mortal(runner)
    with reaching.Listener() as remote, planted(runner, remote):
        before = remote.came
        assert before  # the source did call: the count is a count
        run.dies("before", "isolated", "test", "receipts-db")
        _is_quiet(runner)
        report = Report.model_validate_json(run.dr("resume", run.name, "--json").stdout)
        assert remote.came == before
    assert report.verdict == "passed", report.reasons
    (isolation,) = report.isolation
    assert set(isolation.proven) == set(PROOFS)
    assert isolation.unproven == ()
    assert isolation.found == {
        "event trigger": 1,
        "subscription": 1,
        "user mapping": 2,
        "foreign server": 1,
        "extension": 2,
        "cron job": 3,
    }
    assert isolation.disabled == {"event trigger": 1, "subscription": 1, "user mapping": 2, "cron job": 2}
    # What was switched off is what was restored, to the checks: jobs, triggers and mappings are all compared.
    (database,) = [asset for asset in report.assets if asset.kind == "database"]
    subjects = {finding.subject for finding in database.findings if finding.outcome == "passed"}
    assert {"outlets.cron.job", "outlets"} <= subjects
    for path in runner.lab.folder.rglob("*"):
        assert not path.is_file() or reaching.CANARY.encode() not in path.read_bytes(), path


def _is_quiet(runner: Runner) -> None:
    """Asked as the hidden superuser: nothing of it is hidden from that one."""
    with enter(runner.scratch_instance()["admin_dsn"], reaching.DATABASE) as session:
        assert session.execute("select subenabled, subslotname from pg_subscription").fetchall() == [(False, None)]
        assert session.execute("select count(*) from pg_user_mapping").fetchone() == (0,)
        assert session.execute("select count(*) from cron.job where active").fetchone() == (0,)
        assert session.execute("show max_logical_replication_workers").fetchone() == ("0",)
        enabled = "select evtname from pg_event_trigger where evtenabled <> 'D' and evtname !~ '^rds_'"
        assert session.execute(enabled).fetchall() == []


def test_a_parameter_group_that_starts_subscriptions_is_refused(backed_up: Runner, tmp_path: Path) -> None:
    text = ESTATE.read_text().replace("parameter_group: firedrill-scratch-pg15", "parameter_group: receipts-pg15")
    text = text.replace(".firedrill/control", str(backed_up.lab.folder / "control"))
    estate = write_estate(tmp_path, text, roles=False)
    done = backed_up.lab.owners.dr("test", "receipts", "--estate", str(estate))
    assert done.returncode == ExitCode.REFUSED, done.stderr
    line = 1 + text.splitlines().index("      parameter_group: receipts-pg15", text.splitlines().index("  recovery:"))
    assert f"estate.yaml:{line}" in done.stderr
    assert "max_logical_replication_workers must be 0, and is the default, 4" in done.stderr


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "max_logical_replication_workers must be 0"),
        ({"max_logical_replication_workers": "4"}, "must be 0, and is 4"),
        ({"max_logical_replication_workers": "{DBInstanceClassMemory/1}"}, "must be 0"),
        ({"max_logical_replication_workers": "0", "shared_preload_libraries": "pg_stat_statements,pg_cron"}, "pg_cron"),
        ({"max_logical_replication_workers": "0", "shared_preload_libraries": '"$libdir/pg_cron.so"'}, "must not hold"),
        ({"max_logical_replication_workers": "0", "session_preload_libraries": "pg_tle"}, "when somebody logs in"),
        ({"max_logical_replication_workers": "0", "shared_preload_libraries": "novelty"}, "nobody here knows"),
        ({"max_logical_replication_workers": "0", "rds.enable_pgactive": "1"}, "rds.enable_pgactive must be 0"),
    ],
)
def test_what_a_parameter_group_may_not_start(parameters: dict[str, str | None], said: str) -> None:
    (complaint,) = complaints(parameters)
    assert said in complaint


def test_a_group_that_starts_nothing_is_good() -> None:
    assert complaints({"max_logical_replication_workers": "0", "shared_preload_libraries": None}) == []
    harmless = {"shared_preload_libraries": "rdsutils, pg_stat_statements,pgaudit", "rds.enable_pgactive": "0"}
    assert complaints({"max_logical_replication_workers": "0", **harmless}) == []
