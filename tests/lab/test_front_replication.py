"""Replication between the two regions' buckets: what arrives, when, in which order, and what it says of itself."""

import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from dr.lab import life
from dr.lab.front.replication import LAG_SECONDS
from dr.lab.home import Home
from tests.lab.front_fixtures import ACCOUNT, PRIMARY, RECOVERY, client, code, eventually, lab

SPEED = 100.0
LAG = LAG_SECONDS / SPEED


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with lab(SPEED) as home:
        yield home


@pytest.fixture
def here(home: Home) -> Any:
    return client(home, "s3", PRIMARY)


@pytest.fixture
def there(home: Home) -> Any:
    return client(home, "s3", RECOVERY)


def bucket(s3: Any) -> str:
    name = f"b-{uuid4()}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def replicate(s3: Any, source: str, destination: str, **more: Any) -> None:
    rule = {
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {},
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{destination}"},
        **more,
    }
    configuration = {"Role": f"arn:aws:iam::{ACCOUNT}:role/replication", "Rules": [rule]}
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration=configuration)


@pytest.fixture
def pair(here: Any, there: Any) -> tuple[str, str]:
    source, copy = bucket(here), bucket(there)
    replicate(here, source, copy)
    return source, copy


def state(s3: Any, name: str, key: str, version: str) -> str | None:
    try:
        return str(s3.head_object(Bucket=name, Key=key, VersionId=version).get("ReplicationStatus"))
    except ClientError:
        return None


def listed(s3: Any, name: str) -> list[tuple[str, str, Any]]:
    found = s3.list_object_versions(Bucket=name)
    both = found.get("Versions", []) + found.get("DeleteMarkers", [])
    return sorted((each["Key"], each["VersionId"], each["LastModified"]) for each in both)


def test_nothing_arrives_in_a_lost_region_until_it_is_healed(home: Home, here: Any, pair: tuple[str, str]) -> None:
    source, _ = pair
    life.command(home, "outage", {"region": RECOVERY, "mode": "blackhole"})
    try:
        version = here.put_object(Bucket=source, Key="held", Body=b"x")["VersionId"]
        threading.Event().wait(5 * LAG)
        assert state(here, source, "held", version) == "PENDING"
    finally:
        life.command(home, "heal", {"region": RECOVERY})
    eventually(lambda: state(here, source, "held", version) == "COMPLETED")


def test_a_version_arrives_after_the_lag_as_it_is(here: Any, there: Any, pair: tuple[str, str]) -> None:
    source, copy = pair
    before = time.monotonic()
    key = "a b//ü"
    more = {"Metadata": {"my_key": "x"}, "ContentType": "text/plain", "Tagging": "t=1&u=2"}
    version = here.put_object(Bucket=source, Key=key, Body=b"content" * 9000, ChecksumAlgorithm="SHA256", **more)[
        "VersionId"
    ]
    assert state(here, source, key, version) == "PENDING"
    assert state(there, copy, key, version) is None
    eventually(lambda: state(here, source, key, version) == "COMPLETED")
    assert time.monotonic() - before >= LAG
    assert state(there, copy, key, version) == "REPLICA"
    ours = here.get_object(Bucket=source, Key=key, VersionId=version, ChecksumMode="ENABLED")
    theirs = there.get_object(Bucket=copy, Key=key, ChecksumMode="ENABLED")
    assert theirs["Body"].read() == ours["Body"].read() == b"content" * 9000
    same = ("VersionId", "LastModified", "ETag", "ChecksumSHA256", "Metadata", "ContentType", "ContentLength")
    assert {name: theirs[name] for name in same} == {name: ours[name] for name in same}
    tags = there.get_object_tagging(Bucket=copy, Key=key, VersionId=version)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"t": "1", "u": "2"}


