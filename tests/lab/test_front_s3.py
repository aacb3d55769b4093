"""S3 through the front door, with stock boto3: checksums, versions, copies, listings, uploads in parts, two regions."""

import base64
import hashlib
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from dr.lab.home import Home
from tests.lab.front_fixtures import PRIMARY, RECOVERY, client, code, lab

ODD_KEYS = ["plain", "a b/ü+1%&?=#", "double//slash", "/leading", "trailing/", "<xml>&'\"", "dots/../x/./y", "日本語"]


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with lab() as home:
        yield home


@pytest.fixture
def s3(home: Home) -> Any:
    return client(home, "s3")


def bucket(s3: Any, region: str = PRIMARY) -> str:
    """A new versioned bucket."""
    name = f"b-{uuid4()}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def put(s3: Any, name: str, key: str, body: bytes, **more: Any) -> str:
    return str(s3.put_object(Bucket=name, Key=key, Body=body, **more)["VersionId"])


def md5(body: bytes) -> bytes:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest())


def sha256(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def test_versions_are_read_back_by_key_and_version(s3: Any) -> None:
    name = bucket(s3)
    for key in ODD_KEYS:
        old = put(s3, name, key, b"old " + key.encode(), Metadata={"my_key-1": "x"}, ContentType="text/plain")
        new = put(s3, name, key, b"")
        assert s3.get_object(Bucket=name, Key=key, VersionId=old)["Body"].read() == b"old " + key.encode()
        got = s3.get_object(Bucket=name, Key=key)
        assert (got["VersionId"], got["Body"].read(), got["ContentLength"]) == (new, b"", 0)
        head = s3.head_object(Bucket=name, Key=key, VersionId=old)
        assert (head["Metadata"], head["ContentType"]) == ({"my_key-1": "x"}, "text/plain")
        part = s3.get_object(Bucket=name, Key=key, VersionId=old, Range="bytes=1-2")
        assert (part["Body"].read(), part["ResponseMetadata"]["HTTPStatusCode"]) == (b"ld", 206)
    found = s3.list_object_versions(Bucket=name)
    assert [each["Key"] for each in found["Versions"]] == sorted(2 * ODD_KEYS, key=lambda key: key.encode())
    assert {each["Key"] for each in s3.list_objects_v2(Bucket=name)["Contents"]} == set(ODD_KEYS)


def test_checksums_are_kept_and_told(s3: Any) -> None:
    name = bucket(s3)
    put(s3, name, "given", b"content", ChecksumSHA256=sha256(b"content"))
    put(s3, name, "asked", b"content", ChecksumAlgorithm="SHA256")
    for key in ("given", "asked"):
        head = s3.head_object(Bucket=name, Key=key, ChecksumMode="ENABLED")
        assert (head["ChecksumSHA256"], head["ChecksumType"]) == (sha256(b"content"), "FULL_OBJECT")
        got = s3.get_object(Bucket=name, Key=key, ChecksumMode="ENABLED")
        assert (got["ChecksumSHA256"], got["Body"].read()) == (sha256(b"content"), b"content")
        told = s3.get_object_attributes(Bucket=name, Key=key, ObjectAttributes=["Checksum", "ObjectSize"])
        assert (told["Checksum"]["ChecksumSHA256"], told["ObjectSize"]) == (sha256(b"content"), 7)
    put(s3, name, "default", b"content")
    crc = base64.b64encode(zlib.crc32(b"content").to_bytes(4, "big")).decode()
    assert s3.head_object(Bucket=name, Key="default", ChecksumMode="ENABLED")["ChecksumCRC32"] == crc


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"ChecksumSHA256": sha256(b"other")}, "BadDigest"),
        ({"ChecksumCRC32": "AAAAAA=="}, "BadDigest"),
        ({"ContentMD5": md5(b"other").decode()}, "BadDigest"),
        ({"ContentMD5": "not base64"}, "InvalidDigest"),
    ],
)
def test_a_wrong_checksum_is_refused_and_nothing_is_stored(s3: Any, wrong: dict[str, str], expected: str) -> None:
    name = bucket(s3)
    with pytest.raises(ClientError) as caught:
        put(s3, name, "key", b"content", **wrong)
    assert code(caught.value) == expected
    assert "Versions" not in s3.list_object_versions(Bucket=name)


