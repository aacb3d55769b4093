"""Planning: an estate, a choice of what belongs to it and a moment -> the plan of one run. Every name is fixed here."""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

from dr.challenge import possible
from dr.claims import SCRATCH_LIFETIME, backup_name, scratch_name, scratch_prefix
from dr.errors import Refused
from dr.estate import Application, Estate, SiteName
from dr.plan import LEVEL_OF, Plan, PlannedObjectives
from dr.recovery import Fact, Latest, RestoreTarget
from dr.runbook import (
    AnyStep,
    Challenge,
    ChooseInstant,
    CommitBackup,
    CopySnapshot,
    EnsureReplication,
    ProveObjects,
    ProveWindow,
    RecordBaseline,
    RecordObjects,
    RestoreBucket,
    RestoreDatabase,
    TakeSnapshot,
    VerifyBucket,
    VerifyDatabase,
    VerifyReferences,
)
from dr.verification import Level

HOUR = 3600


class Choice(Fact):
    """An application, or a part of it, that somebody wants to back up or test."""

    application: str
    databases: tuple[str, ...]
    buckets: tuple[str, ...]


def choose(estate: Estate, names: Iterable[str]) -> list[Choice]:
    """What a list of application and asset names stands for; an empty one stands for everything.

    Raises Refused for a name that the estate does not know.
    """
    picked: dict[str, tuple[set[str], set[str]]] = {}
    for name in list(names) or list(estate.applications):
        if application := estate.applications.get(name):
            picked[name] = (set(application.databases), set(application.buckets))
            continue
        owner = next((key for key, app in estate.applications.items() if name in {*app.databases, *app.buckets}), None)
        if owner is None:
            assets = [asset for app in estate.applications.values() for asset in (*app.databases, *app.buckets)]
            known = ", ".join([*estate.applications, *assets])
            raise Refused(f"the estate knows no application or asset {name!r}", hint=f"it knows {known}")
        databases, buckets = picked.setdefault(owner, (set(), set()))
        (databases if name in estate.applications[owner].databases else buckets).add(name)
    return [
        Choice(
            application=application,
            databases=tuple(key for key in estate.applications[application].databases if key in databases),
            buckets=tuple(key for key in estate.applications[application].buckets if key in buckets),
        )
        for application, (databases, buckets) in picked.items()
    ]


