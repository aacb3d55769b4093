"""The steps that record, copy and verify a bucket, over the lab's S3: each fault of the catalogue, and none."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stories
from stories import BUCKET, DATABASE

from dr import facts
from dr.checks import references
from dr.clock import SystemClock
from dr.context import Context
from dr.errors import Unable
from dr.estate import Reference
from dr.events import Found, Learned
from dr.held import HeldKey
from dr.journal import Journal
from dr.plan import Plan
from dr.records import BackupRecord, BucketRecord, Chosen
from dr.recovery import stamp
from dr.resolving import Named
from dr.runbook import ProveObjects, RecordObjects, RestoreBucket, VerifyBucket
from dr.steps import perform
from dr.store import FolderStore
from dr.verification import Finding
from tests.runs.conftest import soon

from .in_process import PRIMARY, RECOVERY, S3, in_process

HOME, COPY, SCRATCH = "receipts-documents-eu-west-1", "receipts-documents-eu-central-1", stories.SCRATCH["bucket"]
WRITTEN = {
    "Body": b"the bytes as they were written",
    "ContentType": "application/pdf",
    "Metadata": {"owner": "Ada"},
    "Tagging": "class=invoice",
}
PART = 5 * 1024**2
ODD = ("é", "e\u0301", "folder/", "a b+c%20", "\U0001f600", "x" * 900)


@dataclass
class Stage:
    """Two buckets, a rule between them, and a control store."""

    s3: S3
    folder: Path
    said: list[str] = field(default_factory=list)

    def build(self, *, locked: bool = False) -> None:
        for region, bucket in ((PRIMARY, HOME), (RECOVERY, COPY), (RECOVERY, SCRATCH)):
            client = self.s3.client(region)
            client.create_bucket(
                Bucket=bucket,
                CreateBucketConfiguration={"LocationConstraint": region},
                ObjectLockEnabledForBucket=locked and bucket != SCRATCH,
            )
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        self.replicate({"Filter": {}})

    def replicate(self, *rules: dict[str, Any]) -> None:
        given = [
            {
                "ID": f"rule-{number}",
                "Priority": number,
                "Status": "Enabled",
                "DeleteMarkerReplication": {"Status": "Enabled"},
                **rule,
                "Destination": {"Bucket": f"arn:aws:s3:::{COPY}", **rule.get("Destination", {})},
            }
            for number, rule in enumerate(rules)
        ]
        configuration = {"Role": "arn:aws:iam::123456789012:role/r", "Rules": given}
        self.s3.client(PRIMARY).put_bucket_replication(Bucket=HOME, ReplicationConfiguration=configuration)

    def put(self, key: str, **more: Any) -> str:
        return str(self.s3.client(PRIMARY).put_object(Bucket=HOME, Key=key, **(more or WRITTEN))["VersionId"])

    def arrived(self, key: str) -> None:
        soon(lambda: bool(self.s3.client(RECOVERY).list_object_versions(Bucket=COPY, Prefix=key).get("Versions")))

    def fault(self, name: str, **given: Any) -> None:
        self.s3.faults[name]({"version": None, **given})

    def backup(self) -> BackupRecord:
        """Record what stands there now, and prove that it is in the copy. Raises Unable."""
        instant = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
        plan = stories.backup_plan()
        with self.running(plan) as context:
            context.learn(facts.instant_of(DATABASE), stamp(instant))
            context.learn(facts.snapshot_instant_of(DATABASE), stamp(instant))
            perform(next(one for one in plan.steps if isinstance(one, RecordObjects)), context)
            perform(next(one for one in plan.steps if isinstance(one, ProveObjects)), context)
            bucket = BucketRecord(bucket=HOME, copy_=COPY, manifests=context.fact(facts.manifests_of(BUCKET)))
            record = BackupRecord(
                run=plan.run,
                application="receipts",
                instant=instant,
                committed_at=instant,
                databases={},
                buckets={BUCKET: bucket},
            )
            context.store.create(f"backups/receipts/{plan.run}.json", record.model_dump_json(by_alias=True).encode())
        return record

    def restore(self, record: BackupRecord) -> "Restored":
        """Restore to the instant of a backup, and verify it."""
        plan = stories.test_plan()
        before = len(self.s3.asked)
        with self.running(plan) as context:
            context.learn(facts.INSTANT, stamp(record.instant))
            chosen = Chosen(instant=record.instant, reason="", record=record.run)
            context.learn(facts.CHOSEN, chosen.model_dump(mode="json"))
            for kind in (RestoreBucket, VerifyBucket):
                perform(next(one for one in plan.steps if isinstance(one, kind)), context)
            lines = [HeldKey.model_validate_json(one) for one in context.kept_lines(facts.held_of(BUCKET))]
            events = context.journal.reading().events
        findings = [one.finding for one in events if isinstance(one, Found)]
        assert all(isinstance(one.value, list) for one in events if isinstance(one, Learned) and "kept" in one.name)
        return Restored(record.instant, findings, lines, self.s3.asked[before:])

    def running(self, plan: Plan) -> "_Running":
        return _Running(self, plan)


@dataclass
class Restored:
    instant: datetime
    findings: list[Finding]
    held: list[HeldKey]
    asked: list[str]

    def told(self, check: str) -> dict[str, str]:
        """What a check says of each object, by its key."""
        found = [one for one in self.findings if one.check == check and one.outcome == "failed"]
        return {one.subject.partition("/")[2]: one.observed.split(":")[0] for one in found if "/" in one.subject}

    def outcome(self, check: str) -> str:
        return next(one.outcome for one in self.findings if one.check == check)

    def rows(self, *named: Named) -> dict[str, str]:
        """What becomes of rows that name these objects, by their keys."""
        reference = Reference(database=DATABASE, table="documents", key="object_key", bucket=BUCKET)
        told: Sequence[Any] = [("rows", reference, sorted(named))]
        found, _ = references.compare(told, self.held, self.instant, bucket=BUCKET, heartbeat="", whole=True)
        return {one.subject.partition(": ")[2]: one.observed for one in found if ": " in one.subject}


class _Ahead(SystemClock):
    """Nobody writes while a bucket is recorded here: so nobody has to wait until the second of the instant is over."""

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=5)


class _Running:
    """One run's context, journal and all."""

    def __init__(self, stage: Stage, plan: Plan) -> None:
        aws = stage.s3.aws()
        folder = stage.folder / plan.run
        folder.mkdir()
        clock = _Ahead()
        self._journal = Journal(folder / "journal.jsonl", clock)
        self._journal.append(stories.opened(plan))
        self._context = Context(
            estate=stories.estate(),
            plan=plan,
            connection=aws.connection,
            aws=aws,
            clock=clock,
            journal=self._journal,
            store=FolderStore(stage.folder),
            say=stage.said.append,
            protected=frozenset(),
        )

    def __enter__(self) -> Context:
        return self._context

    def __exit__(self, *_: object) -> None:
        self._journal.close()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with in_process() as s3:
        yield Stage(s3, tmp_path)


