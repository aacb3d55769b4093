"""The same calls to the lab's S3 and to ministack's: they agree, or a table says which of them is right, and why."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contract.cloud import Cloud
from tests.contract.differences import DIFFERENCES, LAB, MINISTACK
from tests.contract.ministack import ministack
from tests.contract.playing import Player

PART = 5 * 1024**2
TEXT = {"ContentType": "text/plain"}
ENABLED = {"Status": "Enabled"}


def objects(s3: Player) -> None:
    s3("put", "put_object", Key="a/b c+ü&", Body=b"0123456789", Metadata={"m": "1"}, ContentType="text/plain")
    s3("get", "get_object", Key="a/b c+ü&")
    s3("head", "head_object", Key="a/b c+ü&")
    s3("range", "get_object", Key="a/b c+ü&", Range="bytes=2-4")
    s3("suffix", "get_object", Key="a/b c+ü&", Range="bytes=-3")
    s3("beyond", "get_object", Key="a/b c+ü&", Range="bytes=20-30")
    s3("empty", "put_object", Key="empty", Body=b"")
    s3("get empty", "get_object", Key="empty")
    s3("missing", "get_object", Key="missing")
    s3("head missing", "head_object", Key="missing")
    s3("delete missing", "delete_object", Key="missing")
    s3("copy", "copy_object", Key="copied", CopySource={"Bucket": s3.bucket, "Key": "a/b c+ü&"})
    s3("head copied", "head_object", Key="copied")
    replace = {"MetadataDirective": "REPLACE", "Metadata": {"m": "2"}, "ContentType": "text/html"}
    s3("replace", "copy_object", Key="copied", CopySource={"Bucket": s3.bucket, "Key": "copied"}, **replace)
    s3("head replaced", "head_object", Key="copied")
    s3("copy onto itself", "copy_object", Key="empty", CopySource={"Bucket": s3.bucket, "Key": "empty"})
    s3("copy missing", "copy_object", Key="x", CopySource={"Bucket": s3.bucket, "Key": "missing"})
    s3("delete", "delete_object", Key="a/b c+ü&")
    s3("get deleted", "get_object", Key="a/b c+ü&")
    s3("delete many", "delete_objects", Delete={"Objects": [{"Key": "copied"}, {"Key": "missing"}]})
    s3("not empty", "delete_bucket")
    s3("no bucket", "list_objects_v2", Bucket=f"{s3.bucket}-none")
    s3("no bucket to put", "put_object", Bucket=f"{s3.bucket}-none", Key="k", Body=b"")
    s3("head no bucket", "head_bucket", Bucket=f"{s3.bucket}-none")
    s3("location", "get_bucket_location")


def listing(s3: Player) -> None:
    for number, key in enumerate(("a", "d/1", "d/2", "d/e/3", "f", "ü", "z")):
        s3(f"put {number}", "put_object", Key=key, Body=key.encode())
    s3("all", "list_objects_v2")
    s3("prefix", "list_objects_v2", Prefix="d/")
    s3("delimiter", "list_objects_v2", Delimiter="/")
    s3("both", "list_objects_v2", Prefix="d/", Delimiter="/")
    s3("after", "list_objects_v2", StartAfter="d/2")
    page = s3("page 1", "list_objects_v2", MaxKeys=3)
    page = s3("page 2", "list_objects_v2", MaxKeys=3, ContinuationToken=page["NextContinuationToken"])
    s3("page 3", "list_objects_v2", MaxKeys=3, ContinuationToken=page["NextContinuationToken"])
    s3("pages of prefixes", "list_objects_v2", MaxKeys=2, Delimiter="/")
    s3("none", "list_objects_v2", MaxKeys=0)
    s3("nothing there", "list_objects_v2", Prefix="nothing")
    s3("first version", "list_objects", MaxKeys=2)
    s3("marker", "list_objects", Marker="d/2", MaxKeys=2)
    s3("first version with prefixes", "list_objects", Delimiter="/")


def versions(s3: Player) -> None:
    s3("before", "put_object", Key="k", Body=b"null", **TEXT)
    s3("never enabled", "get_bucket_versioning")
    s3("enable", "put_bucket_versioning", VersioningConfiguration=ENABLED)
    s3("enabled", "get_bucket_versioning")
    first = s3("put 1", "put_object", Key="k", Body=b"one", **TEXT)["VersionId"]
    s3("put 2", "put_object", Key="k", Body=b"two", **TEXT)
    s3("get current", "get_object", Key="k")
    s3("get first", "get_object", Key="k", VersionId=first)
    s3("get null", "get_object", Key="k", VersionId="null")
    s3("head first", "head_object", Key="k", VersionId=first)
    s3("copy first", "copy_object", Key="c", CopySource={"Bucket": s3.bucket, "Key": "k", "VersionId": first})
    marker = s3("delete", "delete_object", Key="k")["VersionId"]
    s3("get deleted", "get_object", Key="k")
    s3("head deleted", "head_object", Key="k")
    s3("get marker", "get_object", Key="k", VersionId=marker)
    s3("list", "list_objects_v2")
    s3("versions", "list_object_versions")
    s3("versions of prefix", "list_object_versions", Prefix="k", MaxKeys=2)
    s3("delete marker", "delete_object", Key="k", VersionId=marker)
    s3("get undeleted", "get_object", Key="k")
    s3("delete first", "delete_object", Key="k", VersionId=first)
    s3("get gone", "get_object", Key="k", VersionId=first)
    s3("delete many", "delete_objects", Delete={"Objects": [{"Key": "k"}, {"Key": "c"}]})
    s3("suspend", "put_bucket_versioning", VersioningConfiguration={"Status": "Suspended"})
    s3("put suspended", "put_object", Key="k", Body=b"suspended", **TEXT)
    s3("versions suspended", "list_object_versions")


def parts(s3: Player) -> None:
    where, crc = {"Key": "big"}, {"ChecksumAlgorithm": "CRC32"}
    upload = s3("begin", "create_multipart_upload", **where, **TEXT, **crc, Metadata={"m": "1"})["UploadId"]
    first = s3("part 1", "upload_part", **where, **crc, UploadId=upload, PartNumber=1, Body=b"a" * PART)
    last = s3("part 2", "upload_part", **where, **crc, UploadId=upload, PartNumber=2, Body=b"z")
    s3("parts", "list_parts", **where, UploadId=upload)
    s3("uploads", "list_multipart_uploads")
    s3("not yet", "head_object", **where)
    wrong = [{"PartNumber": 1, "ETag": '"00000000000000000000000000000000"'}]
    s3("wrong part", "complete_multipart_upload", **where, UploadId=upload, MultipartUpload={"Parts": wrong})
    listed = {"Parts": [listing_of(number, part) for number, part in ((1, first), (2, last))]}
    s3("complete", "complete_multipart_upload", **where, UploadId=upload, MultipartUpload=listed)
    s3("head", "head_object", **where)
    s3("end of it", "get_object", **where, Range=f"bytes={PART - 2}-")
    s3("no upload", "upload_part", Key="big", UploadId="none", PartNumber=3, Body=b"")
    other = s3("begin another", "create_multipart_upload", Key="other")["UploadId"]
    s3("abort", "abort_multipart_upload", Key="other", UploadId=other)
    s3("no uploads", "list_multipart_uploads")
    order = s3("begin in order", "create_multipart_upload", Key="order", **crc)["UploadId"]
    done = [
        s3(f"ordered {n}", "upload_part", Key="order", **crc, UploadId=order, PartNumber=n, Body=b"o" * PART)
        for n in (1, 2)
    ]
    turned = {"Parts": [listing_of(2, done[1]), listing_of(1, done[0])]}
    s3("wrong order", "complete_multipart_upload", Key="order", UploadId=order, MultipartUpload=turned)
    little = s3("begin little", "create_multipart_upload", Key="little", **crc)["UploadId"]
    small = [
        s3(f"small {n}", "upload_part", Key="little", **crc, UploadId=little, PartNumber=n, Body=b"s") for n in (1, 2)
    ]
    listed = {"Parts": [listing_of(number, part) for number, part in enumerate(small, start=1)]}
    s3("too small", "complete_multipart_upload", Key="little", UploadId=little, MultipartUpload=listed)
    whole = s3("begin copy", "create_multipart_upload", Key="copy")["UploadId"]
    source = {"Bucket": s3.bucket, "Key": "big"}
    s3("part of copy", "upload_part_copy", Key="copy", UploadId=whole, PartNumber=1, CopySource=source)


def listing_of(number: int, part: dict[str, Any]) -> dict[str, Any]:
    """A part as CompleteMultipartUpload wants it listed."""
    return {"PartNumber": number, **{name: part[name] for name in ("ETag", "ChecksumCRC32") if name in part}}


def conditions(s3: Player) -> None:
    tag = s3("create", "put_object", Key="k", Body=b"1", **TEXT, IfNoneMatch="*")["ETag"]
    s3("create again", "put_object", Key="k", Body=b"2", **TEXT, IfNoneMatch="*")
    s3("replace", "put_object", Key="k", Body=b"3", **TEXT, IfMatch=tag)
    s3("replace stale", "put_object", Key="k", Body=b"4", **TEXT, IfMatch=tag)
    s3("get stale", "get_object", Key="k", IfMatch=tag)
    s3("get other", "get_object", Key="k", IfNoneMatch=tag)
    now = s3("head", "head_object", Key="k")["ETag"]
    s3("get same", "get_object", Key="k", IfNoneMatch=now)
    s3("head same", "head_object", Key="k", IfNoneMatch=now)


def tags(s3: Player) -> None:
    s3("put", "put_object", Key="k", Body=b"1", **TEXT, Tagging="a=1&b=2")
    s3("get", "get_object_tagging", Key="k")
    s3("change", "put_object_tagging", Key="k", Tagging={"TagSet": [{"Key": "c", "Value": "3"}]})
    s3("changed", "get_object_tagging", Key="k")
    s3("copy", "copy_object", Key="copy", CopySource={"Bucket": s3.bucket, "Key": "k"})
    s3("copied", "get_object_tagging", Key="copy")
    s3("delete", "delete_object_tagging", Key="k")
    s3("deleted", "get_object_tagging", Key="k")
    s3("missing", "get_object_tagging", Key="missing")
    s3("twice", "put_object_tagging", Key="k", Tagging={"TagSet": [{"Key": "c", "Value": "3"}] * 2})
    s3("bucket has none", "get_bucket_tagging")


def checksums(s3: Player) -> None:
    s3("sha256", "put_object", Key="k", Body=b"swept", **TEXT, ChecksumAlgorithm="SHA256")
    s3("get", "get_object", Key="k", ChecksumMode="ENABLED")
    s3("head", "head_object", Key="k", ChecksumMode="ENABLED")
    s3("head without", "head_object", Key="k")
    s3("wrong sha256", "put_object", Key="w", Body=b"swept", **TEXT, ChecksumSHA256="A" * 43 + "=")
    s3("wrong md5", "put_object", Key="w", Body=b"swept", **TEXT, ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")
    s3("no md5", "put_object", Key="w", Body=b"swept", **TEXT, ContentMD5="nonsense")
    s3("nothing was kept", "head_object", Key="w")
    s3("crc32", "put_object", Key="c", Body=b"swept", **TEXT, ChecksumAlgorithm="CRC32")
    s3("head crc32", "head_object", Key="c", ChecksumMode="ENABLED")


SCENES: dict[str, Callable[[Player], None]] = {
    scene.__name__: scene for scene in (objects, listing, versions, parts, conditions, tags, checksums)
}


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with ministack(tmp_path_factory.mktemp("ministack")) as client:
        yield client


def played(scene: str, client: Any, bucket: str) -> dict[str, Any]:
    """What a server said in a scene, in a bucket that is not there before and after."""
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": client.meta.region_name})
    player = Player(client, bucket, checksums=scene == "checksums")
    SCENES[scene](player)
    for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
        client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    found = client.list_object_versions(Bucket=bucket)
    for each in (*found.get("Versions", []), *found.get("DeleteMarkers", [])):
        client.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
    client.delete_bucket(Bucket=bucket)
    return player.said


@pytest.mark.behaviour("S3-SECOND-OPINION")
@pytest.mark.parametrize("scene", SCENES)
def test_two_servers_say_the_same_or_the_table_says_who_is_right(cloud: Cloud, other: Any, scene: str) -> None:
    bucket = cloud.name("s3")
    said = {LAB: played(scene, cloud.client("s3"), bucket), MINISTACK: played(scene, other, bucket)}
    differ = {f"{scene}/{step}" for step, heard in said[LAB].items() if heard != said[MINISTACK][step]}
    known = {name for name in DIFFERENCES if name.startswith(f"{scene}/")}
    told = {name: {who: said[who][name.partition("/")[2]] for who in said} for name in differ ^ known}
    assert told == {}, "a difference that the table does not know, or one that is no more"
    for name in known:
        right, wanted = DIFFERENCES[name].right, DIFFERENCES[name].shows
        heard = said[right][name.partition("/")[2]]
        assert {member: heard.get(member) for member in wanted} == wanted, name
