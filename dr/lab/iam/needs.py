"""The words that the table is written in: an operation needs an action on each of some resources."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dr.lab.iam.calls import Call
from dr.lab.iam.conditions import Keys

ANY = "*"


@dataclass(frozen=True)
class Need:
    """One resource that an operation is about: its kind, and the parameter that names it."""

    kind: str = ANY
    """As ARNs spell it; `*` for operations that are about no resource in particular."""
    parameter: str = ""
    default: str | None = ANY
    """What is meant where the parameter is not given; None where nothing is needed then."""
    action: str = ""
    """Where it is not the operation's own name: with its prefix."""
    made: bool = False
    """Whether the operation makes this resource, and so puts its tags on it."""


@dataclass(frozen=True)
class Wanted:
    """One action on one ARN that a principal must be allowed, with the keys that only this part of a request has."""

    action: str
    resource: str
    keys: Keys = field(default_factory=dict)
    made: bool = False


Rows = Mapping[str, tuple[Need, ...]]
"""operation -> what it needs."""

SHAPES = {
    "rds": "arn:aws:rds:{region}:{account}:{kind}:{name}",
    "kms": "arn:aws:kms:{region}:{account}:{name}",
    "secretsmanager": "arn:aws:secretsmanager:{region}:{account}:{kind}:{name}",
    "sns": "arn:aws:sns:{region}:{account}:{name}",
    "ec2": "arn:aws:ec2:{region}:{account}:{kind}/{name}",
    "route53": "arn:aws:route53:::{kind}/{name}",
    "iam": "arn:aws:iam::{account}:{kind}/{name}",
}
PREFIXES = {"tagging": "tag"}
"""Where actions are not called by the name that a service signs with."""


def wanted(call: Call, needs: tuple[Need, ...]) -> Iterator[Wanted]:
    """What a call needs by its row of the table. Names are ARNs already, or become ARNs of the called region."""
    prefix = PREFIXES.get(call.service, call.service)
    for need in needs:
        action = need.action or f"{prefix}:{call.operation}"
        if need.kind == ANY:
            yield Wanted(action, ANY)
            continue
        given = call.text(need.parameter)
        name = given or need.default
        if name is None:
            continue
        yield Wanted(action, arn(call, need.kind, name), made=need.made)


def arn(call: Call, kind: str, name: str) -> str:
    """The ARN of what a request calls by name."""
    if name.startswith("arn:"):
        return name
    if call.service == "rds":
        # Identifiers are kept in lower case.
        name = name.lower()
    if call.service == "route53":
        name = name.rpartition("/")[2]
    if call.service == "kms" and not name.startswith("alias/"):
        name = f"{kind}/{name}"
    return SHAPES[call.service].format(region=call.region, account=call.account, kind=kind, name=name)
