"""Two buckets, a rule between them and a control store; a backup and a restore of them, by the product's own steps."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import stories
from stories import BUCKET, DATABASE

from dr import facts
from dr.checks import references
from dr.clock import SystemClock
from dr.context import Context
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

from .in_process import PRIMARY, RECOVERY, S3

HOME, COPY, SCRATCH = "receipts-documents-eu-west-1", "receipts-documents-eu-central-1", stories.SCRATCH["bucket"]
WRITTEN = {
    "Body": b"the bytes as they were written",
    "ContentType": "application/pdf",
    "Metadata": {"owner": "Ada"},
    "Tagging": "class=invoice",
}


@dataclass
class Stage:
    """Two buckets, a rule between them, and a control store."""

    s3: S3
    folder: Path
    said: list[str] = field(default_factory=list)
    found: list[Finding] = field(default_factory=list)
    """What the backups had to tell."""

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

    def etags(self, bucket: str) -> dict[str, str]:
        """What the newest version of every object is called by, by the last part of its key."""
        listed = self.s3.client(PRIMARY if bucket == HOME else RECOVERY).list_objects_v2(Bucket=bucket)["Contents"]
        return {one["Key"].rpartition("/")[2]: one["ETag"] for one in listed}

    def sums(self, bucket: str, key: str) -> tuple[str, str, str]:
        """What S3 says of an object's bytes: ETag, kind of checksum, checksum."""
        client = self.s3.client(PRIMARY if bucket == HOME else RECOVERY)
        told = client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        (value,) = [told[name] for name in sorted(told) if name.startswith("Checksum") and name != "ChecksumType"]
        return told["ETag"], told["ChecksumType"], value

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
            self.found += [one.finding for one in context.journal.reading().events if isinstance(one, Found)]
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

    def running(self, plan: Plan) -> "Running":
        return Running(self, plan)


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

    def untold(self, check: str) -> str:
        """What a check says that it could not look at."""
        found = next(one for one in self.findings if one.check == check and one.outcome == "not_available")
        return found.detail.partition(":")[0].partition(", and")[0]

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


class Running:
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


def named(key: str, version: str) -> Named:
    return Named(key, version, hashlib.sha256(WRITTEN["Body"]).hexdigest())
