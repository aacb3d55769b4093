"""Reports made by hand: what a page must be able to say."""

from datetime import UTC, datetime, timedelta
from typing import Any

from dr.report.model import (
    Actuals,
    JournalDigest,
    Phase,
    Report,
    ReportedAsset,
    ReportedChallenge,
    ReportedIsolation,
    ReportedObjectives,
    ReportedStep,
    ScratchLedger,
    ScratchThing,
)
from dr.verification import Coverage, Finding, Outcome

START = datetime(2026, 11, 20, 2, 15, tzinfo=UTC)
RUN = "20261120T021500Z-test-receipts-7f3a"
INSTANCE = ScratchThing(kind="instance", name="firedrill-20261120t021500z-7f3a-receipts-db", region="eu-central-1")
OBJECTS = ScratchThing(
    kind="objects", name=f"firedrill-scratch-eu-central-1/{RUN}/receipts-documents/", region="eu-central-1"
)
ISOLATION = ReportedIsolation(
    asset="receipts-db",
    instance=INSTANCE.name,
    region=INSTANCE.region,
    proven={
        "security group": "firedrill-scratch (sg-0a1b) alone, which no rule lets traffic out of",
        "parameter group": "firedrill-scratch-pg15, in sync",
        "workers": "max_logical_replication_workers is 0",
        "subscriptions": "none of 2 is enabled or knows a slot",
    },
    unproven=(),
    found={"subscription": 2, "foreign server": 1},
    disabled={"subscription": 1},
    names=("subscription receipts.feed", "subscription receipts.old feed", "foreign server receipts.archive"),
)
CHALLENGE = ReportedChallenge(
    seed=7, kind="row deleted", asset="receipts-db", subject="receipts.public.ledger", found=True, by=("content",)
)
TABLES = ("accounts", "documents", "ledger", "ledger_2025", "ledger_2026", "attachments")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def finding(check: str, level: str, outcome: Outcome = "passed", subject: str = "receipts-db", **more: str) -> Finding:
    return Finding.model_validate({"check": check, "level": level, "outcome": outcome, "subject": subject, **more})


def step(name: str, action: str, start: float, end: float, *needs: str, **more: Any) -> ReportedStep:
    fields: dict[str, Any] = {
        "name": name,
        "action": action,
        "site": "recovery",
        "needs": needs,
        "started_at": at(start),
        "finished_at": at(end),
        "seconds": end - start,
        "outcome": "done",
        "attempts": 1,
    }
    return ReportedStep(**fields | more)


REFERENCES = finding(
    "references", "L7", subject="receipts.public.documents", observed="1,198 rows, each finds its object"
)
DATABASE_FINDINGS = (
    finding("opens", "L1", detail="receipts_app logged in over TLS 1.3, certificate verified in full"),
    finding("structure", "L3", "not_available", detail="extension amcheck is not offered by this instance"),
    *(
        finding(
            "content", "L4", subject=f"receipts.public.{table}", expected="48113 rows", observed="48113 rows, equal"
        )
        for table in TABLES
    ),
    finding("content", "L4", subject="audit.public.entries", expected="1204 rows", observed="1204 rows, equal"),
    finding("schema", "L5", subject="receipts", observed="214 objects, equal"),
    finding("extensions", "L5", subject="receipts", observed="3, equal"),
    finding("roles", "L5", subject="receipts", observed="4, equal"),
    finding("sequences", "L5", subject="receipts", observed="5, none behind its rows"),
    finding("heartbeat", "L6", expected="beat 9172 at 02:14:29.500", observed="beat 9172, and none after it"),
    finding("assertions", "L8", subject="ledger balances", expected="0", observed="0"),
    REFERENCES,
)
DATABASE = ReportedAsset(
    asset="receipts-db",
    kind="database",
    site="recovery",
    recovery_point="automated backup ab-4kq2x7, 2026-11-13T02:00:04Z to 2026-11-20T02:15:11Z",
    target="latest",
    restored_to="2026-11-20T02:14:30Z",
    depth="L8",
    coverage=Coverage(tables_expected=7, tables_compared=7, rows=289_882, bytes=21_400_000, exact_fraction=0.99871),
    findings=DATABASE_FINDINGS,
)
BUCKET = ReportedAsset(
    asset="receipts-documents",
    kind="bucket",
    site="recovery",
    recovery_point="object versions in receipts-documents-eu-central-1",
    target="latest",
    restored_to="2026-11-20T02:14:30Z",
    depth="L7",
    coverage=Coverage(objects_expected=1204, objects_compared=1204, bytes=18_000_000),
    findings=(
        finding("objects", "L2", subject="receipts-documents", expected="1204", observed="1204, all equal"),
        REFERENCES,
    ),
)
STEPS = (
    step("choose instant", "choose_instant", 0, 6),
    step("restore receipts-db", "restore_database", 6, 94, "choose instant"),
    step("restore receipts-documents", "restore_bucket", 6, 31, "choose instant", attempts=2),
    step("verify receipts-db", "verify_database", 94, 141, "restore receipts-db"),
    step("verify receipts-documents", "verify_bucket", 31, 52, "restore receipts-documents"),
    step("verify references", "verify_references", 141, 152, "verify receipts-db", "verify receipts-documents"),
)


