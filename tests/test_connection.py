"""The connection file leads to this machine or nowhere, and never by accident to AWS itself."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dr.connection import VARIABLE, Connection, read
from dr.errors import Refused

ENDPOINTS = {"eu-west-1": {"rds": "http://127.0.0.1:4001"}, "global": {"iam": "http://127.0.0.1:4003"}}


def written(tmp_path: Path, content: str | bytes | dict[str, Any]) -> dict[str, str]:
    path = tmp_path / "connection.json"
    if isinstance(content, dict):
        content = json.dumps(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return {VARIABLE: str(path)}


def refused(environment: dict[str, str]) -> Refused:
    with pytest.raises(Refused) as caught:
        read(environment)
    assert VARIABLE in caught.value.message
    assert environment[VARIABLE] in caught.value.message
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("environment", [{}, {VARIABLE: ""}])
def test_without_the_variable_it_is_aws_itself(environment: dict[str, str]) -> None:
    connection = read(environment)
    assert connection == Connection()
    assert connection.endpoint("rds", "eu-west-1") is None
    assert connection.address("receipts.abc.eu-west-1.rds.amazonaws.com") is None
    assert connection.time_scale == 1


def test_a_whole_file(tmp_path: Path) -> None:
    connection = read(
        written(
            tmp_path,
            {
                "account": "123456789012",
                "time_scale": 60,
                "credentials": {"access_key_id": "AKIALAB", "secret_access_key": "lab-secret"},
                "endpoints": ENDPOINTS,
                "certificate_authority": "/ca.pem",
                "resolver": {"*.eu-west-1.rds.amazonaws.com": "127.0.0.1"},
                "dns": {"authority": "127.0.0.1:5301", "resolver": "[::1]:5302"},
            },
        )
    )
    assert connection.dns is not None
    assert (connection.dns.authority, connection.dns.resolver) == ("127.0.0.1:5301", "[::1]:5302")
    assert connection.endpoint("rds", "eu-west-1") == "http://127.0.0.1:4001"
    assert connection.endpoint("iam", "eu-west-1") == "http://127.0.0.1:4003"
    assert connection.address("receipts.abc.eu-west-1.rds.amazonaws.com") == "127.0.0.1"
    with pytest.raises(Refused, match="does not say where"):
        connection.address("receipts.abc.eu-central-1.rds.amazonaws.com")
    assert "lab-secret" not in repr(connection)


@pytest.mark.parametrize(("service", "region"), [("s3", "eu-west-1"), ("rds", "us-east-1"), ("sts", "global")])
def test_there_is_no_falling_through_to_aws(service: str, region: str) -> None:
    with pytest.raises(Refused, match=f"no endpoint for {service} in {region}") as caught:
        Connection(endpoints=ENDPOINTS).endpoint(service, region)
    assert VARIABLE in (caught.value.hint or "")


@pytest.mark.parametrize("content", [{}, {"account": "123456789012"}, {"time_scale": 60}, {"endpoints": {}}])
def test_a_file_without_endpoints_does_not_mean_aws(tmp_path: Path, content: dict[str, Any]) -> None:
    assert "names no endpoint" in refused(written(tmp_path, content)).message


def test_not_even_with_an_empty_region() -> None:
    with pytest.raises(Refused):
        Connection(endpoints={"eu-west-1": {}}).endpoint("rds", "eu-west-1")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "https://127.8.9.1:65535/", "http://localhost:80", "http://[::1]:80"]
)
def test_loopback_is_accepted(url: str) -> None:
    assert Connection(endpoints={"r": {"s": url}}).endpoint("s", "r") == url


@pytest.mark.parametrize(
    "url",
    [
        "https://rds.eu-west-1.amazonaws.com",
        "http://10.0.0.1:4000",
        "http://0.0.0.0:4000",
        "http://169.254.169.254/",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://127.0.0.1@example.com",
        "http://127.0.0.1:80@example.com/",
        "http://example.com\\@127.0.0.1/",
        "http://example.com#@127.0.0.1/",
        "http://example.com/127.0.0.1",
        "http://127.0.0.1:80/../path",
        "http://127.1",
        "http://2130706433",
        "http://[fe80::1]",
        "http://[::1%25eth0]",
        "http://[::1",
        "//127.0.0.1:80",
        "127.0.0.1:80",
        "file:///etc/passwd",
        "ftp://127.0.0.1",
        "http://127.0.0.1\n",
        " http://127.0.0.1",
        "",
    ],
)
def test_anything_else_is_refused(tmp_path: Path, url: str) -> None:
    problem = refused(written(tmp_path, {"endpoints": {"eu-west-1": {"rds": url}}}))
    assert "not a loopback address" in problem.message


@pytest.mark.parametrize("address", ["10.0.0.1", "example.com", "0.0.0.0", "", "127.0.0.1.example.com"])  # noqa: S104
def test_names_resolve_to_loopback_only(address: str) -> None:
    with pytest.raises(ValidationError, match="not a loopback address"):
        Connection(resolver={"*.rds.amazonaws.com": address})


@pytest.mark.parametrize("name", ["absent.json", "folder"])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    assert "cannot read" in refused({VARIABLE: str(tmp_path / name)}).message


@pytest.mark.parametrize(
    "content", ["", "{", "not json", "{'a': 1}", b"\xff\xfe", "[" * 100_000, "1" * 5000, "\ufeff{}"]
)
def test_what_is_not_json(tmp_path: Path, content: str | bytes) -> None:
    assert "not JSON" in refused(written(tmp_path, content)).message


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("[]", ""),
        ("null", ""),
        ({"endpoint": {}}, "endpoint"),
        ({"endpoints": {"r": "http://127.0.0.1"}}, "endpoints.r"),
        ({"time_scale": 0.5}, "time_scale"),
        ({"dns": {"authority": "127.0.0.1:53"}}, "dns.resolver"),
        ({"dns": {"authority": "192.0.2.1:53", "resolver": "127.0.0.1:53"}}, "dns.authority"),
        ({"dns": {"authority": "127.0.0.1:0", "resolver": "127.0.0.1:53"}}, "dns.authority"),
        ({"dns": {"authority": "127.0.0.1", "resolver": "127.0.0.1:53"}}, "dns.authority"),
        ({"credentials": {"access_key_id": "x"}}, "credentials.secret_access_key"),
    ],
)
def test_what_is_not_a_connection(tmp_path: Path, content: str | dict[str, Any], where: str) -> None:
    assert where in refused(written(tmp_path, content)).message
