"""Who may do what: how policies are put together, and what surprises those who write them."""

from collections.abc import Iterator

import pytest

from tests.contract.cloud import Cloud
from tests.contract.roles import account, acting, allow, assume, denied, deny, document, role


@pytest.fixture(scope="module")
def group(cloud: Cloud) -> Iterator[str]:
    """A parameter group: the cheapest thing of RDS that has an ARN and tags."""
    rds, name = cloud.client("rds"), cloud.name("pg")
    family = rds.describe_db_engine_versions(Engine="postgres")["DBEngineVersions"][0]["DBParameterGroupFamily"]
    rds.create_db_parameter_group(
        DBParameterGroupName=name, DBParameterGroupFamily=family, Description="contract", Tags=cloud.tags
    )
    yield name
    rds.delete_db_parameter_group(DBParameterGroupName=name)


@pytest.mark.behaviour("IAM-NOTHING-BY-DEFAULT")
def test_what_no_policy_allows_is_denied_and_the_message_names_the_action(cloud: Cloud) -> None:
    with acting(cloud, allow("rds:DescribeDBSnapshots")) as actor:
        rds = actor.client("rds")
        assert "DBSnapshots" in rds.describe_db_snapshots()
        message = denied(cloud, "rds:DescribeDBInstances", rds.describe_db_instances)
        assert actor.arn in message
        assert "because no identity-based policy allows the rds:DescribeDBInstances action" in message


@pytest.mark.behaviour("IAM-DENY-WINS")
def test_an_explicit_deny_wins_over_every_allow(cloud: Cloud) -> None:
    with acting(cloud, allow("*"), deny("rds:describedbinst*")) as actor:
        rds = actor.client("rds")
        assert "DBSnapshots" in rds.describe_db_snapshots()
        assert "with an explicit deny" in denied(cloud, "rds:DescribeDBInstances", rds.describe_db_instances)


@pytest.mark.behaviour("STS-IDENTITY-CANNOT-BE-DENIED")
def test_everybody_may_ask_who_they_are(cloud: Cloud) -> None:
    with acting(cloud, deny("*")) as actor:
        found = actor.client("sts", cloud.recovery).get_caller_identity()
        assert found["Arn"] == actor.arn
        assert ":assumed-role/" in found["Arn"]
        assert found["Account"] == account(cloud)


@pytest.mark.behaviour("RDS-TAGGING-IS-AN-ACTION")
def test_creating_with_tags_needs_the_permission_to_tag(cloud: Cloud) -> None:
    request = {"DBParameterGroupFamily": "postgres15", "Description": "contract"}
    with acting(cloud, allow("rds:CreateDBParameterGroup")) as actor:
        denied(
            cloud,
            "rds:AddTagsToResource",
            actor.client("rds").create_db_parameter_group,
            DBParameterGroupName=cloud.name("pg"),
            Tags=cloud.tags,
            **request,
        )


@pytest.mark.behaviour("RDS-RESTORE-NEEDS-EVERY-RESOURCE")
def test_a_restore_is_authorised_against_the_groups_that_it_will_use(cloud: Cloud) -> None:
    with acting(
        cloud, allow("rds:RestoreDBInstanceFromDBSnapshot", ["arn:aws:rds:*:*:snapshot:*", "arn:aws:rds:*:*:db:*"])
    ) as actor:
        message = denied(
            cloud,
            "rds:RestoreDBInstanceFromDBSnapshot",
            actor.client("rds").restore_db_instance_from_db_snapshot,
            DBInstanceIdentifier=cloud.name("db"),
            DBSnapshotIdentifier=cloud.name("snapshot"),
        )
        assert any(kind in message for kind in (":subgrp:", ":pg:", ":og:")), message


