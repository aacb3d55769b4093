"""What S3 proves of the bytes it is sent, and what it says of them afterwards."""

import base64
import hashlib
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from anycrc import Model
from botocore.config import Config

from tests.contract.cloud import Cloud
from tests.contract.s3_buckets import PART, buckets, header, in_parts, md5, sha256

BODY = b"the content of an object"
PARTS = [b"a" * PART, b"b" * 1000]
QUIET = Config(request_checksum_calculation="when_required", response_checksum_validation="when_required")
"""A client that sends no checksum by itself, as every client did before 2025."""


@pytest.fixture(scope="module")
def s3(cloud: Cloud) -> Any:
    return cloud.client("s3")


@pytest.fixture(scope="module")
def quiet(cloud: Cloud) -> Any:
    return cloud.client("s3", config=QUIET)


@pytest.fixture(scope="module")
def bucket(cloud: Cloud, s3: Any) -> Iterator[str]:
    with buckets(cloud) as make:
        yield make(s3)


def crc64(body: bytes) -> str:
    return base64.b64encode(int(Model("CRC64-NVME").calc(body)).to_bytes(8, "big")).decode()


def crc32(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


@pytest.mark.behaviour("S3-CHECKSUM-PROVEN")
def test_a_wrong_checksum_is_refused(cloud: Cloud, s3: Any, bucket: str) -> None:
    wrong = md5(b"other")
    for given, refusal in (
        ({"ChecksumSHA256": sha256(b"other")}, "BadDigest"),
        ({"ChecksumCRC32": crc32(b"other")}, "BadDigest"),
        ({"ChecksumCRC64NVME": crc64(b"other")}, "BadDigest"),
        ({"ContentMD5": base64.b64encode(wrong).decode()}, "BadDigest"),
        ({"ContentMD5": "no digest"}, "InvalidDigest"),
        ({"ChecksumSHA256": "no checksum"}, "InvalidRequest"),
    ):
        cloud.refused(refusal, s3.put_object, Bucket=bucket, Key="wrong", Body=BODY, **given)
    assert "Versions" not in s3.list_object_versions(Bucket=bucket, Prefix="wrong")


@pytest.mark.behaviour("S3-CHECKSUM-DEFAULT")
def test_without_a_checksum_s3_keeps_its_own(quiet: Any, s3: Any, bucket: str) -> None:
    made = quiet.put_object(Bucket=bucket, Key="default", Body=BODY)
    assert made["ChecksumCRC64NVME"] == crc64(BODY)
    head = s3.head_object(Bucket=bucket, Key="default", ChecksumMode="ENABLED")
    assert (head["ChecksumCRC64NVME"], head["ChecksumType"]) == (crc64(BODY), "FULL_OBJECT")
    assert "ChecksumCRC64NVME" not in quiet.head_object(Bucket=bucket, Key="default")


@pytest.mark.behaviour("S3-CHECKSUM-TYPE-TOLD")
def test_the_type_of_a_checksum_is_told_on_request(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="typed", Body=BODY, ChecksumAlgorithm="SHA256")
    for look in (s3.head_object, s3.get_object):
        told = look(Bucket=bucket, Key="typed", ChecksumMode="ENABLED")
        assert (told["ChecksumSHA256"], told["ChecksumType"]) == (sha256(BODY), "FULL_OBJECT")
    part = s3.get_object(Bucket=bucket, Key="typed", ChecksumMode="ENABLED", Range="bytes=1-3")
    assert part["Body"].read() == BODY[1:4]
    assert "ChecksumSHA256" not in part


@pytest.mark.behaviour("S3-CHECKSUM-COMPOSITE")
def test_a_composite_checksum_is_no_hash_of_the_object(s3: Any, bucket: str) -> None:
    made = in_parts(s3, bucket, "composite", PARTS, ChecksumAlgorithm="SHA256")
    of_parts = sha256(b"".join(hashlib.sha256(part).digest() for part in PARTS))
    assert (made["ChecksumSHA256"], made["ChecksumType"]) == (f"{of_parts}-2", "COMPOSITE")
    head = s3.head_object(Bucket=bucket, Key="composite", ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head["ChecksumType"]) == (f"{of_parts}-2", "COMPOSITE")
    assert of_parts != sha256(b"".join(PARTS))


@pytest.mark.behaviour("S3-CHECKSUM-ATTRIBUTES")
def test_object_attributes_leave_out_the_number_of_parts(s3: Any, bucket: str) -> None:
    in_parts(s3, bucket, "attributes", PARTS, ChecksumAlgorithm="SHA256")
    wanted = ["Checksum", "ObjectParts", "ObjectSize", "ETag"]
    told = s3.get_object_attributes(Bucket=bucket, Key="attributes", ObjectAttributes=wanted)
    of_parts = sha256(b"".join(hashlib.sha256(part).digest() for part in PARTS))
    assert told["Checksum"] == {"ChecksumSHA256": of_parts, "ChecksumType": "COMPOSITE"}
    assert told["ObjectParts"]["TotalPartsCount"] == 2
    assert [part["ChecksumSHA256"] for part in told["ObjectParts"]["Parts"]] == [sha256(part) for part in PARTS]
    assert (told["ObjectSize"], told["ETag"][-2:]) == (PART + 1000, "-2")


@pytest.mark.behaviour("S3-CHECKSUM-FULL-OBJECT")
def test_a_crc_of_an_upload_in_parts_can_be_of_the_whole_object(s3: Any, bucket: str) -> None:
    full = {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"}
    made = in_parts(s3, bucket, "full", PARTS, **full)
    assert (made["ChecksumCRC32"], made["ChecksumType"]) == (crc32(b"".join(PARTS)), "FULL_OBJECT")


@pytest.mark.behaviour("S3-CHECKSUM-SHA-COMPOSITE-ONLY")
def test_a_hash_of_the_whole_object_cannot_be_had_from_parts(cloud: Cloud, s3: Any, bucket: str) -> None:
    for algorithm, kind in (("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")):
        given = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
        cloud.refused("InvalidRequest", s3.create_multipart_upload, Bucket=bucket, Key="never", **given)


@pytest.mark.behaviour("S3-CHECKSUM-PARTS-DEFAULT")
def test_an_upload_in_parts_without_a_checksum_gets_one_of_the_whole(quiet: Any, s3: Any, bucket: str) -> None:
    in_parts(quiet, bucket, "plain parts", PARTS)
    head = s3.head_object(Bucket=bucket, Key="plain parts", ChecksumMode="ENABLED")
    assert (head["ChecksumCRC64NVME"], head["ChecksumType"]) == (crc64(b"".join(PARTS)), "FULL_OBJECT")


@pytest.mark.behaviour("S3-CHECKSUM-UNANNOUNCED")
def test_a_part_must_not_bring_a_checksum_that_the_upload_did_not_announce(cloud: Cloud, s3: Any, bucket: str) -> None:
    where = {"Bucket": bucket, "Key": "unannounced"}
    upload = s3.create_multipart_upload(**where)["UploadId"]
    refused = cloud.refused("InvalidRequest", s3.upload_part, **where, UploadId=upload, PartNumber=1, Body=b"x")
    assert "expected checksum Type: null, actual checksum Type: crc32" in str(refused)


@pytest.mark.behaviour("S3-CHECKSUM-COMPLETE-NEEDS-PARTS")
def test_completing_names_the_checksum_of_every_part(cloud: Cloud, s3: Any, bucket: str) -> None:
    where = {"Bucket": bucket, "Key": "incomplete"}
    upload = s3.create_multipart_upload(**where, ChecksumAlgorithm="CRC32")["UploadId"]
    part = s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    complete = {**where, "UploadId": upload, "MultipartUpload": parts}
    refused = cloud.refused("InvalidRequest", s3.complete_multipart_upload, **complete)
    assert "checksum for each part" in str(refused)


@pytest.mark.behaviour("S3-ETAG-NOT-MD5")
def test_an_etag_is_not_always_the_md5(s3: Any, bucket: str) -> None:
    plain = s3.put_object(Bucket=bucket, Key="plain", Body=BODY)
    assert plain["ETag"] == f'"{md5(BODY).hex()}"'
    sealed = s3.put_object(Bucket=bucket, Key="sealed", Body=BODY, ServerSideEncryption="aws:kms")
    assert sealed["ETag"] != plain["ETag"]
    assert s3.head_object(Bucket=bucket, Key="sealed")["ETag"] == sealed["ETag"]
    parts = in_parts(s3, bucket, "parts", PARTS, ChecksumAlgorithm="CRC32")
    assert parts["ETag"] == f'"{md5(b"".join(md5(part) for part in PARTS)).hex()}-2"'


@pytest.mark.behaviour("S3-COPY-ONE-PART")
def test_a_copy_of_an_upload_in_parts_is_one_part(s3: Any, bucket: str) -> None:
    in_parts(s3, bucket, "original", PARTS, ChecksumAlgorithm="SHA256")
    made = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "original"})
    whole = b"".join(PARTS)
    assert made["CopyObjectResult"]["ETag"] == f'"{md5(whole).hex()}"'
    head = s3.head_object(Bucket=bucket, Key="copy", ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head["ChecksumType"]) == (sha256(whole), "FULL_OBJECT")


@pytest.mark.behaviour("S3-ENCRYPTED-BY-DEFAULT")
def test_every_object_is_encrypted_and_says_so(s3: Any, bucket: str) -> None:
    made = s3.put_object(Bucket=bucket, Key="encrypted", Body=BODY)
    assert made["ServerSideEncryption"] == "AES256"
    assert header(s3.head_object(Bucket=bucket, Key="encrypted"), "x-amz-server-side-encryption") == "AES256"
