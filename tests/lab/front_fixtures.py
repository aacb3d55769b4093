"""A lab without databases, to test its front door and its life: the real daemon, with a stand-in for the RDS server.

`python -m tests.lab.front_fixtures HOME --speed S` is that daemon.
"""

import argparse
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from dr import connection as connections
from dr.lab import daemon, life
from dr.lab.calendar import Calendar
from dr.lab.faults.ledger import Injector
from dr.lab.home import Home
from dr.lab.outages import Outage
from dr.lab.passing import Duty
from tests.room import public_folder

MODULE = "tests.lab.front_fixtures"
ACCOUNT = "123456789012"
PRIMARY, RECOVERY = "eu-west-1", "eu-central-1"


class StandInRds:
    """Answers any RDS request with what it was asked, and has one tagged instance in the primary region."""

    def __init__(self, home: Path, speed: float, calendar: Calendar) -> None:
        del calendar
        self.home = home
        self.speed = speed

    def handle(self, region: str, body: bytes, request_id: str) -> tuple[int, dict[str, str], bytes]:
        del request_id
        asked = body.decode().split("Action=")[1].split("&")[0]
        text = f"<{asked}Response><{asked}Result><Marker>{region}</Marker></{asked}Result></{asked}Response>"
        return 200, {"Content-Type": "text/xml"}, text.encode()

    def tagged(self, region: str) -> dict[str, dict[str, str]]:
        arn = f"arn:aws:rds:{region}:{ACCOUNT}:db:receipts"
        return {arn: {"drill-run": "r1"}} if region == PRIMARY else {}

    def resolves(self, host: str) -> bool:
        return host == "receipts.cabc.eu-west-1.rds.amazonaws.com"

    def status(self, region: str) -> dict[str, Any]:
        del region
        return {"instances": [], "snapshots": []}

    def lose(self, region: str, outage: Outage | None) -> None:
        del region, outage

    def injectors(self) -> dict[str, Injector]:
        return {}

    def accepted(self) -> dict[str, int]:
        return {PRIMARY: 0, RECOVERY: 0}

    def duties(self) -> list[Duty]:
        return []

    def catch_up(self) -> None:
        return

    def stop(self) -> None:
        return


@contextmanager
def lab(speed: float = 600.0) -> Iterator[Home]:
    """A running lab in a fresh home; nothing is left of it afterwards."""
    base = public_folder("test")
    home = Home(base / "lab")
    child = life.start(home, speed, module=MODULE)
    try:
        yield home
    finally:
        life.end(home, child)
        shutil.rmtree(base)


def client(home: Home, service: str, region: str = PRIMARY, **changes: Any) -> Any:
    """A stock boto3 client that reaches the lab as the connection file says, unless `changes` says otherwise."""
    connection = connections.read({connections.VARIABLE: str(home.connection)})
    assert connection.credentials is not None
    settings: dict[str, Any] = {
        "region_name": region,
        "endpoint_url": changes.get("endpoint_url") or connection.endpoint(service, region),
        "aws_access_key_id": connection.credentials.access_key_id,
        "aws_secret_access_key": connection.credentials.secret_access_key,
        "config": Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 1}),
    }
    return _session().client(service, **{**settings, **changes})


@cache
def _session() -> Any:
    """Reading a service's model takes longer than using it."""
    return boto3.session.Session()


def code(problem: ClientError) -> str:
    return str(problem.response["Error"]["Code"])


def eventually(look: Callable[[], Any], *, seconds: float = 5.0) -> Any:
    """What `look` returns once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--speed", type=float)
    given = parser.parse_args()
    daemon.run(Home(given.home), given.speed, StandInRds)
