"""Objects and versions, in the lab's S3."""

import hashlib
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

import pytest
from stories import HandClock

from dr.aws import contents, copies, s3
from dr.aws.clients import Aws
from dr.aws.errors import missing
from dr.claims import Allowance, Creation, Description, ScratchClaim, claim_scratch
from dr.clock import Deadline
from dr.errors import AwsError, Refused, Unable
from dr.scratch import describe
from dr.teardown import remove

from .conftest import PRIMARY, RECOVERY, Raw, documents, eventually, lost_answer, scratch

HERE = RECOVERY
SCRATCH = scratch(HERE)
COPY = documents(HERE)
SOURCE = documents(PRIMARY)
IN_PARTS = ("CreateMultipartUpload", "UploadPartCopy", "CompleteMultipartUpload")
ODD = "a folder/ä+b &<c>%20?=#.txt"


def claimed(run: str) -> ScratchClaim:
    name = f"{SCRATCH}/{run}/documents/"
    return claim_scratch(
        Description("objects", name, HERE, None, {}), Creation("objects", name, HERE, run, None), frozenset()
    )


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> str:
    """A prefix of the test's own."""
    return f"{Path(request.node.name).name.replace('[', '-').strip(']')}/"


def test_versions_come_newest_first_with_markers_in_their_place(aws: Aws, raw: Raw, folder: str) -> None:
    client = raw("s3", HERE)
    made: dict[str, list[tuple[str, bool]]] = {}
    for key in (f"{folder}a", f"{folder}{ODD}", f"{folder}z"):
        made[key] = []
        for step in ("put", "delete", "put", "put", "delete", "put"):  # all within one second or two
            if step == "put":
                version = client.put_object(Bucket=SCRATCH, Key=key, Body=b"x")["VersionId"]
            else:
                version = client.delete_object(Bucket=SCRATCH, Key=key)["VersionId"]
            made[key].insert(0, (version, step == "delete"))
    seen: dict[str, list[tuple[str, bool]]] = {}
    for stored in s3.versions(aws, HERE, SCRATCH, folder):
        assert stored.latest == (stored.key not in seen)
        assert stored.modified.tzinfo is not None
        seen.setdefault(stored.key, []).append((stored.version, stored.marker))
    assert seen == made
    assert list(s3.list_keys(aws, HERE, SCRATCH, folder)) == list(made)


def test_digest_and_read_name_a_version(aws: Aws, raw: Raw, folder: str) -> None:
    old, new = b"old" * 700_000, b"new"
    client = raw("s3", HERE)
    first = client.put_object(Bucket=SCRATCH, Key=folder + ODD, Body=old)["VersionId"]
    client.put_object(Bucket=SCRATCH, Key=folder + ODD, Body=new)
    content = contents.read(aws, HERE, SCRATCH, folder + ODD, first, seed="")
    assert (content.sha256, content.size) == (hashlib.sha256(old).hexdigest(), len(old))
    assert s3.read(aws, HERE, SCRATCH, folder + ODD) == new


def test_what_is_not_there_is_told_apart(aws: Aws) -> None:
    with pytest.raises(AwsError) as caught:
        contents.read(aws, HERE, SCRATCH, "nothing/here", "0" * 32, seed="")
    assert missing(caught.value), caught.value.code
    with pytest.raises(AwsError) as caught:
        s3.read(aws, HERE, SCRATCH, "nothing/here")
    assert missing(caught.value), caught.value.code
    with pytest.raises(AwsError) as caught:
        list(s3.versions(aws, HERE, "no-such-bucket-of-firedrill"))
    assert caught.value.code == "NoSuchBucket"


