"""What must hold, whatever happened. Each wrong is a sentence; a story without any is a good one, however it ended."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dr.errors import FiredrillError
from dr.events import Closed, Opened, Resumed
from dr.plan import Plan
from dr.report.model import Report
from dr.report.rebuild import report_of
from tests.simulation import scene
from tests.simulation.cloud.account import ESTATE, RECOVERY, STRANGER, Account
from tests.simulation.cloud.rds import data_at
from tests.simulation.cloud.s3 import CONTROL, LEASES
from tests.simulation.ending import swept_clean

if TYPE_CHECKING:
    from tests.simulation.performance import Performance

Picture = dict[str, object]


def picture(account: Account) -> Picture:
    """Everything that is not a run's, as it is now."""
    seen: Picture = {}
    for name, region in account.regions.items():
        for one in region.instances.values():
            if one.maker in (ESTATE, STRANGER):
                seen[f"instance {one.resource_id} in {name}"] = (
                    one.name,
                    one.password,
                    dict(one.tags),
                    one.statuses[-1],
                )
        for bucket, keys in region.buckets.items():
            for key, versions in keys.items():
                for stored in versions:
                    if stored.maker in (ESTATE, STRANGER):
                        seen[f"{bucket}/{key} {stored.version} in {name}"] = (stored.body, stored.marker)
    return seen


def of_account(made: "Performance", before: Picture) -> Iterator[str]:
    """Nothing outside claims was deleted or changed; nothing of the control store was written twice, or is a secret."""
    account = made.account
    yield from account.wrongs
    after = picture(account)
    for thing, state in before.items():
        if after.get(thing) != state:
            yield f"{thing} was {'changed' if thing in after else 'deleted'}"
    kept = account.regions[RECOVERY].buckets[CONTROL]
    for key, versions in kept.items():
        if len(versions) > 1 and not key.startswith(LEASES):
            yield f"{key} was written {len(versions)} times"
    journals = [made.file(plan) for plan in made.plans]
    written = [*journals, *(one.body for versions in kept.values() for one in versions)]
    written.append(made.baton.told.encode())
    if any(secret.encode() in one for secret in account.secrets for one in written):
        yield "a password was written down"
    if all(_clean(made, plan) for plan in made.plans):
        yield from (f"left behind: {one}" for one in account.scratch())


def of_run(made: "Performance", plan: Plan) -> Iterator[str]:
    """The journal is whole, it says what the run said, and what it says was earned."""
    acts = made.acts(plan)
    if bugs := [act.bug for act in acts if act.bug]:
        yield from (f"a bug: {type(bug).__name__}: {bug}" for bug in bugs)
        return
    try:
        reading = made.reading(plan)
    except FiredrillError as problem:
        yield f"the journal cannot be read back: {problem}"
        return
    if reading.torn and not any(act.process.torn for act in acts):
        yield "the journal is torn, though nobody was killed while writing it"
    there, here = made.ledger(plan), made.file(plan)
    if not (here.startswith(there) or there.startswith(here[: here.rfind(b"\n") + 1])):
        yield "the journal's file and the control store tell different stories"
    if not reading.entries:
        if any(act.report for act in acts):
            yield "the journal of a run that ended is empty"
        return
    openings = [number for number, event in enumerate(reading.events) if isinstance(event, Opened)]
    if openings != [0]:
        yield f"the journal has `opened` in its lines {openings}"
    closings = [number for number, event in enumerate(reading.events) if isinstance(event, Closed)]
    if closings not in ([], [len(reading.events) - 1]):
        yield f"the journal has {len(reading.events)} lines, and `closed` in its lines {closings}"
    if sum(isinstance(event, Resumed) for event in reading.events) > len(acts):
        yield "the journal tells of more processes than there were"
    reports = [act.report for act in acts if act.report]
    if len(reports) > 1:
        yield f"{len(reports)} processes brought the same run to its end"
    rebuilt = report_of(reading)
    if reports and rebuilt != reports[-1]:
        yield f"told {reports[-1].verdict}, and the journal says {rebuilt.verdict}"
    if rebuilt.verdict == "passed":
        yield from _unearned(made, plan, closed=bool(closings))
    if rebuilt.verdict == "failed" and not _wrong(made, plan, rebuilt):
        yield f"failed, though nothing was wrong: {rebuilt.reasons[0]}"
    yield from _left(made, plan)


def _wrong(made: "Performance", plan: Plan, report: Report) -> bool:
    """Whether something was, that a run may call bad news."""
    troubles, promised = made.troubles, plan.objectives
    late = report.actuals.rta_seconds is not None and report.actuals.rta_seconds > promised.rto_seconds
    behind = made.account.lag > promised.rpo_seconds or any(host.set_off for host in made.stage.hosts.values())
    return bool(troubles.damage or troubles.damaged_copies or troubles.swapped or late or behind)


def _unearned(made: "Performance", plan: Plan, *, closed: bool) -> Iterator[str]:
    """Why a `passed` is not true."""
    if not closed:
        yield "passed, without the end of its journal"
    if plan.kind == "backup":
        yield from _no_backup(made, plan)
        return
    if made.troubles.damage or made.troubles.damaged_copies:
        yield "passed, though what was restored is not what the source held"
    restored = [one for one in made.account.regions[RECOVERY].instances.values() if one.maker == plan.run]
    if not restored:
        yield "passed, though nothing was restored"
    if any(one.data != data_at(scene.INSTANT) for one in restored):
        yield "passed, though the restore is of another moment"
    if any(one.entered and not one.quiet for one in restored):
        yield "passed, though what was restored could reach out"
    # How far behind a site is can be told only by a clock that nobody set.
    if made.account.lag > plan.objectives.rpo_seconds and not any(host.set_off for host in made.stage.hosts.values()):
        yield f"passed, though the site was {made.account.lag:.0f} s behind"


def _no_backup(made: "Performance", plan: Plan) -> Iterator[str]:
    """What a committed backup names must be there."""
    region = made.account.regions[RECOVERY]
    name = next(step.snapshot for step in plan.steps if step.action == "copy_snapshot")
    copied = region.snapshots.get(name)
    if f"backups/{plan.application}/{plan.run}.json" not in region.buckets[CONTROL]:
        yield "passed, but no record was committed"
    if copied is None or copied.status(made.account.now) != "available":
        yield "passed, but the copy is not there"


def _clean(made: "Performance", plan: Plan) -> bool:
    """Whether the run itself says that nothing of it is left, or the last sweep does."""
    report = made.report_of(plan)
    return swept_clean(made.acts(plan)[-1]) or (report is not None and not report.scratch.remaining)


def _left(made: "Performance", plan: Plan) -> Iterator[str]:
    """What was made twice. (Of what cannot be swept, `ending` tells.)"""
    instances = [
        one
        for region in made.account.regions.values()
        for one in region.instances.values()
        if one.maker == plan.run and not one.name.endswith("-renamed")
    ]
    if len(instances) > len(plan.databases):
        yield f"made {len(instances)} instances for {len(plan.databases)} databases"
