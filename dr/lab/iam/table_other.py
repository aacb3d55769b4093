"""What the operations of KMS, Secrets Manager, EC2, SNS, Route 53, IAM, STS and the tagging API need.

A KMS alias and a secret's name become the ARN of what they stand for before anything is evaluated: a policy that names
an alias grants nothing.
"""

from collections.abc import Iterable

from dr.lab.iam.needs import Need, Rows

_ANY = (Need(),)


def _each(operations: Iterable[str], *needs: Need) -> Rows:
    return dict.fromkeys(operations, needs)


_KEY = Need("key", "KeyId")
_ALIAS = Need("alias", "AliasName")
KMS: Rows = {
    **_each(("CreateKey", "ListAliases", "ListKeys", "GenerateRandom"), Need()),
    **_each(
        (
            *("CancelKeyDeletion", "CreateGrant", "Decrypt", "DescribeKey", "DisableKey", "DisableKeyRotation"),
            *("EnableKey", "EnableKeyRotation", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"),
            *("GetKeyPolicy", "GetKeyRotationStatus", "ListGrants", "ListKeyPolicies", "ListResourceTags"),
            *("PutKeyPolicy", "ReplicateKey", "RevokeGrant", "ScheduleKeyDeletion", "TagResource", "UntagResource"),
            "UpdateKeyDescription",
        ),
        _KEY,
    ),
    "CreateAlias": (_ALIAS, Need("key", "TargetKeyId")),
    "UpdateAlias": (_ALIAS, Need("key", "TargetKeyId")),
    "DeleteAlias": (_ALIAS,),
}

_SECRET = Need("secret", "SecretId")
SECRETS: Rows = {
    **_each(("GetRandomPassword", "ListSecrets"), Need()),
    **_each(
        (
            *("CancelRotateSecret", "DeleteSecret", "DescribeSecret", "GetResourcePolicy", "GetSecretValue"),
            *("ListSecretVersionIds", "PutSecretValue", "RemoveRegionsFromReplication", "ReplicateSecretToRegions"),
            *("RestoreSecret", "RotateSecret", "StopReplicationToReplica", "TagResource", "UntagResource"),
            *("UpdateSecret", "UpdateSecretVersionStage"),
        ),
        _SECRET,
    ),
    "CreateSecret": (Need("secret", "Name", made=True),),
}

_GROUP = Need("security-group", "GroupId")
EC2: Rows = {
    # Listings of EC2 know no resources: only `*` grants them.
    **_each(
        (
            *("DescribeAvailabilityZones", "DescribeInstances", "DescribeNetworkInterfaces", "DescribeRegions"),
            *("DescribeRouteTables", "DescribeSecurityGroupRules", "DescribeSecurityGroups", "DescribeSubnets"),
            *("DescribeTags", "DescribeVpcAttribute", "DescribeVpcEndpoints", "DescribeVpcs"),
        ),
        Need(),
    ),
    **_each(
        (
            *("AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress", "DeleteSecurityGroup"),
            *("RevokeSecurityGroupEgress", "RevokeSecurityGroupIngress"),
        ),
        _GROUP,
    ),
    "CreateSecurityGroup": (Need("security-group", made=True), Need("vpc", "VpcId")),
    "CreateSubnet": (Need("subnet", made=True), Need("vpc", "VpcId")),
    "CreateVpc": (Need("vpc", made=True),),
    "DeleteSubnet": (Need("subnet", "SubnetId"),),
    "DeleteVpc": (Need("vpc", "VpcId"),),
}

_TOPIC = Need("topic", "TopicArn")
SNS: Rows = {
    "ListTopics": _ANY,
    "ListSubscriptions": _ANY,
    "CreateTopic": (Need("topic", "Name", made=True),),
    **_each(
        (
            *("DeleteTopic", "GetTopicAttributes", "ListSubscriptionsByTopic", "Publish", "SetTopicAttributes"),
            "Subscribe",
        ),
        _TOPIC,
    ),
}

_ZONE = Need("hostedzone", "Id")
_CHECK = Need("healthcheck", "Id")
ROUTE53: Rows = {
    **_each(
        ("CreateHealthCheck", "CreateHostedZone", "ListHealthChecks", "ListHostedZones", "ListHostedZonesByName"),
        Need(),
    ),
    **_each(("ChangeResourceRecordSets", "DeleteHostedZone", "GetHostedZone", "ListResourceRecordSets"), _ZONE),
    **_each(("DeleteHealthCheck", "GetHealthCheck", "GetHealthCheckStatus", "UpdateHealthCheck"), _CHECK),
    **_each(("ChangeTagsForResource", "ListTagsForResource"), _ZONE),
    "GetChange": (Need("change", "Id"),),
}

_ROLE, _USER = Need("role", "RoleName"), Need("user", "UserName")
IAM: Rows = {
    **_each(("ListPolicies", "ListRoles", "ListUsers", "GetAccountSummary", "ListAccountAliases"), Need()),
    **_each(
        (
            *("AttachRolePolicy", "CreateRole", "DeleteRole", "DeleteRolePolicy", "DetachRolePolicy", "GetRole"),
            *("GetRolePolicy", "ListAttachedRolePolicies", "ListRolePolicies", "PutRolePolicy"),
            *("PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary", "UpdateAssumeRolePolicy", "UpdateRole"),
        ),
        _ROLE,
    ),
    **_each(
        (
            *("AttachUserPolicy", "CreateAccessKey", "CreateUser", "DeleteAccessKey", "DeleteUser"),
            *("DeleteUserPolicy", "DetachUserPolicy", "GetUser", "GetUserPolicy", "ListAccessKeys"),
            *("ListAttachedUserPolicies", "ListUserPolicies", "PutUserPolicy", "UpdateAccessKey"),
        ),
        _USER,
    ),
    "CreatePolicy": (Need("policy", "PolicyName"),),
    **_each(("CreatePolicyVersion", "DeletePolicy", "GetPolicy", "GetPolicyVersion"), Need("policy", "PolicyArn")),
}

TAGGING: Rows = _each(("GetResources", "GetTagKeys", "GetTagValues", "TagResources", "UntagResources"), Need())

STS: Rows = {
    # Nobody needs a permission to ask who they are, and nobody can be denied it (botocore's model of STS says so).
    "GetCallerIdentity": (),
    # Decided where the trust of the role is read.
    "AssumeRole": (),
    "GetAccessKeyInfo": _ANY,
    "DecodeAuthorizationMessage": _ANY,
}
