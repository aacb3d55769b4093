"""The catalogue of faults: complete, checked, undone; and each fault does what it says."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from dr.errors import Refused
from dr.lab import life
from dr.lab.faults.catalogue import CATALOGUE, read
from dr.lab.faults.ledger import Ledger
from dr.lab.front import harm as front_harm
from dr.lab.front.calls import Calls
from dr.lab.front.replication import Replication
from dr.lab.front.store import Store
from dr.lab.home import Home
from dr.lab.outages import Outage
from tests.lab.front_fixtures import PRIMARY, RECOVERY, client, code, eventually, lab
from tests.lab.rds_fixtures import PASSWORD, RdsLab

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with lab() as home:
        yield home


@pytest.fixture
def ledger(rds_lab: RdsLab) -> Iterator[Ledger]:
    made = Ledger(rds_lab.rds.injectors())
    yield made
    made.clear(None)


@contextmanager
def fault(home: Home, name: str, **options: Any) -> Iterator[str]:
    yield life.command(home, "inject", {"name": name, "options": options})["told"]
    assert life.command(home, "clear", {"name": name})["cleared"]


def test_every_fault_of_the_catalogue_can_be_done(rds_lab: RdsLab) -> None:
    store = Store()
    able = {*rds_lab.rds.injectors(), *front_harm.injectors(Calls(), store, Replication(store, 600.0))}
    assert able == set(CATALOGUE)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("earthquake", {}, "no fault 'earthquake'"),
        ("quota", {"region": PRIMARY, "quota": "instances"}, "quota needs value"),
        ("quota", {"region": PRIMARY, "quota": "instances", "value": "few"}, "must be a number"),
        ("quota", {"region": PRIMARY, "quota": "instances", "value": -1}, "must be 0 or more"),
        ("quota", {"region": "mars", "quota": "instances", "value": 1}, "region cannot be 'mars'"),
        ("copy-stuck", {"region": PRIMARY, "speed": 1}, "takes no speed"),
    ],
)
def test_what_the_catalogue_does_not_allow_is_refused(name: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said):
        read(name, given)


def test_people_list_inject_and_clear_by_command(home: Home) -> None:
    def dr(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "dr", "lab", "fault", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    at = ("--home", str(home.path))
    listed = json.loads(dr("list", "--json").stdout)
    assert [entry["name"] for entry in listed] == list(CATALOGUE)
    done = dr("inject", "throttle-storm", "--region", RECOVERY, "--service", "kms", "--calls", "2", *at)
    assert (done.returncode, "kms in eu-central-1 is throttled for 2 calls" in done.stderr) == (0, True), done.stderr
    assert [(fault["name"], fault["met"]) for fault in life.status(home)["faults"]] == [("throttle-storm", 0)]
    assert "cleared throttle-storm" in dr("clear", "all", *at).stderr
    assert life.status(home)["faults"] == []
    assert dr("inject", "earthquake", *at).returncode == 64
    assert dr("inject", "quota", "--region", PRIMARY, *at).returncode == 64
    assert dr("inject", "throttle-storm", "--region", PRIMARY, *at).returncode == 3
    assert "Example:" in dr("inject", "lost-response", "--help").stdout


def test_s3_faults_do_what_they_say_and_are_undone(home: Home) -> None:
    here, there = client(home, "s3"), client(home, "s3", RECOVERY)
    for s3, name, region in ((here, "papers", PRIMARY), (there, "papers-copy", RECOVERY)):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    rule = {
        "ID": "all",
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": "arn:aws:s3:::papers-copy"},
    }
    configuration = {"Role": "arn:aws:iam::123456789012:role/r", "Rules": [rule]}
    here.put_bucket_replication(Bucket="papers", ReplicationConfiguration=configuration)

    def status(key: str) -> str:
        return str(here.head_object(Bucket="papers", Key=key).get("ReplicationStatus"))

    with fault(home, "s3-replication", bucket="papers", outcome="pending"):
        here.put_object(Bucket="papers", Key="stuck", Body=b"12345")
        assert status("stuck") == "PENDING"
        assert life.status(home)["faults"][0]["options"] == {"bucket": "papers", "outcome": "pending"}
    eventually(lambda: status("stuck") == "COMPLETED")
    with fault(home, "s3-replication", bucket="papers", outcome="failed"):
        here.put_object(Bucket="papers", Key="lost", Body=b"12345")
        eventually(lambda: status("lost") == "FAILED")
    with pytest.raises(ClientError):
        there.head_object(Bucket="papers-copy", Key="lost")  # nor is it tried again

    etag = there.head_object(Bucket="papers-copy", Key="stuck")["ETag"]
    with fault(home, "s3-wrong-bytes", bucket="papers-copy", key="stuck"):
        wrong = there.get_object(Bucket="papers-copy", Key="stuck", ChecksumMode="DISABLED")
        assert (wrong["ETag"], wrong["ContentLength"]) == (etag, 5)
        assert wrong["Body"]._raw_stream.read() != b"12345"
    assert there.get_object(Bucket="papers-copy", Key="stuck")["Body"].read() == b"12345"
    with fault(home, "s3-version-missing", bucket="papers-copy", key="stuck"):
        assert "Versions" not in there.list_object_versions(Bucket="papers-copy", Prefix="stuck")
        assert "DeleteMarkers" not in there.list_object_versions(Bucket="papers-copy", Prefix="stuck")
    assert len(there.list_object_versions(Bucket="papers-copy", Prefix="stuck")["Versions"]) == 1


def test_a_disabled_key_can_be_enabled_again_by_clearing(home: Home) -> None:
    kms = client(home, "kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/lost", TargetKeyId=key)
    for name, state in (("alias/lost", "Disabled"), (key, "PendingDeletion")):
        with fault(home, "kms-key", region=PRIMARY, key=name, state=state):
            assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == state
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    with pytest.raises(Refused, match="there is no key"):
        life.command(home, "inject", {"name": "kms-key", "options": {"region": PRIMARY, "key": "alias/none"}})


def test_damage_in_backups_copies_and_restores(rds_lab: RdsLab, ledger: Ledger) -> None:
    here, there = rds_lab.client(), rds_lab.client(RECOVERY)
    found = rds_lab.create("harmed", BackupRetentionPeriod=1)
    with rds_lab.enter(found) as session:
        session.execute("create table t as select i, repeat('x', 100) as body from generate_series(1, 5000) i")
    for name in ("older", "newer"):
        here.create_db_snapshot(DBInstanceIdentifier="harmed", DBSnapshotIdentifier=name)
        rds_lab.await_snapshot(name)
        rds_lab.await_instance("harmed")
        with rds_lab.enter(found) as session:
            session.execute("delete from t where i > 4000")

    def restored(name: str, snapshot: str) -> psycopg.Connection:
        here.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot, BackupRetentionPeriod=0
        )
        return rds_lab.enter(rds_lab.await_instance(name))

    # a snapshot that holds an older one's bytes
    ledger.inject("stale-copy", {"region": PRIMARY, "snapshot": "newer", "older": "older"})
    with restored("stale", "newer") as session:
        assert session.execute("select count(*) from t").fetchone() == (5000,)
    ledger.clear("stale-copy")
    rds_lab.delete("stale")

    # a damaged page, which only reading finds
    ledger.inject("corrupt-page", {"region": PRIMARY, "snapshot": "older"})
    with restored("damaged", "older") as session, pytest.raises(psycopg.errors.DataCorrupted):
        session.execute("select count(body) from t")
    ledger.clear("corrupt-page")
    rds_lab.delete("damaged")

    # a copy that stands still
    ledger.inject("copy-stuck", {"region": RECOVERY, "percent": 40})
    there.copy_db_snapshot(SourceDBSnapshotIdentifier=_arn("older"), TargetDBSnapshotIdentifier="stuck")
    rds_lab.until(lambda: _snapshot(rds_lab, "stuck")["PercentProgress"] == 40, "stuck at 40 %")
    assert _snapshot(rds_lab, "stuck")["Status"] == "copying"
    ledger.clear("copy-stuck")
    rds_lab.await_snapshot("stuck", RECOVERY)

    # and one that nothing reaches any more
    rds_lab.rds.lose(PRIMARY, Outage("blackhole"))
    there.copy_db_snapshot(SourceDBSnapshotIdentifier=_arn("older"), TargetDBSnapshotIdentifier="cut-off")
    rds_lab.until(lambda: _snapshot(rds_lab, "cut-off")["PercentProgress"] == 99, "almost there")
    rds_lab.rds.lose(PRIMARY, None)
    rds_lab.await_snapshot("cut-off", RECOVERY)

    # a hole in the log
    latest = rds_lab.until(lambda: rds_lab.instance("harmed").get("LatestRestorableTime"), "restorable")
    ledger.inject("missing-wal", {"region": PRIMARY, "instance": "harmed"})
    # The newest segment can be there a moment before the restorable time says so, which then does not need it yet.
    rds_lab.until(lambda: rds_lab.instance("harmed")["LatestRestorableTime"] > latest, "restorable again")
    here.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="harmed", TargetDBInstanceIdentifier="holed", UseLatestRestorableTime=True
    )
    rds_lab.await_instance("holed", status="incompatible-restore")
    rds_lab.delete("holed")
    ledger.clear("missing-wal")

    # a restore that ends badly
    ledger.inject("restore-ends", {"region": PRIMARY, "status": "incompatible-network"})
    here.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="bad", DBSnapshotIdentifier="newer")
    rds_lab.await_instance("bad", status="incompatible-network")
    rds_lab.delete("bad")

    with pytest.raises(Refused, match="no automated backups of harmed are replicated"):
        ledger.inject("backup-replication-stopped", {"region": RECOVERY, "instance": "harmed"})
    there.start_db_instance_automated_backups_replication(SourceDBInstanceArn=found["DBInstanceArn"])
    rds_lab.until(lambda: "LatestTime" in _window(rds_lab), "replicated")
    ledger.inject("backup-replication-stopped", {"region": RECOVERY, "instance": "harmed"})
    rds_lab.until(lambda: rds_lab.instance("harmed")["LatestRestorableTime"] > _window(rds_lab)["LatestTime"], "behind")
    stands = _window(rds_lab)["LatestTime"]
    ledger.clear("backup-replication-stopped")
    rds_lab.until(lambda: _window(rds_lab)["LatestTime"] > stands, "caught up")
    rds_lab.delete("harmed")


def _arn(snapshot: str) -> str:
    return f"arn:aws:rds:{PRIMARY}:123456789012:snapshot:{snapshot}"


def _snapshot(rds_lab: RdsLab, name: str) -> dict[str, Any]:
    found: dict[str, Any] = rds_lab.client(RECOVERY).describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]
    return found


def _window(rds_lab: RdsLab) -> dict[str, Any]:
    (found,) = rds_lab.client(RECOVERY).describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"]
    return dict(found.get("RestoreWindow") or {})


def test_quotas_and_capacity_run_out_and_come_back(rds_lab: RdsLab, ledger: Ledger) -> None:
    ledger.inject("quota", {"region": RECOVERY, "quota": "instances", "value": 0})
    with pytest.raises(ClientError) as caught:
        rds_lab.create("one-too-many", RECOVERY, wait=False)
    assert code(caught.value) == "InstanceQuotaExceeded"
    quotas = rds_lab.client(RECOVERY).describe_account_attributes()["AccountQuotas"]
    assert next(quota["Max"] for quota in quotas if quota["AccountQuotaName"] == "DBInstances") == 0
    ledger.clear("quota")
    ledger.inject("no-capacity", {"region": RECOVERY})
    with pytest.raises(ClientError) as caught:
        rds_lab.create("nowhere", RECOVERY, wait=False)
    assert code(caught.value) == "InsufficientDBInstanceCapacity"
    rds_lab.create("somewhere", RECOVERY, MasterUserPassword=PASSWORD)
    rds_lab.delete("somewhere", RECOVERY)