def test_every_way_to_make_a_version_is_followed(here: Any, there: Any, pair: tuple[str, str]) -> None:
    source, copy = pair
    here.put_object(Bucket=source, Key="put", Body=b"1")
    here.put_object(Bucket=source, Key="put", Body=b"2")
    here.copy_object(Bucket=source, Key="copied", CopySource={"Bucket": source, "Key": "put"})
    upload = here.create_multipart_upload(Bucket=source, Key="parts", ChecksumAlgorithm="CRC32")["UploadId"]
    part = {"Bucket": source, "Key": "parts", "UploadId": upload}
    sent = here.upload_part(**part, PartNumber=1, Body=b"part")
    known = {"PartNumber": 1, "ETag": sent["ETag"], "ChecksumCRC32": sent["ChecksumCRC32"]}
    here.complete_multipart_upload(**part, MultipartUpload={"Parts": [known]})
    here.delete_object(Bucket=source, Key="put")
    here.delete_objects(Bucket=source, Delete={"Objects": [{"Key": "copied"}]})
    here.put_object(Bucket=source, Key="put", Body=b"3")
    expected = listed(here, source)
    assert len(expected) == 7
    eventually(lambda: listed(there, copy) == expected)
    for ours, theirs in (("Versions", "Versions"), ("DeleteMarkers", "DeleteMarkers")):
        order = [(each["Key"], each["VersionId"]) for each in here.list_object_versions(Bucket=source)[ours]]
        assert [(e["Key"], e["VersionId"]) for e in there.list_object_versions(Bucket=copy)[theirs]] == order
    assert there.get_object(Bucket=copy, Key="parts")["Body"].read() == b"part"


def test_removing_a_version_is_never_replicated(here: Any, there: Any, pair: tuple[str, str]) -> None:
    source, copy = pair
    version = here.put_object(Bucket=source, Key="key", Body=b"1")["VersionId"]
    eventually(lambda: state(there, copy, "key", version))
    here.delete_object(Bucket=source, Key="key", VersionId=version)
    last = here.put_object(Bucket=source, Key="last", Body=b"1")["VersionId"]
    eventually(lambda: state(there, copy, "last", last))
    assert state(there, copy, "key", version) == "REPLICA"


def test_a_version_that_is_gone_before_its_turn_does_not_arrive(here: Any, there: Any, pair: tuple[str, str]) -> None:
    source, copy = pair
    version = here.put_object(Bucket=source, Key="key", Body=b"1")["VersionId"]
    here.delete_object(Bucket=source, Key="key", VersionId=version)
    last = here.put_object(Bucket=source, Key="last", Body=b"1")["VersionId"]
    eventually(lambda: state(there, copy, "last", last))
    assert [key for key, _, _ in listed(there, copy)] == ["last"]


def test_replicas_go_no_further(here: Any, there: Any, pair: tuple[str, str]) -> None:
    source, copy = pair
    replicate(there, copy, source)
    version = here.put_object(Bucket=source, Key="key", Body=b"1")["VersionId"]
    back = there.put_object(Bucket=copy, Key="back", Body=b"2")["VersionId"]
    eventually(lambda: state(there, copy, "key", version) == "REPLICA")
    eventually(lambda: state(here, source, "back", back) == "REPLICA")
    time.sleep(3 * LAG)
    assert listed(here, source) == listed(there, copy)
    assert len(listed(here, source)) == 2


def test_only_what_a_rule_covers_is_replicated(here: Any, there: Any) -> None:
    source, copy = bucket(here), bucket(there)
    before = here.put_object(Bucket=source, Key="in/before", Body=b"1")["VersionId"]
    narrow = {"And": {"Prefix": "in/", "Tags": [{"Key": "keep", "Value": "yes"}]}}
    replicate(here, source, copy, Filter=narrow, DeleteMarkerReplication={"Status": "Disabled"})
    kept = here.get_bucket_replication(Bucket=source)["ReplicationConfiguration"]["Rules"][0]
    assert kept["Filter"] == narrow
    assert kept["DeleteMarkerReplication"] == {"Status": "Disabled"}
    assert kept["ID"]
    covered = here.put_object(Bucket=source, Key="in/covered", Body=b"1", Tagging="keep=yes")["VersionId"]
    here.put_object(Bucket=source, Key="in/untagged", Body=b"1")
    here.put_object(Bucket=source, Key="out/tagged", Body=b"1", Tagging="keep=yes")
    here.delete_object(Bucket=source, Key="in/covered")
    last = here.put_object(Bucket=source, Key="in/last", Body=b"1", Tagging="keep=yes")["VersionId"]
    eventually(lambda: state(there, copy, "in/last", last))
    assert [(key, version) for key, version, _ in listed(there, copy)] == [("in/covered", covered), ("in/last", last)]
    assert state(here, source, "in/before", before) == "None"
    here.delete_bucket_replication(Bucket=source)
    with pytest.raises(ClientError) as caught:
        here.get_bucket_replication(Bucket=source)
    assert code(caught.value) == "ReplicationConfigurationNotFoundError"
    here.put_object(Bucket=source, Key="in/after", Body=b"1", Tagging="keep=yes")
    time.sleep(2 * LAG)
    assert len(listed(there, copy)) == 2


