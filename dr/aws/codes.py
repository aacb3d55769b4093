"""What kind of trouble an AWS error code is, and what to look at next. Pure: a table.

Codes are irregular: the shape `DBInstanceNotFoundFault` travels as `DBInstanceNotFound`, while
`DBSubnetGroupNotFoundFault` keeps its ending. Endings are therefore cut off before anything is looked up; a test walks
through the service models to see that no declared code is read differently from its shape.
"""

import re
from typing import Literal

Kind = Literal["transient", "wait", "already", "capacity", "quota", "permanent"]

TRANSIENT = frozenset(
    {
        "500", "502", "503", "504",
        "BandwidthLimitExceeded", "ConditionalRequestConflict", "ConnectionClosedError", "ConnectTimeoutError",
        "EC2ThrottledException", "EndpointConnectionError", "FlexibleChecksumError", "HTTPClientError",
        "IncompleteReadError", "InternalError", "InternalFailure", "InternalServerError", "InternalService",
        "InternalServiceError",
        "KMSInternal", "KeyUnavailable", "OperationAborted", "PriorRequestNotComplete",
        "ProvisionedThroughputExceeded", "ReadTimeoutError", "RequestLimitExceeded", "RequestThrottled",
        "RequestTimeout", "ResponseParserError", "ResponseStreamingError", "ServiceUnavailable", "SlowDown",
        "Throttled", "Throttling",
        "TooManyRequests", "TransactionInProgress", "Unavailable", "DependencyTimeout",
    }
)  # fmt: skip
THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded", "EC2Throttled", "PriorRequestNotComplete", "ProvisionedThroughputExceeded",
        "RequestLimitExceeded", "RequestThrottled", "SlowDown", "Throttled", "Throttling", "TooManyRequests",
    }
)  # fmt: skip
"""Those transient ones by which a service that works says that it is asked too much."""
WAIT = frozenset(
    {
        "DependencyViolation", "InvalidDBClusterSnapshotState", "InvalidDBClusterState",
        "InvalidDBInstanceAutomatedBackupState", "InvalidDBInstanceState", "InvalidDBParameterGroupState",
        "InvalidDBSnapshotState", "InvalidDBSubnetGroupState", "InvalidGlobalClusterState", "KMSInvalidState",
        "InvalidDBClusterAutomatedBackupState",
    }
)  # fmt: skip
CAPACITY = frozenset(
    {
        "DBSubnetGroupDoesNotCoverEnoughAZs", "InsufficientDBClusterCapacity", "InsufficientDBInstanceCapacity",
        "InsufficientStorageClusterCapacity", "ProvisionedIopsNotAvailableInAZ", "StorageTypeNotSupported",
    }
)  # fmt: skip
CREDENTIALS = frozenset(
    {
        "AuthFailure", "CredentialRetrievalError", "ExpiredToken", "IncompleteSignature", "InvalidAccessKeyId",
        "InvalidClientTokenId", "InvalidSignature", "InvalidToken", "MissingAuthenticationToken", "NoAuthTokenError",
        "NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "RequestExpired", "RequestTimeTooSkewed",
        "SSOError", "SSOTokenLoadError", "SignatureDoesNotMatch", "TokenRefreshRequired", "TokenRetrievalError",
        "UnauthorizedSSOTokenError", "UnrecognizedClient", "LoginError", "LoginRefreshRequired", "LoginTokenLoadError",
        "MetadataRetrievalError", "InvalidConfigError", "ConfigParseError", "ConfigNotFound",
    }
)  # fmt: skip
EXPIRED = frozenset({"ExpiredToken", "RequestExpired", "TokenRefreshRequired"})
"""Credentials that were good, and are no longer."""
DENIED = frozenset({"403", "AccessDenied", "AllAccessDisabled", "Forbidden", "NotAuthorized", "UnauthorizedOperation"})
MISSING = frozenset({"404", "NotFound", "ResourceNotFound"})
_MISSING_PATTERN = re.compile(r"NotFound$|^NoSuch")
_TAKEN = frozenset({"BucketAlreadyOwnedByYou", "ResourceExists", "PreconditionFailed"})

