"""Lifecycle rules as S3 takes, keeps and announces them. What they do is in `tests/lab/test_front_lifecycle.py`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.contract.cloud import Cloud
from tests.contract.s3_buckets import buckets

EVERYTHING = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}}


@pytest.fixture(scope="module")
def s3(cloud: Cloud) -> Any:
    return cloud.client("s3")


@pytest.fixture(scope="module")
def bucket(cloud: Cloud, s3: Any) -> Iterator[str]:
    with buckets(cloud) as make:
        yield make(s3)


def put(s3: Any, bucket: str, *rules: dict[str, Any]) -> None:
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)})


@pytest.mark.behaviour("S3-LIFECYCLE-KEPT")
def test_rules_are_given_back_as_they_were_given(cloud: Cloud, s3: Any, bucket: str) -> None:
    both = {"Prefix": "in/", "Tags": [{"Key": "t", "Value": "1"}], "ObjectSizeGreaterThan": 100}
    narrow = {"ID": "narrow", "Status": "Enabled", "Filter": {"And": both}, "Expiration": {"Days": 3}}
    old = {**EVERYTHING, "NoncurrentVersionExpiration": {"NoncurrentDays": 30, "NewerNoncurrentVersions": 5}}
    old |= {"Expiration": {"ExpiredObjectDeleteMarker": True}}
    old |= {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}
    put(s3, bucket, narrow, old)
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [narrow, old]
    s3.delete_bucket_lifecycle(Bucket=bucket)
    cloud.refused("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, Bucket=bucket)


@pytest.mark.behaviour("S3-LIFECYCLE-REFUSED")
def test_rules_that_make_no_sense_are_refused(cloud: Cloud, s3: Any, bucket: str) -> None:
    tagged = {**EVERYTHING, "Filter": {"Tag": {"Key": "t", "Value": "1"}}}
    for rules, refusal in (
        ([EVERYTHING], "InvalidRequest"),
        ([{**EVERYTHING, "Expiration": {"Days": 0}}], "InvalidArgument"),
        ([{**EVERYTHING, "Expiration": {"Days": 1, "ExpiredObjectDeleteMarker": True}}], "MalformedXML"),
        ([{**tagged, "Expiration": {"ExpiredObjectDeleteMarker": True}}], "InvalidRequest"),
        ([{**tagged, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}], "InvalidRequest"),
        ([{**EVERYTHING, "Expiration": {"Days": number}} for number in (1, 2)], "InvalidArgument"),
    ):
        wanted = {"Bucket": bucket, "LifecycleConfiguration": {"Rules": rules}}
        cloud.refused(refusal, s3.put_bucket_lifecycle_configuration, **wanted)


@pytest.mark.behaviour("S3-LIFECYCLE-MIDNIGHT")
def test_an_object_expires_at_the_midnight_after_its_days(s3: Any, bucket: str) -> None:
    put(s3, bucket, {**EVERYTHING, "Filter": {"Prefix": "short/"}, "Expiration": {"Days": 2}})
    s3.put_object(Bucket=bucket, Key="short/lived", Body=b"x")
    told = s3.head_object(Bucket=bucket, Key="short/lived")
    when = parsedate_to_datetime(told["Expiration"].split('"')[1])
    written: datetime = told["LastModified"]
    passed = written + timedelta(days=2)
    assert (when.hour, when.minute, when.second) == (0, 0, 0)
    assert timedelta(0) <= when.astimezone(UTC) - passed < timedelta(days=1)
    s3.put_object(Bucket=bucket, Key="long/lived", Body=b"x")
    assert "Expiration" not in s3.head_object(Bucket=bucket, Key="long/lived")
