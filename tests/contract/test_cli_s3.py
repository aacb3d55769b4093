"""`aws s3` and `aws s3api` as users run them: syncs up, down, again and with deletion, and an upload in parts."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.cloud import Cloud
from tests.contract.command_line import CommandLine

LARGE = 9 * 1024**2
"""Above the size from which the command uploads in parts of eight mebibytes."""
KEYS = {"a.txt": b"one", "deep/er/b.bin": b"\x00two", "odd + name/ü&.txt": b"three"}


@pytest.fixture(scope="module")
def aws(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    return CommandLine(cloud, tmp_path_factory.mktemp("aws"))


@pytest.fixture
def bucket(aws: CommandLine, cloud: Cloud) -> Iterator[str]:
    """A bucket made by the command; the command empties and removes it too."""
    name = cloud.name("s3")
    aws.names["bucket"] = name
    aws.does("s3api create-bucket --bucket {bucket} --create-bucket-configuration LocationConstraint=eu-west-1")
    yield name
    assert aws.run("s3 rb s3://{bucket} --force").status == 0
    aws.refused("404", "s3api head-bucket --bucket {bucket}")


@pytest.fixture
def tree(aws: CommandLine) -> Path:
    """A folder with small files and a large one, a minute old: S3 dates to the second, and newer is sent again."""
    root = aws.folder / "up"
    for key, body in KEYS.items():
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(body)
    (root / "large").write_bytes(os.urandom(LARGE))
    before = time.time() - 60
    for path in root.rglob("*"):
        os.utime(path, (before, before))
    return root


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def sync(aws: CommandLine, command: str) -> list[str]:
    """The lines of what a sync says it did, without its progress."""
    said = aws.run(f"s3 sync --no-progress {command}")
    assert said.status == 0, said.err
    return said.out.splitlines()


@pytest.mark.behaviour("S3-SYNC")
@pytest.mark.soak(10)
def test_a_sync_up_down_again_and_with_deletion(aws: CommandLine, cloud: Cloud, bucket: str, tree: Path) -> None:
    assert len(sync(aws, "up s3://{bucket}/kept")) == len(KEYS) + 1
    assert sync(aws, "up s3://{bucket}/kept") == []
    assert sync(aws, "s3://{bucket}/kept down --exact-timestamps")
    assert files(aws.folder / "down") == files(tree)
    assert sync(aws, "s3://{bucket}/kept down") == []

    s3 = cloud.client("s3")
    large = s3.head_object(Bucket=bucket, Key="kept/large")
    assert large["ContentLength"] == LARGE
    assert large["ETag"].endswith('-2"')

    (tree / "a.txt").unlink()
    assert sync(aws, "up s3://{bucket}/kept") == []
    assert sync(aws, "up s3://{bucket}/kept --delete") == [f"delete: s3://{bucket}/kept/a.txt"]
    keys = {shown["Key"] for shown in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert keys == {f"kept/{name}" for name in files(tree)}


@pytest.mark.behaviour("S3-SYNC-OVERLOOKS")
@pytest.mark.soak(8)
def test_a_sync_overlooks_what_has_the_same_size_and_is_not_newer(aws: CommandLine, bucket: str, tree: Path) -> None:
    sync(aws, "up s3://{bucket}")
    old = (tree / "a.txt").stat()
    (tree / "a.txt").write_bytes(b"ONE")
    os.utime(tree / "a.txt", (old.st_atime, old.st_mtime))
    assert sync(aws, "up s3://{bucket}") == []
    assert aws.run(f"s3 cp s3://{bucket}/a.txt -").out == "one"
    (tree / "a.txt").write_bytes(b"four")
    assert len(sync(aws, "up s3://{bucket}")) == 1
