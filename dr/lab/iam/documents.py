"""A policy's text as statements.

Two kinds of trouble are told apart. A text that IAM itself would not keep raises Malformed. A text that IAM keeps but
that this lab cannot evaluate (a condition key that the lab does not fill, a policy variable) is `strange`: it is
refused where it is written, and where it comes with AWS's own managed policies it never grants and always denies.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from dr.lab.iam import conditions
from dr.lab.iam.conditions import Condition

Kind = Literal["identity", "trust"]

VERSIONS = ("2008-10-17", "2012-10-17")
_ELEMENTS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition", "Principal"}
_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")


class Malformed(ValueError):  # noqa: N818 - IAM's own word for it
    """IAM would not keep this text."""


@dataclass(frozen=True)
class Pattern:
    """Action or NotAction, Resource or NotResource: what is named, or everything else."""

    patterns: tuple[str, ...]
    other_than: bool = False


@dataclass(frozen=True)
class Statement:
    allow: bool
    actions: Pattern
    resources: Pattern | None
    """None in a trust policy, which is about the role that it belongs to."""
    principals: tuple[str, ...]
    """ARNs, account ids or `*`; empty in an identity policy, which is about whoever holds it."""
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Policy:
    statements: tuple[Statement, ...]


@lru_cache(maxsize=1000)
def read(text: str, kind: Kind = "identity") -> Policy:
    """The policy. Raises Malformed."""
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as problem:
        raise Malformed("This policy contains invalid Json") from problem
    if not isinstance(document, dict):
        raise Malformed("Syntax errors in policy.")
    if unknown := document.keys() - {"Version", "Id", "Statement"}:
        raise Malformed(f"Syntax errors in policy: {sorted(unknown)[0]} is no element of a policy.")
    if document.get("Version", VERSIONS[0]) not in VERSIONS:
        raise Malformed("The policy must contain a valid version string")
    given = document.get("Statement")
    statements = given if isinstance(given, list) else [given]
    if not statements:
        raise Malformed("Syntax errors in policy: there is no statement.")
    return Policy(tuple(_statement(each, kind) for each in statements))


def strange(policy: Policy) -> list[str]:
    """What this lab cannot evaluate in a policy that IAM would keep, in words."""
    return sorted(set(_strange(policy)))


def _strange(policy: Policy) -> Iterator[str]:
    for statement in policy.statements:
        for condition in statement.conditions:
            if not conditions.filled(condition.key):
                yield f"the lab does not fill the condition key {condition.key}"
            if any("${" in value for value in condition.values):
                yield "the lab does not evaluate policy variables"
        if statement.resources and any("${" in pattern for pattern in statement.resources.patterns):
            yield "the lab does not evaluate policy variables"


def _statement(given: Any, kind: Kind) -> Statement:
    if not isinstance(given, dict):
        raise Malformed("Syntax errors in policy: a statement is not an object.")
    if unknown := given.keys() - _ELEMENTS:
        raise Malformed(f"Syntax errors in policy: the lab does not know the element {sorted(unknown)[0]}.")
    if given.get("Effect") not in ("Allow", "Deny"):
        raise Malformed("Syntax errors in policy: Effect is neither Allow nor Deny.")
    actions = _pattern(given, "Action")
    if bad := [one for one in actions.patterns if not _ACTION.fullmatch(one)]:
        raise Malformed(f"Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc. ({bad[0][:100]})")
    if kind == "trust":
        if "Resource" in given or "NotResource" in given:
            raise Malformed("Has prohibited field Resource")
        principals, resources = _principals(given.get("Principal")), None
    else:
        if "Principal" in given:
            raise Malformed("Policy document should not specify a principal.")
        principals, resources = (), _pattern(given, "Resource")
        if bad := [one for one in resources.patterns if one != "*" and one.count(":") < 5]:
            raise Malformed(f'Resource {bad[0][:200]} must be in ARN format or "*".')
    return Statement(given["Effect"] == "Allow", actions, resources, principals, _conditions(given.get("Condition")))


def _pattern(given: dict[str, Any], name: str) -> Pattern:
    present = [each for each in (name, f"Not{name}") if each in given]
    if len(present) != 1:
        raise Malformed(f"Syntax errors in policy: a statement has {name} or Not{name}, and not both.")
    return Pattern(_texts(given[present[0]], present[0]), other_than=present[0] != name)


def _principals(given: Any) -> tuple[str, ...]:
    if given == "*":
        return ("*",)
    if not isinstance(given, dict) or not given:
        raise Malformed("Missing required field Principal")
    if unknown := given.keys() - {"AWS", "Service", "Federated"}:
        raise Malformed(f"Invalid principal in policy: {sorted(unknown)[0]}")
    # Services and federated users never call here: a name of one is nobody who could.
    return _texts(given["AWS"], "Principal") if "AWS" in given else ("nobody",)


def _conditions(given: Any) -> tuple[Condition, ...]:
    if given is None:
        return ()
    if not isinstance(given, dict):
        raise Malformed("Syntax errors in policy: Condition is not an object.")
    found = []
    for operator, keys in given.items():
        if not isinstance(keys, dict):
            raise Malformed(f"Syntax errors in policy: {operator} is not an object.")
        for key, values in keys.items():
            try:
                found.append(conditions.condition(operator, key, _texts(values, operator)))
            except ValueError as problem:
                raise Malformed(f"Syntax errors in policy: {problem}") from problem
    return tuple(found)


def _texts(given: Any, name: str) -> tuple[str, ...]:
    """One text or a list of them. JSON's own booleans and numbers count as what they are written as."""
    values = given if isinstance(given, list) else [given]
    texts = [json.dumps(one) if isinstance(one, bool | int | float) else one for one in values]
    if not texts or not all(isinstance(one, str) for one in texts):
        raise Malformed(f"Syntax errors in policy: {name} is not a text or a list of texts.")
    return tuple(texts)
