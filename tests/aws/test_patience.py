"""How often a call is sent, against servers that throttle, fail, fall silent or answer with a page."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.hooks import HierarchicalEmitter, first_non_none_response
from botocore.session import get_session
from stories import HandClock

from dr.aws import rds, s3
from dr.aws.clients import Aws, Role
from dr.aws.patience import ATTEMPTS, READ, Region
from dr.clock import Deadline, SystemClock, bounded
from dr.errors import AwsError, Unreachable
from dr.sharing import SystemThreads

from .scripted import OTHER, REGION, Server, refusal, server

RETRIES = 100
"""What a quota of 500 pays for, at 5 for a retry of a throttled call (botocore.retries.quota and .standard)."""
PAGE = "<html><head><title>Welcome</title></head><body><p>Please log in</p></body></html>"


def asked(made: Server) -> int:
    return sum(one.get("Action") != "GetCallerIdentity" for one in made.asked)


def fails(made: Server, aws: Aws | None = None) -> AwsError:
    with pytest.raises(AwsError) as caught:
        rds.instances(aws or made.aws(), REGION)
    return caught.value


@pytest.mark.parametrize(
    "page",
    [
        PAGE,
        f"<?xml version='1.0'?>\n<!-- a proxy -->\n<!doctype HTML PUBLIC>{PAGE}",
        f"\ufeff \n{PAGE.upper()}",
    ],
)
def test_a_page_that_is_well_formed_is_no_answer_either(page: str) -> None:
    with server((200, "text/xml", page)) as made:
        problem = fails(made)
        assert (problem.code, problem.transient) == ("ResponseParserError", True)
        assert "the answer is not one of AWS's: " in problem.message


def test_a_page_is_no_empty_bucket() -> None:
    """botocore reads it without complaint: a list with nothing in it."""
    with server((200, "text/html", PAGE)) as made, pytest.raises(AwsError, match="the answer is not one of AWS's"):
        list(s3.versions(made.aws(), REGION, "documents"))


def test_what_only_looks_like_a_page_inside_is_an_answer() -> None:
    named = "<Key>&lt;html&gt;</Key><VersionId>v</VersionId><IsLatest>true</IsLatest>"
    version = f"<Version>{named}<LastModified>2026-11-20T00:00:00Z</LastModified></Version>"
    text = f"<ListVersionsResult>{version}</ListVersionsResult>"
    with server((200, "application/xml", text)) as made:
        assert [one.key for one in s3.versions(made.aws(), REGION, "documents")] == ["<html>"]


def test_no_call_is_sent_again_when_its_time_is_up() -> None:
    clock = HandClock()
    with server(refusal("InternalFailure", 500)) as made:
        aws = made.aws()
        with bounded(Deadline.within(clock, 3600)), bounded(Deadline.within(clock, 10)):
            clock.passed += 10
            assert fails(made, aws).code == "InternalFailure"
            assert asked(made) == 1
            # Neither by those who work for it.
            with SystemThreads().pool(2) as pool:
                pool.submit(fails, made, aws).result()
            assert asked(made) == 2


@pytest.mark.soak(16)
def test_a_hanging_call_ends_with_the_attempt_that_outlasts_its_deadline() -> None:
    """The server falls silent; the deadline is over while the first attempt still waits for its answer."""
    with _silence() as url:
        aws = Server(url).aws()
        began = time.monotonic()
        with bounded(Deadline.within(SystemClock(), 0.5)), pytest.raises(Unreachable, match="no answer"):
            aws.look("sts", REGION, "GetCallerIdentity", "me")
        assert READ <= time.monotonic() - began < READ + 2
        assert aws.calls == {REGION: 1}


@pytest.mark.soak(50)
def test_a_blackhole_costs_three_attempts() -> None:
    with _silence() as url:
        aws = Server(url).aws()
        began = time.monotonic()
        with pytest.raises(Unreachable, match="no answer"):
            aws.look("sts", REGION, "GetCallerIdentity", "me")
        assert 3 * READ <= time.monotonic() - began < 3 * READ + 3
        assert aws.calls == {REGION: 3}
        began = time.monotonic()
        with pytest.raises(Unreachable, match="not tried, because nothing there has answered since"):
            aws.look("sts", REGION, "GetCallerIdentity", "me")
        assert time.monotonic() - began < 1


@contextmanager
def _silence() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_all_that_calls_a_region_shares_one_budget_of_retries() -> None:
    """In each service a storm of failures: alone, each client would have its own hundred."""
    with server(refusal("InternalFailure", 500)) as made:
        aws = made.aws()
        aws.assert_account(REGION)  # each good answer gives a little of the budget back

        def storm(number: int) -> None:
            asks = (
                lambda: rds.instances(aws, REGION),
                lambda: list(s3.versions(aws, REGION, "documents")),
                lambda: rds.instance(aws, REGION, "x", role="scratch"),
            )
            with pytest.raises(AwsError):
                asks[number % 3]()

        with ThreadPoolExecutor(12) as pool:
            list(pool.map(storm, range(36)))
        # 500, at 14 for a retry that was not throttled.
        assert asked(made) == 36 + 500 // 14
        # Another region has its own.
        with pytest.raises(AwsError):
            rds.instances(aws, OTHER)
        assert asked(made) == 36 + 500 // 14 + ATTEMPTS


def test_the_rate_of_a_service_that_throttles_is_found_by_all_its_clients() -> None:
    """Sixteen threads ask as fast as they can, and get every answer. Without a rate, a third to a half of them fail."""
    good = "<R><DescribeDBInstancesResult><DBInstances/></DescribeDBInstancesResult></R>"
    with server((200, "text/xml", good)) as made:
        made.per_second = 40
        aws = made.aws()
        with ThreadPoolExecutor(16) as pool:
            roles: tuple[Role, ...] = ("observe", "scratch", "recover")
            answers = [
                pool.submit(aws.look, "rds", REGION, "DescribeDBInstances", "all", role=roles[number % 3])
                for number in range(80)
            ]
            assert [one.result()["DBInstances"] for one in answers] == [[]] * 80
        assert asked(made) < 1.5 * 80


@pytest.mark.parametrize(
    ("status", "code", "retries"),
    [
        (503, "SlowDown", RETRIES),
        (400, "Throttling", RETRIES),
        # S3's word for it to a HEAD, whose answer has no body.
        (503, "503", RETRIES),
        (500, "InternalError", 500 // 14),
        (403, "AccessDenied", 0),
    ],
)
def test_what_the_budget_pays_for(status: int, code: str, retries: int) -> None:
    events = HierarchicalEmitter()
    Region(REGION, HandClock()).hang_into(events, "s3")
    granted = 0
    answer = (SimpleNamespace(status_code=status, headers={}), {"Error": {"Code": code}})
    operation = get_session().get_service_model("s3").operation_model("HeadObject")
    told: dict[str, Any] = {"response": answer, "operation": operation, "caught_exception": None, "endpoint": None}
    while True:
        said = events.emit("needs-retry.s3.HeadObject", attempts=1, request_dict={"context": {}}, **told)
        delay = first_non_none_response(said)
        if delay in (None, False):
            break
        assert 0 <= delay <= 1
        granted += 1
    assert granted == retries


@pytest.mark.soak(60)
def test_a_region_that_throttles_for_good_is_asked_a_hundred_times_more_and_slowly() -> None:
    with server(refusal("Throttling")) as made:
        aws = made.aws()
        with ThreadPoolExecutor(20) as pool:
            for answer in [pool.submit(fails, made, aws) for _ in range(20)]:
                assert answer.result().code == "Throttling"
        assert asked(made) <= 20 + RETRIES