@pytest.mark.parametrize("size", [9_000, 6 * 1024**2])
def test_a_copy_brings_everything_along(aws: Aws, raw: Raw, folder: str, size: int) -> None:
    body = b"d" * size
    client = raw("s3", HERE)
    version = client.put_object(
        Bucket=COPY,
        Key=folder + ODD,
        Body=body,
        ContentType="application/pdf",
        ContentDisposition="attachment",
        Metadata={"owner": "accounting"},
        Tagging="class=invoice&year=2026",
    )["VersionId"]
    client.put_object(Bucket=COPY, Key=folder + ODD, Body=b"newer")
    new_key = f"run/{folder}{ODD}"
    if size < 10_000:
        made: str | None = s3.copy_version(aws, HERE, COPY, folder + ODD, version, SCRATCH, new_key)
    else:
        source = {"Bucket": COPY, "Key": folder + ODD, "VersionId": version}
        made = copies.copy_in_parts(
            aws, HERE, source, size, SCRATCH, new_key, about="a copy", role="scratch", part=5 * 1024**2
        )
    assert made
    got = client.get_object(Bucket=SCRATCH, Key=new_key, VersionId=made)
    assert got["Body"].read() == body
    assert (got["ContentType"], got["ContentDisposition"]) == ("application/pdf", "attachment")
    assert got["Metadata"] == {"owner": "accounting"}
    tags = client.get_object_tagging(Bucket=SCRATCH, Key=new_key, VersionId=made)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"class": "invoice", "year": "2026"}


@pytest.mark.parametrize("answered", [False, True])
def test_a_copy_in_parts_that_nobody_finished_is_scratch_that_stands(aws: Aws, raw: Raw, answered: bool) -> None:
    """A run that dies over its only object leaves no version behind: only the upload, and what it costs."""
    client, run = raw("s3", HERE), f"20261120T021500Z-test-receipts-{answered:04d}"
    name = f"{SCRATCH}/{run}/documents/"
    made, clock = Creation("objects", name, HERE, run, None, answered=answered), HandClock()
    assert describe(aws, made) is None
    client.create_multipart_upload(Bucket=SCRATCH, Key=f"{run}/documents/large")
    assert describe(aws, made) == Description("objects", name, HERE, None, {})
    remove(aws, made, (), Allowance(run, 1, 40), clock, Deadline.within(clock, 300), 10)
    assert "Uploads" not in client.list_multipart_uploads(Bucket=SCRATCH, Prefix=run)


def test_a_copy_in_parts_that_fails_leaves_no_upload(aws: Aws, raw: Raw) -> None:
    version = raw("s3", HERE).put_object(Bucket=COPY, Key="short", Body=b"x" * 10)["VersionId"]
    source = {"Bucket": COPY, "Key": "short", "VersionId": version}
    with pytest.raises(AwsError):
        copies.copy_in_parts(aws, HERE, source, 100, SCRATCH, "run/short", about="a copy", role="scratch", part=50)
    assert raw("s3", HERE).list_multipart_uploads(Bucket=SCRATCH, Prefix="run/short").get("Uploads", []) == []


@pytest.mark.parametrize("operation", IN_PARTS)
def test_a_copy_in_parts_whose_answer_is_lost_is_one_object_of_the_same_bytes(
    aws: Aws, raw: Raw, lab: Path, operation: str
) -> None:
    client, body, key = raw("s3", HERE), b"p" * (6 * 1024**2), f"lost-{operation}/documents/copy"
    version = client.put_object(Bucket=COPY, Key=operation, Body=body)["VersionId"]
    source = {"Bucket": COPY, "Key": operation, "VersionId": version}
    with lost_answer(lab, HERE, "s3", operation):
        made = copies.copy_in_parts(
            aws, HERE, source, len(body), SCRATCH, key, about="a copy", role="scratch", part=5 * 1024**2
        )
    (only,) = client.list_object_versions(Bucket=SCRATCH, Prefix=key)["Versions"]
    assert only["VersionId"] == made
    assert client.get_object(Bucket=SCRATCH, Key=key)["Body"].read() == body
    # An upload that was begun twice leaves one behind: the removal of the copy takes it along.
    left = client.list_multipart_uploads(Bucket=SCRATCH, Prefix=key).get("Uploads", [])
    assert len(left) == (operation == "CreateMultipartUpload")
    aborted = lost_answer(lab, HERE, "s3", "AbortMultipartUpload") if left else nullcontext()
    with aborted, lost_answer(lab, HERE, "s3", "DeleteObjects"):
        s3.delete_objects(aws, claimed(f"lost-{operation}"))
    assert "Versions" not in client.list_object_versions(Bucket=SCRATCH, Prefix=key)
    assert "Uploads" not in client.list_multipart_uploads(Bucket=SCRATCH, Prefix=key)