@pytest.mark.behaviour("RDS-COPY-NEEDS-BOTH-SNAPSHOTS")
def test_a_copy_is_authorised_against_source_and_target(cloud: Cloud) -> None:
    source = f"arn:aws:rds:{cloud.primary}:{account(cloud)}:snapshot:{cloud.name('source')}"
    target = cloud.name("target")
    with acting(cloud, allow("rds:CopyDBSnapshot", f"arn:aws:rds:{cloud.recovery}:*:snapshot:{target}")) as actor:
        message = denied(
            cloud,
            "rds:CopyDBSnapshot",
            actor.client("rds", cloud.recovery).copy_db_snapshot,
            SourceDBSnapshotIdentifier=source,
            TargetDBSnapshotIdentifier=target,
        )
        assert source in message


@pytest.mark.behaviour("RDS-COPY-IS-IN-TWO-REGIONS")
def test_a_policy_that_keeps_somebody_inside_of_a_region_forbids_copies_from_another(cloud: Cloud) -> None:
    request = {
        "SourceDBSnapshotIdentifier": f"arn:aws:rds:{cloud.primary}:{account(cloud)}:snapshot:{cloud.name('source')}",
        "TargetDBSnapshotIdentifier": cloud.name("target"),
    }
    regions = [cloud.recovery]
    with acting(cloud, allow("rds:*", StringEquals={"aws:RequestedRegion": regions})) as actor:
        rds = actor.client("rds", cloud.recovery)
        assert "DBSnapshots" in rds.describe_db_snapshots()
        denied(cloud, "rds:CopyDBSnapshot", rds.copy_db_snapshot, **request)
    regions.append(cloud.primary)
    with acting(cloud, allow("rds:*", StringEquals={"aws:RequestedRegion": regions})) as actor:
        cloud.refused("DBSnapshotNotFound", actor.client("rds", cloud.recovery).copy_db_snapshot, **request)


@pytest.mark.behaviour("IAM-DENY-UNTAGGED")
def test_a_deny_for_whatever_lacks_a_tag_stops_a_careless_cleanup(cloud: Cloud, group: str) -> None:
    rds = cloud.client("rds")
    guarded = (allow("rds:*"), deny(["rds:Delete*", "rds:Modify*"], Null={"aws:ResourceTag/drill-run": "true"}))
    with acting(cloud, *guarded) as actor:
        mine = actor.client("rds")
        message = denied(
            cloud, "rds:DeleteDBParameterGroup", mine.delete_db_parameter_group, DBParameterGroupName=group
        )
        assert "with an explicit deny" in message
        other = cloud.name("pg")
        family = rds.describe_db_parameter_groups(DBParameterGroupName=group)["DBParameterGroups"][0]
        mine.create_db_parameter_group(
            DBParameterGroupName=other,
            DBParameterGroupFamily=family["DBParameterGroupFamily"],
            Description="contract",
            Tags=[*cloud.tags, {"Key": "drill-run", "Value": "1"}],
        )
        mine.delete_db_parameter_group(DBParameterGroupName=other)


@pytest.mark.behaviour("IAM-MISSING-KEY-SATISFIES-NOT")
def test_a_negated_condition_is_true_of_what_has_no_such_tag(cloud: Cloud, group: str) -> None:
    unless_production = allow("rds:DescribeDBParameters", StringNotEquals={"aws:ResourceTag/environment": "production"})
    if_scratch = allow("rds:DescribeDBParameterGroups", StringEquals={"aws:ResourceTag/environment": "scratch"})
    with acting(cloud, unless_production, if_scratch) as actor:
        rds = actor.client("rds")
        assert "Parameters" in rds.describe_db_parameters(DBParameterGroupName=group)
        denied(cloud, "rds:DescribeDBParameterGroups", rds.describe_db_parameter_groups, DBParameterGroupName=group)


