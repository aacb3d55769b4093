"""What stands in AWS before the first row: made through the API, by name, in both regions.

Nothing here is adopted or repaired. A lab is either empty or seeded; one that was left half seeded is thrown away.
"""

import json
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from dr.errors import Refused, Unable
from dr.lab.receipts import names
from dr.lab.receipts.reach import Login, Reach

if TYPE_CHECKING:
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef

DEADLINE = 600.0
"""Real seconds for the instance to become available: an initdb, or the base backup of a large one on a slow disk."""


def refuse_if_seeded(reach: Reach) -> None:
    """Raises Refused when the application's instance is there already."""
    instances = reach.rds(names.PRIMARY).describe_db_instances()["DBInstances"]
    if any(instance["DBInstanceIdentifier"] == names.INSTANCE for instance in instances):
        raise Refused(
            f"the lab is seeded already: {names.PRIMARY} has a database instance {names.INSTANCE}",
            hint="for a fresh one: `dr lab down`, `dr lab up`, `dr lab seed`",
        )


def groups_and_keys(reach: Reach, region: str) -> None:
    """Networks, parameter groups and keys of one region."""
    ec2, rds, kms = reach.ec2(region), reach.rds(region), reach.kms(region)
    network = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    subnets = [
        subnet["SubnetId"]
        for subnet in ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [network]}])["Subnets"]
    ]
    for group in (names.SUBNET_GROUP, names.SCRATCH):
        rds.create_db_subnet_group(
            DBSubnetGroupName=group, DBSubnetGroupDescription=f"{group}: two zones or more", SubnetIds=subnets
        )
    for group, ingress in ((names.SECURITY_GROUP, "172.31.0.0/16"), (names.SCRATCH, "127.0.0.1/32")):
        made = ec2.create_security_group(GroupName=group, Description=f"PostgreSQL of {group}", VpcId=network)
        ec2.authorize_security_group_ingress(
            GroupId=made["GroupId"],
            IpPermissions=[{"IpProtocol": "tcp", "FromPort": 1024, "ToPort": 65535, "IpRanges": [{"CidrIp": ingress}]}],
        )
        if group == names.SCRATCH:
            # What is restored for a test is a copy of production: it may be asked, and may not reach out.
            ec2.revoke_security_group_egress(
                GroupId=made["GroupId"],
                IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
            )
    version = rds.describe_db_engine_versions(Engine="postgres", DefaultOnly=True)["DBEngineVersions"][0]
    family = "postgres" + version["EngineVersion"].split(".")[0]
    for group in (names.PARAMETER_GROUP, names.SCRATCH_PARAMETER_GROUP):
        rds.create_db_parameter_group(
            DBParameterGroupName=group, DBParameterGroupFamily=family, Description=f"settings of {group}"
        )
    # No subscription of a restored copy may start, not even before anybody can log in to it.
    rds.modify_db_parameter_group(
        DBParameterGroupName=names.SCRATCH_PARAMETER_GROUP,
        Parameters=[
            {
                "ParameterName": "max_logical_replication_workers",
                "ParameterValue": "0",
                "ApplyMethod": "pending-reboot",
            }
        ],
    )
    for alias in (names.APP_KEY, names.DRILL_KEY):
        key = kms.create_key(Description=alias.removeprefix("alias/"))["KeyMetadata"]
        kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])


def buckets(reach: Reach) -> None:
    """The documents bucket, its copy with the rule that fills it, and a scratch bucket in either region."""
    for region in names.REGIONS:
        client = reach.s3(region)
        for bucket in (names.documents_bucket(region), names.scratch_bucket(region)):
            client.create_bucket(
                Bucket=bucket,
                CreateBucketConfiguration={"LocationConstraint": region},  # type: ignore[typeddict-item]
            )
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            client.put_public_access_block(
                Bucket=bucket,
                PublicAccessBlockConfiguration={
                    "BlockPublicAcls": True,
                    "IgnorePublicAcls": True,
                    "BlockPublicPolicy": True,
                    "RestrictPublicBuckets": True,
                },
            )
    account = reach.connection.account
    reach.s3(names.PRIMARY).put_bucket_replication(
        Bucket=names.documents_bucket(names.PRIMARY),
        ReplicationConfiguration={
            "Role": f"arn:aws:iam::{account}:role/receipts-replication",
            "Rules": [
                {
                    "ID": "everything",
                    "Priority": 1,
                    "Status": "Enabled",
                    "Filter": {},
                    # Off by default under a rule with a filter: deletions would then never reach the copy.
                    "DeleteMarkerReplication": {"Status": "Enabled"},
                    "Destination": {"Bucket": f"arn:aws:s3:::{names.documents_bucket(names.RECOVERY)}"},
                }
            ],
        },
    )


