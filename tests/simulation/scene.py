"""The stage: the estate of the stories, what stands in the account at the beginning, and the plans."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from functools import cache
from types import SimpleNamespace

from dr.checks import objects
from dr.claims import PREFIX, tags
from dr.connection import Connection
from dr.estate import Estate
from dr.manifest import Content, Told
from dr.plan import Plan
from dr.planning import choose, plan_backup, plan_test
from dr.records import BackupRecord, BucketRecord, DatabaseRecord, Document
from dr.recovery import AtPoint, SourceFacts, stamp
from tests import stories
from tests.simulation.cloud.account import (
    ESTATE,
    NUMBER,
    PRIMARY,
    RECOVERY,
    STRANGER,
    Account,
    Instance,
    Snapshot,
    Stored,
)
from tests.simulation.cloud.rds import data_at, replicated
from tests.simulation.cloud.s3 import CONTROL
from tests.simulation.databases import recorded

START = stories.START
INSTANT = START - timedelta(seconds=100)
"""What the newest backup's baseline is of."""
SOURCE = f"arn:aws:rds:{PRIMARY}:{NUMBER}:db:receipts"
DOCUMENTS, COPY = "receipts-documents-eu-west-1", "receipts-documents-eu-central-1"
SCRATCH = stories.SCRATCH["bucket"]
SNAPSHOT = "firedrill-one"
BEATING = 4000.0
"""Seconds for which the application writes its heartbeat object. Few stories look at it later."""
LEASES = ("receipts/receipts-db", "receipts/receipts-documents")
"""What a backup has to hold."""
OTHER_RUN = "20261101T021500Z-test-receipts-beef"
CONNECTION = Connection.model_validate(
    {
        "account": NUMBER,
        "resolver": {"*": "127.0.0.1"},
        "endpoints": {
            region: dict.fromkeys(
                ("rds", "s3", "sts", "ec2", "kms", "secretsmanager", "resourcegroupstaggingapi"), "http://127.0.0.1:1"
            )
            for region in (PRIMARY, RECOVERY)
        },
    }
)
"""Nothing of it is ever dialled; were it, nobody listens there."""


@cache
def estate() -> Estate:
    lasting = {key: value for key, value in stories.SCRATCH.items() if key not in ("bucket", "classes")}
    sites = {
        "primary": {"region": PRIMARY},
        "recovery": {"region": RECOVERY, "scratch": stories.SCRATCH, "recovery": lasting},
    }
    return Estate.model_validate(stories.ESTATE | {"sites": sites, "control": f"s3://{CONTROL}"})


@cache
def estate_text() -> str:
    """What the estate's file says."""
    return json.dumps(estate().model_dump(mode="json", by_alias=True, exclude_none=True))


@cache
def plan(kind: str, given: str = "5eed") -> Plan:
    """The plan of a kind. Its token is drawn by chance; a replay needs the same one each time."""
    choice = choose(estate(), ["receipts"])[0]
    match kind:
        case "backup":
            drawn = plan_backup(estate(), choice, START)
        case "snapshot":
            drawn = plan_test(estate(), choice, START, site="recovery", target=AtPoint(SNAPSHOT))
        case _:
            drawn = plan_test(estate(), choice, START, site="recovery")
    token = drawn.run.rpartition("-")[2]
    text = drawn.model_dump_json(by_alias=True).replace(f"-{token}", f"-{given}")
    fixed = Plan.model_validate_json(text)
    # Patience of hours is spent in thousands of looks: a quarter of an hour shows the same.
    return fixed.model_copy(update={"steps": tuple(step.model_copy(update={"timeout": 900}) for step in fixed.steps)})


def populate(account: Account) -> None:
    """Production, its backup of a while ago, and things of other people that look like ours."""
    home, away = account.regions[PRIMARY], account.regions[RECOVERY]
    source = Instance(
        name="receipts",
        resource_id="db-SOURCE",
        maker=ESTATE,
        tags={"team": "receipts"},
        data=data_at(START),
        beats_until=int(START.timestamp()),
        statuses=[(0.0, "available")],
    )
    home.instances["receipts"] = source
    away.replicated[SOURCE] = replicated(SOURCE, RECOVERY)
    for name, given in (
        (f"{PREFIX}-own", {}),
        (f"{PREFIX}-20261101t021500z-beef-receipts-db", tags(OTHER_RUN, "receipts-db", "scratch", START)),
        (f"{PREFIX}-20261120t021500z-5eed-receipts-db-2", {"team": "billing"}),
    ):
        away.instances[name] = replace(source, name=name, resource_id=f"db-{name}", maker=STRANGER, tags=dict(given))
    away.snapshots[SNAPSHOT] = Snapshot(
        name=SNAPSHOT,
        arn=f"arn:aws:rds:{RECOVERY}:{NUMBER}:snapshot:{SNAPSHOT}",
        maker=ESTATE,
        tags={},
        time=INSTANT,
        statuses=[(0.0, "available")],
        source_arn=f"arn:aws:rds:{PRIMARY}:{NUMBER}:snapshot:{SNAPSHOT}",
    )
    account.later(0, lambda: _beat(account))
    home.buckets[DOCUMENTS] = {key: list(versions) for key, versions in documents().items()}
    away.buckets[COPY] = {key: list(versions) for key, versions in documents().items()}
    away.buckets[SCRATCH] = {
        key: [Stored("other", b"of somebody else", START, STRANGER)]
        for key in (f"{OTHER_RUN}/receipts-documents/a", f"{plan('test').run}x/receipts-documents/a")
    }
    away.buckets[CONTROL] = {
        name: [Stored("once", content, START, ESTATE)] for name, content in control_store().items()
    }