_HINTS = {
    "KMSKeyNotAccessible": "the key must be enabled, in this region, and allow kms:CreateGrant and kms:DescribeKey",
    "PointInTimeRestoreNotEnabled": "the source keeps no automated backups: its retention is 0 days",
    "InvalidRestore": "this source cannot be restored that way; look at its status and engine",
    "DBSubnetGroupNotFound": "create the scratch subnet group that the estate names, in two availability zones or more",
    "DBParameterGroupNotFound": "parameter groups never travel between regions: create the one that the estate names",
    "DBSecurityGroupNotFound": "create the security group that the estate names",
    "InvalidVPCNetworkState": "look at the subnets of the subnet group: are there free addresses?",
    "InvalidSubnet": "the subnet group's subnets must all be in one VPC",
    "DBInstanceNotFound": "compare the estate's `instance:` with `aws rds describe-db-instances` in that region",
    "DBSnapshotNotFound": "snapshots stay in the region where they were made, unless they were copied",
    "DBInstanceAutomatedBackupNotFound": "is the replication of automated backups to this region on?",
    "NoSuchBucket": "compare the estate's bucket names with the account",
    "NoSuchKey": "the object is not there, or its newest version is a delete marker",
    "ResourceNotFound": "secrets are found only in regions that they are replicated to",
    "InvalidParameterCombination": "AWS refuses these settings together; the message says which",
    "InvalidParameterValue": "AWS refuses a value; the message says which",
    "InvalidAction": "this endpoint does not know the operation",
    "PermanentRedirect": "compare the estate's bucket with the site that it is said to be in",
    "InvalidObjectState": "the object is in an archive class: restore it there first",
}
_HINT_BY_KIND: dict[Kind, str] = {
    "transient": "this passes: try again",
    "wait": "wait until the thing has left its present state, then try again",
    "already": "something has this name already",
    "capacity": "try another instance class, or add availability zones to the subnet group",
    "quota": "ask for a higher quota in Service Quotas, or remove what is no longer needed",
    "permanent": "look the code up in the AWS documentation of this operation",
}
CREDENTIALS_HINT = (
    "check the key pair: AWS_ACCESS_KEY_ID in the environment wins over the connection file, and that over the profile;"
    " `aws sts get-caller-identity` should answer"
)

EXPIRED_HINT = (
    "the session has ended, and nothing here can renew it: sign in again (`aws sso login`, or new keys in"
    " AWS_ACCESS_KEY_ID and its fellows); then `dr resume` goes on with a run that is not closed, and `dr sweep` clears"
    " up after one that is"
)

_ACTIONS = {
    "HeadObject": "s3:GetObject and s3:GetObjectVersion (and s3:ListBucket)",
    "GetObject": "s3:GetObject and s3:GetObjectVersion",
    "HeadBucket": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "ListObjectVersions": "s3:ListBucketVersions",
    "CopyObject": "s3:GetObjectVersion and s3:GetObjectVersionTagging on the source, s3:PutObject on the target",
    "UploadPartCopy": "s3:GetObjectVersion on the source, s3:PutObject on the target",
    "CreateMultipartUpload": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "DeleteObject": "s3:DeleteObjectVersion",
    "DeleteObjects": "s3:DeleteObjectVersion",
    "GetObjectTagging": "s3:GetObjectVersionTagging",
    "GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "GetResources": "tag:GetResources",
}


def plain(code: str) -> str:
    """A code without the ending that some services add and others do not."""
    for ending in ("Fault", "Exception"):
        if code.endswith(ending) and code != ending:
            return code.removesuffix(ending)
    return code


def kind(code: str) -> Kind:
    """What to do about a code: try again, wait for a state, adopt, try another class, or give up."""
    word = plain(code)
    if word in TRANSIENT or code in TRANSIENT:
        return "transient"
    if word in WAIT:
        return "wait"
    if word in CAPACITY:
        return "capacity"
    if word.endswith("AlreadyExists") or word in _TAKEN:
        return "already"
    if "QuotaExceeded" in word or word in ("LimitExceeded", "TooManyBuckets"):
        return "quota"
    return "permanent"


def throttled(code: str) -> bool:
    """Whether a code says that the service works, and is asked too much."""
    return plain(code) in THROTTLED


def expired(code: str) -> bool:
    """Whether a code says that credentials were good once, and are no longer."""
    return plain(code) in EXPIRED


def missing(code: str) -> bool:
    """Whether a code says that the thing asked for is not there."""
    word = plain(code)
    # `ProfileNotFound` is about us, not about AWS.
    return word not in CREDENTIALS and (word in MISSING or bool(_MISSING_PATTERN.search(word)))


def hint(code: str, service: str, operation: str) -> str:
    """The next thing to look at."""
    word = plain(code)
    if expired(code):
        return EXPIRED_HINT
    if word in CREDENTIALS or code in CREDENTIALS:
        return CREDENTIALS_HINT
    if word in DENIED:
        return f"allow {_ACTIONS.get(operation, f'{service}:{operation}')} to the role that the estate names"
    return _HINTS.get(word) or _HINT_BY_KIND[kind(code)]
