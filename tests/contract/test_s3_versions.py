"""Versions, delete markers, suspended versioning, copies, and the region that a bucket is in."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.contract.cloud import Cloud
from tests.contract.s3_buckets import Make, buckets, header, status


@pytest.fixture(scope="module")
def s3(cloud: Cloud) -> Any:
    return cloud.client("s3")


@pytest.fixture(scope="module")
def make(cloud: Cloud) -> Iterator[Make]:
    with buckets(cloud) as make:
        yield make


@pytest.fixture(scope="module")
def bucket(s3: Any, make: Make) -> str:
    return make(s3)


def ids(s3: Any, bucket: str, key: str) -> list[str]:
    found = s3.list_object_versions(Bucket=bucket, Prefix=key)
    return [each["VersionId"] for each in found.get("Versions", [])]


@pytest.mark.behaviour("S3-MARKER-UNREADABLE")
def test_a_delete_marker_cannot_be_read_by_its_id(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="marked", Body=b"x")
    marker = s3.delete_object(Bucket=bucket, Key="marked")
    assert marker["DeleteMarker"]
    for look in (s3.get_object, s3.head_object):
        with pytest.raises(ClientError) as caught:
            look(Bucket=bucket, Key="marked", VersionId=marker["VersionId"])
        assert status(caught.value) == 405
        assert header(caught.value, "x-amz-delete-marker") == "true"


@pytest.mark.behaviour("S3-MARKER-HIDES")
def test_a_key_under_a_delete_marker_is_not_found(s3: Any, bucket: str) -> None:
    version = s3.put_object(Bucket=bucket, Key="hidden", Body=b"x")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="hidden")["VersionId"]
    for look in (s3.get_object, s3.head_object):
        with pytest.raises(ClientError) as caught:
            look(Bucket=bucket, Key="hidden")
        assert status(caught.value) == 404
        assert header(caught.value, "x-amz-delete-marker") == "true"
        assert header(caught.value, "x-amz-version-id") == marker
    assert s3.get_object(Bucket=bucket, Key="hidden", VersionId=version)["Body"].read() == b"x"
    assert s3.delete_object(Bucket=bucket, Key="hidden", VersionId=marker)["DeleteMarker"]
    assert s3.get_object(Bucket=bucket, Key="hidden")["VersionId"] == version


@pytest.mark.behaviour("S3-MARKER-WITHOUT-OBJECT")
def test_deleting_what_never_was_makes_a_marker(s3: Any, bucket: str) -> None:
    marker = s3.delete_object(Bucket=bucket, Key="never")["VersionId"]
    found = s3.list_object_versions(Bucket=bucket, Prefix="never")
    assert [each["VersionId"] for each in found["DeleteMarkers"]] == [marker]


@pytest.mark.behaviour("S3-NULL-VERSION")
def test_suspended_versioning_overwrites_only_the_null_version(s3: Any, make: Make) -> None:
    bucket = make(s3, versioned=False)
    where = {"Bucket": bucket, "Key": "key"}
    s3.put_object(**where, Body=b"before any versioning")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    kept = s3.put_object(**where, Body=b"kept")["VersionId"]
    assert ids(s3, bucket, "key") == [kept, "null"]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(**where, Body=b"null")
    assert ids(s3, bucket, "key") == ["null", kept]
    s3.put_object(**where, Body=b"null again")
    assert ids(s3, bucket, "key") == ["null", kept]
    assert s3.head_object(**where, VersionId="null")["ContentLength"] == len(b"null again")
    assert s3.get_object(**where, VersionId=kept)["Body"].read() == b"kept"
    assert s3.delete_object(**where)["VersionId"] == "null"
    assert ids(s3, bucket, "key") == [kept]


@pytest.mark.behaviour("S3-BUCKET-NOT-EMPTY")
def test_a_bucket_that_shows_no_objects_is_not_empty(cloud: Cloud, s3: Any, make: Make) -> None:
    bucket = make(s3)
    s3.put_object(Bucket=bucket, Key="key", Body=b"x")
    s3.delete_object(Bucket=bucket, Key="key")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    cloud.refused("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)


@pytest.mark.behaviour("S3-COPY-OF-MARKER")
def test_a_delete_marker_cannot_be_copied(cloud: Cloud, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=b"x")
    marker = s3.delete_object(Bucket=bucket, Key="source")["VersionId"]
    source = {"Bucket": bucket, "Key": "source"}
    cloud.refused("NoSuchKey", s3.copy_object, Bucket=bucket, Key="copy", CopySource=source)
    source["VersionId"] = marker
    cloud.refused("InvalidRequest", s3.copy_object, Bucket=bucket, Key="copy", CopySource=source)


@pytest.mark.behaviour("S3-COPY-DIRECTIVES")
def test_a_copy_keeps_metadata_and_tags_unless_told_otherwise(cloud: Cloud, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="rich", Body=b"x", Metadata={"a": "1"}, Tagging="t=1", ContentType="text/plain")
    source = {"Bucket": bucket, "Key": "rich"}
    s3.copy_object(Bucket=bucket, Key="same", CopySource=source, Metadata={"b": "2"}, Tagging="u=2")
    head = s3.head_object(Bucket=bucket, Key="same")
    assert (head["Metadata"], head["ContentType"]) == ({"a": "1"}, "text/plain")
    assert s3.get_object_tagging(Bucket=bucket, Key="same")["TagSet"] == [{"Key": "t", "Value": "1"}]
    replace = {"MetadataDirective": "REPLACE", "TaggingDirective": "REPLACE"}
    s3.copy_object(Bucket=bucket, Key="new", CopySource=source, Metadata={"b": "2"}, Tagging="u=2", **replace)
    assert s3.head_object(Bucket=bucket, Key="new")["Metadata"] == {"b": "2"}
    assert s3.get_object_tagging(Bucket=bucket, Key="new")["TagSet"] == [{"Key": "u", "Value": "2"}]
    cloud.refused("InvalidRequest", s3.copy_object, Bucket=bucket, Key="rich", CopySource=source)


@pytest.mark.behaviour("S3-COPY-REDIRECT")
def test_a_copy_leaves_the_redirect_behind(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="moved", Body=b"x", WebsiteRedirectLocation="/elsewhere")
    assert s3.get_object(Bucket=bucket, Key="moved")["WebsiteRedirectLocation"] == "/elsewhere"
    s3.copy_object(Bucket=bucket, Key="moved too", CopySource={"Bucket": bucket, "Key": "moved"})
    assert "WebsiteRedirectLocation" not in s3.head_object(Bucket=bucket, Key="moved too")


@pytest.mark.behaviour("S3-TAGS-COUNTED")
def test_tags_are_counted_where_content_is_read(s3: Any, bucket: str) -> None:
    for key, tags in (("tagged", {"Tagging": "a=1&b=2"}), ("untagged", {})):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x", **tags)
        for look in (s3.get_object, s3.head_object):
            assert look(Bucket=bucket, Key=key).get("TagCount") == (2 if tags else None)


@pytest.mark.behaviour("S3-ARCHIVED")
def test_what_is_archived_is_listed_and_neither_read_nor_copied(cloud: Cloud, s3: Any, bucket: str) -> None:
    where = {"Bucket": bucket, "Key": "cold"}
    made = s3.put_object(**where, Body=b"x", StorageClass="GLACIER", Tagging="t=1")
    assert s3.head_object(**where, VersionId=made["VersionId"])["StorageClass"] == "GLACIER"
    (listed,) = s3.list_object_versions(Bucket=bucket, Prefix="cold")["Versions"]
    assert listed["StorageClass"] == s3.head_object(**where)["StorageClass"] == "GLACIER"
    assert s3.get_object_tagging(**where, VersionId=made["VersionId"])["TagSet"] == [{"Key": "t", "Value": "1"}]
    cloud.refused("InvalidObjectState", s3.get_object, **where)
    cloud.refused("ObjectNotInActiveTierError", s3.copy_object, Bucket=bucket, Key="thawed", CopySource=where)


@pytest.mark.behaviour("S3-OTHER-REGION")
def test_a_bucket_is_refused_in_another_region(cloud: Cloud, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="here", Body=b"x")
    there = cloud.client("s3", cloud.recovery, config=Config(retries={"total_max_attempts": 1}))
    # botocore follows the redirect by itself: what it was told at first is what counts
    told: list[Any] = []
    there.meta.events.register_first("needs-retry.s3", lambda response, **_: told.append(response[0]))
    with suppress(ClientError):
        there.head_bucket(Bucket=bucket)
    assert told[0].status_code in (301, 400)
    assert told[0].headers["x-amz-bucket-region"] == cloud.primary
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == cloud.primary


@pytest.mark.behaviour("S3-KMS-LOST-KEY")
def test_what_is_under_a_disabled_key_cannot_be_read(cloud: Cloud, s3: Any, bucket: str) -> None:
    kms = cloud.client("kms")
    tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in cloud.tags]
    key = kms.create_key(Tags=tags)["KeyMetadata"]
    sealed = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key["Arn"]}
    made = s3.put_object(Bucket=bucket, Key="sealed", Body=b"x", **sealed)
    assert made["SSEKMSKeyId"] == key["Arn"]
    kms.disable_key(KeyId=key["KeyId"])
    try:
        where = {"Bucket": bucket, "Key": "sealed"}
        assert s3.head_object(**where)["SSEKMSKeyId"] == key["Arn"]
        cloud.refused("KMS.DisabledException", s3.get_object, **where)
        cloud.refused("KMS.DisabledException", s3.put_object, **where, Body=b"y", **sealed)
        cloud.refused("KMS.DisabledException", s3.copy_object, Bucket=bucket, Key="copy", CopySource=where)
    finally:
        kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