def logins(reach: Reach) -> tuple[Login, Login]:
    """Fresh passwords for the owner and the application, kept as secrets in both regions, as is the heartbeat's."""
    made = []
    kept = (
        (names.OWNER_SECRET, names.OWNER),
        (names.APP_SECRET, names.APP),
        (names.HEARTBEAT_SECRET, names.HEARTBEAT),
    )
    for secret, user in kept:
        login = Login(user, secrets.token_urlsafe(24))
        client = reach.secrets(names.PRIMARY)
        client.create_secret(
            Name=secret, SecretString=json.dumps({"username": login.username, "password": login.password})
        )
        client.replicate_secret_to_regions(SecretId=secret, AddReplicaRegions=[{"Region": names.RECOVERY}])
        made.append(login)
    return made[0], made[1]


def instance(reach: Reach, owner: Login) -> None:
    """Create the database instance, and wait until it is available. Its backups begin later: see `back_up`."""
    rds = reach.rds(names.PRIMARY)
    (group,) = reach.ec2(names.PRIMARY).describe_security_groups(
        Filters=[{"Name": "group-name", "Values": [names.SECURITY_GROUP]}]
    )["SecurityGroups"]
    rds.create_db_instance(
        DBInstanceIdentifier=names.INSTANCE,
        DBInstanceClass=names.INSTANCE_CLASS,
        Engine="postgres",
        AllocatedStorage=20,
        DBName=names.DATABASE,
        MasterUsername=owner.username,
        MasterUserPassword=owner.password,
        DBSubnetGroupName=names.SUBNET_GROUP,
        VpcSecurityGroupIds=[group["GroupId"]],
        DBParameterGroupName=names.PARAMETER_GROUP,
        BackupRetentionPeriod=0,
        StorageEncrypted=True,
        KmsKeyId=names.APP_KEY,
        PubliclyAccessible=False,
        DeletionProtection=True,
        CopyTagsToSnapshot=True,
        Tags=[{"Key": "application", "Value": "receipts"}, {"Key": "environment", "Value": "production"}],
    )
    _available(reach, retention=0)


def back_up(reach: Reach) -> None:
    """Begin automated backups, and have them copied to the recovery region.

    Only now that the rows stand: a base backup of them is restored faster than the log of how they came is replayed,
    and every instant of the recovery window is one at which the application was whole.
    """
    reach.rds(names.PRIMARY).modify_db_instance(
        DBInstanceIdentifier=names.INSTANCE, BackupRetentionPeriod=names.RETENTION_DAYS, ApplyImmediately=True
    )
    source = _available(reach, names.RETENTION_DAYS)
    key = reach.kms(names.RECOVERY).describe_key(KeyId=names.APP_KEY)["KeyMetadata"]
    reach.rds(names.RECOVERY).start_db_instance_automated_backups_replication(
        SourceDBInstanceArn=source["DBInstanceArn"],
        SourceRegion=names.PRIMARY,
        BackupRetentionPeriod=names.RETENTION_DAYS,
        KmsKeyId=key["Arn"],
    )


def _available(reach: Reach, retention: int) -> "DBInstanceTypeDef":
    # A modification that was accepted shows in the status only a moment later: the retention tells that it is done.
    until = time.monotonic() + DEADLINE
    status = "unknown"
    while time.monotonic() < until:
        (found,) = reach.rds(names.PRIMARY).describe_db_instances(DBInstanceIdentifier=names.INSTANCE)["DBInstances"]
        status = found["DBInstanceStatus"]
        if status == "available" and found["BackupRetentionPeriod"] == retention:
            return found
        if status == "failed":
            break
        time.sleep(0.1)
    raise Unable(
        f"database instance {names.INSTANCE} is {status} after {DEADLINE:.0f} s",
        hint="see `dr lab status`, and its log",
    )


def everything(reach: Reach, say: Callable[[str], None]) -> tuple[Login, Login]:
    """Create all of it, but the backups. Returns the logins of the owner and of the application.

    Raises Refused when it is there already, Unable when the instance does not become available.
    """
    refuse_if_seeded(reach)
    for region in names.REGIONS:
        say(f"{region}: groups and keys")
        groups_and_keys(reach, region)
    say("buckets, replication, secrets")
    buckets(reach)
    owner, app = logins(reach)
    say(f"database instance {names.INSTANCE}")
    instance(reach, owner)
    return owner, app