@pytest.mark.behaviour("IAM-REQUESTED-REGION")
def test_a_policy_can_keep_somebody_inside_of_a_region(cloud: Cloud) -> None:
    fence = deny("*", StringNotEquals={"aws:RequestedRegion": cloud.recovery})
    with acting(cloud, allow("rds:Describe*"), fence) as actor:
        assert "DBInstances" in actor.client("rds", cloud.recovery).describe_db_instances()
        denied(cloud, "rds:DescribeDBInstances", actor.client("rds", cloud.primary).describe_db_instances)


@pytest.mark.behaviour("IAM-BOUNDARY-NARROWS")
def test_a_permissions_boundary_grants_nothing_and_narrows_everything(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    policy = iam.create_policy(PolicyName=cloud.name("boundary"), PolicyDocument=document(allow("rds:Describe*")))
    boundary = policy["Policy"]["Arn"]
    try:
        with role(cloud, allow("s3:*"), allow("rds:DescribeDBInstances"), PermissionsBoundary=boundary) as arn:
            actor = assume(cloud, arn)
            assert "DBInstances" in actor.client("rds").describe_db_instances()
            message = denied(cloud, "s3:ListAllMyBuckets", actor.client("s3").list_buckets)
            assert "because no permissions boundary allows" in message
            message = denied(cloud, "rds:DescribeDBSnapshots", actor.client("rds").describe_db_snapshots)
            assert "because no identity-based policy allows" in message
    finally:
        iam.delete_policy(PolicyArn=boundary)


@pytest.mark.behaviour("IAM-UNKNOWN-OPERATOR")
def test_a_condition_operator_that_does_not_exist_is_refused_when_it_is_written(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    with role(cloud) as arn:
        for wrong in (allow("*", StringAlmost={"aws:RequestedRegion": "x"}), {**allow("*"), "Effect": "Maybe"}):
            cloud.refused(
                "MalformedPolicyDocument",
                iam.put_role_policy,
                RoleName=arn.rpartition("/")[2],
                PolicyName="wrong",
                PolicyDocument=document(wrong),
            )


@pytest.mark.behaviour("IAM-ALIAS-IS-NO-RESOURCE")
def test_a_policy_that_names_a_key_by_its_alias_grants_nothing(cloud: Cloud) -> None:
    kms, alias = cloud.client("kms"), f"alias/{cloud.name('key')}"
    key = kms.create_key(Tags=[{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in cloud.tags])["KeyMetadata"]
    kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    prefix = key["Arn"].rpartition(":")[0]
    try:
        with acting(cloud, allow("kms:DescribeKey", f"{prefix}:{alias}")) as actor:
            describe = actor.client("kms").describe_key
            message = denied(cloud, "kms:DescribeKey", describe, "AccessDeniedException", KeyId=alias)
            assert key["Arn"] in message
        with acting(cloud, allow("kms:DescribeKey", key["Arn"])) as actor:
            assert actor.client("kms").describe_key(KeyId=alias)["KeyMetadata"]["Arn"] == key["Arn"]
    finally:
        kms.delete_alias(AliasName=alias)
        kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)


@pytest.mark.behaviour("RDS-KEY-OF-THE-CALLER")
def test_rds_uses_a_key_with_the_callers_permissions(cloud: Cloud) -> None:
    kms = cloud.client("kms", cloud.recovery)
    key = kms.create_key(Tags=[{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in cloud.tags])["KeyMetadata"]
    try:
        with acting(cloud, allow("rds:*"), allow("kms:DescribeKey")) as actor:
            problem = cloud.refused(
                "KMSKeyNotAccessibleFault",
                actor.client("rds", cloud.recovery).create_db_instance,
                DBInstanceIdentifier=cloud.name("db"),
                DBInstanceClass="db.t4g.micro",
                Engine="postgres",
                AllocatedStorage=20,
                MasterUsername="owner",
                MasterUserPassword="long-enough-to-pass",
                StorageEncrypted=True,
                KmsKeyId=key["Arn"],
                BackupRetentionPeriod=0,
            )
            assert key["Arn"] in str(problem)
    finally:
        kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)


@pytest.mark.behaviour("SECRETS-ARN-HAS-AN-END")
def test_the_arn_of_a_secret_has_six_more_signs_than_its_name(cloud: Cloud) -> None:
    secrets, name = cloud.client("secretsmanager"), cloud.name("secret")
    made = secrets.create_secret(Name=name, SecretString="{}", Tags=cloud.tags)
    try:
        with acting(cloud, allow("secretsmanager:GetSecretValue", made["ARN"].rpartition("-")[0])) as actor:
            read = actor.client("secretsmanager").get_secret_value
            denied(cloud, "secretsmanager:GetSecretValue", read, "AccessDeniedException", SecretId=name)
        with acting(
            cloud, allow("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:*:*:secret:{name}-??????")
        ) as actor:
            assert actor.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"] == "{}"
    finally:
        secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


@pytest.mark.behaviour("EC2-DRY-RUN-TELLS")
def test_a_dry_run_tells_whether_it_would_be_allowed(cloud: Cloud) -> None:
    with acting(cloud, allow("ec2:DescribeSecurityGroups")) as actor:
        ec2 = actor.client("ec2")
        cloud.refused("DryRunOperation", ec2.describe_security_groups, DryRun=True)
        cloud.refused("UnauthorizedOperation", ec2.describe_subnets, DryRun=True)
        # Listings know no resources: only `*` grants them.
    with acting(cloud, allow("ec2:DescribeSecurityGroups", "arn:aws:ec2:*:*:security-group/*")) as actor:
        cloud.refused("UnauthorizedOperation", actor.client("ec2").describe_security_groups)


@pytest.mark.behaviour("STS-TRUST-DECIDES")
def test_a_role_is_assumed_only_by_whom_it_trusts(cloud: Cloud) -> None:
    with acting(cloud, allow("sts:AssumeRole")) as actor:
        sts = actor.client("sts")
        with role(cloud, trusts={"Service": "rds.amazonaws.com"}) as arn:
            denied(cloud, "sts:AssumeRole", sts.assume_role, RoleArn=arn, RoleSessionName="again")
        denied(cloud, "sts:AssumeRole", sts.assume_role, RoleArn=f"{arn}-gone", RoleSessionName="again")
    with acting(cloud) as actor, role(cloud) as arn:
        denied(cloud, "sts:AssumeRole", actor.client("sts").assume_role, RoleArn=arn, RoleSessionName="again")


@pytest.mark.behaviour("STS-CHAINED-HOUR")
def test_a_role_assumed_by_a_role_lasts_an_hour_at_most(cloud: Cloud) -> None:
    with (
        acting(cloud, allow("sts:AssumeRole")) as actor,
        role(cloud, allow("rds:Describe*"), MaxSessionDuration=7200) as arn,
    ):
        assert assume(cloud, arn, DurationSeconds=7200)
        chained = {"RoleArn": arn, "RoleSessionName": "again"}
        assert actor.client("sts").assume_role(**chained, DurationSeconds=3600)
        cloud.refused("ValidationError", actor.client("sts").assume_role, **chained, DurationSeconds=3601)
        cloud.refused("ValidationError", cloud.client("sts").assume_role, **chained, DurationSeconds=7201)


@pytest.mark.behaviour("STS-SESSION-POLICY-NARROWS")
def test_a_session_policy_narrows_one_session(cloud: Cloud) -> None:
    session = document(allow("rds:DescribeDBSnapshots"), allow("s3:*"))
    with acting(cloud, allow("rds:Describe*"), Policy=session) as actor:
        assert "DBSnapshots" in actor.client("rds").describe_db_snapshots()
        message = denied(cloud, "rds:DescribeDBInstances", actor.client("rds").describe_db_instances)
        assert "because no session policy allows" in message
        denied(cloud, "s3:ListAllMyBuckets", actor.client("s3").list_buckets)
