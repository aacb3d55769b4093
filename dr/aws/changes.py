"""Change or delete an instance, and only the very one that was meant: its resource id is read again right before."""

from pydantic import SecretStr

from dr.aws import rds
from dr.aws.clients import Aws, Role
from dr.aws.errors import missing
from dr.aws.rds import Instance
from dr.claims import TAG_PURPOSE, TAG_RUN, ScratchClaim
from dr.errors import AwsError, Refused

_GOING = ("deleting", "deleted")


def set_master_password(aws: Aws, claim: ScratchClaim, password: SecretStr) -> Instance:
    """Give a scratch instance a password of our own, so that nobody needs production's.

    AWS answers while the status still reads `available`: wait until `pending` is empty and the standing is ok, twice
    in a row, or until the password works.
    """
    found = _claimed(aws, claim)
    if found is None:
        raise Refused(f"instance {claim.name} in {claim.region} is gone")
    answer = aws.change(
        "rds",
        claim.region,
        "ModifyDBInstance",
        f"instance {claim.name}",
        role="scratch",
        still=lambda: _still(aws, claim),
        DBInstanceIdentifier=claim.name,
        MasterUserPassword=password.get_secret_value(),
        ApplyImmediately=True,
    )
    return rds.read_instance(answer["DBInstance"], claim.region)


def set_deletion_protection(
    aws: Aws, region: str, identifier: str, resource_id: str, on: bool, *, role: Role = "recover"
) -> Instance:
    """Protect an instance that lasts, or stop protecting it. Raises Refused if the name is another instance's now."""

    def look() -> None:
        found = rds.instance(aws, region, identifier, role=role)
        if found is None or found.resource_id != resource_id:
            raise Refused(
                f"instance {identifier} in {region} is not {resource_id} but {found.resource_id if found else 'gone'}",
                hint="somebody gave its name to something else",
            )

    look()
    answer = aws.change(
        "rds",
        region,
        "ModifyDBInstance",
        f"instance {identifier}",
        role=role,
        still=look,
        DBInstanceIdentifier=identifier,
        DeletionProtection=on,
        ApplyImmediately=True,
    )
    return rds.read_instance(answer["DBInstance"], region)


def delete_instance(aws: Aws, claim: ScratchClaim) -> bool:
    """Delete a scratch instance with its automated backups and without a last snapshot.

    True while it is on its way out, False when it is gone: ask again until then. Raises Refused, and deletes nothing,
    when what bears the name now is not what the claim proves.
    """
    found = _claimed(aws, claim)
    if found is None:
        return False
    if found.status in _GOING:
        return True
    try:
        aws.change(
            "rds",
            claim.region,
            "DeleteDBInstance",
            f"instance {claim.name}",
            role="scratch",
            still=lambda: _still(aws, claim),
            DBInstanceIdentifier=claim.name,
            SkipFinalSnapshot=True,
            DeleteAutomatedBackups=True,
        )
    except AwsError as problem:
        if missing(problem):
            return False
        now = rds.instance(aws, claim.region, claim.name, role="scratch")
        if now is None or now.resource_id != claim.resource_id:
            return False
        if now.status in _GOING:
            return True
        raise
    return True


def _still(aws: Aws, claim: ScratchClaim) -> None:
    """Raises Refused when what bears the name by now is not what the claim proves."""
    _claimed(aws, claim)


def _claimed(aws: Aws, claim: ScratchClaim) -> Instance | None:
    """The claimed instance as it is now, or None when it is gone."""
    shown = f"instance {claim.name} in {claim.region}"
    if claim.kind != "instance" or not claim.resource_id:
        raise Refused(f"{shown}: the claim is not one of an instance with a resource id")
    found = rds.instance(aws, claim.region, claim.name, role="scratch")
    if found is None:
        return None
    if found.resource_id != claim.resource_id:
        raise Refused(
            f"{shown} is {found.resource_id} now, the claim is for {claim.resource_id}",
            hint="somebody gave its name to something else; nothing was touched",
        )
    if found.tags.get(TAG_RUN) != claim.run or found.tags.get(TAG_PURPOSE) != "scratch":
        raise Refused(f"{shown}: its tags no longer say that it is scratch of run {claim.run}")
    return found
