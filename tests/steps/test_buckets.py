"""The steps that record, copy and verify a bucket, over the lab's S3: each fault of the catalogue, and none."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from moto.s3.models import s3_backends

from dr.errors import Unable
from dr.lab.front.keys import ACCOUNT
from dr.resolving import Named
from tests.runs.conftest import soon

from .in_process import PRIMARY, RECOVERY, in_process
from .stage import COPY, HOME, SCRATCH, WRITTEN, Stage, named

PART = 5 * 1024**2
ODD = ("é", "e\u0301", "folder/", "a b+c%20", "\U0001f600", "x" * 900)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with in_process() as s3:
        yield Stage(s3, tmp_path)


def in_parts(stage: Stage, key: str) -> None:
    client, where = stage.s3.client(PRIMARY), {"Bucket": HOME, "Key": key}
    upload = {**where, "UploadId": client.create_multipart_upload(**where, ChecksumAlgorithm="SHA256")["UploadId"]}
    parts = []
    for number, body in ((1, b"a" * PART), (2, b"b")):
        answer = client.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": answer["ChecksumSHA256"]})
    client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})


def test_a_whole_bucket_passes_whatever_its_keys_and_parts(stage: Stage) -> None:
    """S06 and S15: equal bytes under another ETag, and keys and sizes of every kind. And what all of it costs."""
    stage.build()
    for key in ODD:
        stage.put(key)
    stage.put("nothing", Body=b"")
    in_parts(stage, "parts")
    for key in (*ODD, "nothing", "parts"):
        stage.arrived(key)
    first = stage.backup()
    again = len(stage.s3.asked)
    second = stage.backup()
    restored = stage.restore(second)
    assert {one.check: one.outcome for one in restored.findings} == dict.fromkeys(
        ("replica", "objects", "object_metadata"), "passed"
    )
    assert restored.rows(*(named(key, "x") for key in ODD)) == dict.fromkeys(ODD, "another version")
    objects, tagged = len(ODD) + 2, len(ODD)
    nightly = [one.partition(" ")[2] for one in stage.s3.asked[again:] if one not in restored.asked]
    assert nightly.count("GetObject") == 0
    assert nightly.count("HeadObject") == objects
    tests = [one.partition(" ")[2] for one in restored.asked]
    assert tests.count("CopyObject") == objects
    assert tests.count("HeadObject") == 0
    samples = tests.count("GetObject") - objects
    assert samples == 2  # what is in the folder, and what is not
    assert tests.count("GetObjectTagging") == 1 + tagged + samples
    assert {one.partition(" ")[0] for one in restored.asked} == {RECOVERY}
    assert first.instant <= second.instant


def test_equal_bytes_under_another_etag_are_no_alarm(stage: Stage) -> None:
    """S06: under a key an ETag is no hash of the bytes, and scratch is given whole what was uploaded in parts."""
    stage.build()
    seal = stage.s3.client(RECOVERY, "kms").create_key()["KeyMetadata"]["Arn"]
    here = stage.s3.client(PRIMARY, "kms").create_key()["KeyMetadata"]["Arn"]
    opted_in = {"SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}}}
    stage.replicate({"Filter": {}, **opted_in, "Destination": {"EncryptionConfiguration": {"ReplicaKmsKeyID": seal}}})
    stage.put("sealed", **WRITTEN, ServerSideEncryption="aws:kms", SSEKMSKeyId=here)
    in_parts(stage, "parts")
    for key in ("sealed", "parts"):
        stage.arrived(key)
    restored = stage.restore(stage.backup())
    home, scratch = stage.etags(HOME), stage.etags(SCRATCH)
    assert home.keys() == scratch.keys() == {"sealed", "parts"}
    assert not home.items() & scratch.items()
    assert {one.outcome for one in restored.findings} == {"passed"}


def test_an_etag_and_a_checksum_over_parts_are_no_proof(stage: Stage) -> None:
    """S04, S05: what S3 says of the copy is what it says at home, and the bytes are others."""
    stage.build()
    in_parts(stage, "parts")
    stage.put("plain")
    for key in ("parts", "plain"):
        stage.arrived(key)
    record = stage.backup()
    before = {key: stage.sums(COPY, key) for key in ("parts", "plain")}
    assert before["parts"][1] == "COMPOSITE"
    for key in ("parts", "plain"):
        stage.fault("s3-wrong-bytes", bucket=COPY, key=key)
    assert {key: stage.sums(COPY, key) for key in ("parts", "plain")} == before
    assert set(stage.restore(record).told("objects")) == {"parts", "plain"}


def test_each_damage_in_the_copy_is_told_apart(stage: Stage) -> None:
    """S02, S03, S04, S09, S11, S12, and an object that is gone; and what rows find of them."""
    stage.build()
    keys = [stage.s3.client(region, "kms").create_key()["KeyMetadata"] for region in (PRIMARY, RECOVERY)]
    opted_in = {
        "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
        "Destination": {"EncryptionConfiguration": {"ReplicaKmsKeyID": keys[1]["Arn"]}},
    }
    cold = {**opted_in, "Destination": {**opted_in["Destination"], "StorageClass": "GLACIER"}}
    stage.replicate({"Filter": {}, **opted_in}, {"Filter": {"Prefix": "cold"}, **cold})
    plain = ("bytes", "cold", "good", "hidden", "lost", "orphan", "stale", "stripped")
    made = {key: stage.put(key) for key in plain}
    made["sealed/1"] = stage.put("sealed/1", **WRITTEN, ServerSideEncryption="aws:kms", SSEKMSKeyId=keys[0]["Arn"])
    for key in made:
        stage.arrived(key)
    there = stage.s3.client(RECOVERY)
    there.delete_object(Bucket=COPY, Key="hidden")
    there.put_object(Bucket=COPY, Key="stale", Body=b"older")
    there.delete_object_tagging(Bucket=COPY, Key="stripped", VersionId=made["stripped"])
    stage.fault("s3-wrong-bytes", bucket=COPY, key="bytes")
    record = stage.backup()
    stage.fault("s3-version-missing", bucket=COPY, key="lost", version=made["lost"])
    stage.s3.client(RECOVERY, "kms").disable_key(KeyId=keys[1]["KeyId"])
    restored = stage.restore(record)
    assert restored.told("replica") == {
        "bytes": "sha256 " + hashlib.sha256(_bent()).hexdigest(),
        "cold": "archived",
        "hidden": "hidden",
        "lost": "missing",
        "sealed/1": "undecryptable",
        "stale": "another version stands on top",
    }
    assert set(restored.told("objects")) == {"bytes", "cold", "hidden", "lost", "sealed/1", "stale"}
    assert restored.told("object_metadata") == {"stripped": "tag class gone"}
    rows = restored.rows(*(named(key, version) for key, version in made.items() if key != "orphan"), Named("nowhere"))
    assert rows == {
        "bytes": "wrong bytes",
        "cold": "archived",
        "hidden": "hidden",
        "lost": "missing",
        "nowhere": "missing",
        "sealed/1": "undecryptable",
    }


def test_what_is_archived_at_home_is_recorded_told_and_neither_lost_nor_proven(stage: Stage) -> None:
    """S11: nobody could read it at home either, so that it is archived in the copy is no damage, and no proof."""
    stage.build()
    thawed = {"Filter": {"Prefix": "thawed"}, "Destination": {"StorageClass": "STANDARD"}}
    stage.replicate({"Filter": {}}, thawed)
    cold = ("cold", "gone", "thawed")
    made = {key: stage.put(key, **WRITTEN, StorageClass="GLACIER") for key in cold} | {"good": stage.put("good")}
    for key in made:
        stage.arrived(key)
    record = stage.backup()
    assert [one.detail.partition(",")[0] for one in stage.found] == ["3 of 4 objects are archived and were not read"]
    whole = stage.restore(record)
    assert [whole.outcome(check) for check in ("replica", "objects", "object_metadata")] == ["passed"] * 3
    assert whole.untold("replica") == "2 objects are archived, here as at home"
    assert whole.untold("objects") == "3 objects are archived at home"
    assert whole.rows(*(named(key, version) for key, version in made.items())) == {}
    stage.fault("s3-version-missing", bucket=COPY, key="gone", version=made["gone"])
    without = stage.restore(record)
    assert without.told("replica") == {"gone": "missing"}
    assert without.told("objects") == {"gone": "missing"}
    assert without.rows(*(named(key, version) for key, version in made.items())) == {"gone": "missing"}


def test_what_is_archived_at_home_only_later_was_read_before(stage: Stage) -> None:
    """A lifecycle rule moves what the nights before read: its bytes stay known, and are compared."""
    stage.build()
    made = stage.put("aged")
    stage.arrived("aged")
    stage.backup()
    aged = s3_backends[ACCOUNT]["aws"].get_object(HOME, "aged", made)
    aged.set_storage_class("GLACIER")
    stage.found.clear()
    record = stage.backup()
    assert stage.found == []
    stage.fault("s3-wrong-bytes", bucket=COPY, key="aged")
    assert stage.restore(record).told("objects") == {"aged": "sha256 " + hashlib.sha256(_bent()).hexdigest()}


def _bent() -> bytes:
    """What the fault makes of the bytes."""
    body = bytes(WRITTEN["Body"])
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 0xFF]) + body[middle + 1 :]


@pytest.mark.parametrize("fault", ["S01", "S07", "S08"])
def test_what_will_never_arrive_ends_the_backup_at_once(stage: Stage, fault: str) -> None:
    stage.build()
    if fault == "S01":
        stage.replicate({"Filter": {"Prefix": "elsewhere"}})
        stage.put("a")
    elif fault == "S07":
        stage.fault("s3-replication", bucket=HOME, outcome="failed")
        version = stage.put("a")
        where = {"Bucket": HOME, "Key": "a", "VersionId": version}
        soon(lambda: stage.s3.client(PRIMARY).head_object(**where)["ReplicationStatus"] == "FAILED")
    else:
        key = stage.s3.client(PRIMARY, "kms").create_key()["KeyMetadata"]["Arn"]
        stage.put("a", **WRITTEN, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    why = "its replication has failed" if fault == "S07" else "no rule covers it"
    with pytest.raises(Unable, match=f"'a' will not arrive: {why}"):
        stage.backup()


def test_locks_come_along_or_are_missed(stage: Stage) -> None:
    """S13."""
    stage.build(locked=True)
    until = (datetime.now(UTC) + timedelta(days=9)).replace(microsecond=0)
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}
    _, weaker = stage.put("kept", **WRITTEN, **lock), stage.put("weaker", **WRITTEN, **lock)
    for key in ("kept", "weaker"):
        stage.arrived(key)
    record = stage.backup()
    assert stage.restore(record).outcome("replica") == "passed"
    stage.s3.client(RECOVERY).put_object_retention(
        Bucket=COPY,
        Key="weaker",
        VersionId=weaker,
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until - timedelta(days=5)},
        BypassGovernanceRetention=True,
    )
    assert set(stage.restore(record).told("replica")) == {"weaker"}
