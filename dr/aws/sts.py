"""Who we are to AWS."""

from dr.aws.clients import Aws, Role
from dr.recovery import Fact


class Identity(Fact):
    account: str
    arn: str


def identity(aws: Aws, region: str, role: Role = "observe") -> Identity:
    """The account and name that calls are made under, asked in this region."""
    answer = aws.look("sts", region, "GetCallerIdentity", "the caller's identity", role=role)
    return Identity(account=answer["Account"], arn=answer["Arn"])