def test_if_none_match_lets_exactly_one_of_many_writers_in(home: Home) -> None:
    s3 = client(home, "s3")
    name = bucket(s3)
    together = threading.Barrier(16)

    def write(number: int) -> str:
        together.wait()
        try:
            s3.put_object(Bucket=name, Key="lease", Body=b"%d" % number, IfNoneMatch="*")
        except ClientError as problem:
            return code(problem)
        return "written"

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(write, range(16)))
    assert sorted(outcomes) == ["PreconditionFailed"] * 15 + ["written"]
    assert len(s3.list_object_versions(Bucket=name)["Versions"]) == 1


def test_writers_of_one_key_lose_no_version(home: Home) -> None:
    s3 = client(home, "s3")
    name = bucket(s3)
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda number: put(s3, name, "key", b"%d" % number), range(200)))
    found = s3.list_object_versions(Bucket=name)["Versions"]
    assert {each["VersionId"] for each in found} == set(made)
    assert sum(each["IsLatest"] for each in found) == 1


WRITES = 150
"""By each of four writers: with fewer, a reader rarely falls between two of them."""


def test_whoever_reads_while_others_write_gets_one_version_whole(s3: Any) -> None:
    name = bucket(s3)
    put(s3, name, "key", b"first")
    done = threading.Event()

    def read(_: int) -> int:
        count = 0
        while not done.is_set():
            found = s3.get_object(Bucket=name, Key="key")
            # botocore compares the content with the checksum of the same answer by itself.
            assert found["ETag"].strip('"') == hashlib.md5(found["Body"].read(), usedforsecurity=False).hexdigest()
            count += 1
        return count

    def write(writer: int) -> None:
        for number in range(WRITES):
            put(s3, name, "key", b"%d of %d" % (number, writer))

    with ThreadPoolExecutor(8) as pool:
        reading = [pool.submit(read, number) for number in range(4)]
        try:
            list(pool.map(write, range(4)))
        finally:
            done.set()
    assert sum(one.result() for one in reading) > 0


@pytest.mark.parametrize("page", [1, 2, 3, 1000])
def test_pages_of_versions_neither_lose_nor_repeat_any(s3: Any, page: int) -> None:
    name = bucket(s3)
    expected = []
    for key in sorted(ODD_KEYS, key=lambda key: key.encode()):
        made = [put(s3, name, key, b"%d" % number) for number in range(3)]
        made.append(s3.delete_object(Bucket=name, Key=key)["VersionId"])
        expected += [(key, version) for version in reversed(made)]
    found = []
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=name, PaginationConfig={"PageSize": page})
    for each in pages:
        assert len(each.get("Versions", [])) + len(each.get("DeleteMarkers", [])) <= page
        entries = [(entry["Key"], entry["VersionId"]) for entry in each.get("DeleteMarkers", [])]
        entries += [(entry["Key"], entry["VersionId"]) for entry in each.get("Versions", [])]
        found += sorted(entries, key=expected.index)
    assert found == expected
    assert all(marker["IsLatest"] for marker in s3.list_object_versions(Bucket=name)["DeleteMarkers"])


def test_a_page_goes_on_after_its_key_when_no_version_is_named(s3: Any) -> None:
    name = bucket(s3)
    for key in ("a", "a", "b", "c"):
        put(s3, name, key, b"x")
    found = s3.list_object_versions(Bucket=name, KeyMarker="a")["Versions"]
    assert [each["Key"] for each in found] == ["b", "c"]
    below = [put(s3, name, key, b"x") for key in ("d/1", "d/2", "e/1")]
    assert below
    found = s3.list_object_versions(Bucket=name, Delimiter="/", MaxKeys=5)
    assert [each["Prefix"] for each in found["CommonPrefixes"]] == ["d/"]
    rest = s3.list_object_versions(Bucket=name, Delimiter="/", KeyMarker=found["NextKeyMarker"])
    assert [each["Prefix"] for each in rest["CommonPrefixes"]] == ["e/"]
    assert [each["Key"] for each in s3.list_object_versions(Bucket=name, Prefix="d/")["Versions"]] == ["d/1", "d/2"]


