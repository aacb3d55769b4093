"""What must hold, whatever happened. Each wrong is a sentence; a run without any is a good one, however it ended."""

from typing import TYPE_CHECKING

from dr import journal
from dr.errors import FiredrillError
from dr.events import Closed, Opened
from dr.report.model import Report
from dr.report.rebuild import report_of
from tests.simulation import scene
from tests.simulation.baton import Stuck
from tests.simulation.cloud.account import ESTATE, RECOVERY, STRANGER, Account
from tests.simulation.cloud.rds import data_at
from tests.simulation.cloud.s3 import CONTROL

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


def others_kept(account: Account, before: Picture) -> list[str]:
    """Nothing outside claims was deleted or changed: neither by a call that was noted, nor in any other way."""
    after = picture(account)
    return account.wrongs + [
        f"{thing} was {'changed' if thing in after else 'deleted'}"
        for thing, state in before.items()
        if after.get(thing) != state
    ]


def after_the_run(made: "Performance") -> list[str]:
    """The journal is whole, or has lost no more than its last line; and it says what the run said."""
    if made.bug is not None and isinstance(made.bug, Stuck):
        return [str(made.bug)]
    if made.bug is not None:
        return [f"a bug: {type(made.bug).__name__}: {made.bug}"]
    try:
        reading = journal.read(made.journal)
    except FiredrillError as problem:
        return [f"the journal cannot be read back: {problem}"]
    wrongs = _told_secrets(made)
    if reading.torn and not (made.killed and made.baton.torn):
        wrongs.append("the journal is torn, though nobody was killed while writing it")
    if not reading.entries:
        return wrongs if made.killed else [*wrongs, "the journal of a run that ended is empty"]
    if not isinstance(reading.entries[0].body, Opened):
        wrongs.append("the journal does not begin with `opened`")
    rebuilt = report_of(reading)
    if made.report is not None and rebuilt != made.report:
        wrongs.append(f"told {made.report.verdict}, and the journal says {rebuilt.verdict}")
    if rebuilt.verdict == "passed":
        wrongs += _unearned(made, closed=isinstance(reading.entries[-1].body, Closed))
    if rebuilt.verdict == "failed" and not _wrong(made, rebuilt):
        wrongs.append(f"failed, though nothing was wrong: {rebuilt.reasons[0]}")
    return wrongs


def _wrong(made: "Performance", report: Report) -> bool:
    """Whether something was, that a run may call bad news."""
    troubles, promised = made.troubles, made.plan.objectives
    late = report.actuals.rta_seconds is not None and report.actuals.rta_seconds > promised.rto_seconds
    behind = made.account.lag > promised.rpo_seconds or bool(made.clock.set_off)
    return bool(troubles.damage or troubles.damaged_copies or troubles.swapped or late or behind)


def _told_secrets(made: "Performance") -> list[str]:
    """No password stands in the journal, in the control store or in what was said."""
    kept = made.account.regions[RECOVERY].buckets[CONTROL].values()
    written = [made.journal.read_bytes(), *(one.body for versions in kept for one in versions)]
    written.append("\n".join(made.baton.trace).encode())
    return [
        "a password was written down" for secret in made.account.secrets for one in written if secret.encode() in one
    ]


def _unearned(made: "Performance", *, closed: bool) -> list[str]:
    """Why a `passed` is not true."""
    wrongs = [] if closed else ["passed, without the end of its journal"]
    if made.plan.kind == "backup":
        return wrongs + _no_backup(made)
    if made.troubles.damage or made.troubles.damaged_copies:
        wrongs.append("passed, though what was restored is not what the source held")
    restored = [one for one in made.account.regions[RECOVERY].instances.values() if one.maker == made.plan.run]
    if not restored:
        wrongs.append("passed, though nothing was restored")
    if any(one.data != data_at(scene.INSTANT) for one in restored):
        wrongs.append("passed, though the restore is of another moment")
    if made.account.lag > made.plan.objectives.rpo_seconds:
        wrongs.append(f"passed, though the site was {made.account.lag:.0f} s behind")
    return wrongs


def _no_backup(made: "Performance") -> list[str]:
    """What a committed backup names must be there."""
    region = made.account.regions[RECOVERY]
    name = next(step.snapshot for step in made.plan.steps if step.action == "copy_snapshot")
    copied = region.snapshots.get(name)
    committed = f"backups/{made.plan.application}/{made.plan.run}.json" in region.buckets[CONTROL]
    wrongs = [] if committed else ["passed, but no record was committed"]
    if copied is None or copied.status(made.account.now) != "available":
        wrongs.append("passed, but the copy is not there")
    return wrongs


def swept_clean(made: "Performance") -> bool:
    """Whether the last sweep says that nothing of the run is left, and nothing may still come."""
    return not any(one.fate in ("remains", "left alone") and one.run == made.plan.run for one in made.swept)


def at_the_end(made: "Performance") -> list[str]:
    """No scratch is left once a sweep has said that none is; and none was made twice."""
    remains = [one for one in made.swept if one.fate == "remains"]
    wrongs = [f"left behind: {one}" for one in made.account.scratch()] if swept_clean(made) else []
    if remains and not (made.troubles.swapped or made.troubles.squatter):
        wrongs += [f"cannot be swept: {one.thing}: {one.reason}" for one in remains]
    made_by_run = [
        one
        for region in made.account.regions.values()
        for one in region.instances.values()
        if one.maker == made.plan.run and not one.name.endswith("-renamed")
    ]
    if len(made_by_run) > len(made.plan.databases):
        wrongs.append(f"made {len(made_by_run)} instances for {len(made.plan.databases)} databases")
    return wrongs
