"""One version of an object, in the lab's S3: its bytes, and what S3 says of them."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from dr.aws import contents, s3
from dr.aws.clients import Aws
from dr.errors import AwsError
from dr.manifest import Retention, mark

from .conftest import RECOVERY, Raw, scratch

HERE = RECOVERY
SCRATCH = scratch(HERE)
PART = 5 * 1024**2
WRITTEN = {
    "ContentType": "application/pdf",
    "CacheControl": "private",
    "ContentDisposition": "attachment; filename=ada.pdf",
    "ContentEncoding": "gzip",
    "ContentLanguage": "de",
    "Expires": datetime(2027, 1, 1, tzinfo=UTC),
    "WebsiteRedirectLocation": "/elsewhere",
    "Metadata": {"owner": "Ada"},
    "Tagging": "class=invoice&year=2026",
}


def test_one_request_gives_bytes_and_what_goes_with_them(aws: Aws, raw: Raw) -> None:
    made = raw("s3", HERE).put_object(Bucket=SCRATCH, Key="told/all", Body=b"content", **WRITTEN)["VersionId"]
    raw("s3", HERE).put_object(Bucket=SCRATCH, Key="told/all", Body=b"newer")
    content = contents.read(aws, HERE, SCRATCH, "told/all", made, seed="s")
    told = content.told
    assert told is not None
    assert (content.sha256, content.size) == (hashlib.sha256(b"content").hexdigest(), 7)
    assert told.content_type == "application/pdf"
    assert set(told.headers) == {
        *("cache_control", "content_disposition", "content_encoding", "content_language", "expires"),
        "website_redirect",
    }
    assert told.headers["cache_control"] == mark("s", "cache_control", "private")
    assert told.metadata == {"owner": mark("s", "owner", "Ada")}
    assert told.tags == {"class": mark("s", "class", "invoice"), "year": mark("s", "year", "2026")}
    assert (told.storage_class, told.encryption, told.replication) == ("STANDARD", "AES256", "")
    assert told.checksum_type == "FULL_OBJECT"
    assert told.checksum
    assert contents.look(aws, HERE, SCRATCH, "told/all", made, seed="s") == told


def test_a_copy_is_told_as_its_source_but_for_the_redirect(aws: Aws, raw: Raw) -> None:
    made = raw("s3", HERE).put_object(Bucket=SCRATCH, Key="told/from", Body=b"content", **WRITTEN)["VersionId"]
    copied = s3.copy_version(aws, HERE, SCRATCH, "told/from", made, SCRATCH, "told/to")
    was = contents.look(aws, HERE, SCRATCH, "told/from", made, seed="s")
    now = contents.look(aws, HERE, SCRATCH, "told/to", copied, seed="s")
    for name in ("content_type", "metadata", "tags"):
        assert getattr(now, name) == getattr(was, name)
    assert {**now.headers, "website_redirect": ""} == {**was.headers, "website_redirect": ""}


def test_a_checksum_over_parts_is_no_proof_and_left_out(aws: Aws, raw: Raw) -> None:
    """S05, S06: its value, like the ETag, depends on how large the parts were."""
    client, where = raw("s3", HERE), {"Bucket": SCRATCH, "Key": "told/parts"}
    upload = {**where, "UploadId": client.create_multipart_upload(**where, ChecksumAlgorithm="SHA256")["UploadId"]}
    parts = []
    for number, body in ((1, b"a" * PART), (2, b"b")):
        answer = client.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": answer["ChecksumSHA256"]})
    made = client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})["VersionId"]
    in_parts = contents.read(aws, HERE, SCRATCH, "told/parts", made, seed="s")
    copied = s3.copy_version(aws, HERE, SCRATCH, "told/parts", made, SCRATCH, "told/whole")
    whole = contents.read(aws, HERE, SCRATCH, "told/whole", copied, seed="s")
    assert in_parts.sha256 == whole.sha256
    assert in_parts.told
    assert whole.told
    assert (in_parts.told.checksum_type, in_parts.told.checksum) == ("COMPOSITE", "")
    assert whole.told.checksum_type == "FULL_OBJECT"


def test_what_is_archived_cannot_be_read_and_is_told_apart_from_what_is_missing(aws: Aws, raw: Raw) -> None:
    """S11."""
    made = raw("s3", HERE).put_object(Bucket=SCRATCH, Key="told/cold", Body=b"x", StorageClass="GLACIER")["VersionId"]
    (listed,) = s3.versions(aws, HERE, SCRATCH, "told/cold")
    assert listed.storage_class == "GLACIER"
    for ask in (
        lambda: contents.read(aws, HERE, SCRATCH, "told/cold", made, seed=""),
        lambda: s3.copy_version(aws, HERE, SCRATCH, "told/cold", made, SCRATCH, "told/thawed"),
    ):
        with pytest.raises(AwsError) as caught:
            ask()
        assert contents.unreadable(caught.value) == "archived"
    content = contents.record(aws, HERE, SCRATCH, "told/cold", made, seed="")
    assert (content.sha256, content.told and content.told.archived) == ("", True)
    with pytest.raises(AwsError) as caught:
        contents.record(aws, HERE, SCRATCH, "told/nowhere", made, seed="")
    assert contents.unreadable(caught.value) is None


def test_what_is_under_a_lost_key_is_there_and_undecryptable(aws: Aws, raw: Raw) -> None:
    """S09: a listing and a HEAD say that all is well."""
    kms = raw("kms", HERE)
    made_key = kms.create_key()["KeyMetadata"]
    key = made_key["Arn"]
    sealed = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    made = raw("s3", HERE).put_object(Bucket=SCRATCH, Key="told/sealed", Body=b"x", **sealed)["VersionId"]
    kms.disable_key(KeyId=made_key["KeyId"])
    told = contents.look(aws, HERE, SCRATCH, "told/sealed", made, seed="")
    assert (told.encryption, told.kms_key) == ("aws:kms", key)
    for ask in (
        lambda: contents.read(aws, HERE, SCRATCH, "told/sealed", made, seed=""),
        lambda: s3.copy_version(aws, HERE, SCRATCH, "told/sealed", made, SCRATCH, "told/open"),
    ):
        with pytest.raises(AwsError) as caught:
            ask()
        assert contents.unreadable(caught.value) == "undecryptable"


@pytest.mark.parametrize(
    ("code", "message", "why"),
    [
        ("AccessDenied", "User: u is not authorized to perform: kms:Decrypt on the resource", "undecryptable"),
        ("AccessDenied", "User: u is not authorized to perform: s3:GetObjectVersion on resource: r", None),
        ("KMS.KMSInvalidStateException", "pending deletion", "undecryptable"),
        ("ObjectNotInActiveTierError", "archived", "archived"),
        ("SlowDown", "later", None),
    ],
)
def test_only_what_is_about_the_object_itself_is_a_finding(code: str, message: str, why: str | None) -> None:
    problem = AwsError(message, operation="GetObject", code=code, region=HERE)
    assert contents.unreadable(problem) == why


def test_locks_are_asked_for_where_a_bucket_has_them(aws: Aws, raw: Raw) -> None:
    """S13."""
    client, bucket = raw("s3", HERE), "told-locked"
    where = {"LocationConstraint": HERE}
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration=where, ObjectLockEnabledForBucket=True)
    until = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}
    kept = client.put_object(Bucket=bucket, Key="kept", Body=b"x", **lock)["VersionId"]
    held = client.put_object(Bucket=bucket, Key="held", Body=b"x", ObjectLockLegalHoldStatus="ON")["VersionId"]
    free = client.put_object(Bucket=bucket, Key="free", Body=b"x")["VersionId"]
    assert contents.locks(aws, HERE, bucket)
    assert not contents.locks(aws, HERE, SCRATCH)
    assert contents.retention(aws, HERE, bucket, "kept", kept) == Retention(mode="GOVERNANCE", until=until)
    assert contents.retention(aws, HERE, bucket, "held", held) == Retention(hold=True)
    assert contents.retention(aws, HERE, bucket, "free", free) == Retention()
    client.put_object_legal_hold(Bucket=bucket, Key="held", VersionId=held, LegalHold={"Status": "OFF"})
    for key, version in (("kept", kept), ("held", held), ("free", free)):
        client.delete_object(Bucket=bucket, Key=key, VersionId=version, BypassGovernanceRetention=True)
