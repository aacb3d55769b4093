"""Restore a database into a scratch instance: isolated, not public, without backups, its password known to us only."""

import secrets
from datetime import datetime, timedelta

from pydantic import SecretStr

from dr import catalog, facts
from dr.aws import changes, ec2, rds, restores
from dr.aws.codes import kind
from dr.claims import ScratchClaim, tags
from dr.clock import Deadline
from dr.context import Context
from dr.errors import AwsError, Refused, Unable
from dr.events import Thing
from dr.isolating import isolate
from dr.records import Chosen
from dr.recovery import SourceFacts, choose_point, stamp
from dr.runbook import RestoreDatabase
from dr.scratch import claim, creations, resource_id_of
from dr.waiting import instance_available


def restore_database(step: RestoreDatabase, context: Context) -> None:
    """Ask for the restore, wait for it, take the password that came with production out of use, and isolate it."""
    region = context.region(step.site)
    deadline = context.deadline(step.timeout)
    asked = context.clock.now()
    _ask(step, context)
    instance_available(context, region, step.instance, deadline)
    _note_the_moment(step, context, asked)
    made = next(one for one in creations(context.journal.reading()) if one.name == step.instance)
    claimed = claim(context.aws, made, context.protected)
    if claimed is None:
        raise Unable(f"scratch instance {step.instance} vanished", hint="look at its events")
    password = SecretStr(secrets.token_urlsafe(32))
    thing = Thing(kind="instance", name=step.instance, region=region)
    context.intend("ModifyDBInstance", thing)
    _set_password(context, claimed, password, deadline)
    context.observe("ModifyDBInstance", thing, claimed.resource_id)
    instance_available(context, region, step.instance, deadline)
    context.passwords[step.asset] = password
    isolate(step, context, claimed, deadline)
    context.learn(facts.restored(step.asset), claimed.resource_id)


def _set_password(context: Context, claimed: ScratchClaim, password: SecretStr, deadline: Deadline) -> None:
    """Set it, and set it again when nobody knows whether it was: an instance that is busy may just have heard it."""
    while True:
        try:
            changes.set_master_password(context.aws, claimed, password)
        except AwsError as problem:
            if deadline.passed() or not (problem.transient or kind(problem.code) == "wait"):
                raise
            instance_available(context, claimed.region, claimed.name, deadline)
        else:
            return


def _note_the_moment(step: RestoreDatabase, context: Context, asked: datetime) -> None:
    """When the restore ended by RDS's own event: our polling rounds every moment up to the next look."""
    # RDS's clock may be a little behind ours.
    since = asked - timedelta(seconds=5)
    for event in rds.events(context.aws, context.region(step.site), step.instance, since):
        if event.message.startswith("Restored"):
            context.learn(facts.available_at(step.asset), stamp(event.at))
            return


def _ask(step: RestoreDatabase, context: Context) -> None:
    """Make the request, with the next instance class whenever one has no capacity."""
    region = context.region(step.site)
    scratch = context.site(step.site).scratch
    if scratch is None:
        raise Refused(f"the {step.site} site has no scratch section")
    group = ec2.security_group(context.aws, region, scratch.security_group)
    thing = Thing(kind="instance", name=step.instance, region=region)
    source = _source(context, step.asset)
    for instance_class in scratch.classes:
        request = restores.RestoreRequest(
            name=step.instance,
            instance_class=instance_class,
            subnet_group=scratch.subnet_group,
            security_group_id=group,
            parameter_group=scratch.parameter_group,
            tags=tags(context.plan.run, step.asset, "scratch", context.plan.expires_at),
            source=source,
            acceptable=scratch.classes,
            known_as=resource_id_of(context.journal.reading(), thing),
        )
        context.intend("RestoreDBInstance", thing)
        try:
            resource_id = _restore(step, context, request)
        except AwsError as problem:
            if kind(problem.code) != "capacity" or instance_class == scratch.classes[-1]:
                raise
            context.say(f"{step.instance}: no capacity for {instance_class}; trying the next class")
        else:
            context.observe("RestoreDBInstance", thing, resource_id)
            return


def _restore(step: RestoreDatabase, context: Context, request: restores.RestoreRequest) -> str:
    region = context.region(step.site)
    chosen = Chosen.model_validate(context.fact(facts.CHOSEN))
    if identifier := chosen.snapshots.get(step.asset):
        instance = context.database(step.asset).instance
        held = catalog.points(context.aws, region, step.site, step.asset, instance, request.source.resource_id)
        point = choose_point(held, identifier, step.site)
        return restores.restore_from_snapshot(context.aws, region, request, point).resource_id
    window = catalog.window(context.aws, region, step.site, step.asset, request.source.resource_id)
    return restores.restore_to_time(context.aws, region, request, window, chosen.instant).resource_id


def _source(context: Context, asset: str) -> SourceFacts:
    """What the newest backup recorded of the source: in an outage the source itself cannot be asked."""
    for record in sorted(context.records(), key=lambda one: one.instant, reverse=True):
        if asset in record.databases:
            return record.databases[asset].source
    raise Refused(f"no committed backup knows {asset}", hint="run `dr backup` first")
