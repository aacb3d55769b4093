"""Replication between two regions: what arrives, what never does, and what each side says of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.cloud import Cloud
from tests.contract.s3_buckets import Make, buckets

TRUST = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
MAY = ["s3:*", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
Pair = tuple[str, str]


@pytest.fixture(scope="module")
def here(cloud: Cloud) -> Any:
    return cloud.client("s3", cloud.primary)


@pytest.fixture(scope="module")
def there(cloud: Cloud) -> Any:
    return cloud.client("s3", cloud.recovery)


@pytest.fixture(scope="module")
def role(cloud: Cloud) -> Iterator[str]:
    """A role that S3 may take to replicate."""
    iam, name = cloud.client("iam"), cloud.name("replication")
    trust = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Tags=cloud.tags)["Role"]["Arn"]
    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": MAY, "Resource": "*"}]}
    iam.put_role_policy(RoleName=name, PolicyName="replicate", PolicyDocument=json.dumps(allowed))
    yield arn
    iam.delete_role_policy(RoleName=name, PolicyName="replicate")
    iam.delete_role(RoleName=name)


@pytest.fixture(scope="module")
def make(cloud: Cloud) -> Iterator[Make]:
    with buckets(cloud) as make:
        yield make


def replicate(s3: Any, role: str, source: str, destination: str, **more: Any) -> None:
    """Replicate everything from one bucket to another; a rule without Filter is one of the first version."""
    given = {"Filter": {}, "Priority": 1, "DeleteMarkerReplication": {"Status": "Disabled"}, **more}
    rule = {"Status": "Enabled", "Destination": {"Bucket": f"arn:aws:s3:::{destination}"}}
    rule |= {name: value for name, value in given.items() if value is not None}
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": role, "Rules": [rule]})


def state(s3: Any, bucket: str, key: str, version: str) -> str | None:
    """The replication status of a version; None where the version is not, `-` where it has none."""
    try:
        return str(s3.head_object(Bucket=bucket, Key=key, VersionId=version).get("ReplicationStatus", "-"))
    except ClientError:
        return None


def arrived(cloud: Cloud, s3: Any, bucket: str, version: str, key: str = "last") -> None:
    cloud.until(lambda: state(s3, bucket, key, version) == "REPLICA", f"{version} arrived", aws_seconds=900)


def put(s3: Any, bucket: str, key: str, **more: Any) -> str:
    return str(s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), **more)["VersionId"])


def held(s3: Any, bucket: str) -> set[str]:
    found = s3.list_object_versions(Bucket=bucket)
    return {each["VersionId"] for each in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]}


@pytest.fixture
def pair(here: Any, there: Any, make: Make) -> Pair:
    return make(here), make(there)


@pytest.mark.behaviour("S3-REPLICA-IDENTITY")
def test_a_replica_has_the_version_and_the_time_of_its_source(
    cloud: Cloud, here: Any, there: Any, role: str, pair: Pair
) -> None:
    source, copy = pair
    replicate(here, role, source, copy)
    version = put(here, source, "key", Metadata={"a": "1"}, Tagging="t=1")
    assert state(here, source, "key", version) in ("PENDING", "COMPLETED")
    arrived(cloud, there, copy, version, "key")
    cloud.until(lambda: state(here, source, "key", version) == "COMPLETED", "the source says so")
    ours, theirs = here.head_object(Bucket=source, Key="key"), there.head_object(Bucket=copy, Key="key")
    same = ("VersionId", "LastModified", "ETag", "Metadata", "ContentLength")
    assert {name: theirs[name] for name in same} == {name: ours[name] for name in same}
    assert there.get_object_tagging(Bucket=copy, Key="key")["TagSet"] == [{"Key": "t", "Value": "1"}]


@pytest.mark.behaviour("S3-REPLICATION-NEW-ONLY")
def test_what_was_there_before_the_rule_is_not_replicated(
    cloud: Cloud, here: Any, there: Any, role: str, pair: Pair
) -> None:
    source, copy = pair
    before = put(here, source, "before")
    replicate(here, role, source, copy)
    arrived(cloud, there, copy, put(here, source, "last"))
    assert state(here, source, "before", before) == "-"
    assert before not in held(there, copy)


@pytest.mark.behaviour("S3-REPLICATION-MARKERS")
def test_delete_markers_are_replicated_only_when_asked(
    cloud: Cloud, here: Any, there: Any, role: str, pair: Pair
) -> None:
    source, copy = pair
    replicate(here, role, source, copy)
    arrived(cloud, there, copy, put(here, source, "key"), "key")
    marker = here.delete_object(Bucket=source, Key="key")["VersionId"]
    arrived(cloud, there, copy, put(here, source, "last"))
    assert marker not in held(there, copy)
    kept = here.get_bucket_replication(Bucket=source)["ReplicationConfiguration"]["Rules"][0]
    assert kept["DeleteMarkerReplication"] == {"Status": "Disabled"}
    replicate(here, role, source, copy, DeleteMarkerReplication={"Status": "Enabled"})
    kept = here.get_bucket_replication(Bucket=source)["ReplicationConfiguration"]["Rules"][0]
    assert kept["DeleteMarkerReplication"] == {"Status": "Enabled"}
    later = here.delete_object(Bucket=source, Key="last")["VersionId"]
    cloud.until(lambda: later in held(there, copy), "the delete marker arrived", aws_seconds=900)


@pytest.mark.behaviour("S3-REPLICATION-V1-MARKERS")
def test_a_rule_without_filter_replicates_delete_markers(
    cloud: Cloud, here: Any, there: Any, role: str, pair: Pair
) -> None:
    source, copy = pair
    first = {"Filter": None, "Priority": None, "DeleteMarkerReplication": None, "Prefix": ""}
    replicate(here, role, source, copy, **first)
    arrived(cloud, there, copy, put(here, source, "key"), "key")
    marker = here.delete_object(Bucket=source, Key="key")["VersionId"]
    cloud.until(lambda: marker in held(there, copy), "the delete marker arrived", aws_seconds=900)


@pytest.mark.behaviour("S3-REPLICATION-SCHEMA")
def test_a_rule_with_filter_has_to_say_what_happens_to_delete_markers(
    cloud: Cloud, here: Any, role: str, pair: Pair
) -> None:
    source, copy = pair
    tagged = {"Tag": {"Key": "keep", "Value": "yes"}}
    for wrong in (
        {"DeleteMarkerReplication": None},
        {"Filter": tagged, "DeleteMarkerReplication": {"Status": "Enabled"}},
    ):
        with pytest.raises(ClientError) as caught:
            replicate(here, role, source, copy, **wrong)
        assert caught.value.response["Error"]["Code"] == "InvalidRequest"
    cloud.refused("ReplicationConfigurationNotFoundError", here.get_bucket_replication, Bucket=source)


@pytest.mark.behaviour("S3-REPLICATION-NOT-REMOVALS")
def test_the_removal_of_a_version_stays_where_it_is(cloud: Cloud, here: Any, there: Any, role: str, pair: Pair) -> None:
    source, copy = pair
    replicate(here, role, source, copy, DeleteMarkerReplication={"Status": "Enabled"})
    version = put(here, source, "key")
    arrived(cloud, there, copy, version, "key")
    here.delete_object(Bucket=source, Key="key", VersionId=version)
    arrived(cloud, there, copy, put(here, source, "last"))
    assert version in held(there, copy)


@pytest.mark.behaviour("S3-REPLICATION-ONE-HOP")
def test_a_replica_is_not_replicated_again(
    cloud: Cloud, here: Any, there: Any, role: str, make: Make, pair: Pair
) -> None:
    source, copy = pair
    third = make(here)
    replicate(there, role, copy, third)
    replicate(here, role, source, copy)
    arrived(cloud, there, copy, put(here, source, "key"), "key")
    last = put(there, copy, "last")
    arrived(cloud, here, third, last)
    assert held(here, third) == {last}


@pytest.mark.behaviour("S3-REPLICATION-KMS")
def test_what_is_under_a_kms_key_is_replicated_only_when_asked(
    cloud: Cloud, here: Any, there: Any, role: str, pair: Pair
) -> None:
    source, copy = pair
    tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in cloud.tags]
    one, two = (cloud.client("kms", region) for region in (cloud.primary, cloud.recovery))
    ours, theirs = (kms.create_key(Tags=tags)["KeyMetadata"] for kms in (one, two))
    sealed = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": ours["Arn"]}
    selected = {"SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}}}
    try:
        replicate(here, role, source, copy)
        unasked = put(here, source, "unasked", **sealed)
        arrived(cloud, there, copy, put(here, source, "last"))
        assert (state(here, source, "unasked", unasked), state(there, copy, "unasked", unasked)) == ("-", None)
        with pytest.raises(ClientError) as caught:
            replicate(here, role, source, copy, **selected)
        assert caught.value.response["Error"]["Code"] == "InvalidRequest"
        for key, outcome in ((ours["Arn"], "FAILED"), (theirs["Arn"], "COMPLETED")):
            encryption = {"EncryptionConfiguration": {"ReplicaKmsKeyID": key}}
            to = {"Destination": {"Bucket": f"arn:aws:s3:::{copy}", **encryption}}
            replicate(here, role, source, copy, **selected, **to)  # the key itself is not looked at here
            version = put(here, source, outcome, **sealed)

            def came(key: str = outcome, version: str = version) -> bool:
                return state(here, source, key, version) == key

            cloud.until(came, f"replication {outcome}", aws_seconds=900)
        assert there.head_object(Bucket=copy, Key="COMPLETED")["SSEKMSKeyId"] == theirs["Arn"]
    finally:
        one.schedule_key_deletion(KeyId=ours["KeyId"], PendingWindowInDays=7)
        two.schedule_key_deletion(KeyId=theirs["KeyId"], PendingWindowInDays=7)


@pytest.mark.behaviour("S3-REPLICATION-FAILED-STAYS")
def test_what_failed_is_not_tried_again(cloud: Cloud, here: Any, there: Any, role: str, pair: Pair) -> None:
    source, copy = pair
    replicate(here, role, source, copy)
    there.put_bucket_versioning(Bucket=copy, VersioningConfiguration={"Status": "Suspended"})
    failed = put(here, source, "failed")
    cloud.until(lambda: state(here, source, "failed", failed) == "FAILED", "it failed", aws_seconds=900)
    there.put_bucket_versioning(Bucket=copy, VersioningConfiguration={"Status": "Enabled"})
    arrived(cloud, there, copy, put(here, source, "last"))
    assert (state(here, source, "failed", failed), state(there, copy, "failed", failed)) == ("FAILED", None)


@pytest.mark.behaviour("S3-REPLICATION-KEEPS-VERSIONING")
def test_versioning_of_a_replicated_bucket_cannot_be_suspended(cloud: Cloud, here: Any, role: str, pair: Pair) -> None:
    source, copy = pair
    replicate(here, role, source, copy)
    suspend = {"Bucket": source, "VersioningConfiguration": {"Status": "Suspended"}}
    cloud.refused("InvalidBucketState", here.put_bucket_versioning, **suspend)


@pytest.mark.behaviour("S3-REPLICATION-NEEDS-VERSIONING")
def test_the_destination_needs_versioning_and_where_the_source_has_locks_locks(
    here: Any, there: Any, role: str, make: Make, pair: Pair
) -> None:
    source, copy = pair
    plain, locked = make(there, versioned=False), make(here, locked=True)
    for one, other in ((source, plain), (locked, copy)):
        with pytest.raises(ClientError) as caught:
            replicate(here, role, one, other)
        assert caught.value.response["Error"]["Code"] == "InvalidRequest"
