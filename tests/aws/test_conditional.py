"""Writes of which one wins, in the lab's S3; and what becomes of them when an answer is lost."""

import threading
from pathlib import Path

import pytest

from dr.aws import conditional, s3
from dr.aws.clients import Aws
from dr.errors import AwsError, LeaseLost

from .conftest import RECOVERY, Raw, scratch
from .scripted import REGION, server

HERE = RECOVERY
SCRATCH = scratch(HERE)
TAKEN = (412, "application/xml", "<Error><Code>PreconditionFailed</Code><Message>there is one</Message></Error>")
GONE = (404, "application/xml", "<Error><Code>NoSuchKey</Code><Message>it is gone</Message></Error>")
LOST = (500, "application/xml", "")
HEAD = (200, "text/plain", "")


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> str:
    """A prefix of the test's own."""
    return f"{Path(request.node.name).name}/"


def test_only_one_of_many_writers_creates(aws: Aws, folder: str) -> None:
    won: list[int] = []

    def write(number: int) -> None:
        if conditional.put_if_absent(aws, HERE, SCRATCH, f"{folder}lease", str(number).encode()):
            won.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert s3.read(aws, HERE, SCRATCH, f"{folder}lease") == str(won[0]).encode()


def test_a_writer_whose_answer_was_lost_still_knows_its_own_object() -> None:
    with server(LOST, TAKEN, HEAD) as made:
        made.echoes["ETag"] = '"new"'
        assert conditional.put_if_absent(made.aws(), REGION, "bucket", "lease", b"me")
        made.echoes.clear()
        made.echoes["ETag"] = '"new"'
        made.answers[:] = [TAKEN, HEAD]
        assert conditional.put_if_absent(made.aws(), REGION, "bucket", "lease", b"me")
        made.echo = False
        made.answers[:] = [TAKEN, HEAD]
        assert not conditional.put_if_absent(made.aws(), REGION, "bucket", "lease", b"me")


def test_only_who_saw_the_present_object_replaces_it(aws: Aws, raw: Raw, folder: str) -> None:
    key = f"{folder}lease"
    assert conditional.look(aws, HERE, SCRATCH, key) is None
    assert conditional.put_if_unchanged(aws, HERE, SCRATCH, key, b"0", '"of nothing"') is None
    first = conditional.put_if_unchanged(aws, HERE, SCRATCH, key, b"1", None)
    assert first
    assert conditional.put_if_unchanged(aws, HERE, SCRATCH, key, b"2", None) is None
    assert conditional.look(aws, HERE, SCRATCH, key) == conditional.Stored(b"1", first)
    assert conditional.put_if_unchanged(aws, HERE, SCRATCH, key, b"2", first)
    assert conditional.put_if_unchanged(aws, HERE, SCRATCH, key, b"3", first) is None
    raw("s3", HERE).delete_object(Bucket=SCRATCH, Key=key)
    assert conditional.put_if_unchanged(aws, HERE, SCRATCH, key, b"4", first) is None


def test_who_replaces_and_gets_no_answer_still_knows_its_own_object() -> None:
    with server(LOST, TAKEN, HEAD) as made:
        made.echoes["ETag"] = '"new"'
        assert conditional.put_if_unchanged(made.aws(), REGION, "bucket", "lease", b"me", '"seen"') == '"new"'
        made.echo = False
        made.answers[:] = [TAKEN, HEAD]
        assert conditional.put_if_unchanged(made.aws(), REGION, "bucket", "lease", b"me", '"seen"') is None
        made.answers[:] = [GONE]
        assert conditional.put_if_unchanged(made.aws(), REGION, "bucket", "lease", b"me", '"seen"') is None
        made.answers[:] = [TAKEN, GONE]
        assert conditional.put_if_unchanged(made.aws(), REGION, "bucket", "lease", b"me", '"seen"') is None
        made.answers[:] = [(403, "application/xml", "<Error><Code>AccessDenied</Code></Error>")]
        with pytest.raises(AwsError, match="AccessDenied"):
            conditional.put_if_unchanged(made.aws(), REGION, "bucket", "lease", b"me", '"seen"')


def test_what_changes_something_asks_for_its_permit_and_the_control_store_does_not() -> None:
    def never() -> None:
        raise LeaseLost("somebody else has it")

    with server((200, "text/plain", "")) as made:
        made.echoes["ETag"] = '"new"'
        aws = made.aws()
        aws.permit(never)
        with pytest.raises(LeaseLost):
            aws.assert_permitted()
        with pytest.raises(LeaseLost):
            aws.change("s3", REGION, "PutObject", "an object", Bucket="bucket", Key="key", role="scratch")
        assert {asked["path"] for asked in made.asked} == {"/"}, "only the caller's identity was asked for"
        s3.read(aws, REGION, "bucket", "key")
        assert conditional.put_if_absent(aws, REGION, "bucket", "key", b"")
        assert conditional.put_if_unchanged(aws, REGION, "bucket", "key", b"", None) == '"new"'
        aws.permit(None)
        aws.change("s3", REGION, "PutObject", "an object", Bucket="bucket", Key="key", role="scratch")