def test_objects_under_a_kms_key_are_replicated_only_on_request(
    home: Home, here: Any, there: Any, pair: tuple[str, str]
) -> None:
    source, copy = pair
    one, two = (client(home, "kms", region).create_key()["KeyMetadata"]["Arn"] for region in (PRIMARY, RECOVERY))
    secret = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": one}
    first = here.put_object(Bucket=source, Key="key", Body=b"1", **secret)["VersionId"]
    assert state(here, source, "key", first) == "None"
    replicate(
        here,
        source,
        copy,
        SourceSelectionCriteria={"SseKmsEncryptedObjects": {"Status": "Enabled"}},
        Destination={"Bucket": f"arn:aws:s3:::{copy}", "EncryptionConfiguration": {"ReplicaKmsKeyID": two}},
    )
    second = here.put_object(Bucket=source, Key="key", Body=b"2", **secret)["VersionId"]
    eventually(lambda: state(there, copy, "key", second))
    assert there.head_object(Bucket=copy, Key="key")["SSEKMSKeyId"] == two
    assert state(there, copy, "key", first) is None


def test_a_destination_that_cannot_take_it_makes_it_fail(here: Any, there: Any, pair: tuple[str, str]) -> None:
    source, copy = pair
    there.put_bucket_versioning(Bucket=copy, VersioningConfiguration={"Status": "Suspended"})
    unversioned = here.put_object(Bucket=source, Key="key", Body=b"1")["VersionId"]
    eventually(lambda: state(here, source, "key", unversioned) == "FAILED")
    there.delete_bucket(Bucket=copy)
    missing = here.put_object(Bucket=source, Key="key", Body=b"2")["VersionId"]
    eventually(lambda: state(here, source, "key", missing) == "FAILED")


def test_a_configuration_that_cannot_work_is_refused(here: Any, there: Any) -> None:
    source, copy = bucket(here), bucket(there)
    with pytest.raises(ClientError) as caught:
        replicate(here, source, "no-such-bucket")
    assert code(caught.value) == "InvalidRequest"
    there.put_bucket_versioning(Bucket=copy, VersioningConfiguration={"Status": "Suspended"})
    with pytest.raises(ClientError) as caught:
        replicate(here, source, copy)
    assert code(caught.value) == "InvalidRequest"
    with pytest.raises(ClientError) as caught:
        replicate(here, source, copy, Status="Perhaps")
    assert code(caught.value) == "MalformedXML"
    here.put_bucket_versioning(Bucket=source, VersioningConfiguration={"Status": "Suspended"})
    there.put_bucket_versioning(Bucket=copy, VersioningConfiguration={"Status": "Enabled"})
    with pytest.raises(ClientError):
        replicate(here, source, copy)


def test_tags_follow_their_object(here: Any, there: Any, pair: tuple[str, str]) -> None:
    source, copy = pair
    version = here.put_object(Bucket=source, Key="key", Body=b"1")["VersionId"]
    eventually(lambda: state(there, copy, "key", version))
    here.put_object_tagging(Bucket=source, Key="key", Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    eventually(lambda: there.get_object_tagging(Bucket=copy, Key="key")["TagSet"] == [{"Key": "a", "Value": "1"}])


def test_a_storm_of_writes_arrives_whole(here: Any, there: Any, pair: tuple[str, str]) -> None:
    source, copy = pair
    for number in range(150):
        here.put_object(Bucket=source, Key=f"key {number % 10}", Body=b"%d" % number)
        if number % 7 == 0:
            here.delete_object(Bucket=source, Key=f"key {number % 10}")
    expected = listed(here, source)
    eventually(lambda: listed(there, copy) == expected)
    for kind in ("Versions", "DeleteMarkers"):
        order = [(each["VersionId"], each["IsLatest"]) for each in here.list_object_versions(Bucket=source)[kind]]
        assert [(e["VersionId"], e["IsLatest"]) for e in there.list_object_versions(Bucket=copy)[kind]] == order