def named(key: str, version: str) -> Named:
    return Named(key, version, hashlib.sha256(WRITTEN["Body"]).hexdigest())  # type: ignore[arg-type]


def in_parts(stage: Stage, key: str) -> None:
    client, where = stage.s3.client(PRIMARY), {"Bucket": HOME, "Key": key}
    upload = {**where, "UploadId": client.create_multipart_upload(**where, ChecksumAlgorithm="SHA256")["UploadId"]}
    parts = []
    for number, body in ((1, b"a" * PART), (2, b"b")):
        answer = client.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": answer["ChecksumSHA256"]})
    client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})


def test_a_whole_bucket_passes_whatever_its_keys_and_parts(stage: Stage) -> None:
    """S06 and S15: equal bytes under another ETag, and keys and sizes of every kind. And what all of it costs."""
    stage.build()
    for key in ODD:
        stage.put(key)
    stage.put("nothing", Body=b"")
    in_parts(stage, "parts")
    for key in (*ODD, "nothing", "parts"):
        stage.arrived(key)
    first = stage.backup()
    again = len(stage.s3.asked)
    second = stage.backup()
    restored = stage.restore(second)
    assert {one.check: one.outcome for one in restored.findings} == dict.fromkeys(
        ("replica", "objects", "object_metadata"), "passed"
    )
    assert restored.rows(*(named(key, "x") for key in ODD)) == dict.fromkeys(ODD, "another version")
    objects, tagged = len(ODD) + 2, len(ODD)
    nightly = [one.partition(" ")[2] for one in stage.s3.asked[again:] if one not in restored.asked]
    assert nightly.count("GetObject") == 0
    assert nightly.count("HeadObject") == objects
    tests = [one.partition(" ")[2] for one in restored.asked]
    assert tests.count("CopyObject") == objects
    assert tests.count("HeadObject") == 0
    samples = tests.count("GetObject") - objects
    assert samples == 2  # what is in the folder, and what is not
    assert tests.count("GetObjectTagging") == 1 + tagged + samples
    assert {one.partition(" ")[0] for one in restored.asked} == {RECOVERY}
    assert first.instant <= second.instant


