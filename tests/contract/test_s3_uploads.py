"""Uploads in parts: what they are dated, what they may be made of, and how they end."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config

from tests.contract.cloud import Cloud
from tests.contract.s3_buckets import PART, buckets


@pytest.fixture(scope="module")
def s3(cloud: Cloud) -> Any:
    """A client that sends no checksums: these tests are about something else."""
    return cloud.client("s3", config=Config(request_checksum_calculation="when_required"))


@pytest.fixture(scope="module")
def bucket(cloud: Cloud, s3: Any) -> Iterator[str]:
    with buckets(cloud) as make:
        yield make(s3)


def begun(s3: Any, bucket: str, key: str, *parts: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    where = {"Bucket": bucket, "Key": key}
    where["UploadId"] = s3.create_multipart_upload(**where)["UploadId"]
    sent = [
        {"PartNumber": number, "ETag": s3.upload_part(**where, PartNumber=number, Body=part)["ETag"]}
        for number, part in enumerate(parts, start=1)
    ]
    return where, sent


@pytest.mark.behaviour("S3-MPU-DATED-AT-BEGIN")
def test_a_version_uploaded_in_parts_is_as_old_as_the_beginning_of_its_upload(s3: Any, bucket: str) -> None:
    where, sent = begun(s3, bucket, "dated", b"late")
    time.sleep(1.1)  # S3 shows whole seconds
    s3.put_object(Bucket=bucket, Key="dated", Body=b"between")
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": sent})
    newest, before = s3.list_object_versions(Bucket=bucket, Prefix="dated")["Versions"]
    assert newest["IsLatest"]
    assert newest["LastModified"] < before["LastModified"]


@pytest.mark.behaviour("S3-MPU-SMALL-PART")
def test_only_the_last_part_may_be_small(cloud: Cloud, s3: Any, bucket: str) -> None:
    where, sent = begun(s3, bucket, "small", b"x", b"y")
    cloud.refused("EntityTooSmall", s3.complete_multipart_upload, **where, MultipartUpload={"Parts": sent})
    where, sent = begun(s3, bucket, "large enough", b"x" * PART, b"y")
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": sent})
    assert s3.head_object(Bucket=bucket, Key="large enough")["ContentLength"] == PART + 1


@pytest.mark.behaviour("S3-MPU-PARTS-PROVEN")
def test_the_list_of_parts_is_proven(cloud: Cloud, s3: Any, bucket: str) -> None:
    where, sent = begun(s3, bucket, "proven", b"x" * PART, b"y")
    complete = s3.complete_multipart_upload
    cloud.refused("InvalidPartOrder", complete, **where, MultipartUpload={"Parts": sent[::-1]})
    other = [sent[0], {**sent[1], "ETag": sent[0]["ETag"]}]
    cloud.refused("InvalidPart", complete, **where, MultipartUpload={"Parts": other})
    missing = [{**sent[1], "PartNumber": 3}]
    cloud.refused("InvalidPart", complete, **where, MultipartUpload={"Parts": missing})
    cloud.refused("InvalidRequest", complete, **where, MultipartUpload={"Parts": sent}, MpuObjectSize=1)
    complete(**where, MultipartUpload={"Parts": sent}, MpuObjectSize=PART + 1)


@pytest.mark.behaviour("S3-MPU-GONE")
def test_an_upload_that_is_over_is_unknown(cloud: Cloud, s3: Any, bucket: str) -> None:
    where, _ = begun(s3, bucket, "given up", b"x")
    listed = s3.list_multipart_uploads(Bucket=bucket, Prefix="given up")["Uploads"]
    assert [upload["UploadId"] for upload in listed] == [where["UploadId"]]
    s3.abort_multipart_upload(**where)
    cloud.refused("NoSuchUpload", s3.upload_part, **where, PartNumber=2, Body=b"y")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket, Prefix="given up")


@pytest.mark.behaviour("S3-MPU-PART-BY-NUMBER")
def test_a_part_can_be_read_by_its_number(s3: Any, bucket: str) -> None:
    where, sent = begun(s3, bucket, "numbered", b"x" * PART, b"yz")
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": sent})
    head = s3.head_object(Bucket=bucket, Key="numbered", PartNumber=1)
    assert (head["PartsCount"], head["ContentLength"]) == (2, PART)
    assert s3.get_object(Bucket=bucket, Key="numbered", PartNumber=2)["Body"].read() == b"yz"


@pytest.mark.behaviour("S3-MPU-COPY-BARE")
def test_a_copy_in_parts_brings_no_metadata(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="rich", Body=b"x", Metadata={"a": "1"}, Tagging="t=1", ContentType="text/plain")
    where, _ = begun(s3, bucket, "bare")
    source = {"Bucket": bucket, "Key": "rich"}
    part = s3.upload_part_copy(**where, PartNumber=1, CopySource=source)["CopyPartResult"]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    head = s3.head_object(Bucket=bucket, Key="bare")
    assert (head["Metadata"], head["ContentType"]) == ({}, "binary/octet-stream")
    assert s3.get_object_tagging(Bucket=bucket, Key="bare")["TagSet"] == []
    s3.copy_object(Bucket=bucket, Key="whole", CopySource=source)
    assert s3.head_object(Bucket=bucket, Key="whole")["Metadata"] == {"a": "1"}
    assert s3.get_object_tagging(Bucket=bucket, Key="whole")["TagSet"] == [{"Key": "t", "Value": "1"}]
