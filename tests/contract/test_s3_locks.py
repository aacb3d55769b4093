"""Object Lock: what cannot be removed, by whom, and what that means for the bucket."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.cloud import Cloud
from tests.contract.s3_buckets import Make, buckets, in_parts


@pytest.fixture(scope="module")
def s3(cloud: Cloud) -> Any:
    return cloud.client("s3")


@pytest.fixture(scope="module")
def make(cloud: Cloud) -> Iterator[Make]:
    with buckets(cloud) as make:
        yield make


@pytest.fixture(scope="module")
def bucket(s3: Any, make: Make) -> str:
    return make(s3, locked=True)


def until(days: float = 1) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)


def put(s3: Any, bucket: str, key: str, **more: Any) -> dict[str, str]:
    """Put an object, and say where its version is."""
    made = s3.put_object(Bucket=bucket, Key=key, Body=b"x", ChecksumAlgorithm="CRC32", **more)
    return {"Bucket": bucket, "Key": key, "VersionId": made["VersionId"]}


@pytest.mark.behaviour("S3-LOCK-GOVERNANCE")
def test_governance_can_be_bypassed_on_purpose(cloud: Cloud, s3: Any, bucket: str) -> None:
    day = until()
    kept = put(s3, bucket, "governed", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=day)
    told = s3.get_object_retention(**kept)["Retention"]
    assert told == {"Mode": "GOVERNANCE", "RetainUntilDate": day}
    cloud.refused("AccessDenied", s3.delete_object, **kept)
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": until(0.5)}
    cloud.refused("AccessDenied", s3.put_object_retention, **kept, Retention=shorter)
    s3.put_object_retention(**kept, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until(2)})
    s3.delete_object(**kept, BypassGovernanceRetention=True)


@pytest.mark.behaviour("S3-LOCK-COMPLIANCE")
def test_compliance_cannot_be_bypassed_by_anybody(cloud: Cloud, s3: Any, bucket: str) -> None:
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=4)
    kept = put(s3, bucket, "complied", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=soon)
    cloud.refused("AccessDenied", s3.delete_object, **kept, BypassGovernanceRetention=True)
    weaker = {"Mode": "GOVERNANCE", "RetainUntilDate": until()}
    change = {**kept, "Retention": weaker, "BypassGovernanceRetention": True}
    cloud.refused("AccessDenied", s3.put_object_retention, **change)


@pytest.mark.behaviour("S3-LOCK-HOLD")
def test_a_legal_hold_has_no_end_and_no_bypass(cloud: Cloud, s3: Any, bucket: str) -> None:
    held = put(s3, bucket, "held")
    cloud.refused("NoSuchObjectLockConfiguration", s3.get_object_legal_hold, **held)
    s3.put_object_legal_hold(**held, LegalHold={"Status": "ON"})
    assert s3.get_object_legal_hold(**held)["LegalHold"]["Status"] == "ON"
    cloud.refused("AccessDenied", s3.delete_object, **held, BypassGovernanceRetention=True)
    s3.put_object_legal_hold(**held, LegalHold={"Status": "OFF"})
    s3.delete_object(**held)


@pytest.mark.behaviour("S3-LOCK-MARKER")
def test_a_lock_does_not_keep_a_delete_marker_away(s3: Any, bucket: str) -> None:
    kept = put(s3, bucket, "marked", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until())
    assert s3.delete_object(Bucket=bucket, Key="marked")["DeleteMarker"]
    with pytest.raises(ClientError):
        s3.head_object(Bucket=bucket, Key="marked")
    assert s3.head_object(**kept)["ObjectLockMode"] == "GOVERNANCE"
    wanted = {"Objects": [{"Key": "marked", "VersionId": kept["VersionId"]}]}
    errors = s3.delete_objects(Bucket=bucket, Delete=wanted)["Errors"]
    assert [(each["Code"], each["VersionId"]) for each in errors] == [("AccessDenied", kept["VersionId"])]


@pytest.mark.behaviour("S3-LOCK-KEEPS-VERSIONING")
def test_versioning_of_a_locked_bucket_cannot_be_suspended(cloud: Cloud, s3: Any, bucket: str) -> None:
    suspended = {"Status": "Suspended"}
    suspend = {"Bucket": bucket, "VersioningConfiguration": suspended}
    cloud.refused("InvalidBucketState", s3.put_bucket_versioning, **suspend)
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"


@pytest.mark.behaviour("S3-LOCK-DEFAULT")
def test_a_default_retention_covers_every_new_version(cloud: Cloud, s3: Any, make: Make) -> None:
    bucket = make(s3, locked=True)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    wanted = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    before = put(s3, bucket, "before")
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=wanted)
    assert s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"] == wanted
    in_parts(s3, bucket, "parts", [b"x"], ChecksumAlgorithm="CRC32")
    for key in ("put", "parts"):
        if key == "put":
            put(s3, bucket, key)
        assert s3.head_object(Bucket=bucket, Key=key)["ObjectLockMode"] == "GOVERNANCE"
    cloud.refused("NoSuchObjectLockConfiguration", s3.get_object_retention, **before)


@pytest.mark.behaviour("S3-LOCK-NEEDS-BUCKET")
def test_a_lock_needs_a_bucket_with_locks(cloud: Cloud, s3: Any, make: Make) -> None:
    bucket = make(s3)
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until()}
    wanted = {"Bucket": bucket, "Key": "key", "Body": b"x", **lock}
    cloud.refused("InvalidRequest", s3.put_object, **wanted)
    cloud.refused("ObjectLockConfigurationNotFoundError", s3.get_object_lock_configuration, Bucket=bucket)


@pytest.mark.behaviour("S3-LOCK-ABSENT")
def test_without_a_lock_there_is_an_error(cloud: Cloud, s3: Any, make: Make, bucket: str) -> None:
    plain = make(s3)
    cloud.refused("ObjectLockConfigurationNotFoundError", s3.get_object_lock_configuration, Bucket=plain)
    assert s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]["ObjectLockEnabled"] == "Enabled"
    free = put(s3, bucket, "free")
    cloud.refused("NoSuchObjectLockConfiguration", s3.get_object_retention, **free)
    cloud.refused("NoSuchObjectLockConfiguration", s3.get_object_legal_hold, **free)


@pytest.mark.behaviour("S3-LOCK-NOT-COPIED")
def test_a_copy_is_not_locked(cloud: Cloud, s3: Any, bucket: str) -> None:
    kept = put(s3, bucket, "original", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until())
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=kept)
    cloud.refused("NoSuchObjectLockConfiguration", s3.get_object_retention, Bucket=bucket, Key="copy")


@pytest.mark.behaviour("S3-LOCK-FUTURE")
def test_a_retention_ends_in_the_future(cloud: Cloud, s3: Any, bucket: str) -> None:
    where = put(s3, bucket, "past")
    past = {"Mode": "GOVERNANCE", "RetainUntilDate": until(-1)}
    cloud.refused("InvalidArgument", s3.put_object_retention, **where, Retention=past)