def test_a_delete_marker_is_shown_as_such(s3: Any) -> None:
    name = bucket(s3)
    version = put(s3, name, "key", b"content")
    marker = s3.delete_object(Bucket=name, Key="key")["VersionId"]
    for look in (s3.get_object, s3.head_object):
        with pytest.raises(ClientError) as gone:
            look(Bucket=name, Key="key")
        assert gone.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
        assert gone.value.response["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "true"
        with pytest.raises(ClientError) as not_allowed:
            look(Bucket=name, Key="key", VersionId=marker)
        assert not_allowed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 405
    assert s3.get_object(Bucket=name, Key="key", VersionId=version)["Body"].read() == b"content"
    s3.delete_object(Bucket=name, Key="key", VersionId=marker)
    assert s3.get_object(Bucket=name, Key="key")["VersionId"] == version


def test_an_old_version_is_copied_across_regions(home: Home, s3: Any) -> None:
    other = client(home, "s3", RECOVERY)
    here, there = bucket(s3), bucket(other, RECOVERY)
    for key in ODD_KEYS:
        old = put(s3, here, key, b"old", Metadata={"a": "1"}, Tagging="t=1", ChecksumAlgorithm="SHA256")
        put(s3, here, key, b"new")
        source = {"Bucket": here, "Key": key, "VersionId": old}
        made = other.copy_object(Bucket=there, Key=f"copy of {key}", CopySource=source)
        assert made["CopySourceVersionId"] == old
        got = other.get_object(Bucket=there, Key=f"copy of {key}", ChecksumMode="ENABLED")
        assert (got["Body"].read(), got["Metadata"], got["TagCount"]) == (b"old", {"a": "1"}, 1)
        assert (got["VersionId"], got["ChecksumSHA256"]) == (made["VersionId"], sha256(b"old"))


def test_a_bucket_answers_only_in_its_own_region(home: Home, s3: Any) -> None:
    other = client(home, "s3", RECOVERY)
    name = bucket(s3)
    put(s3, name, "key", b"content")
    with pytest.raises(ClientError) as caught:
        other.get_object(Bucket=name, Key="key")
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    # boto3 follows the redirect with another signature, to the endpoint that it was told to stay with
    assert code(caught.value) in ("PermanentRedirect", "AuthorizationHeaderMalformed"), headers
    assert other.get_bucket_location(Bucket=name)["LocationConstraint"] == PRIMARY
    with pytest.raises(ClientError) as taken:
        other.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": RECOVERY})
    assert code(taken.value) == "BucketAlreadyOwnedByYou"
    with pytest.raises(ClientError) as missing:
        s3.list_object_versions(Bucket="no-such-bucket")
    assert code(missing.value) == "NoSuchBucket"


def test_an_upload_in_parts_shows_when_it_began(s3: Any) -> None:
    name = bucket(s3)
    where = {"Bucket": name, "Key": "large"}
    upload = s3.create_multipart_upload(**where, ChecksumAlgorithm="SHA256", Metadata={"a": "1"})["UploadId"]
    put(s3, name, "large", b"between")
    parts = [b"a" * 5 * 1024**2, b"b" * 1000]
    sent = []
    for number, part in enumerate(parts, start=1):
        more = {"UploadId": upload, "PartNumber": number, "ChecksumAlgorithm": "SHA256"}
        with pytest.raises(ClientError):
            s3.upload_part(**where, **{**more, "ChecksumSHA256": sha256(b"other")}, Body=part)
        done = s3.upload_part(**where, **more, Body=part)
        sent.append({"PartNumber": number, "ETag": done["ETag"], "ChecksumSHA256": done["ChecksumSHA256"]})
    made = s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": sent})
    of_parts = sha256(b"".join(hashlib.sha256(part).digest() for part in parts))
    head = s3.head_object(**where, ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head["ChecksumType"]) == (f"{of_parts}-2", "COMPOSITE")
    assert (head["VersionId"], head["ETag"][-3:], head["Metadata"]) == (made["VersionId"], '-2"', {"a": "1"})
    newest, before = s3.list_object_versions(Bucket=name)["Versions"]
    assert newest["IsLatest"]
    assert newest["LastModified"] <= before["LastModified"]
    copied = s3.copy_object(Bucket=name, Key="copy", CopySource=where)["CopyObjectResult"]
    assert copied["ETag"] == f'"{base64.b64decode(md5(b"".join(parts))).hex()}"'
    head = s3.head_object(Bucket=name, Key="copy", ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head["ChecksumType"]) == (sha256(b"".join(parts)), "FULL_OBJECT")
    assert s3.get_object(Bucket=name, Key="copy")["Body"].read() == b"".join(parts)


def test_thirty_two_clients_at_once_all_get_their_own_bytes(home: Home) -> None:
    name = bucket(client(home, "s3"))

    def work(number: int) -> bool:
        s3 = client(home, "s3")
        keys = [f"{number}/{each}" for each in range(8)]
        for key in keys:
            put(s3, name, key, key.encode() * 1000)
        return all(s3.get_object(Bucket=name, Key=key)["Body"].read() == key.encode() * 1000 for key in keys)

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(work, range(32)))
    assert len(client(home, "s3").list_objects_v2(Bucket=name)["Contents"]) == 256


