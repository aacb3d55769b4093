"""Security groups: estates name them, RDS wants their ids; and a scratch one must let nothing out."""

from typing import Any

from dr.aws.clients import Aws
from dr.aws.errors import missing
from dr.errors import AwsError, Refused
from dr.recovery import Fact


class SecurityGroup(Fact):
    id: str
    name: str
    vpc: str | None
    ingress: int
    egress: int
    """How many rules let traffic out. None of them should, from a scratch database that holds production's data."""


def security_group(aws: Aws, region: str, name: str, *, vpc: str | None = None) -> str:
    """The id of the group of this name (or of this id). Raises Refused when there is none, or more than one."""
    return describe(aws, region, name, vpc=vpc).id


def describe(aws: Aws, region: str, name: str, *, vpc: str | None = None) -> SecurityGroup:
    """The group of this name (or of this id). Names are unique only within a VPC: give it where it is known."""
    filters: list[dict[str, Any]] = [{"Name": "group-id" if name.startswith("sg-") else "group-name", "Values": [name]}]
    if vpc:
        filters.append({"Name": "vpc-id", "Values": [vpc]})
    about = f"security group {name}"
    try:
        pages = list(aws.pages("ec2", region, "DescribeSecurityGroups", about, Filters=filters))
    except AwsError as problem:
        if not missing(problem):
            raise
        pages = []
    found = [one for page in pages for one in page["SecurityGroups"]]
    if not found:
        raise Refused(f"there is no {about} in {region}", hint="the estate names groups that exist beforehand")
    if len(found) > 1:
        ids = ", ".join(sorted(f"{one['GroupId']} in {one.get('VpcId')}" for one in found))
        raise Refused(f"there is more than one {about} in {region}: {ids}", hint="name it by its id")
    (one,) = found
    return SecurityGroup(
        id=one["GroupId"],
        name=one["GroupName"],
        vpc=one.get("VpcId"),
        ingress=len(one.get("IpPermissions", ())),
        egress=len(one.get("IpPermissionsEgress", ())),
    )