def test_an_upload_that_became_something_else_is_no_copy_of_ours(aws: Aws, raw: Raw) -> None:
    """Whoever completes an upload that is gone, and finds another object there, has not made it."""
    client, body = raw("s3", HERE), b"q" * (6 * 1024**2)
    version = client.put_object(Bucket=COPY, Key="taken", Body=body)["VersionId"]
    upload = client.create_multipart_upload(Bucket=SCRATCH, Key="run/taken", ChecksumAlgorithm="SHA256")["UploadId"]
    target = {"Bucket": SCRATCH, "Key": "run/taken", "UploadId": upload}
    from_ = {"Bucket": COPY, "Key": "taken", "VersionId": version}
    part = client.upload_part_copy(CopySource=from_, PartNumber=1, **target)["CopyPartResult"]
    client.abort_multipart_upload(**target)
    client.put_object(Bucket=SCRATCH, Key="run/taken", Body=b"another", ChecksumAlgorithm="SHA256")
    parts = [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]
    with pytest.raises(AwsError, match="NoSuchUpload"):
        copies.complete(aws, HERE, target, parts, "a copy", "scratch")


def test_parts_cover_an_object_of_any_size() -> None:
    five_tb = 5 * 1024**4
    for size, part in ((1, 10), (10, 10), (11, 10), (five_tb, copies.PART), (10 * five_tb, copies.PART)):
        cut = list(copies.cuts(size, part))
        assert cut[0][1] == 0
        assert cut[-1][2] == size - 1
        assert all(before[2] + 1 == after[1] for before, after in pairwise(cut))
        assert len(cut) <= copies.MOST_PARTS


def test_a_copy_of_a_version_that_is_gone_says_so(aws: Aws) -> None:
    with pytest.raises(AwsError) as caught:
        s3.copy_version(aws, HERE, COPY, "gone", "0" * 32, SCRATCH, "run/gone", size=10)
    assert missing(caught.value), caught.value.code


