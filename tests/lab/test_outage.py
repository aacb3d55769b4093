"""Outages at the socket, as a stock client meets them: quick where they are quick, slow where they are slow."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from dr.errors import Refused
from dr.lab import life
from dr.lab.home import Home
from tests.lab.front_fixtures import PRIMARY, RECOVERY, client, code, eventually, lab

ROOT = Path(__file__).parents[2]
ONCE = Config(connect_timeout=20, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 1})
SHORT = 0.3


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with lab() as home:
        client(home, "s3").create_bucket(Bucket="upload", CreateBucketConfiguration={"LocationConstraint": PRIMARY})
        yield home


@pytest.fixture(autouse=True)
def healed(home: Home) -> Iterator[None]:
    yield
    for place in (PRIMARY, RECOVERY, "global"):
        life.command(home, "heal", {"region": place})


def lose(home: Home, mode: str, region: str = PRIMARY, **more: Any) -> None:
    life.command(home, "outage", {"region": region, "mode": mode, **more})


def heal(home: Home, region: str = PRIMARY, **more: Any) -> None:
    life.command(home, "heal", {"region": region, **more})


def who(home: Home, region: str = PRIMARY, attempts: int = 1, patience: float = 20) -> Callable[[], Any]:
    """A call of a client that gives up after so many seconds of silence."""
    retries: Any = {"mode": "standard", "total_max_attempts": attempts}
    config = Config(connect_timeout=patience, read_timeout=patience, retries=retries)
    return client(home, "sts", region, config=config).get_caller_identity  # type: ignore[no-any-return]


def took(call: Callable[[], Any], expected: type[BaseException]) -> float:
    began = time.monotonic()
    with pytest.raises(expected):
        call()
    return time.monotonic() - began


def test_refused_is_learnt_at_once_and_healed_at_once(home: Home) -> None:
    assert who(home)()["Account"]
    lose(home, "refuse")
    # By a new connection: one that was there before is reset, and that is another error.
    call = who(home)
    assert took(call, EndpointConnectionError) < 2
    assert who(home, RECOVERY)()["Account"]
    heal(home)
    assert call()["Account"]


def test_refusing_resets_a_connection_that_waits(home: Home) -> None:
    port = home.read()["ports"][PRIMARY]
    with socket.create_connection(("127.0.0.1", port), timeout=5) as idle:
        idle.sendall(b"GET / HTTP/1.1\r\n")  # half a request
        eventually(lambda: life.status(home)["connections_accepted"][PRIMARY] > 0)
        lose(home, "refuse")
        with pytest.raises(ConnectionResetError):
            idle.recv(1)


def test_a_blackhole_costs_the_read_timeout_times_the_attempts(home: Home) -> None:
    lose(home, "blackhole")
    before = life.status(home)
    assert took(who(home, patience=SHORT), ReadTimeoutError) >= SHORT
    assert took(who(home, attempts=3, patience=SHORT), ReadTimeoutError) >= 3 * SHORT
    after = life.status(home)
    assert after["connections_accepted"][PRIMARY] - before["connections_accepted"][PRIMARY] == 4
    assert after["requests"][PRIMARY]["sts"] - before["requests"][PRIMARY]["sts"] == 4
    assert after["connections_accepted"][RECOVERY] == before["connections_accepted"][RECOVERY]


def test_an_established_connection_falls_silent_and_goes_on_later(home: Home) -> None:
    patient = client(home, "sts", config=Config(read_timeout=20, retries={"total_max_attempts": 1}))
    patient.get_caller_identity()
    lose(home, "blackhole")
    found: list[Any] = []
    asking = threading.Thread(target=lambda: found.append(patient.get_caller_identity()))
    asking.start()
    asking.join(SHORT)
    assert asking.is_alive()
    assert not found
    heal(home)
    asking.join(10)
    assert found[0]["Account"]


def test_what_was_given_up_in_a_blackhole_does_not_happen_later(home: Home) -> None:
    s3 = client(home, "s3", config=Config(read_timeout=SHORT, retries={"total_max_attempts": 1}))
    lose(home, "blackhole")
    with pytest.raises(ReadTimeoutError):
        s3.create_bucket(Bucket="too-late", CreateBucketConfiguration={"LocationConstraint": PRIMARY})
    heal(home)
    time.sleep(SHORT)
    assert "too-late" not in [bucket["Name"] for bucket in client(home, "s3").list_buckets()["Buckets"]]


def test_a_large_upload_is_not_told_to_go_on_in_a_blackhole(home: Home) -> None:
    client(home, "s3").put_object(Bucket="upload", Key="before", Body=b"x" * 100_000)
    lose(home, "blackhole", service="s3")
    port = home.read()["ports"][PRIMARY]
    with socket.create_connection(("127.0.0.1", port), timeout=SHORT) as raw:
        raw.sendall(b"PUT /upload/key HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
        with pytest.raises(TimeoutError):
            raw.recv(1)


@pytest.mark.parametrize(
    ("service", "error", "throttled"),
    [
        ("sts", (503, "ServiceUnavailable"), (400, "Throttling")),
        ("s3", (503, "ServiceUnavailable"), (503, "SlowDown")),
        ("kms", (503, "ServiceUnavailableException"), (400, "ThrottlingException")),
        ("ec2", (503, "Unavailable"), (503, "RequestLimitExceeded")),
    ],
)
def test_each_service_says_it_in_its_own_words(
    home: Home, service: str, error: tuple[int, str], throttled: tuple[int, str]
) -> None:
    calls = {"sts": "get_caller_identity", "s3": "list_buckets", "kms": "list_keys", "ec2": "describe_vpcs"}
    call = getattr(client(home, service, config=ONCE), calls[service])
    for mode, expected in (("error", error), ("throttle", throttled)):
        lose(home, mode)
        with pytest.raises(ClientError) as caught:
            call()
        assert (caught.value.response["ResponseMetadata"]["HTTPStatusCode"], code(caught.value)) == expected
    heal(home)
    call()


def test_slow_delays_every_answer(home: Home) -> None:
    call = client(home, "sts").get_caller_identity
    call()
    lose(home, "slow", delay=0.4)
    began = time.monotonic()
    call()
    assert time.monotonic() - began >= 0.4


def test_one_service_is_lost_and_the_others_are_not(home: Home) -> None:
    lose(home, "refuse", service="kms")
    with pytest.raises(ConnectionClosedError):
        client(home, "kms", config=ONCE).list_keys()
    assert who(home)()["Account"]
    lose(home, "blackhole", service="kms")
    hasty = ONCE.merge(Config(read_timeout=SHORT))
    with pytest.raises(ReadTimeoutError):
        client(home, "kms", config=hasty).list_keys()
    heal(home, service="kms")
    client(home, "kms").list_keys()


def test_the_global_endpoint_is_lost_alone(home: Home) -> None:
    lose(home, "refuse", region="global")
    with pytest.raises(EndpointConnectionError):
        client(home, "route53", config=ONCE).list_hosted_zones()
    with pytest.raises(EndpointConnectionError):
        client(home, "iam", config=ONCE).list_roles()
    assert who(home)()["Account"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"region": "us-west-9", "mode": "refuse"}, "no region 'us-west-9'"),
        ({"region": PRIMARY, "mode": "explode"}, "no outage mode 'explode'"),
        ({"region": PRIMARY, "mode": "refuse", "service": "route53"}, "no service 'route53'"),
        ({"region": PRIMARY, "mode": "slow"}, "a delay of 0 s"),
        ({"region": PRIMARY, "mode": "slow", "delay": "long"}, "must be a number"),
        ({"region": PRIMARY, "mode": "throttle", "service": "databases"}, "databases are not throttled"),
    ],
)
def test_what_cannot_be_lost_is_refused(home: Home, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said):
        life.command(home, "outage", asked)
    assert life.status(home)["outages"] == []


def dr(home: Home, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "dr", "lab", *arguments, "--home", str(home.path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_people_lose_and_heal_by_command(home: Home) -> None:
    lost = dr(home, "outage", PRIMARY, "--mode", "slow", "--delay", "0.2", "--service", "s3")
    assert (lost.returncode, "s3 in eu-west-1 is lost (slow)" in lost.stderr) == (0, True), lost.stderr
    shown = dr(home, "status")
    assert "LOST: s3 (slow, 0.2 s)" in shown.stdout
    said = json.loads(dr(home, "status", "--json").stdout)
    assert said["outages"] == [{"region": PRIMARY, "service": "s3", "mode": "slow", "delay": 0.2}]
    assert set(said["database_connections_accepted"]) == {PRIMARY, RECOVERY}
    assert "eu-west-1 is back" in dr(home, "heal", PRIMARY).stderr
    assert "nothing of eu-west-1 was lost" in dr(home, "heal", PRIMARY).stderr
    wrong = dr(home, "outage", PRIMARY, "--mode", "refuse", "--delay", "2")
    assert (wrong.returncode, "--delay is for --mode slow" in wrong.stderr) == (3, True)
    assert dr(home, "outage", PRIMARY).returncode == 64
    assert dr(home, "outage", "mars", "--mode", "refuse").returncode == 64