def passed(**changes: Any) -> Report:
    """A restore test as it should end."""
    report = Report(
        tool="firedrill 0.1.0",
        run=RUN,
        kind="test",
        application="receipts",
        started_at=START,
        finished_at=at(171),
        verdict="passed",
        reasons=(
            "20 of 20 expected checks gave an answer, and none of them was bad",
            "RTA 2 min 32 s is within the RTO of 30 min",
            "RPA 41 s is within the RPO of 5 min",
        ),
        not_tested=("structure (L3) of receipts-db: not available: extension amcheck is not offered by this instance",),
        objectives=ReportedObjectives(rto_seconds=1800, rpo_seconds=300),
        actuals=Actuals(
            rta_seconds=152,
            rpa_seconds=41,
            rpa_explained="From the instant, 02:14:30, to the newest beat of the source when the run began, 02:15:11.",
        ),
        instant=at(-30),
        phases=tuple(
            Phase(name=name, started_at=at(start), finished_at=at(end), seconds=end - start)
            for name, start, end in (("choose", 0, 6), ("restore", 6, 94), ("verify", 31, 152), ("tear down", 152, 171))
        ),
        assets=(DATABASE, BUCKET),
        steps=STEPS,
        critical_path=("choose instant", "restore receipts-db", "verify receipts-db", "verify references"),
        scratch=ScratchLedger(created=(INSTANCE, OBJECTS), removed=(INSTANCE, OBJECTS), remaining=()),
        isolation=(ISOLATION,),
        challenge=CHALLENGE,
        regions_called={"eu-central-1": 412},
        journal=JournalDigest(events=97, head_sha256="9f2c" * 16),
    )
    return report.model_copy(update=changes)


def backup() -> Report:
    """A backup: nothing restored, so no depth and no RTA."""
    assets = tuple(
        asset.model_copy(update={"findings": (), "depth": None, "coverage": Coverage(), "restored_to": ""})
        for asset in (DATABASE, BUCKET)
    )
    return passed(
        run="20261120T020000Z-backup-receipts-11aa",
        kind="backup",
        reasons=("every step was done, and the copies were seen in the recovery site",),
        not_tested=("restorability: a backup is only proven by restoring it",),
        actuals=Actuals(
            rta_seconds=None, rpa_seconds=None, rpa_explained="the site did not say how far it can restore"
        ),
        assets=assets,
        scratch=ScratchLedger(created=(), removed=(), remaining=()),
        isolation=(),
        challenge=None,
        steps=(step("record receipts-db", "record_baseline", 0, 40), step("commit", "commit_backup", 40, 42)),
        critical_path=("record receipts-db", "commit"),
    )


def failed() -> Report:
    """Wrong data, and the promise of time missed as well."""
    bad = (
        finding(
            "content",
            "L4",
            "failed",
            "audit.public.entries",
            expected="1204 rows in 1 chunk",
            observed="1203 rows; chunk 0 differs",
            detail="one row that was there at both ends of the bracket is missing",
        ),
        finding("sequences", "L5", "failed", "receipts.public.documents_id_seq", expected="≥ 48113", observed="10"),
        finding("roles", "L5", "errored", "receipts", detail="permission denied for pg_authid"),
    )
    kept = tuple(one for one in DATABASE_FINDINGS if one.subject != "audit.public.entries" and one.check != "sequences")
    coverage = Coverage(tables_expected=7, tables_compared=6, rows=289_882, bytes=21_400_000, exact_fraction=0.9959)
    database = DATABASE.model_copy(update={"findings": kept + bad, "depth": "L1", "coverage": coverage})
    return passed(
        verdict="failed",
        reasons=(
            "audit.public.entries: 1203 rows where the baseline has 1204",
            "receipts.public.documents_id_seq stands at 10, behind its rows",
            "RTA 34 min 12 s is longer than the RTO of 30 min",
        ),
        actuals=Actuals(rta_seconds=2052, rpa_seconds=41),
        assets=(database, BUCKET),
        scratch=ScratchLedger(created=(INSTANCE, OBJECTS), removed=(OBJECTS,), remaining=(INSTANCE,)),
    )