def test_a_scratch_bucket_without_versions_is_told(aws: Aws, raw: Raw) -> None:
    client = raw("s3", HERE)
    client.create_bucket(Bucket="plain-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    assert not s3.versioning(aws, HERE, "plain-bucket")
    version = client.put_object(Bucket=COPY, Key="for-plain", Body=b"x")["VersionId"]
    with pytest.raises(Unable, match="keeps no versions"):
        s3.copy_version(aws, HERE, COPY, "for-plain", version, "plain-bucket", "for-plain")


def test_where_a_bucket_is_and_what_it_keeps(aws: Aws) -> None:
    assert s3.bucket_region(aws, HERE, SCRATCH) == HERE
    assert s3.bucket_region(aws, HERE, SOURCE) == PRIMARY
    assert s3.bucket_region(aws, HERE, "no-such-bucket-of-firedrill") is None
    assert s3.versioning(aws, HERE, SCRATCH)


def test_a_bucket_of_the_other_region_is_not_read_from_here(aws: Aws) -> None:
    mine = Aws(aws.connection, "123456789012", environment={})
    with pytest.raises(AwsError, match=f"{SOURCE} is in eu-west-1, not in eu-central-1|PermanentRedirect"):
        list(s3.versions(mine, HERE, SOURCE))
    assert mine.calls == {HERE: 2}  # the first asks whose credentials these are


def test_replication_tells_its_status(aws: Aws, raw: Raw, folder: str) -> None:
    version = raw("s3", PRIMARY).put_object(Bucket=SOURCE, Key=f"{folder}a", Body=b"x")["VersionId"]
    eventually(lambda: s3.replication_status(aws, PRIMARY, SOURCE, f"{folder}a", version) == "COMPLETED")
    assert s3.replication_status(aws, HERE, COPY, f"{folder}a", version) == "REPLICA"
    own = raw("s3", HERE).put_object(Bucket=COPY, Key=f"{folder}b", Body=b"x")["VersionId"]
    assert s3.replication_status(aws, HERE, COPY, f"{folder}b", own) is None


def test_deletion_removes_every_version_marker_and_unfinished_upload_below_the_prefix(aws: Aws, raw: Raw) -> None:
    client, run = raw("s3", HERE), "20261120T021500Z-test-receipts-7f3a"
    below, beside = f"{run}/documents/", f"{run}/documents-of-others/"
    for number in range(1010):
        client.put_object(Bucket=SCRATCH, Key=f"{below}{number % 505:03d}", Body=b"")
    # Two pages, and the versions of one key on either side of the cut.
    assert [(stored.key, stored.latest) for stored in s3.versions(aws, HERE, SCRATCH, below)] == [
        (f"{below}{number:03d}", latest) for number in range(505) for latest in (True, False)
    ]
    client.delete_object(Bucket=SCRATCH, Key=f"{below}001")
    client.put_object(Bucket=SCRATCH, Key=f"{below}{ODD}", Body=b"")
    client.put_object(Bucket=SCRATCH, Key=f"{beside}kept", Body=b"")
    client.create_multipart_upload(Bucket=SCRATCH, Key=f"{below}unfinished")
    assert s3.delete_objects(aws, claimed(run)) == 1012
    assert list(s3.versions(aws, HERE, SCRATCH, below)) == []
    assert client.list_multipart_uploads(Bucket=SCRATCH).get("Uploads", []) == []
    assert [stored.key for stored in s3.versions(aws, HERE, SCRATCH, f"{run}/")] == [f"{beside}kept"]
    assert s3.delete_objects(aws, claimed(run)) == 0


def test_keys_that_no_list_of_keys_can_hold_are_removed_as_well(aws: Aws, raw: Raw, lab: Path) -> None:
    client, run = raw("s3", HERE), "20261120T021500Z-test-receipts-7f3b"
    keys = [f"{run}/documents/{name}" for name in ("a\x01b", "a\x1f", "\ufffe", "c\rd\ne\tf", f"{ODD}+ %2B", "plain")]
    for key in keys:
        client.put_object(Bucket=SCRATCH, Key=key, Body=b"")
        client.delete_object(Bucket=SCRATCH, Key=key)
    assert {stored.key for stored in s3.versions(aws, HERE, SCRATCH, run)} == set(keys)
    with lost_answer(lab, HERE, "s3", "DeleteObject"):
        assert s3.delete_objects(aws, claimed(run)) == 2 * len(keys)
    assert not s3.stands(aws, HERE, SCRATCH, run)


def test_uploads_are_listed_page_by_page_by_the_keys_themselves(aws: Aws, raw: Raw, folder: str) -> None:
    client = raw("s3", HERE)
    keys = [f"{folder}{number}\r+ %20/" for number in range(5)]
    for key in keys:
        client.create_multipart_upload(Bucket=SCRATCH, Key=key)
    pager = aws.client("s3", HERE, "scratch").get_paginator("list_multipart_uploads")
    pages = list(pager.paginate(Bucket=SCRATCH, Prefix=folder, PaginationConfig={"PageSize": 2}))
    assert [[one["Key"] for one in page["Uploads"]] for page in pages] == [keys[:2], keys[2:4], keys[4:]]
    assert copies.abandon(aws, HERE, SCRATCH, folder) == len(keys)
    assert copies.abandon(aws, HERE, SCRATCH, folder) == 0


@pytest.mark.parametrize("name", [SCRATCH, f"{SCRATCH}/", f"{SCRATCH}/run", f"{SCRATCH}/other/documents/"])
def test_a_claim_that_is_not_below_its_run_is_refused(aws: Aws, name: str) -> None:
    with pytest.raises(Refused, match="not one of objects below run"):
        s3.delete_objects(aws, ScratchClaim("objects", name, HERE, "run", None))
    with pytest.raises(Refused):
        s3.delete_objects(aws, ScratchClaim("instance", f"{SCRATCH}/run/documents/", HERE, "run", "db-1"))


def test_a_bucket_that_is_gone_has_nothing_left(aws: Aws) -> None:
    assert s3.delete_objects(aws, ScratchClaim("objects", "no-such-bucket/run/x/", HERE, "run", None)) == 0


def test_a_version_that_will_not_go_is_an_error_though_the_answer_is_a_200(aws: Aws, raw: Raw) -> None:
    client = raw("s3", HERE)
    client.create_bucket(
        Bucket="locked-bucket",
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
        ObjectLockEnabledForBucket=True,
    )
    client.put_object(
        Bucket="locked-bucket", Key="run/x/held", Body=b"", ObjectLockLegalHoldStatus="ON", ChecksumAlgorithm="SHA256"
    )
    with pytest.raises(AwsError, match="1 of 1 objects of locked-bucket remain") as caught:
        s3.delete_objects(aws, ScratchClaim("objects", "locked-bucket/run/x/", HERE, "run", None))
    assert caught.value.code == "AccessDenied"
