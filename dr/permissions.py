"""What every AWS operation that a run makes needs of IAM, for each kind of work: one row per operation and role.

`dr iam-policy` prints its policies from this table, and a test reads the source and holds the two together: no call
without a row, no row without a call. What actions and resources an operation is authorised against is AWS's to say:
service authorisation reference, RDS and S3 user guides (for S3: "Required permissions for Amazon S3 API operations").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Work = Literal["observe", "scratch", "recover", "heartbeat", "caller"]
"""Who makes a call: one of the four roles, or the caller, who assumes them."""

Place = Literal[
    "source instances",
    "scratch instances",
    "backup snapshots",
    "all snapshots",
    "automated backups",
    "scratch groups",
    "lasting groups",
    "estate buckets",
    "estate objects",
    "scratch buckets",
    "scratch objects",
    "control bucket",
    "control objects",
    "evidence bucket",
    "keys",
    "object keys",
    "secrets",
    "heartbeat secrets",
    "heartbeat objects",
    "roles",
]
"""Resources by what they are to an estate. `dr.policy` knows their ARNs."""

Limit = Literal[
    "tagged by a run",
    "through RDS",
    "a grant to RDS",
    "for estate objects",
    "for scratch objects",
    "for control objects",
]
"""What narrows a permission beyond its resources. Which keys a bucket's objects are under no estate says: whoever
stores one chooses. So keys are allowed through S3 alone, and for the objects of these buckets alone."""


@dataclass(frozen=True)
class Need:
    """One action, on each of some resources."""

    action: str
    on: tuple[Place, ...] = ()
    """Nothing: the action knows no resources, or lists them, and is allowed in the estate's regions."""
    limit: Limit | None = None


Row = tuple[str, str, Work]
"""Service as boto3 calls it, operation, kind of work."""


def _rds(operation: str, *on: Place) -> Need:
    return Need(f"rds:{operation}", on)


def _s3(action: str, *on: Place) -> Need:
    return Need(f"s3:{action}", on)


_SCRATCH_TAGS = Need("rds:AddTagsToResource", ("scratch instances",), "tagged by a run")
_BACKUP_TAGS = Need("rds:AddTagsToResource", ("backup snapshots",), "tagged by a run")
"""Whatever is created with tags needs the permission to tag as well."""
_USES_KEYS = (Need("kms:DescribeKey", ("keys",), "through RDS"), Need("kms:CreateGrant", ("keys",), "a grant to RDS"))
"""RDS uses a key in the name of whoever has it build something encrypted, and goes on by a grant (RDS user guide,
"Authorizing use of a customer managed key")."""
_DECRYPTS = Need("kms:Decrypt", ("object keys",), "for estate objects")
"""To read an object that is under a KMS key, or to copy it, or to be told its checksum (S3 API, GetObject, CopyObject,
HeadObject). No grant stands in for it: S3 asks KMS in the name of whoever reads."""
_DECRYPTS_SCRATCH = Need("kms:Decrypt", ("object keys",), "for scratch objects")
_DECRYPTS_CONTROL = Need("kms:Decrypt", ("object keys",), "for control objects")
_ENCRYPTS_SCRATCH = Need("kms:GenerateDataKey", ("object keys",), "for scratch objects")
"""To write into a bucket that encrypts under a KMS key by itself."""
_ENCRYPTS_CONTROL = Need("kms:GenerateDataKey", ("object keys",), "for control objects")
_READS_VERSIONS = _s3("GetObjectVersion", "estate objects")
_READS_TAGS = _s3("GetObjectVersionTagging", "estate objects")
_WRITES = _s3("PutObject", "scratch objects")
_WRITES_TAGS = _s3("PutObjectTagging", "scratch objects")

