"""Permissions on S3: versions have actions of their own, and absence is a secret."""

from collections.abc import Iterator

import pytest

from tests.contract.cloud import Cloud
from tests.contract.roles import acting, allow, denied


@pytest.fixture(scope="module")
def bucket(cloud: Cloud) -> Iterator[str]:
    """A versioned bucket with one tagged object of two versions."""
    s3, name = cloud.client("s3"), cloud.name("iam")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": cloud.primary})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"old", b"new"):
        s3.put_object(Bucket=name, Key="report", Body=body, Tagging="kind=report")
    yield name
    listed = s3.list_object_versions(Bucket=name)
    for one in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
        s3.delete_object(Bucket=name, Key=one["Key"], VersionId=one["VersionId"])
    s3.delete_bucket(Bucket=name)


def _oldest(cloud: Cloud, bucket: str) -> str:
    return str(cloud.client("s3").list_object_versions(Bucket=bucket, Prefix="report")["Versions"][-1]["VersionId"])


@pytest.mark.behaviour("S3-VERSIONS-HAVE-ACTIONS-OF-THEIR-OWN")
def test_reading_a_version_by_its_id_is_another_action(cloud: Cloud, bucket: str) -> None:
    version = _oldest(cloud, bucket)
    with acting(cloud, allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*")) as actor:
        s3 = actor.client("s3")
        assert s3.get_object(Bucket=bucket, Key="report")["Body"].read() == b"new"
        request = {"Bucket": bucket, "Key": "report", "VersionId": version}
        denied(cloud, "s3:GetObjectVersion", s3.get_object, **request)
        denied(cloud, "s3:GetObjectVersionTagging", s3.get_object_tagging, **request)
    with acting(cloud, allow("s3:GetObjectVersion", f"arn:aws:s3:::{bucket}/*")) as actor:
        s3 = actor.client("s3")
        assert s3.get_object(Bucket=bucket, Key="report", VersionId=version)["Body"].read() == b"old"
        denied(cloud, "s3:GetObject", s3.get_object, Bucket=bucket, Key="report")


@pytest.mark.behaviour("S3-LISTING-VERSIONS-IS-ANOTHER-ACTION")
def test_listing_objects_does_not_list_versions(cloud: Cloud, bucket: str) -> None:
    with acting(cloud, allow("s3:ListBucket", f"arn:aws:s3:::{bucket}", StringLike={"s3:prefix": "rep*"})) as actor:
        s3 = actor.client("s3")
        assert s3.list_objects_v2(Bucket=bucket, Prefix="report")["KeyCount"] == 1
        denied(cloud, "s3:ListBucket", s3.list_objects_v2, Bucket=bucket, Prefix="other")
        denied(cloud, "s3:ListBucket", s3.list_objects_v2, Bucket=bucket)
        denied(cloud, "s3:ListBucketVersions", s3.list_object_versions, Bucket=bucket)


@pytest.mark.behaviour("S3-ABSENCE-IS-A-SECRET")
def test_whoever_may_not_list_is_denied_what_does_not_exist(cloud: Cloud, bucket: str) -> None:
    objects = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*")
    with acting(cloud, objects) as actor:
        cloud.refused("AccessDenied", actor.client("s3").get_object, Bucket=bucket, Key="missing")
        cloud.refused("403", actor.client("s3").head_object, Bucket=bucket, Key="missing")
    with acting(cloud, objects, allow("s3:ListBucket", f"arn:aws:s3:::{bucket}")) as actor:
        cloud.refused("NoSuchKey", actor.client("s3").get_object, Bucket=bucket, Key="missing")
        cloud.refused("404", actor.client("s3").head_object, Bucket=bucket, Key="missing")


@pytest.mark.behaviour("S3-KEY-OF-THE-CALLER")
def test_s3_uses_a_key_with_the_callers_permissions(cloud: Cloud, bucket: str) -> None:
    kms, admin = cloud.client("kms"), cloud.client("s3")
    key = kms.create_key(Tags=[{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in cloud.tags])["KeyMetadata"]
    seal = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key["Arn"]}
    objects = allow(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{bucket}/*")
    context = {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}/sealed/*"}
    made = {}
    try:
        for name in ("sealed/1", "elsewhere"):
            made[name] = admin.put_object(Bucket=bucket, Key=name, Body=b"x", **seal)["VersionId"]
        with acting(cloud, objects) as actor:
            s3 = actor.client("s3")
            denied(cloud, "kms:Decrypt", s3.get_object, Bucket=bucket, Key="sealed/1")
            denied(cloud, "kms:GenerateDataKey", s3.put_object, Bucket=bucket, Key="sealed/2", Body=b"x", **seal)
        with acting(cloud, objects, allow("kms:Decrypt", key["Arn"], StringLike=context)) as actor:
            s3 = actor.client("s3")
            assert s3.get_object(Bucket=bucket, Key="sealed/1")["Body"].read() == b"x"
            denied(cloud, "kms:Decrypt", s3.get_object, Bucket=bucket, Key="elsewhere")
    finally:
        for name, version in made.items():
            admin.delete_object(Bucket=bucket, Key=name, VersionId=version)
        kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)


@pytest.mark.behaviour("S3-DELETE-REFUSES-KEY-BY-KEY")
def test_a_deletion_of_many_succeeds_and_refuses_key_by_key(cloud: Cloud, bucket: str) -> None:
    admin = cloud.client("s3")
    for key in ("mine/1", "mine/2", "theirs/1"):
        admin.put_object(Bucket=bucket, Key=key, Body=b"x")
    with acting(cloud, allow("s3:DeleteObject", f"arn:aws:s3:::{bucket}/mine/*")) as actor:
        objects = [{"Key": key} for key in ("mine/1", "theirs/1", "mine/2")]
        answer = actor.client("s3").delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert sorted(one["Key"] for one in answer["Deleted"]) == ["mine/1", "mine/2"]
    (error,) = answer["Errors"]
    assert (error["Key"], error["Code"]) == ("theirs/1", "AccessDenied")
    left = admin.list_objects_v2(Bucket=bucket)["Contents"]
    assert [one["Key"] for one in left] == ["report", "theirs/1"]


@pytest.mark.behaviour("S3-COPY-TAKES-TAGS-ALONG")
def test_a_copy_of_a_tagged_object_needs_the_permission_to_read_and_write_tags(cloud: Cloud, bucket: str) -> None:
    source = {"Bucket": bucket, "Key": "report", "VersionId": _oldest(cloud, bucket)}
    target = f"arn:aws:s3:::{bucket}/copy"
    reads = f"arn:aws:s3:::{bucket}/report"
    enough = [allow("s3:GetObjectVersion", reads), allow("s3:PutObject", target)]
    request = {"Bucket": bucket, "Key": "copy", "CopySource": source}
    with acting(cloud, *enough) as actor:
        cloud.refused("AccessDenied", actor.client("s3").copy_object, **request)
        assert actor.client("s3").copy_object(**request, TaggingDirective="REPLACE")
    tags = [allow("s3:GetObjectVersionTagging", reads), allow("s3:PutObjectTagging", target)]
    with acting(cloud, *enough, *tags) as actor:
        assert actor.client("s3").copy_object(**request)
