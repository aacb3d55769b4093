"""A lab's RDS behind a bare HTTP port per region, spoken to with stock boto3."""

import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from botocore.config import Config

from dr.lab.rds.quotas import Quotas
from dr.lab.rds.server import RdsServer
from tests.room import public_folder

SPEED = 600.0
PRIMARY, RECOVERY = "eu-west-1", "eu-central-1"
REGIONS = (PRIMARY, RECOVERY)
PASSWORD = "correct-horse-battery"


class RdsLab:
    """A running RdsServer, clients for it, and patience."""

    def __init__(self, home: Path, speed: float = SPEED, quotas: Quotas | None = None) -> None:
        self.home = home
        self.rds = RdsServer(home, speed=speed, quotas=quotas)
        self.ports: dict[str, int] = {}
        self._clients: dict[str, Any] = {}
        self._fronts: list[ThreadingHTTPServer] = []
        for region in REGIONS:
            front = _Server(("127.0.0.1", 0), _front(self.rds, region))
            threading.Thread(target=front.serve_forever, args=(0.05,), daemon=True).start()
            self._fronts.append(front)
            self.ports[region] = front.server_address[1]

    def client(self, region: str = PRIMARY) -> Any:
        if region not in self._clients:
            self._clients[region] = self._client(region)
        return self._clients[region]

    def _client(self, region: str) -> Any:
        return boto3.client(
            "rds",
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{self.ports[region]}",
            aws_access_key_id="lab",
            aws_secret_access_key="lab",
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=32),
        )

    def until(self, look: Callable[[], Any], what: str, seconds: float = 60) -> Any:
        """Look until it is so: only a failure takes long."""
        deadline = time.monotonic() + seconds
        while not (seen := look()):
            if time.monotonic() > deadline:
                raise AssertionError(f"never happened: {what}")
            time.sleep(0.02)
        return seen

    def instance(self, name: str, region: str = PRIMARY) -> dict[str, Any]:
        found: dict[str, Any] = self.client(region).describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return found

    def await_instance(self, name: str, region: str = PRIMARY, status: str = "available") -> dict[str, Any]:
        client = self.client(region)

        def look() -> dict[str, Any] | None:
            seen: dict[str, Any] = client.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
            return seen if seen["DBInstanceStatus"] == status else None

        found: dict[str, Any] = self.until(look, f"{name} {status}")
        return found

    def await_gone(self, name: str, region: str = PRIMARY) -> None:
        client = self.client(region)

        def look() -> bool:
            return name not in [i["DBInstanceIdentifier"] for i in client.describe_db_instances()["DBInstances"]]

        self.until(look, f"{name} gone")

    def await_snapshot(self, name: str, region: str = PRIMARY, status: str = "available") -> dict[str, Any]:
        client = self.client(region)

        def look() -> dict[str, Any] | None:
            seen: dict[str, Any] = client.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]
            return seen if seen["Status"] == status else None

        found: dict[str, Any] = self.until(look, f"{name} {status}")
        return found

    def create(self, name: str, region: str = PRIMARY, *, wait: bool = True, **more: Any) -> dict[str, Any]:
        given = {
            "DBInstanceIdentifier": name,
            "DBInstanceClass": "db.t4g.medium",
            "Engine": "postgres",
            "AllocatedStorage": 20,
            "MasterUsername": "owner",
            "MasterUserPassword": PASSWORD,
            "DBName": "app",
            "BackupRetentionPeriod": 0,
            **more,
        }
        made: dict[str, Any] = self.client(region).create_db_instance(**given)["DBInstance"]
        return self.await_instance(name, region) if wait else made

    def delete(self, name: str, region: str = PRIMARY, *, wait: bool = True, **more: Any) -> None:
        self.client(region).delete_db_instance(
            **{"DBInstanceIdentifier": name, "SkipFinalSnapshot": True, **more}  # type: ignore[arg-type]
        )
        if wait:
            self.await_gone(name, region)

    def enter(self, instance: dict[str, Any], database: str = "app", password: str = PASSWORD) -> psycopg.Connection:
        """As the master, over TLS that is verified fully."""
        return psycopg.connect(
            host=instance["Endpoint"]["Address"],
            hostaddr="127.0.0.1",
            port=instance["Endpoint"]["Port"],
            dbname=database,
            user="owner",
            password=password,
            sslmode="verify-full",
            sslrootcert=str(self.home / "tls" / "ca.pem"),
            autocommit=True,
        )

    def close(self) -> None:
        for front in self._fronts:
            front.shutdown()
            front.server_close()
        self.rds.stop()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


def _front(rds: RdsServer, region: str) -> type[BaseHTTPRequestHandler]:
    class Front(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, answer = rds.handle(region, body, str(uuid.uuid4()))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            del args

    return Front


@contextmanager
def an_rds_lab(speed: float = SPEED, quotas: Quotas | None = None) -> Iterator[RdsLab]:
    """An RDS that nobody else uses, and nothing left of it afterwards."""
    base = public_folder("test")
    lab = RdsLab(base / "lab", speed, quotas)
    try:
        yield lab
    finally:
        lab.close()
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="module")
def rds_lab() -> Iterator[RdsLab]:
    """One RDS for all tests of a file: they count what is there, and nobody else's may be."""
    with an_rds_lab() as lab:
        yield lab
