"""What cannot be made to happen over the wire: a region that takes no replicas, a copy of over five gigabytes."""

import time
from collections.abc import Iterator

import pytest
from moto.s3.models import FakeBucket, s3_backends

from dr.lab.front import copies, rules
from dr.lab.front.declined import Declined
from dr.lab.front.exchange import Headers, Request
from dr.lab.front.keys import ACCOUNT
from dr.lab.front.replication import Replication
from dr.lab.front.store import Store
from tests.lab.front_fixtures import PRIMARY, RECOVERY, eventually

RULE = (
    "<ReplicationConfiguration><Role>arn:aws:iam::1:role/r</Role><Rule><Status>Enabled</Status><Prefix/>"
    "<Destination><Bucket>arn:aws:s3:::holding-there</Bucket></Destination></Rule></ReplicationConfiguration>"
)


@pytest.fixture
def pair() -> Iterator[tuple[FakeBucket, FakeBucket]]:
    backend = s3_backends[ACCOUNT]["aws"]
    made = [
        backend.create_bucket(f"holding-{name}", region) for name, region in (("here", PRIMARY), ("there", RECOVERY))
    ]
    for bucket in made:
        bucket.versioning_status = "Enabled"
    yield made[0], made[1]
    for bucket in made:
        del backend.buckets[bucket.name], s3_backends.bucket_accounts[bucket.name]


def test_what_is_meant_for_a_held_region_stays_pending_until_it_is_released(
    pair: tuple[FakeBucket, FakeBucket],
) -> None:
    here, there = pair
    store = Store()
    replication = Replication(store, speed=1500.0)
    replication.configure(here.name, rules.read(RULE.encode()))
    replication.hold(RECOVERY)
    try:
        version = s3_backends[ACCOUNT]["aws"].put_object(here.name, "key", b"x")
        replication.written(here.name, version)
        time.sleep(0.1)  # ten times the lag: nothing else shows that it does not come
        assert replication.status(version) == "PENDING"
        assert store.version(there.name, "key", version.version_id) is None
        replication.release(RECOVERY)
        eventually(lambda: replication.status(version) == "COMPLETED")
        assert store.version(there.name, "key", version.version_id) is not None
    finally:
        replication.stop()


def test_more_than_five_gigabytes_are_copied_in_parts_only(pair: tuple[FakeBucket, FakeBucket]) -> None:
    here, _ = pair
    store = Store()
    s3_backends[ACCOUNT]["aws"].put_object(here.name, "large", b"x").contentsize = copies.LARGEST_COPY + 1

    def source(*more: tuple[str, str]) -> copies.Source:
        headers = Headers([("x-amz-copy-source", f"{here.name}/large"), *more])
        return copies.source(store, Request("PUT", f"/{here.name}/copy", headers, b"", "id"))

    with pytest.raises(Declined, match="larger than the maximum"):
        source()
    with pytest.raises(Declined, match="larger than the maximum"):
        source(("x-amz-copy-source-range", f"bytes=0-{copies.LARGEST_COPY}"))
    assert source(("x-amz-copy-source-range", "bytes=0-0")).content == b"x"
