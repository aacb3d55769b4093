"""Roles made for one test: what they may do is the test's, and nothing of them is left."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from tests.contract.cloud import Cloud

Statement = dict[str, Any]


def allow(action: Any, resource: Any = "*", **condition: Any) -> Statement:
    return {
        "Effect": "Allow",
        "Action": action,
        "Resource": resource,
        **({"Condition": condition} if condition else {}),
    }


def deny(action: Any, resource: Any = "*", **condition: Any) -> Statement:
    return {**allow(action, resource, **condition), "Effect": "Deny"}


def document(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


class Actor:
    """Somebody with a session of a role: clients of their own."""

    def __init__(self, cloud: Cloud, arn: str, credentials: dict[str, Any]) -> None:
        self._cloud = cloud
        self.arn = arn
        self.keys = {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        }

    def client(self, service: str, region: str | None = None) -> Any:
        return self._cloud.client(service, region or self._cloud.primary, **self.keys)


def account(cloud: Cloud) -> str:
    return str(cloud.client("sts").get_caller_identity()["Account"])


@contextmanager
def role(cloud: Cloud, *statements: Statement, trusts: Any = None, **settings: Any) -> Iterator[str]:
    """A role that whoever runs the suite may assume, with these statements: its ARN."""
    iam, name = cloud.client("iam"), cloud.name("role")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": trusts or {"AWS": account(cloud)}}
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust), Tags=cloud.tags, **settings)
    try:
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="test", PolicyDocument=document(*statements))
        yield str(made["Role"]["Arn"])
    finally:
        if statements:
            iam.delete_role_policy(RoleName=name, PolicyName="test")
        iam.delete_role(RoleName=name)


@contextmanager
def acting(cloud: Cloud, *statements: Statement, **assuming: Any) -> Iterator[Actor]:
    """Somebody who may do exactly what these statements say."""
    with role(cloud, *statements) as arn:
        yield assume(cloud, arn, **assuming)


def assume(cloud: Cloud, arn: str, **assuming: Any) -> Actor:
    """A session of the role, begun by whoever runs the suite; a new role takes some seconds to be known everywhere."""
    sts = cloud.client("sts")

    def attempt() -> Any:
        try:
            return sts.assume_role(RoleArn=arn, RoleSessionName="contract", **assuming)
        except ClientError as problem:
            if problem.response["Error"]["Code"] != "AccessDenied":
                raise
            return None

    answer = cloud.until(attempt, f"{arn} can be assumed", aws_seconds=120)
    return Actor(cloud, answer["AssumedRoleUser"]["Arn"], answer["Credentials"])


def denied(cloud: Cloud, action: str, call: Callable[..., Any], code: str = "AccessDenied", **request: Any) -> str:
    """The message of a call that is refused for want of this action."""
    message = str(cloud.refused(code, call, **request).response["Error"]["Message"])
    assert f"not authorized to perform: {action}" in message, message
    return message
