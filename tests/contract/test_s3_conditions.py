"""Conditional writes: of many writers one wins, and nobody overwrites what they have not seen."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.contract.cloud import Cloud
from tests.contract.s3_buckets import buckets, code


@pytest.fixture(scope="module")
def s3(cloud: Cloud) -> Any:
    return cloud.client("s3")


@pytest.fixture(scope="module")
def bucket(cloud: Cloud, s3: Any) -> Iterator[str]:
    with buckets(cloud) as make:
        yield make(s3)


@pytest.mark.behaviour("S3-IF-NONE-MATCH")
def test_of_sixteen_writers_exactly_one_creates(cloud: Cloud, s3: Any, bucket: str) -> None:
    together = threading.Barrier(16)

    def write(number: int) -> str:
        together.wait()
        try:
            s3.put_object(Bucket=bucket, Key="lease", Body=b"%d" % number, IfNoneMatch="*")
        except ClientError as problem:
            return code(problem)
        return "written"

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(write, range(16)))
    assert outcomes.count("written") == 1
    assert set(outcomes) <= {"written", "PreconditionFailed", "ConditionalRequestConflict"}
    s3.delete_object(Bucket=bucket, Key="lease")
    s3.put_object(Bucket=bucket, Key="lease", Body=b"again", IfNoneMatch="*")  # a delete marker is no object
    cloud.refused("NotImplemented", s3.put_object, Bucket=bucket, Key="lease", Body=b"x", IfNoneMatch="etag")


@pytest.mark.behaviour("S3-IF-MATCH")
def test_of_sixteen_writers_exactly_one_replaces(cloud: Cloud, s3: Any, bucket: str) -> None:
    seen = s3.put_object(Bucket=bucket, Key="state", Body=b"seen")["ETag"]
    together = threading.Barrier(16)

    def write(number: int) -> str:
        together.wait()
        try:
            s3.put_object(Bucket=bucket, Key="state", Body=b"%d" % number, IfMatch=seen)
        except ClientError as problem:
            return code(problem)
        return "written"

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(write, range(16)))
    assert outcomes.count("written") == 1
    assert set(outcomes) <= {"written", "PreconditionFailed", "ConditionalRequestConflict"}
    cloud.refused("NoSuchKey", s3.put_object, Bucket=bucket, Key="never was", Body=b"x", IfMatch=seen)


@pytest.mark.behaviour("S3-CONDITION-CONFLICT")
def test_a_deletion_during_a_conditional_upload_is_a_conflict(cloud: Cloud, bucket: str) -> None:
    s3 = cloud.client("s3", config=Config(request_checksum_calculation="when_required"))
    where = {"Bucket": bucket, "Key": "contested"}
    s3.put_object(**where, Body=b"x")
    upload = s3.create_multipart_upload(**where)["UploadId"]
    part = s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"y")
    complete = {**where, "UploadId": upload, "IfNoneMatch": "*"}
    complete["MultipartUpload"] = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    cloud.refused("PreconditionFailed", s3.complete_multipart_upload, **complete)
    s3.delete_object(**where)
    cloud.refused("ConditionalRequestConflict", s3.complete_multipart_upload, **complete)


@pytest.mark.behaviour("S3-CONDITIONAL-DELETE")
def test_a_deletion_can_ask_for_what_it_deletes(cloud: Cloud, s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="unseen", Body=b"x")["ETag"]
    newer = s3.put_object(Bucket=bucket, Key="unseen", Body=b"y")["ETag"]
    cloud.refused("PreconditionFailed", s3.delete_object, Bucket=bucket, Key="unseen", IfMatch=etag)
    s3.delete_object(Bucket=bucket, Key="unseen", IfMatch=newer)


@pytest.mark.behaviour("S3-COPY-CONDITION")
def test_a_copy_can_ask_what_it_copies_and_what_it_replaces(cloud: Cloud, s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="from", Body=b"x")["ETag"]
    s3.put_object(Bucket=bucket, Key="to", Body=b"y")
    copy = {"Bucket": bucket, "Key": "to", "CopySource": {"Bucket": bucket, "Key": "from"}}
    cloud.refused("PreconditionFailed", s3.copy_object, **copy, IfNoneMatch="*")
    cloud.refused("PreconditionFailed", s3.copy_object, **copy, CopySourceIfMatch='"other"')
    s3.copy_object(**copy, CopySourceIfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == b"x"
