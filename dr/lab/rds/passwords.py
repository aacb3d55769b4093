"""The master user's password: given by the caller, or made by RDS and kept in Secrets Manager."""

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from dr.lab.engine import roles
from dr.lab.rds import names, placement
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Instance, MasterSecret, Region
from dr.lab.rds.world import World

HIDDEN = "****"
MANAGED = "alias/aws/secretsmanager"
"""The key of secrets for which nobody names another."""
BOTH = "MasterUserPassword cannot be given for an instance whose password Secrets Manager manages."


@dataclass(frozen=True)
class Change:
    """A password that an instance is about to have."""

    password: str = field(repr=False)
    key: str | None = None
    """Of the secret that keeps it; None where the caller keeps it."""


def first(world: World, region: Region, request: dict[str, Any]) -> Change:
    """The password of an instance that is being created. Raises Fault."""
    if request.get("ManageMasterUserPassword"):
        if "MasterUserPassword" in request:
            raise Fault("InvalidParameterCombination", BOTH)
        return Change(_made_up(), _key(world, region, request))
    if request.get("MasterUserSecretKmsKeyId"):
        raise Fault("InvalidParameterCombination", "MasterUserSecretKmsKeyId needs ManageMasterUserPassword.")
    if "MasterUserPassword" not in request:
        raise Fault("InvalidParameterValue", "The parameter MasterUserPassword must be provided and must not be blank.")
    return Change(names.password(request["MasterUserPassword"]))


def asked(world: World, region: Region, instance: Instance, request: dict[str, Any]) -> Change | None:
    """What a modification wants of the password, if anything. Raises Fault."""
    given, manage = request.get("MasterUserPassword"), request.get("ManageMasterUserPassword")
    rotate, key = bool(request.get("RotateMasterUserPassword")), request.get("MasterUserSecretKmsKeyId")
    held = instance.secret
    if instance.following and (given is not None or manage or rotate):
        raise Fault("InvalidDBInstanceState", f"{instance.identifier} is a read replica: its password is its source's.")
    if given is not None and (manage or (held and manage is None)):
        raise Fault("InvalidParameterCombination", BOTH)
    if manage is False and held and given is None:
        raise Fault("InvalidParameterCombination", "MasterUserPassword is required where management is turned off.")
    if rotate and not (held and manage is not False and request.get("ApplyImmediately")):
        raise Fault("InvalidParameterCombination", "Rotation needs a managed password, and ApplyImmediately.")
    if key and (held or not manage):
        raise Fault("InvalidParameterCombination", "MasterUserSecretKmsKeyId only applies while management begins.")
    if given is not None:
        return Change(names.password(given))
    if held and rotate:
        return Change(_made_up(), held.key)
    if manage and not held:
        return Change(_made_up(), _key(world, region, request))
    return None


def announce(world: World, instance: Instance, change: Change) -> None:
    """Show that a change of the password was accepted. Call with the lock held, after every check."""
    if change.key and instance.secret:
        instance.secret.status = "rotating"
    elif change.key:
        arn = world.keys.keep_secret(
            instance.region,
            f"rds!{names.secret_id()}",
            _text(instance, change),
            change.key,
            {"aws:rds:primaryDBInstanceArn": world.arn(instance.region, "db", instance.identifier)},
        )
        instance.secret = MasterSecret(arn, change.key)


def apply(world: World, instance: Instance, change: Change) -> None:
    """Make the password good in the server, and keep it where it is to be kept."""
    with instance.cluster.connect() as connection:
        roles.repair_master(connection, instance.traits.master, change.password)
    with world.lock:
        instance.traits.password = change.password
        instance.pending.pop("MasterUserPassword", None)
        if change.key is None:
            discard(world, instance)
        elif instance.secret and instance.secret.status == "rotating":
            world.keys.change_secret(instance.region, instance.secret.arn, _text(instance, change))
        kept(instance)
    world.tell(instance, "Reset master credentials", "configuration change")


def kept(instance: Instance) -> None:
    """The secret, where there is one, holds the password that is good. Call with the lock held."""
    if instance.secret:
        instance.secret.status = "active"


def discard(world: World, instance: Instance) -> None:
    """Delete the secret of an instance, if RDS keeps one."""
    with world.lock:
        held, instance.secret = instance.secret, None
        if held:
            world.keys.drop_secret(instance.region, held.arn)


def _text(instance: Instance, change: Change) -> str:
    return json.dumps({"username": instance.traits.master, "password": change.password})


def _made_up() -> str:
    return secrets.token_urlsafe(24)


def _key(world: World, region: Region, request: dict[str, Any]) -> str:
    return placement.key(world, region, request.get("MasterUserSecretKmsKeyId") or MANAGED)