def test_what_is_not_simulated_is_refused_and_changes_nothing(s3: Any) -> None:
    name = bucket(s3)
    version = put(s3, name, "key", b"content")
    for call in (
        lambda: s3.get_object_torrent(Bucket=name, Key="key"),
        lambda: s3.get_bucket_request_payment(Bucket=name),
        lambda: s3.put_bucket_request_payment(Bucket=name, RequestPaymentConfiguration={"Payer": "Requester"}),
        lambda: s3.list_bucket_analytics_configurations(Bucket=name),
    ):
        with pytest.raises(ClientError) as caught:
            call()
        assert code(caught.value) == "NotImplemented"
    assert [each["VersionId"] for each in s3.list_object_versions(Bucket=name)["Versions"]] == [version]


def test_the_lock_of_an_object_is_told(s3: Any) -> None:
    name = f"b-{uuid4()}"
    where = {"LocationConstraint": PRIMARY}
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=where, ObjectLockEnabledForBucket=True)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    put(s3, name, "free", b"x")
    locked = put(s3, name, "kept", b"x", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)
    told = s3.get_object_retention(Bucket=name, Key="kept")["Retention"]
    assert told == {"Mode": "COMPLIANCE", "RetainUntilDate": until}
    with pytest.raises(ClientError) as caught:
        s3.get_object_retention(Bucket=name, Key="free")
    assert code(caught.value) == "NoSuchObjectLockConfiguration"
    with pytest.raises(ClientError) as caught:
        s3.delete_object(Bucket=name, Key="kept", VersionId=locked)
    assert code(caught.value) == "AccessDenied"


def test_many_objects_are_deleted_in_one_request(s3: Any) -> None:
    name = bucket(s3)
    for key in ODD_KEYS:
        put(s3, name, key, b"x")
    wanted = {"Objects": [{"Key": key} for key in ODD_KEYS]}
    deleted = s3.delete_objects(Bucket=name, Delete=wanted)["Deleted"]
    assert {each["Key"] for each in deleted} == set(ODD_KEYS)
    assert len(s3.list_object_versions(Bucket=name)["DeleteMarkers"]) == len(ODD_KEYS)
    everything = s3.list_object_versions(Bucket=name)
    versions = [
        {"Key": each["Key"], "VersionId": each["VersionId"]}
        for each in everything["Versions"] + everything["DeleteMarkers"]
    ]
    s3.delete_objects(Bucket=name, Delete={"Objects": versions})
    assert "Versions" not in s3.list_object_versions(Bucket=name)
    s3.delete_bucket(Bucket=name)
