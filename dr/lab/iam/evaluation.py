"""One verdict: an explicit deny anywhere wins; else every kind of policy that is present has to allow.

(IAM user guide, "Policy evaluation logic".) Pure: nothing is looked up here, and the order of statements and of
policies never matters. A condition that this lab cannot evaluate never grants and always denies.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from dr.lab.iam.conditions import Keys, arn_like, holds, like
from dr.lab.iam.documents import Policy, Statement


@dataclass(frozen=True)
class Ask:
    """One action on one resource, with the condition keys of the request."""

    action: str
    resource: str
    keys: Keys = field(default_factory=dict)


@dataclass(frozen=True)
class Holdings:
    """The policies that decide for a principal; None where there is no policy of that kind to narrow anything."""

    identity: tuple[Policy, ...] = ()
    boundary: tuple[Policy, ...] | None = None
    session: tuple[Policy, ...] | None = None


@dataclass(frozen=True)
class Verdict:
    allowed: bool
    reason: str = ""
    """The end of AWS's sentence: "with an explicit deny in ...", "because no ... allows the ... action"."""


def decide(holdings: Holdings, ask: Ask) -> Verdict:
    """Whether this principal may do this."""
    kinds = (
        ("an", "identity-based policy", holdings.identity),
        ("a", "permissions boundary", holdings.boundary),
        ("a", "session policy", holdings.session),
    )
    said = [(article, name, effects(policies, ask)) for article, name, policies in kinds if policies is not None]
    for article, name, (_, denies) in said:
        if denies:
            return Verdict(False, f"with an explicit deny in {article} {name}")
    for _, name, (allows, _) in said:
        if not allows:
            return Verdict(False, f"because no {name} allows the {ask.action} action")
    return Verdict(True)


def effects(policies: Iterable[Policy], ask: Ask) -> tuple[bool, bool]:
    """Whether any statement allows this, and whether any denies it."""
    allows = denies = False
    for policy in policies:
        for statement in policy.statements:
            if statement.allow:
                allows = allows or applies(statement, ask) is True
            else:
                denies = denies or applies(statement, ask) is not False
    return allows, denies


def applies(statement: Statement, ask: Ask) -> bool | None:
    """Whether a statement is about this request; None where this lab cannot tell."""
    named = any(like(ask.action.lower(), pattern.lower()) for pattern in statement.actions.patterns)
    if named == statement.actions.other_than:
        return False
    answers: list[bool | None] = []
    if statement.resources is not None:
        if any("${" in pattern for pattern in statement.resources.patterns):
            answers.append(None)
        else:
            meant = any(arn_like(ask.resource, pattern) for pattern in statement.resources.patterns)
            answers.append(meant != statement.resources.other_than)
    answers.extend(holds(condition, ask.keys) for condition in statement.conditions)
    if False in answers:
        return False
    return None if None in answers else True


def trusts(trust: Policy, principals: Iterable[str], ask: Ask) -> tuple[bool, bool]:
    """What the statements of a role's trust policy that name any of these say: (allows, denies)."""
    names = set(principals)
    about = tuple(statement for statement in trust.statements if names.intersection(statement.principals))
    return effects((Policy(about),), ask)
