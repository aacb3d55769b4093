"""The first session of a restored instance, before anybody else enters it, and the proof that it reaches nothing."""

from collections import Counter

from dr import facts
from dr.aws import ec2, rds
from dr.baselines import NoBaseline, baseline_for
from dr.claims import ScratchClaim
from dr.clock import Deadline
from dr.context import Context
from dr.errors import Refused, Unable
from dr.events import Isolated, Thing
from dr.hashing import Hashing
from dr.isolation import Before
from dr.runbook import RestoreDatabase
from dr.sources import restored_login

NAMED = 20
"""Names in the journal's record of an instance; there may be thousands."""


def isolate(step: RestoreDatabase, context: Context, claimed: ScratchClaim, deadline: Deadline) -> None:
    """Note what could reach out, switch it off, ask AWS and the server whether all of it holds, and journal the proof.

    What was noted is kept before anything is changed: a process that goes on after a kill finds the instance changed
    already, and the checks compare what was restored. Raises Unable where something could not be switched off, or
    could not be proven: then nobody else enters, and the teardown takes the instance away.
    """
    # From outside first: nobody speaks to an instance whose network is not the one that was asked for.
    outside = _from_outside(step, context, claimed)
    owner = restored_login(context, step.asset, step.instance, step.site)
    before = _noted(step, context, str(claimed.resource_id), deadline)
    context.say(f"{step.asset}: switching off what could reach out …")
    thing = Thing(kind="instance", name=step.instance, region=context.region(step.site))
    # Announced like any other change: on another machine, too, whoever goes on has to know that it was noted before.
    context.intend("DisableOutlets", thing)
    context.ask.disable(owner.to, first=owner.dbname)
    context.observe("DisableOutlets", thing, claimed.resource_id)
    inside = context.ask.isolated(owner.to, first=owner.dbname)
    outlets = [outlet for one in before for outlet in one.outlets]
    context.journal.append(
        Isolated(
            asset=step.asset,
            thing=thing,
            resource_id=str(claimed.resource_id),
            proven=outside | inside,
            found=dict(Counter(one.kind for one in outlets)),
            disabled=dict(Counter(one.kind for one in outlets if one.live)),
            names=tuple(f"{one.kind} {one.name}" for one in outlets[:NAMED]),
            step=context.step,
        )
    )


def before_first_session(context: Context, asset: str) -> dict[str, Before]:
    """Database -> how the scratch instance was before its first session. Raises Unable when nobody noted it."""
    resource_id = str(context.fact(facts.restored(asset)))
    kept = context.kept(facts.before_first_session(asset, resource_id))
    return {one.database: one for one in (Before.model_validate(row) for row in kept)}


def _noted(step: RestoreDatabase, context: Context, resource_id: str, deadline: Deadline) -> list[Before]:
    """What was noted of this very instance: by an earlier process, or now."""
    name = facts.before_first_session(step.asset, resource_id)
    if context.knows(facts.kept(name)):
        return [Before.model_validate(row) for row in context.kept(name)]
    owner = restored_login(context, step.asset, step.instance, step.site)
    found = context.ask.outlets(
        owner.to, first=owner.dbname, hashing=lambda: _hashing(context, step.asset), deadline=deadline
    )
    context.keep(name, [one.model_dump(mode="json") for one in found])
    return found


def _hashing(context: Context, asset: str) -> Hashing | None:
    """How rows are hashed. None where there is no baseline: then no row will be compared."""
    try:
        return baseline_for(context, asset).hashing
    except NoBaseline:
        return None


def _from_outside(step: RestoreDatabase, context: Context, claimed: ScratchClaim) -> dict[str, str]:
    """What AWS says of the instance as it stands, not of what was asked for: proof -> what was seen."""
    region, scratch = context.region(step.site), context.site(step.site).scratch
    if scratch is None:
        raise Refused(f"the {step.site} site has no scratch section")
    seen = rds.instance(context.aws, region, step.instance, role="scratch")
    if seen is None:
        raise Unable(f"scratch instance {step.instance} vanished", hint="look at its events")
    group = ec2.describe(context.aws, region, scratch.security_group)
    for holds, otherwise, hint in (
        (seen.resource_id == claimed.resource_id, f"is {seen.resource_id} now, and was {claimed.resource_id}", ""),
        (seen.security_groups == (group.id,), f"is in {', '.join(seen.security_groups) or 'no security group'}", ""),
        (not group.egress, f"may send traffic out by {group.egress} rules of {group.name}", "take the rules away"),
        (
            seen.parameter_group == rds.stored(scratch.parameter_group),
            f"has the parameter group {seen.parameter_group}",
            "",
        ),
        (seen.parameters_in_sync, f"does not yet run by {seen.parameter_group}", "does a parameter wait for a reboot?"),
        (not seen.public, "is publicly accessible", "look at its subnet group"),
        (seen.encrypted, "is not encrypted", "a restore is encrypted when its source is"),
        (seen.retention_days == 0, f"keeps backups for {seen.retention_days} days", ""),
        (not seen.roles, f"may use {', '.join(seen.roles)}", "who attached a role to it?"),
    ):
        if not holds:
            raise Unable(
                f"scratch instance {step.instance} {otherwise}",
                hint=hint or "somebody changed it after it was made: look at its events",
            )
    return {
        "security group": f"{group.name} ({group.id}) alone, which no rule lets traffic out of",
        "parameter group": f"{seen.parameter_group}, in sync",
        "public": "not publicly accessible",
        "encrypted": f"with {seen.kms_key or 'a key of RDS'}",
        "backups": "kept for 0 days: nothing is archived",
        "roles": "none is attached",
    }