def run_name(kind: str, application: str, moment: datetime) -> str:
    """A name that sorts by time and says its kind: `20261120T021500Z-test-receipts-7f3a`."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}-{kind}-{application}-{secrets.token_hex(2)}"


def plan_backup(estate: Estate, choice: Choice, moment: datetime) -> Plan:
    """The steps of a backup: record what is true, take the snapshot, copy it, prove that all of it arrived, commit."""
    if not choice.databases:
        raise Refused(
            f"{', '.join(choice.buckets)}: a bucket is backed up with a database, whose baseline gives the instant",
            hint=f"`dr backup {choice.application}`",
        )
    run = run_name("backup", choice.application, moment)
    steps: list[AnyStep] = []
    for asset in choice.databases:
        name = backup_name(run, asset)
        baseline = f"record {asset}"
        steps += [
            EnsureReplication(name=f"replicate {asset}", asset=asset, site="recovery", timeout=2 * HOUR),
            RecordBaseline(name=baseline, asset=asset, site="primary", timeout=6 * HOUR),
            TakeSnapshot(
                name=f"snapshot {asset}",
                asset=asset,
                snapshot=name,
                needs=(baseline,),
                site="primary",
                timeout=6 * HOUR,
            ),
            CopySnapshot(
                name=f"copy {asset}",
                asset=asset,
                snapshot=name,
                needs=(f"snapshot {asset}",),
                site="recovery",
                timeout=12 * HOUR,
            ),
            ProveWindow(
                name=f"prove window of {asset}",
                asset=asset,
                needs=(baseline, f"replicate {asset}"),
                site="recovery",
                timeout=2 * HOUR,
            ),
        ]
    taken = tuple(f"snapshot {asset}" for asset in choice.databases)
    for asset in choice.buckets:
        steps += [
            RecordObjects(name=f"record {asset}", asset=asset, needs=taken, site="primary", timeout=6 * HOUR),
            ProveObjects(
                name=f"prove copy of {asset}",
                asset=asset,
                needs=(f"record {asset}",),
                site="recovery",
                timeout=2 * HOUR,
            ),
        ]
    last = tuple(step.name for step in steps if not any(step.name in other.needs for other in steps))
    steps.append(CommitBackup(name="commit", needs=last, site="recovery", timeout=HOUR))
    return _plan(estate, choice, "backup", run, moment, "recovery", "baseline", "L8", steps)


def plan_test(
    estate: Estate,
    choice: Choice,
    moment: datetime,
    *,
    site: SiteName,
    target: RestoreTarget | None = None,
    depth: Level = "L8",
    challenge: bool = True,
) -> Plan:
    """The steps of a restore test: choose the instant, restore everything to it side by side, verify, be challenged.

    A challenge that is switched off, here or in the estate, stands among what was not tested.
    """
    run = run_name("test", choice.application, moment)
    scratch = estate.site(site).scratch
    if scratch is None:
        raise Refused(f"the {site} site has no scratch section", hint="name where a test may restore to, in the estate")
    count = len(choice.databases) + len(choice.buckets)
    if count > estate.deletions_per_run:
        raise Refused(
            f"the test of {choice.application} would create {count} scratch things, "
            f"and one run may remove {estate.deletions_per_run}",
            hint="test fewer assets at a time, or raise `deletions_per_run:` in the estate",
        )
    choosing = "choose instant"
    steps: list[AnyStep] = [ChooseInstant(name=choosing, site=site, timeout=HOUR)]
    for asset in choice.databases:
        steps += [
            RestoreDatabase(
                name=f"restore {asset}",
                asset=asset,
                instance=scratch_name(run, asset),
                needs=(choosing,),
                site=site,
                timeout=6 * HOUR,
            ),
            VerifyDatabase(
                name=f"verify {asset}", asset=asset, needs=(f"restore {asset}",), site=site, timeout=6 * HOUR
            ),
        ]
    for asset in choice.buckets:
        steps += [
            RestoreBucket(
                name=f"restore {asset}",
                asset=asset,
                bucket=scratch.bucket,
                prefix=scratch_prefix(run, asset),
                needs=(choosing,),
                site=site,
                timeout=6 * HOUR,
            ),
            VerifyBucket(name=f"verify {asset}", asset=asset, needs=(f"restore {asset}",), site=site, timeout=6 * HOUR),
        ]
    if "references" in _expected(estate.applications[choice.application], choice, depth, site).get(
        choice.application, ()
    ):
        needs = tuple(f"verify {asset}" for asset in (*choice.databases, *choice.buckets))
        steps.append(VerifyReferences(name="verify references", needs=needs, site=site, timeout=6 * HOUR))
    plan = _plan(estate, choice, "test", run, moment, site, str(target or Latest()), depth, steps)
    if not (challenge and estate.challenge):
        return _unchallenged(plan, "switched off")
    if not possible(plan):
        return _unchallenged(plan, "no check of this depth could find what is planted")
    last = tuple(step.name for step in steps if step.action.startswith("verify_"))
    return plan.model_copy(
        update={"steps": (*steps, Challenge(name="challenge", needs=last, site=site, timeout=6 * HOUR))}
    )


def _unchallenged(plan: Plan, why: str) -> Plan:
    return plan.model_copy(update={"left_out": (*plan.left_out, f"challenge: {why}")})


def _plan(
    estate: Estate,
    choice: Choice,
    kind: Literal["backup", "test"],
    run: str,
    moment: datetime,
    site: SiteName,
    target: str,
    depth: Level,
    steps: list[AnyStep],
) -> Plan:
    application = estate.applications[choice.application]
    return Plan(
        run=run,
        kind=kind,
        application=choice.application,
        account=estate.account,
        regions={"primary": estate.sites.primary.region, "recovery": estate.sites.recovery.region},
        site=site,
        target=target,
        depth=depth,
        databases=choice.databases,
        buckets=choice.buckets,
        left_out=tuple(
            f"{asset}: left out of this run"
            for asset in (*application.databases, *application.buckets)
            if asset not in (*choice.databases, *choice.buckets)
        ),
        expected_checks=_expected(application, choice, depth, site) if kind == "test" else {},
        required_checks={asset: tuple(application.databases[asset].required_checks) for asset in choice.databases}
        if kind == "test"
        else {},
        objectives=PlannedObjectives(
            rto_seconds=application.objectives.rto.total_seconds(),
            rpo_seconds=application.objectives.rpo.total_seconds(),
        ),
        created_at=moment,
        expires_at=moment + SCRATCH_LIFETIME,
        steps=tuple(steps),
    )


def _expected(application: Application, choice: Choice, depth: Level, site: SiteName) -> dict[str, tuple[str, ...]]:
    """The checks that must answer, per asset; those that span assets stand under the application's own name."""
    asked = {check for check, level in LEVEL_OF.items() if level <= depth}
    of_objects = ("replica", "objects", "object_metadata")
    of_database = [
        check
        for check in LEVEL_OF
        if check in asked and check not in (*of_objects, "references", *application.questions)
    ]
    expected: dict[str, tuple[str, ...]] = {}
    for asset in choice.databases:
        of_its_own = [
            check
            for check, questions in application.questions.items()
            if check in asked and any(one.database == asset for one in questions)
        ]
        expected[asset] = (*of_database, *of_its_own)
    # At home there is nothing that was replicated.
    of_bucket = tuple(
        check
        for check in ("recovery_point", *of_objects)
        if check in asked and (check != "replica" or site == "recovery")
    )
    expected |= dict.fromkeys(choice.buckets, of_bucket)
    between = [
        ref for ref in application.references if ref.database in choice.databases and ref.bucket in choice.buckets
    ]
    return {asset: checks for asset, checks in expected.items() if checks} | (
        {choice.application: ("references",)} if between and "references" in asked else {}
    )