def _beat(account: Account) -> None:
    """The application writes its heartbeat object once a minute, and S3 replicates it."""
    now = account.moment()
    body = json.dumps({"at": stamp(now)}).encode()
    beat = Stored(f"h{account.number()}", body, now.replace(microsecond=0), ESTATE)
    for region, bucket in ((PRIMARY, DOCUMENTS), (RECOVERY, COPY)):
        account.regions[region].buckets[bucket]["firedrill/heartbeat"].insert(0, beat)
    if account.now < BEATING:
        account.later(60, lambda: _beat(account))


@cache
def documents() -> dict[str, tuple[Stored, ...]]:
    """The objects of the application, replicated: same keys, same versions."""

    def stored(version: str, text: str, seconds_before: float, *, marker: bool = False) -> Stored:
        moment = INSTANT - timedelta(seconds=seconds_before)
        return Stored(version, text.encode(), moment.replace(microsecond=0), ESTATE, marker)

    return {
        "a": (stored("a2", "second", 30), stored("a1", "first", 4000)),
        "b": (stored("b1", "only", 5000),),
        "c": (stored("c2", "", 3000, marker=True), stored("c1", "deleted", 5000)),
        "firedrill/heartbeat": (stored("h1", json.dumps({"at": stamp(INSTANT - timedelta(seconds=5))}), 5),),
    }


@cache
def records() -> tuple[BackupRecord, ...]:
    """Every committed backup."""
    return tuple(
        BackupRecord.model_validate_json(content)
        for name, content in control_store().items()
        if name.startswith("backups/")
    )


@cache
def control_store() -> dict[str, bytes]:
    """A committed backup, as the product would have written it."""
    baseline = recorded("receipts-db", "db-SOURCE", INSTANT, INSTANT, INSTANT, 1, snapshot=False)
    listing = [
        SimpleNamespace(key=key, version=one.version, size=len(one.body), modified=one.modified, marker=one.marker)
        for key, versions in documents().items()
        for one in versions
    ]
    bodies = {(key, one.version): one.body for key, versions in documents().items() for one in versions}

    def read(key: str, version: str) -> Content:
        body = bodies[key, version]
        return Content(sha256=hashlib.sha256(body).hexdigest(), size=len(body), told=Told())

    manifest = objects.capture("receipts-documents", DOCUMENTS, INSTANT, listing, read)
    made: dict[str, bytes] = {}

    def keep(name: str, content: str) -> Document:
        made[name] = content.encode()
        return Document(name=name, sha256=hashlib.sha256(made[name]).hexdigest())

    kept = keep("baselines/receipts-db/one.json", baseline.model_dump_json(by_alias=True))
    sides = recorded("receipts-db", "db-SOURCE", INSTANT, INSTANT, INSTANT, 1, snapshot=True)
    around = keep("baselines/receipts-db/around.json", sides.model_dump_json(by_alias=True))
    listed = keep("baselines/receipts-documents/one.json", manifest.model_dump_json(by_alias=True))
    record = BackupRecord(
        run="20261120T011500Z-backup-receipts-0001",
        application="receipts",
        instant=INSTANT,
        committed_at=INSTANT,
        databases={
            "receipts-db": DatabaseRecord(
                source=source_facts(),
                database="receipts",
                instant=INSTANT,
                baseline=kept,
                snapshot=SNAPSHOT,
                snapshot_baseline=around,
            )
        },
        buckets={"receipts-documents": BucketRecord(bucket=DOCUMENTS, copy_=COPY, manifests={stamp(INSTANT): listed})},
    )
    keep(f"backups/receipts/{record.run}.json", record.model_dump_json(by_alias=True))
    return made


def source_facts() -> SourceFacts:
    return SourceFacts(
        identifier="receipts",
        arn=SOURCE,
        resource_id="db-SOURCE",
        engine="postgres",
        engine_version="15.8",
        instance_class="db.t4g.medium",
        storage_type="gp2",
        allocated_gib=20,
        iops=None,
        throughput=None,
        port=5432,
        master_username="owner",
        database="receipts",
        encrypted=True,
        kms_key=None,
        lifecycle_support=None,
    )
