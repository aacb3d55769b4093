"""Policies as values: what a statement says, what all of them say together, and what IAM would not keep."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dr.lab.iam import documents
from dr.lab.iam.documents import Malformed, Policy
from dr.lab.iam.evaluation import Ask, Holdings, decide, trusts

DB = "arn:aws:rds:eu-west-1:123456789012:db:receipts"
SNAPSHOT = "arn:aws:rds:eu-west-1:123456789012:snapshot:nightly"
KEYS = {
    "aws:resourcetag/environment": ("production",),
    "aws:requestedregion": ("eu-west-1",),
    "aws:tagkeys": ("owner", "run"),
    "aws:currenttime": ("2026-11-21T12:00:00+00:00",),
    "aws:sourceip": ("127.0.0.1",),
    "s3:max-keys": ("10",),
    "aws:securetransport": ("true",),
    "aws:principalarn": ("arn:aws:iam::123456789012:role/drill/observe",),
}


def statement(effect: str = "Allow", action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def text(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def policy(*statements: dict[str, Any]) -> Policy:
    return documents.read(text(*statements))


def allowed(*statements: dict[str, Any], action: str = "rds:DeleteDBInstance", resource: str = DB) -> bool:
    return decide(Holdings((policy(*statements),)), Ask(action, resource, KEYS)).allowed


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("rds:DeleteDBInstance", DB, True),
        ("RDS:deletedbinstance", DB, True),
        ("rds:Delete*", "*", True),
        ("rds:Delete?BInstance", "*", True),
        ("rds:Describe*", "*", False),
        ("*", "arn:aws:rds:*:*:db:*", True),
        ("*", "arn:aws:rds:*:*:db:Receipts", False),
        ("*", "arn:aws:rds:*:*:snapshot:*", False),
        ("*", "arn:*:rds:*:*:*", True),
        ("*", "arn:aws:rds:*:*receipts:x:y", False),
        ("rds:DeleteDBInstance.", DB.replace("receipts", "rec.ipts"), None),
    ],
)
def test_actions_and_resources(action: str, resource: str, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(Malformed):
            policy(statement(action=action, resource=resource))
    else:
        assert allowed(statement(action=action, resource=resource)) is expected


def test_everything_but() -> None:
    other = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    assert allowed(other)
    assert not allowed(other, action="iam:CreateUser")
    elsewhere = {"Effect": "Deny", "Action": "rds:*", "NotResource": "arn:aws:rds:*:*:snapshot:*"}
    assert not allowed(statement(), elsewhere)
    assert allowed(statement(), elsewhere, resource=SNAPSHOT)


@pytest.mark.parametrize(
    ("operator", "key", "values", "expected"),
    [
        ("StringEquals", "aws:ResourceTag/environment", "production", True),
        ("StringEquals", "aws:ResourceTag/Environment", "production", True),
        ("StringEquals", "aws:ResourceTag/environment", "Production", False),
        ("StringEqualsIgnoreCase", "aws:ResourceTag/environment", "Production", True),
        ("StringNotEquals", "aws:ResourceTag/environment", ["production", "test"], False),
        ("StringNotEquals", "aws:ResourceTag/owner", "me", True),
        ("StringEquals", "aws:ResourceTag/owner", "me", False),
        ("StringEqualsIfExists", "aws:ResourceTag/owner", "me", True),
        ("StringEqualsIfExists", "aws:ResourceTag/environment", "test", False),
        ("StringLike", "aws:ResourceTag/environment", "prod*", True),
        ("StringNotLike", "aws:ResourceTag/environment", "prod*", False),
        ("StringEquals", "aws:ResourceTag/environment", "prod*", False),
        ("Null", "aws:ResourceTag/owner", "true", True),
        ("Null", "aws:ResourceTag/owner", False, False),
        ("Null", "aws:ResourceTag/environment", "false", True),
        ("ForAllValues:StringEquals", "aws:TagKeys", ["owner", "run", "more"], True),
        ("ForAllValues:StringEquals", "aws:TagKeys", ["owner"], False),
        ("ForAllValues:StringEquals", "aws:RequestTag/none", ["owner"], True),
        ("ForAnyValue:StringEquals", "aws:TagKeys", ["owner"], True),
        ("ForAnyValue:StringEquals", "aws:RequestTag/none", ["owner"], False),
        ("ForAnyValue:StringNotEquals", "aws:TagKeys", ["owner"], True),
        ("NumericLessThan", "s3:max-keys", 11, True),
        ("NumericLessThanEquals", "s3:max-keys", "9.5", False),
        ("NumericGreaterThan", "aws:ResourceTag/environment", "1", False),
        ("DateLessThan", "aws:CurrentTime", "2026-11-21T13:00:00Z", True),
        ("DateGreaterThan", "aws:CurrentTime", "2026-11-22", False),
        ("DateGreaterThanEquals", "aws:CurrentTime", "1700000000", True),
        ("Bool", "aws:SecureTransport", True, True),
        ("Bool", "aws:SecureTransport", "false", False),
        ("IpAddress", "aws:SourceIp", "127.0.0.0/8", True),
        ("NotIpAddress", "aws:SourceIp", "127.0.0.0/8", False),
        ("IpAddress", "aws:SourceIp", "::1/128", False),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/drill/*", True),
        ("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::*:role/other/*", False),
        ("ArnNotLike", "aws:PrincipalArn", "arn:aws:iam::*:role/drill/*", False),
    ],
)
def test_conditions(operator: str, key: str, values: Any, expected: bool) -> None:
    assert allowed(statement(Condition={operator: {key: values}})) is expected


def test_all_conditions_must_hold_and_any_of_their_values() -> None:
    both = {"StringEquals": {"aws:ResourceTag/environment": ["test", "production"], "aws:RequestedRegion": "eu-west-1"}}
    assert allowed(statement(Condition=both))
    both["StringEquals"]["aws:RequestedRegion"] = "eu-central-1"
    assert not allowed(statement(Condition=both))


@pytest.mark.parametrize(
    "bad",
    [
        "no json",
        "[]",
        '{"Statement": []}',
        json.dumps({"Version": "2020-01-01", "Statement": [statement()]}),
        json.dumps({"Statement": [statement()], "Conditions": {}}),
        text({"Effect": "Allow", "Action": "*"}),
        text({"Effect": "allow", "Action": "*", "Resource": "*"}),
        text(statement(NotAction="s3:*")),
        text(statement(Principal="*")),
        text(statement(action="DescribeDBInstances")),
        text(statement(resource="receipts")),
        text(statement(action=7.5, resource=[{}])),
        text(statement(Condition={"StringAlmost": {"aws:RequestedRegion": "eu-west-1"}})),
        text(statement(Condition={"Some:StringEquals": {"aws:RequestedRegion": "eu-west-1"}})),
        text(statement(Condition={"NullIfExists": {"aws:RequestedRegion": "true"}})),
        text(statement(Condition={"NumericLessThan": {"s3:max-keys": "few"}})),
        text(statement(Condition={"DateLessThan": {"aws:CurrentTime": "soon"}})),
        text(statement(Condition={"IpAddress": {"aws:SourceIp": "localhost"}})),
        text(statement(Condition={"Bool": {"aws:SecureTransport": "maybe"}})),
        text(statement(Condition={"StringEquals": "aws:RequestedRegion"})),
        text(statement(Condition=["StringEquals"])),
    ],
)
def test_what_iam_would_not_keep(bad: str) -> None:
    with pytest.raises(Malformed):
        documents.read(bad)


def test_what_the_lab_cannot_evaluate_is_named_and_never_grants_and_always_denies() -> None:
    unknown = {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}
    assert documents.strange(policy(statement(Condition=unknown))) == [
        "the lab does not fill the condition key aws:sourcevpc"
    ]
    assert documents.strange(policy(statement(resource="arn:aws:s3:::${aws:username}")))
    assert not documents.strange(policy(statement(Condition={"Null": {"aws:ResourceTag/x": "true"}})))
    assert not allowed(statement(Condition=unknown))
    assert not allowed(statement(), statement("Deny", Condition=unknown))
    assert allowed(statement(), statement("Deny", action="s3:*", Condition=unknown))


def test_the_reasons_are_aws_own() -> None:
    everything, nothing = (policy(statement()),), (policy(statement(action="s3:*")),)
    denying = (policy(statement("Deny")),)
    ask = Ask("rds:DeleteDBInstance", DB, KEYS)
    assert decide(Holdings(everything), ask).allowed
    assert decide(Holdings(everything, everything, everything), ask).allowed
    for holdings, reason in (
        (Holdings(()), "because no identity-based policy allows the rds:DeleteDBInstance action"),
        (Holdings(everything + denying), "with an explicit deny in an identity-based policy"),
        (Holdings(everything, nothing), "because no permissions boundary allows the rds:DeleteDBInstance action"),
        (Holdings(everything, None, nothing), "because no session policy allows the rds:DeleteDBInstance action"),
        (Holdings((), None, denying), "with an explicit deny in a session policy"),
    ):
        verdict = decide(holdings, ask)
        assert not verdict.allowed
        assert verdict.reason == reason


def test_trust() -> None:
    written = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::123456789012:user/responder"},
        "Condition": {"StringEquals": {"sts:ExternalId": "drill"}},
    }
    trust = documents.read(text(written), "trust")
    right = Ask("sts:AssumeRole", "arn:aws:iam::123456789012:role/x", {"sts:externalid": ("drill",)})
    assert trusts(trust, ["arn:aws:iam::123456789012:user/responder"], right) == (True, False)
    assert trusts(trust, ["arn:aws:iam::123456789012:user/somebody"], right) == (False, False)
    assert trusts(trust, ["arn:aws:iam::123456789012:user/responder"], Ask(right.action, right.resource)) == (
        False,
        False,
    )
    for bad in (statement(), {**written, "Principal": {"Everybody": "*"}}, {**written, "Principal": None}):
        with pytest.raises(Malformed):
            documents.read(text(bad), "trust")


_actions = some.sampled_from(["*", "rds:*", "rds:Delete*", "rds:DeleteDBInstance", "s3:*", "rds:Describe*"])
_resources = some.sampled_from(["*", DB, "arn:aws:rds:*:*:db:*", SNAPSHOT, "arn:aws:s3:::*"])
_conditions = some.one_of(
    some.none(),
    some.builds(
        lambda operator, key, value: {operator: {key: value}},
        some.sampled_from(["StringEquals", "StringNotEquals", "StringLikeIfExists", "ForAllValues:StringLike"]),
        some.sampled_from(["aws:ResourceTag/environment", "aws:TagKeys", "aws:RequestedRegion", "aws:SourceVpc"]),
        some.sampled_from(["production", "owner", "eu-*", "nothing"]),
    ),
)


def _written(effect: str) -> some.SearchStrategy[dict[str, Any]]:
    return some.builds(
        lambda action, not_action, resource, condition: {
            "Effect": effect,
            ("NotAction" if not_action else "Action"): action,
            "Resource": resource,
            **({"Condition": condition} if condition else {}),
        },
        some.lists(_actions, min_size=1, max_size=3),
        some.booleans(),
        some.lists(_resources, min_size=1, max_size=3),
        _conditions,
    )


_statements = some.lists(some.one_of(_written("Allow"), _written("Deny")), min_size=1, max_size=6)
_asks = some.builds(
    Ask,
    some.sampled_from(["rds:DeleteDBInstance", "rds:DescribeDBInstances", "s3:GetObject"]),
    some.sampled_from([DB, SNAPSHOT, "arn:aws:s3:::bucket/key", "*"]),
    some.dictionaries(
        some.sampled_from(["aws:resourcetag/environment", "aws:tagkeys", "aws:requestedregion"]),
        some.lists(some.sampled_from(["production", "owner", "eu-west-1"]), min_size=1, max_size=2).map(tuple),
    ),
)


@given(_statements, _written("Deny"), _asks)
def test_adding_a_deny_never_allows_more(statements: list[dict[str, Any]], denial: dict[str, Any], ask: Ask) -> None:
    before = decide(Holdings((policy(*statements),)), ask)
    after = decide(Holdings((policy(*statements, denial),)), ask)
    assert before.allowed or not after.allowed


@given(_statements, _written("Allow"), _asks)
def test_adding_an_allow_never_allows_less(statements: list[dict[str, Any]], grant: dict[str, Any], ask: Ask) -> None:
    before = decide(Holdings((policy(*statements),)), ask)
    after = decide(Holdings((policy(*statements, grant),)), ask)
    assert after.allowed or not before.allowed


@given(_statements, some.randoms(use_true_random=False), _asks)
def test_order_never_matters_nor_how_statements_are_shared_between_policies(
    statements: list[dict[str, Any]], chance: Any, ask: Ask
) -> None:
    shuffled = list(statements)
    chance.shuffle(shuffled)
    together = decide(Holdings((policy(*statements),)), ask)
    apart = decide(Holdings(tuple(policy(one) for one in shuffled)), ask)
    assert together == apart


@given(_statements, _statements, _asks)
def test_a_boundary_and_a_session_policy_only_narrow(
    identity: list[dict[str, Any]], narrowing: list[dict[str, Any]], ask: Ask
) -> None:
    held, narrow = (policy(*identity),), (policy(*narrowing),)
    both = decide(Holdings(held), ask).allowed and decide(Holdings(narrow), ask).allowed
    assert decide(Holdings(held, narrow), ask).allowed == both
    assert decide(Holdings(held, None, narrow), ask).allowed == both


@given(_statements)
def test_nobody_may_do_anything_without_an_allow(statements: list[dict[str, Any]]) -> None:
    only_denials = [one for one in statements if one["Effect"] == "Deny"]
    held = (policy(*only_denials),) if only_denials else ()
    assert not decide(Holdings(held), Ask("rds:DeleteDBInstance", DB, KEYS)).allowed


@given(some.text() | some.recursive(some.none() | some.booleans() | some.text(), some.lists).map(json.dumps))
def test_no_text_does_worse_than_being_refused(anything: str) -> None:
    for document in (anything, json.dumps({"Statement": anything}), text({"Effect": anything, "Action": [anything]})):
        with pytest.raises(Malformed):
            documents.read(document)