def test_each_damage_in_the_copy_is_told_apart(stage: Stage) -> None:
    """S02, S03, S04, S09, S11, S12, and an object that is gone; and what rows find of them."""
    stage.build()
    keys = [stage.s3.client(region, "kms").create_key()["KeyMetadata"] for region in (PRIMARY, RECOVERY)]
    opted_in = {
        "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
        "Destination": {"EncryptionConfiguration": {"ReplicaKmsKeyID": keys[1]["Arn"]}},
    }
    cold = {**opted_in, "Destination": {**opted_in["Destination"], "StorageClass": "GLACIER"}}
    stage.replicate({"Filter": {}, **opted_in}, {"Filter": {"Prefix": "cold"}, **cold})
    plain = ("bytes", "cold", "good", "hidden", "lost", "orphan", "stale", "stripped")
    made = {key: stage.put(key) for key in plain}
    made["sealed/1"] = stage.put("sealed/1", **WRITTEN, ServerSideEncryption="aws:kms", SSEKMSKeyId=keys[0]["Arn"])
    for key in made:
        stage.arrived(key)
    there = stage.s3.client(RECOVERY)
    there.delete_object(Bucket=COPY, Key="hidden")
    there.put_object(Bucket=COPY, Key="stale", Body=b"older")
    there.delete_object_tagging(Bucket=COPY, Key="stripped", VersionId=made["stripped"])
    stage.fault("s3-wrong-bytes", bucket=COPY, key="bytes")
    record = stage.backup()
    stage.fault("s3-version-missing", bucket=COPY, key="lost", version=made["lost"])
    stage.s3.client(RECOVERY, "kms").disable_key(KeyId=keys[1]["KeyId"])
    restored = stage.restore(record)
    assert restored.told("replica") == {
        "bytes": "sha256 " + hashlib.sha256(_bent()).hexdigest(),
        "cold": "archived",
        "hidden": "hidden",
        "lost": "missing",
        "sealed/1": "undecryptable",
        "stale": "another version stands on top",
    }
    assert set(restored.told("objects")) == {"bytes", "cold", "hidden", "lost", "sealed/1", "stale"}
    assert restored.told("object_metadata") == {"stripped": "tag class gone"}
    rows = restored.rows(*(named(key, version) for key, version in made.items() if key != "orphan"), Named("nowhere"))
    assert rows == {
        "bytes": "wrong bytes",
        "cold": "archived",
        "hidden": "hidden",
        "lost": "missing",
        "nowhere": "missing",
        "sealed/1": "undecryptable",
    }


def _bent() -> bytes:
    """What the fault makes of the bytes."""
    body = bytes(WRITTEN["Body"])  # type: ignore[call-overload]
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 0xFF]) + body[middle + 1 :]


@pytest.mark.parametrize("fault", ["S01", "S07", "S08"])
def test_what_will_never_arrive_ends_the_backup_at_once(stage: Stage, fault: str) -> None:
    stage.build()
    if fault == "S01":
        stage.replicate({"Filter": {"Prefix": "elsewhere"}})
        stage.put("a")
    elif fault == "S07":
        stage.fault("s3-replication", bucket=HOME, outcome="failed")
        version = stage.put("a")
        where = {"Bucket": HOME, "Key": "a", "VersionId": version}
        soon(lambda: stage.s3.client(PRIMARY).head_object(**where)["ReplicationStatus"] == "FAILED")
    else:
        key = stage.s3.client(PRIMARY, "kms").create_key()["KeyMetadata"]["Arn"]
        stage.put("a", **WRITTEN, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    why = "its replication has failed" if fault == "S07" else "no rule covers it"
    with pytest.raises(Unable, match=f"'a' will not arrive: {why}"):
        stage.backup()


def test_locks_come_along_or_are_missed(stage: Stage) -> None:
    """S13."""
    stage.build(locked=True)
    until = (datetime.now(UTC) + timedelta(days=9)).replace(microsecond=0)
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}
    _, weaker = stage.put("kept", **WRITTEN, **lock), stage.put("weaker", **WRITTEN, **lock)
    for key in ("kept", "weaker"):
        stage.arrived(key)
    record = stage.backup()
    assert stage.restore(record).outcome("replica") == "passed"
    stage.s3.client(RECOVERY).put_object_retention(
        Bucket=COPY,
        Key="weaker",
        VersionId=weaker,
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until - timedelta(days=5)},
        BypassGovernanceRetention=True,
    )
    assert set(stage.restore(record).told("replica")) == {"weaker"}
