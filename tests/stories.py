"""An estate, a clock and whole runs, told by hand: what the tests of the pure core start from."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel

from dr import facts
from dr.clock import Clock
from dr.estate import Estate
from dr.events import (
    Challenged,
    Closed,
    Covered,
    Entry,
    Event,
    Found,
    Intended,
    Isolated,
    Learned,
    Observed,
    Opened,
    Removed,
    StepFinished,
    StepStarted,
    TeardownStarted,
    Thing,
)
from dr.isolation import PROOFS
from dr.plan import LEVEL_OF, Plan
from dr.planning import Choice, choose, plan_backup, plan_test
from dr.recovery import stamp
from dr.verification import Coverage, Finding, Outcome

START = datetime(2026, 11, 20, 2, 15, tzinfo=UTC)
INSTANT = START - timedelta(seconds=60)
DATABASE = "receipts-db"
BUCKET = "receipts-documents"
OF_STRUCTURE = ("visibility", "readable", "index_answers", "constraints", "collations")
TABLES = ("receipts.public.accounts", "receipts.public.ledger", "audit.public.entries")

HOSTILE = 'a\nb\r\nc\x0bd\x1ce\x85f\u2028g\u202eh"}\\\x00\ud7ff\U0001f4a3{"n":1}'
"""A name that breaks out of whatever does not hold it."""
SCRATCH = {
    "subnet_group": "firedrill-scratch",
    "security_group": "firedrill-scratch",
    "parameter_group": "firedrill-scratch-pg15",
    "kms_key": "alias/firedrill",
    "bucket": "firedrill-scratch-eu-central-1",
    "classes": ["db.t4g.medium", "db.m6g.large"],
}
ESTATE: dict[str, Any] = {
    "account": "123456789012",
    "sites": {"primary": {"region": "eu-west-1"}, "recovery": {"region": "eu-central-1", "scratch": SCRATCH}},
    "control": ".firedrill/control",
    "evidence": ".firedrill/evidence",
    "applications": {
        "receipts": {
            "objectives": {"rto": "30m", "rpo": "5m", "retention": "30d"},
            "databases": {
                DATABASE: {"instance": "receipts", "owner_secret": "receipts/owner", "app_secret": "receipts/app"}
            },
            "buckets": {BUCKET: {"bucket": "receipts-documents-eu-west-1", "copy": "receipts-documents-eu-central-1"}},
            "references": [{"database": DATABASE, "table": "documents", "key": "object_key", "bucket": BUCKET}],
            "assertions": [{"name": "ledger balances", "database": DATABASE, "sql": "select 0", "expect": "0"}],
            "decryptions": [{"name": "cards", "database": DATABASE, "sql": "select 0", "command": ["true"]}],
        },
        "ledgers": {
            "objectives": {"rto": "4h", "rpo": "1h", "retention": "30d"},
            "databases": {
                name: {"instance": name, "owner_secret": f"{name}/owner", "app_secret": f"{name}/app"}
                for name in ("north", "south")
            },
        },
    },
}


class HandClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self, start: datetime = START) -> None:
        self.start = start
        self.passed = 0.0
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return 1000.0 + self.passed

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.passed += seconds

    def undisturbed(self) -> Clock:
        return self


def estate() -> Estate:
    return Estate.model_validate(ESTATE)


def receipts() -> Choice:
    return choose(estate(), ["receipts"])[0]


def test_plan(**more: Any) -> Plan:
    return plan_test(estate(), receipts(), START, site="recovery", **more)


test_plan.__test__ = False  # type: ignore[attr-defined]  # a plan of a test, not a test


def backup_plan() -> Plan:
    return plan_backup(estate(), receipts(), START)


def opened(plan: Plan) -> Opened:
    return Opened(
        run=plan.run, tool="firedrill 0", host="here", pid=1, plan=plan.model_dump(mode="json", by_alias=True)
    )


def finding(check: str, outcome: Outcome = "passed", subject: str = DATABASE, **more: str) -> Finding:
    return Finding(check=check, level=LEVEL_OF[check], outcome=outcome, subject=subject, **more)


def step(name: str, *inside: Event) -> list[Event]:
    return [StepStarted(step=name), *inside, StepFinished(step=name, outcome="done")]


def found(asset: str, *findings: Finding) -> list[Event]:
    return [Found(asset=asset, finding=one) for one in findings]


def things(plan: Plan) -> tuple[Thing, Thing]:
    restores = {one.action: one for one in plan.steps}
    database, bucket = restores["restore_database"], restores["restore_bucket"]
    return (
        Thing(kind="instance", name=database.instance, region="eu-central-1"),
        Thing(kind="objects", name=f"{bucket.bucket}/{bucket.prefix}", region="eu-central-1"),
    )


def isolated(plan: Plan) -> Isolated:
    """The proof that the scratch instance reaches nothing."""
    return Isolated(
        asset=DATABASE,
        thing=things(plan)[0],
        resource_id="db-SCRATCH",
        proven=dict.fromkeys(PROOFS, "as it must be"),
        found={"subscription": 2},
        disabled={"subscription": 1},
        names=("subscription receipts.feed", "subscription receipts.other"),
        step=f"restore {DATABASE}",
    )


def challenge(plan: Plan, *, was_found: bool = True) -> list[Event]:
    """The damage that was planted in the end, and what the checks said of it."""
    instance, _ = things(plan)
    drawn = {"seed": 7, "asset": DATABASE, "kind": "row deleted", "subject": TABLES[0]}
    return step(
        "challenge",
        Learned(name=facts.CHALLENGE, value=drawn),
        Intended(operation="PlantDamage", thing=instance),
        Observed(operation="PlantDamage", thing=instance, resource_id="db-SCRATCH"),
        Challenged(**drawn, found=was_found, by=("content",) if was_found else ()),
    )


def passed_run(plan: Plan) -> list[Event]:
    """A restore test in which everything went well, and nothing more than that was written."""
    instance, objects = things(plan)
    return [
        opened(plan),
        *step(
            "choose instant",
            Learned(name=facts.RESTORABLE_AT_START, value=stamp(START - timedelta(seconds=20))),
            Learned(name=facts.INSTANT, value=stamp(INSTANT)),
            Learned(name=facts.CHOSEN, value={"instant": stamp(INSTANT), "reason": "newest", "record": "b"}),
            Learned(name=facts.recovery_point_of(DATABASE), value="ab-1"),
            *found(DATABASE, finding("recovery_point"), finding("control_plane")),
            *found(BUCKET, finding("recovery_point", subject=BUCKET)),
        ),
        *step(
            f"restore {DATABASE}",
            Intended(operation="RestoreDBInstance", thing=instance),
            Observed(operation="RestoreDBInstance", thing=instance, resource_id="db-SCRATCH"),
            isolated(plan),
            Learned(name=facts.restored(DATABASE), value="db-SCRATCH"),
        ),
        *step(
            f"restore {BUCKET}",
            Intended(operation="CopyObject", thing=objects),
            Observed(operation="CopyObject", thing=objects),
        ),
        *step(
            f"verify {DATABASE}",
            *found(DATABASE, finding("opens"), finding("heartbeat")),
            Learned(name=facts.newest_heartbeat_of(DATABASE), value=stamp(INSTANT - timedelta(milliseconds=500))),
            Covered(
                asset=DATABASE,
                coverage=Coverage(tables_expected=3, tables_compared=3, rows=900, bytes=9000, exact_fraction=0.999),
            ),
            *found(DATABASE, *(finding("content", subject=table) for table in TABLES)),
            *found(DATABASE, finding("agreement")),
            *found(DATABASE, finding("schema"), finding("extensions"), finding("roles"), finding("sequences")),
            *found(DATABASE, finding("assertions", subject="ledger balances"), finding("decryption")),
            *found(DATABASE, finding("structure", "not_available", detail="amcheck is not offered")),
            *found(DATABASE, *(finding(check) for check in OF_STRUCTURE)),
        ),
        *step(
            f"verify {BUCKET}",
            Covered(asset=BUCKET, coverage=Coverage(objects_expected=12, objects_compared=12, bytes=120)),
            *found(BUCKET, *(finding(check, subject=BUCKET) for check in ("replica", "objects", "object_metadata"))),
        ),
        *step("verify references", *found("receipts", finding("references", subject="documents"))),
        *(challenge(plan) if any(one.action == "challenge" for one in plan.steps) else ()),
        TeardownStarted(),
        Removed(thing=instance),
        Removed(thing=objects),
        Closed(regions_called={"eu-central-1": 40}),
    ]


def specimen(kind: Any) -> Any:
    """Some value of an annotated type, for every kind of event that there is or will be."""
    origin, arguments = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind(**{name: specimen(field.annotation) for name, field in kind.model_fields.items()})
    if origin is Literal:
        return arguments[0]
    if origin in (Union, UnionType):
        return specimen(arguments[0])
    if origin is dict:
        return {HOSTILE: specimen(arguments[1])}
    if origin in (tuple, list):
        return origin([specimen(arguments[0])])
    plain = {str: HOSTILE, int: 7, float: 0.25, bool: True, datetime: START, AwareDatetime: START}
    return plain.get(kind, {HOSTILE: [None, 1.5, HOSTILE]})


def journals_of_runs() -> dict[str, list[Event]]:
    """Runs that ended well, one that was killed, and a journal that says everything that one can say."""
    plan, other = test_plan(), backup_plan()
    whole = passed_run(plan)
    ended = Closed(regions_called={})
    return {
        "test": whole,
        "killed": whole[: len(whole) // 2],
        "backup": [opened(other), *(event for one in other.steps for event in step(one.name)), ended],
        "every kind": [opened(plan), *(specimen(kind) for kind in get_args(Event) if kind is not Opened)],
        "one line": whole[:1],
    }


def entries(events: Sequence[Event], seconds: float = 1.0) -> list[Entry]:
    """Events as a journal would number them, one after the other at an even pace."""
    return [
        Entry(
            n=number + 1,
            at=START + timedelta(seconds=number * seconds),
            monotonic=1000.0 + number * seconds,
            prev="0" * 64,
            body=event,
        )
        for number, event in enumerate(events)
    ]
