"""The permissions of each kind of work, derived from the operations that the product calls for it.

observe reads production and changes nothing; scratch builds a copy and destroys it, and may neither delete nor modify
what does not carry a run's tag; recover makes backups. The caller may do nothing but assume the three.
"""

import json
from typing import Any

import boto3

from dr import connection
from tests.conftest import ESTATE, Lab

ACCOUNT = "123456789012"
REGIONS = ("eu-west-1", "eu-central-1")
DOCUMENTS = "arn:aws:s3:::receipts-documents-*"
SCRATCH = "arn:aws:s3:::firedrill-scratch-*"
RUN_TAG = "aws:ResourceTag/firedrill:run"

Statements = list[dict[str, Any]]


def _rds(kind: str, name: str) -> str:
    return f"arn:aws:rds:*:{ACCOUNT}:{kind}:{name}"


def _allow(action: str, *resources: str, **condition: Any) -> dict[str, Any]:
    given = {"Effect": "Allow", "Action": action, "Resource": list(resources) or "*"}
    return {**given, "Condition": condition} if condition else given


SCRATCH_INSTANCES = _rds("db", "firedrill-*")
_RESTORED_WITH = (
    _rds("subgrp", "firedrill-scratch"),
    _rds("pg", "firedrill-scratch-pg15"),
    _rds("og", "default:postgres-*"),
)

ROLES: dict[str, Statements] = {
    "observe": [
        _allow("rds:DescribeDBInstances"),
        _allow("rds:DescribeDBSnapshots"),
        _allow("rds:DescribeDBInstanceAutomatedBackups"),
        _allow("rds:DescribeDBSubnetGroups", _rds("subgrp", "firedrill-scratch")),
        _allow("rds:DescribeDBParameterGroups", _rds("pg", "firedrill-scratch-pg15")),
        _allow("rds:DescribeEvents"),
        _allow("s3:ListBucket", DOCUMENTS, SCRATCH),
        _allow("s3:GetBucketVersioning", DOCUMENTS, SCRATCH),
        _allow("s3:ListBucketVersions", DOCUMENTS, SCRATCH),
        _allow("s3:GetObject", f"{DOCUMENTS}/*"),
        _allow("s3:GetObjectVersion", f"{DOCUMENTS}/*"),
        _allow("kms:DescribeKey", f"arn:aws:kms:*:{ACCOUNT}:key/*"),
        _allow("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:receipts/*"),
        _allow("ec2:DescribeSecurityGroups"),
        _allow("tag:GetResources"),
    ],
    "scratch": [
        _allow("rds:DescribeDBInstances", SCRATCH_INSTANCES, _rds("db", "receipts")),
        _allow("rds:RestoreDBInstanceToPointInTime", _rds("auto-backup", "*"), SCRATCH_INSTANCES, *_RESTORED_WITH),
        _allow("rds:RestoreDBInstanceFromDBSnapshot", _rds("snapshot", "*"), SCRATCH_INSTANCES, *_RESTORED_WITH),
        _allow("rds:AddTagsToResource", SCRATCH_INSTANCES, Null={"aws:RequestTag/firedrill:run": "false"}),
        _allow("rds:ModifyDBInstance"),
        _allow("rds:DeleteDBInstance"),
        {
            "Effect": "Deny",
            "Action": ["rds:Delete*", "rds:Modify*"],
            "Resource": "*",
            "Condition": {"Null": {RUN_TAG: "true"}},
        },
        _allow("s3:GetObjectVersion", f"{DOCUMENTS}/*", f"{SCRATCH}/*"),
        _allow("s3:PutObject", f"{SCRATCH}/*"),
        _allow("s3:ListBucketVersions", SCRATCH),
        _allow("s3:ListBucketMultipartUploads", SCRATCH),
        _allow("s3:DeleteObjectVersion", f"{SCRATCH}/*"),
    ],
    "recover": [
        _allow("rds:CreateDBSnapshot", _rds("db", "receipts"), _rds("snapshot", "firedrill-*")),
        _allow("rds:CopyDBSnapshot", _rds("snapshot", "firedrill-*")),
        _allow("rds:AddTagsToResource", _rds("snapshot", "firedrill-*")),
        _allow("kms:DescribeKey", f"arn:aws:kms:*:{ACCOUNT}:key/*"),
        _allow("kms:CreateGrant", f"arn:aws:kms:*:{ACCOUNT}:key/*", Bool={"kms:GrantIsForAWSResource": "true"}),
    ],
}


class People:
    """A user who may assume three roles, and an estate that names the roles."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab = lab
        self.name = name
        reached = connection.read(lab.surroundings())
        assert reached.credentials
        self._iam = boto3.client(
            "iam",
            region_name=REGIONS[0],
            endpoint_url=reached.endpoint("iam", "global"),
            aws_access_key_id=reached.credentials.access_key_id,
            aws_secret_access_key=reached.credentials.secret_access_key,
        )
        user = self._iam.create_user(UserName=name)["User"]["Arn"]
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": user}}
        for kind in ROLES:
            self._iam.create_role(RoleName=self.role(kind), AssumeRolePolicyDocument=_document([trust]))
        key = self._iam.create_access_key(UserName=name)["AccessKey"]
        self._keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        for kind in ROLES:
            self.grant(kind)

    def role(self, kind: str) -> str:
        return f"{self.name}-{kind}"

    def grant(self, kind: str, *, without: str = "") -> None:
        """Give a role its permissions, but for one action."""
        left = [one for one in ROLES[kind] if one["Effect"] == "Deny" or one["Action"] != without]
        assert not without or len(left) < len(ROLES[kind]), f"{kind} has no {without}"
        self._iam.put_role_policy(RoleName=self.role(kind), PolicyName="firedrill", PolicyDocument=_document(left))

    @property
    def estate(self) -> str:
        """The lab's estate, with these roles and the control store of the lab's own."""
        roles = ", ".join(f'{kind}: "arn:aws:iam::{ACCOUNT}:role/{self.role(kind)}"' for kind in ROLES)
        nobody = "roles: {observe: null, scratch: null, recover: null}"
        text = ESTATE.read_text()
        assert nobody in text
        path = self.lab.folder / f"{self.name}.yaml"
        path.write_text(
            text.replace(nobody, f"roles: {{{roles}}}").replace(".firedrill/", f"{self.lab.folder}/"), encoding="utf-8"
        )
        return str(path)

    def dr(self, *arguments: str) -> Any:
        return self.lab.dr(*arguments, "--estate", self.estate, **self._keys)


def _document(statements: Statements) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