def inconclusive() -> Report:
    """Nothing compared: it must not look good anywhere."""
    findings = (finding("opens", "L1"), finding("content", "L4", "errored", detail="the baseline is cut short"))
    database = DATABASE.model_copy(
        update={"findings": findings, "depth": "L1", "coverage": Coverage(tables_expected=7, exact_fraction=0.0)}
    )
    empty = BUCKET.model_copy(update={"findings": (), "depth": None, "coverage": Coverage()})
    return passed(
        verdict="inconclusive",
        reasons=("content of receipts-db could not be compared: the baseline is cut short",),
        not_tested=("content (L4) of receipts-db: errored: the baseline is cut short",),
        actuals=Actuals(rta_seconds=None, rpa_seconds=None),
        assets=(database, empty),
    )


def interrupted() -> Report:
    """Ctrl-C during the restore."""
    steps = (
        STEPS[0],
        step("restore receipts-db", "restore_database", 6, 40, "choose instant", outcome="interrupted"),
        step("verify receipts-db", "verify_database", 0, 0, outcome="not_reached").model_copy(
            update={"started_at": None, "finished_at": None, "seconds": None, "attempts": 0}
        ),
    )
    return passed(
        verdict="inconclusive",
        reasons=("the run was stopped on request",),
        not_tested=("everything: the run was stopped before it verified anything",),
        actuals=Actuals(rta_seconds=None, rpa_seconds=None),
        assets=(),
        phases=(),
        steps=steps,
        critical_path=(),
        finished_at=at(52),
        instant=None,
    )


def huge() -> Report:
    """Three hundred findings."""
    outcomes: tuple[Outcome, ...] = ("passed", "passed", "passed", "passed", "failed", "errored", "not_available")
    findings = tuple(
        finding("content", "L4", outcomes[n % 7], f"receipts.public.table_{n:03}", observed=f"{n} rows")
        for n in range(300)
    )
    return failed().model_copy(update={"assets": (DATABASE.model_copy(update={"findings": findings, "depth": "L1"}),)})


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a\nb|c`d``e\\|f",
    "evil\u202egnp.exe\u2066\u200b",
    "\x1b[2J\x1b]0;owned\x07\x9b31m\x7f",
    "]]><!-- --><x>&amp;&lt;",
    "{{ 7 * 7 }}{% raw %}",
    "[bold red]rich[/] [click](javascript:alert(1)) @octocat #1 https://evil.example www.evil.example",
    "=cmd()|'/c calc'!A0",
    "o" + "\u0301" * 200,
    "- # heading",
    "1. list",
    "x" * 10_000,
)


def hostile() -> Report:
    """Names that somebody chose in order to be read by a program."""
    findings = tuple(
        finding("content", "L4", outcome, text, expected=text, observed=text, detail=text)
        for outcome in ("passed", "failed", "errored", "not_available")
        for text in HOSTILE
    )
    things = tuple(ScratchThing(kind=text, name=text, region=text) for text in HOSTILE)
    assets = tuple(
        DATABASE.model_copy(
            update={"asset": text, "site": text, "recovery_point": text, "target": text, "restored_to": text}
        )
        for text in HOSTILE[:3]
    )
    return failed().model_copy(
        update={
            "tool": HOSTILE[0],
            "run": HOSTILE[3],
            "application": HOSTILE[0],
            "reasons": HOSTILE,
            "not_tested": HOSTILE,
            "assets": (DATABASE.model_copy(update={"findings": findings, "asset": HOSTILE[0]}), *assets),
            "steps": tuple(step(text, text, 1, 5, text, detail=text, site=text) for text in HOSTILE),
            "critical_path": HOSTILE[:2],
            "phases": tuple(Phase(name=text, started_at=START, finished_at=at(3), seconds=3) for text in HOSTILE),
            "scratch": ScratchLedger(created=things, removed=(), remaining=things),
            "isolation": tuple(
                ReportedIsolation(
                    asset=text,
                    instance=text,
                    region=text,
                    proven={text: text},
                    unproven=(text,),
                    found={text: 2},
                    disabled={text: 1},
                    names=HOSTILE,
                )
                for text in HOSTILE
            ),
            "challenge": ReportedChallenge(
                seed=7, kind=HOSTILE[0], asset=HOSTILE[1], subject=HOSTILE[2], found=False, by=HOSTILE
            ),
            "regions_called": dict.fromkeys(HOSTILE, 1),
            "journal": JournalDigest(events=1, head_sha256=HOSTILE[0]),
            "actuals": Actuals(rta_seconds=1, rpa_seconds=1, rpa_explained=HOSTILE[0]),
        }
    )


ALL = {
    "backup": backup(),
    "passed": passed(),
    "failed": failed(),
    "inconclusive": inconclusive(),
    "interrupted": interrupted(),
    "huge": huge(),
    "hostile": hostile(),
}
