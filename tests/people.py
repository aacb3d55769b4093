"""People who work under the roles that `dr iam-policy` prints for their estate, in a lab that enforces them.

The whole suite does: whatever it runs against a seeded lab may do what is printed, and no more.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from dr import connection

if TYPE_CHECKING:
    from tests.conftest import Lab

ESTATE = Path(__file__).parent.parent / "runbooks" / "estate.yaml"
SUITE = "suite"
"""Whom the tests work as."""
SHARED = "firedrill-control-eu-central-1"
"""The bucket that is a control store where a test wants one; the suite's roles may use it."""
ACCOUNT = "123456789012"
REGIONS = ("eu-west-1", "eu-central-1")
KINDS = ("observe", "scratch", "recover", "heartbeat")

Document = dict[str, Any]


def under_roles(text: str, name: str) -> str:
    """An estate whose roles are those of somebody."""
    nobody = "roles: {observe: null, scratch: null, recover: null, heartbeat: null}"
    assert nobody in text
    roles = ", ".join(f'{kind}: "arn:aws:iam::{ACCOUNT}:role/{name}-{kind}"' for kind in KINDS)
    return text.replace(nobody, f"roles: {{{roles}}}")


def kept_in(text: str, bucket: str) -> str:
    """An estate whose control store is a bucket, so that leases and the ledger are written under the roles too."""
    return re.sub(r"(?m)^control: .*$", f"control: s3://{bucket}/prefix", text)


class People:
    """A user who may do nothing but assume four roles, and an estate that names the roles."""

    def __init__(self, lab: Lab, name: str, control: str | None = None) -> None:
        """`control`: the bucket that is their control store, whether or not it exists yet; None: the lab's folder."""
        self.lab = lab
        self.name = name
        self._control = control
        reached = connection.read(lab.surroundings())
        assert reached.credentials
        self._iam = boto3.client(
            "iam",
            region_name=REGIONS[0],
            endpoint_url=reached.endpoint("iam", "global"),
            aws_access_key_id=reached.credentials.access_key_id,
            aws_secret_access_key=reached.credentials.secret_access_key,
        )
        self._iam.create_user(UserName=name)
        # The whole account is trusted: so it is the caller's own policy that lets the caller in.
        account = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
        for kind in KINDS:
            self._iam.create_role(RoleName=self.role(kind), AssumeRolePolicyDocument=_text(_document([account])))
        key = self._iam.create_access_key(UserName=name)["AccessKey"]
        self.keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        self.policies: dict[str, list[Document]] = lab.json("iam-policy", "--estate", self.estate)
        for kind in (*KINDS, "caller"):
            self.grant(kind)

    def role(self, kind: str) -> str:
        return f"{self.name}-{kind}"

    def grant(self, kind: str, *, without: str = "") -> None:
        """Give a role what is printed for it, but for one action."""
        for number, document in enumerate(self.policies[kind]):
            left = [one for given in document["Statement"] if (one := _less(given, without))]
            named = {"PolicyName": f"firedrill-{number}", "PolicyDocument": _text(_document(left))}
            if kind != "caller":
                self._iam.put_role_policy(RoleName=self.role(kind), **named)
            elif left:
                self._iam.put_user_policy(UserName=self.name, **named)
            else:
                self._iam.delete_user_policy(UserName=self.name, PolicyName=named["PolicyName"])

    def actions(self, kind: str) -> list[str]:
        """Every action that is allowed to a role."""
        given = [one for document in self.policies[kind] for one in document["Statement"] if one["Effect"] == "Allow"]
        return sorted({action for one in given for action in one["Action"]})

    @property
    def estate(self) -> str:
        """The lab's estate, with these roles and a control store of their own."""
        text = under_roles(ESTATE.read_text(), self.name)
        text = kept_in(text, self._control) if self._control else text
        path = self.lab.folder / f"{self.name}.yaml"
        path.write_text(text.replace(".firedrill/", f"{self.lab.folder}/"), encoding="utf-8")
        return str(path)

    def dr(self, *arguments: str) -> Any:
        return self.lab.dr(*arguments, "--estate", self.estate, **self.keys)

    def withdraw(self) -> None:
        """Their key works no longer, nor do the sessions that it began."""
        self._iam.delete_access_key(UserName=self.name, AccessKeyId=self.keys["AWS_ACCESS_KEY_ID"])
        for kind in KINDS:
            for number in range(len(self.policies[kind])):
                self._iam.delete_role_policy(RoleName=self.role(kind), PolicyName=f"firedrill-{number}")

    def rds(self, kind: str, region: str) -> Any:
        """RDS as a role of theirs sees it, for whoever wants to try something on its behalf."""
        reached = connection.read(self.lab.surroundings())
        sts = boto3.client(
            "sts",
            region_name=region,
            endpoint_url=reached.endpoint("sts", region),
            aws_access_key_id=self.keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.keys["AWS_SECRET_ACCESS_KEY"],
        )
        arn = f"arn:aws:iam::{ACCOUNT}:role/{self.role(kind)}"
        given = sts.assume_role(RoleArn=arn, RoleSessionName="attempt")["Credentials"]
        return boto3.client(
            "rds",
            region_name=region,
            endpoint_url=reached.endpoint("rds", region),
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )


def _less(statement: dict[str, Any], action: str) -> dict[str, Any] | None:
    """A statement that no longer allows an action; nothing where it allowed nothing else."""
    if statement["Effect"] == "Deny":
        return statement
    left = [one for one in statement["Action"] if one != action]
    return statement | {"Action": left} if left else None


def _document(statements: list[dict[str, Any]]) -> Document:
    return {"Version": "2012-10-17", "Statement": statements}


def _text(document: Document) -> str:
    return json.dumps(document)