_OBSERVE: Mapping[tuple[str, str], tuple[Need, ...]] = {
    ("sts", "GetCallerIdentity"): (),
    # By any name: somebody may have renamed scratch, and what bears a name like scratch is listed.
    ("rds", "DescribeDBInstances"): (_rds("DescribeDBInstances"),),
    # Listings of everything that an instance's name leads to, whichever ARNs those have.
    ("rds", "DescribeDBSnapshots"): (_rds("DescribeDBSnapshots"),),
    ("rds", "DescribeDBInstanceAutomatedBackups"): (_rds("DescribeDBInstanceAutomatedBackups"),),
    ("rds", "DescribeEvents"): (_rds("DescribeEvents"),),
    ("rds", "DescribeAccountAttributes"): (_rds("DescribeAccountAttributes"),),
    ("rds", "DescribeDBSubnetGroups"): (_rds("DescribeDBSubnetGroups", "scratch groups", "lasting groups"),),
    ("rds", "DescribeDBParameterGroups"): (_rds("DescribeDBParameterGroups", "scratch groups", "lasting groups"),),
    ("rds", "DescribeDBParameters"): (_rds("DescribeDBParameters", "scratch groups", "lasting groups"),),
    ("kms", "DescribeKey"): (Need("kms:DescribeKey", ("keys",)),),
    ("secretsmanager", "GetSecretValue"): (Need("secretsmanager:GetSecretValue", ("secrets",)),),
    ("ec2", "DescribeSecurityGroups"): (Need("ec2:DescribeSecurityGroups"),),
    ("resourcegroupstaggingapi", "GetResources"): (Need("tag:GetResources"),),
    ("s3", "HeadBucket"): (
        _s3("ListBucket", "estate buckets", "scratch buckets", "control bucket", "evidence bucket"),
    ),
    ("s3", "GetBucketVersioning"): (_s3("GetBucketVersioning", "estate buckets", "scratch buckets"),),
    ("s3", "ListObjectVersions"): (_s3("ListBucketVersions", "estate buckets"),),
    ("s3", "GetObject"): (
        _READS_VERSIONS,
        _s3("GetObject", "estate objects", "control objects"),
        # Without it, what is not there is denied and not missing.
        _s3("ListBucket", "estate buckets", "control bucket"),
        _DECRYPTS,
        _DECRYPTS_CONTROL,
    ),
    ("s3", "ListObjectsV2"): (_s3("ListBucket", "control bucket"),),
    # What S3 says of a version whose bytes an earlier manifest read.
    ("s3", "HeadObject"): (_READS_VERSIONS, _DECRYPTS),
    ("s3", "GetObjectTagging"): (_READS_TAGS,),
    ("s3", "GetObjectLockConfiguration"): (_s3("GetBucketObjectLockConfiguration", "estate buckets"),),
    ("s3", "GetObjectRetention"): (_s3("GetObjectRetention", "estate objects"),),
    ("s3", "GetObjectLegalHold"): (_s3("GetObjectLegalHold", "estate objects"),),
}
_SCRATCH: Mapping[tuple[str, str], tuple[Need, ...]] = {
    ("sts", "GetCallerIdentity"): (),
    ("rds", "DescribeDBInstances"): (_rds("DescribeDBInstances", "scratch instances"),),
    ("rds", "RestoreDBInstanceToPointInTime"): (
        _rds(
            "RestoreDBInstanceToPointInTime",
            "source instances",
            "automated backups",
            "scratch instances",
            "scratch groups",
        ),
        _SCRATCH_TAGS,
        *_USES_KEYS,
    ),
    ("rds", "RestoreDBInstanceFromDBSnapshot"): (
        _rds("RestoreDBInstanceFromDBSnapshot", "all snapshots", "scratch instances", "scratch groups"),
        _SCRATCH_TAGS,
        *_USES_KEYS,
    ),
    ("rds", "ModifyDBInstance"): (_rds("ModifyDBInstance", "scratch instances"),),
    ("rds", "DeleteDBInstance"): (_rds("DeleteDBInstance", "scratch instances"),),
    ("s3", "HeadObject"): (
        _READS_VERSIONS,
        # Which parts became an object that was there already?
        _s3("GetObjectVersion", "scratch objects"),
        # Who wrote a document of the control store that was there already?
        _s3("GetObject", "control objects"),
    ),
    ("s3", "GetObject"): (_s3("GetObjectVersion", "scratch objects"), _DECRYPTS_SCRATCH),
    ("s3", "GetObjectTagging"): (_s3("GetObjectVersionTagging", "estate objects", "scratch objects"),),
    ("s3", "CopyObject"): (_READS_VERSIONS, _READS_TAGS, _WRITES, _WRITES_TAGS, _DECRYPTS, _ENCRYPTS_SCRATCH),
    ("s3", "CreateMultipartUpload"): (_WRITES, _WRITES_TAGS, _DECRYPTS_SCRATCH, _ENCRYPTS_SCRATCH),
    ("s3", "UploadPartCopy"): (_READS_VERSIONS, _WRITES, _DECRYPTS, _DECRYPTS_SCRATCH),
    ("s3", "CompleteMultipartUpload"): (_WRITES,),
    ("s3", "AbortMultipartUpload"): (_s3("AbortMultipartUpload", "scratch objects"),),
    ("s3", "ListMultipartUploads"): (_s3("ListBucketMultipartUploads", "scratch buckets"),),
    ("s3", "ListObjectVersions"): (_s3("ListBucketVersions", "scratch buckets"),),
    ("s3", "DeleteObjects"): (_s3("DeleteObjectVersion", "scratch objects"),),
    # For keys that no list of keys can hold.
    ("s3", "DeleteObject"): (_s3("DeleteObjectVersion", "scratch objects"),),
    # The control store, where it is a bucket: whoever is at work writes down what it did.
    ("s3", "PutObject"): (_s3("PutObject", "control objects"), _ENCRYPTS_CONTROL),
}
_RECOVER: Mapping[tuple[str, str], tuple[Need, ...]] = {
    ("sts", "GetCallerIdentity"): (),
    ("rds", "CreateDBSnapshot"): (
        _rds("CreateDBSnapshot", "source instances", "backup snapshots"),
        _BACKUP_TAGS,
    ),
    ("rds", "CopyDBSnapshot"): (_rds("CopyDBSnapshot", "backup snapshots"), _BACKUP_TAGS, *_USES_KEYS),
    ("rds", "StartDBInstanceAutomatedBackupsReplication"): (
        _rds("StartDBInstanceAutomatedBackupsReplication", "source instances", "automated backups"),
        *_USES_KEYS,
    ),
}
_HEARTBEAT: Mapping[tuple[str, str], tuple[Need, ...]] = {
    ("sts", "GetCallerIdentity"): (),
    ("rds", "DescribeDBInstances"): (_rds("DescribeDBInstances", "source instances"),),
    ("secretsmanager", "GetSecretValue"): (Need("secretsmanager:GetSecretValue", ("heartbeat secrets",)),),
    ("s3", "PutObject"): (
        _s3("PutObject", "heartbeat objects"),
        Need("kms:GenerateDataKey", ("object keys",), "for estate objects"),
    ),
}
_CALLER: Mapping[tuple[str, str], tuple[Need, ...]] = {
    ("sts", "AssumeRole"): (Need("sts:AssumeRole", ("roles",)),),
}

_BY_WORK: Mapping[Work, Mapping[tuple[str, str], tuple[Need, ...]]] = {
    "observe": _OBSERVE,
    "scratch": _SCRATCH,
    "recover": _RECOVER,
    "heartbeat": _HEARTBEAT,
    "caller": _CALLER,
}

NEEDS: Mapping[Row, tuple[Need, ...]] = {
    (service, operation, work): needs for work, rows in _BY_WORK.items() for (service, operation), needs in rows.items()
}

NOT_CALLED_YET: frozenset[Row] = frozenset(
    {
        ("rds", "DescribeDBInstances", "recover"),
        ("rds", "ModifyDBInstance", "recover"),
    }
)
"""Calls that stand in `dr.aws`, tested, for runs that do not exist yet: no role is given a permission for them."""
