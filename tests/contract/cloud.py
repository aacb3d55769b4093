"""Where the contract suite runs: a lab of its own, or a real account."""

import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from dr import connection as connections
from dr.lab import life
from dr.lab.home import Home
from tests.contract import model
from tests.room import public_folder

PRIMARY, RECOVERY = "eu-west-1", "eu-central-1"
PREFIX = "drc-"
"""Every name that the suite creates begins so; the sweeper deletes nothing else."""
TAG = "firedrill-contract"
PATIENCE = 60.0
"""Seconds of ours for anything that is waited for, however fast a lab's time passes: the machine may be slow."""

Seen = TypeVar("Seen")


class Cloud:
    """Stock boto3 clients, unique names, and patience in AWS's seconds. `home` is None on a real account."""

    def __init__(self, home: Home | None, speed: float) -> None:
        self.home = home
        self.speed = speed
        self.primary, self.recovery = PRIMARY, RECOVERY
        self.run = secrets.token_hex(3)

    @property
    def on_aws(self) -> bool:
        return self.home is None

    def client(self, service: str, region: str = PRIMARY, *, held: bool = True, **changes: Any) -> Any:
        """A stock client with one attempt for each call: the suite wants to see errors, not have them retried.

        What is `held` fails on an answer that is not as botocore's model has it.
        """
        attempts = 5 if self.on_aws else 1
        settings: dict[str, Any] = {
            "region_name": region,
            "config": Config(
                connect_timeout=3,
                read_timeout=60,
                max_pool_connections=32,
                retries={"mode": "standard", "total_max_attempts": attempts},
            ),
        }
        if self.home is not None:
            connection = connections.read({connections.VARIABLE: str(self.home.connection)})
            assert connection.credentials is not None
            settings |= {
                "endpoint_url": connection.endpoint(service, region),
                "aws_access_key_id": connection.credentials.access_key_id,
                "aws_secret_access_key": connection.credentials.secret_access_key,
            }
        client = _session().client(service, **{**settings, **changes})
        if held and not self.on_aws:
            # AWS's answers know members that our botocore does not know yet; the lab's may not.
            model.hold(client)
        return client

    def name(self, stem: str) -> str:
        """A name that nobody else has, which the sweeper knows."""
        return f"{PREFIX}{stem}-{self.run}-{secrets.token_hex(3)}"

    @property
    def tags(self) -> list[dict[str, str]]:
        """What everything that the suite creates is tagged with."""
        return [{"Key": TAG, "Value": self.run}]

    def until(self, look: Callable[[], Seen | None], what: str, aws_seconds: float = 3600) -> Seen:
        """Look until there is something true to see, for so many of AWS's seconds (never less than `PATIENCE`)."""
        deadline = time.monotonic() + max(PATIENCE, aws_seconds / self.speed)
        while True:
            seen = look()
            if seen:
                return seen
            if time.monotonic() > deadline:
                raise AssertionError(f"never happened: {what}")
            time.sleep(5.0 if self.on_aws else 0.05)

    def refused(self, code: str, call: Callable[..., Any], **request: Any) -> ClientError:
        """The error of a call that must be refused with this code."""
        with pytest.raises(ClientError) as caught:
            call(**request)
        found = str(caught.value.response["Error"]["Code"])
        assert found == code, f"{found}, not {code}: {caught.value}"
        return caught.value


@contextmanager
def a_lab(speed: float) -> Iterator[Cloud]:
    """A lab that nobody else uses, and nothing left of it afterwards."""
    base = public_folder("test")
    home = Home(base / "lab")
    child = life.start(home, speed)
    try:
        yield Cloud(home, speed)
    finally:
        life.end(home, child)
        shutil.rmtree(base, ignore_errors=True)


@cache
def _session() -> Any:
    """Reading a service's model takes longer than using it."""
    return boto3.session.Session()
