"""Another simulation of AWS, as a second opinion on S3: a child process, on the loopback address only."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.contract.cloud import PRIMARY

READY_SECONDS = 60.0
LISTENING = "0A"
"""The kernel's word for it in /proc/net/tcp."""


@contextmanager
def ministack(folder: Path) -> Iterator[Any]:
    """A running ministack: a stock S3 client for it."""
    port = _free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "BIND_HOST": "127.0.0.1",  # it would listen everywhere
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": PRIMARY,
        "STATE_DIR": str(folder),
        "S3_DATA_DIR": str(folder),
    }
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "ministack"], env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _await(child, port, folder / "log")
        yield boto3.client(
            "s3",
            region_name=PRIMARY,
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )
    finally:
        child.terminate()
        child.wait(20)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _await(child: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not (found := _listeners(port)):
        if child.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"ministack did not come up: {log.read_text()[-2000:]}")
        time.sleep(0.05)
    assert found == {"0100007F"}, f"ministack listens at {found}"


def _listeners(port: int) -> set[str]:
    """The addresses, as the kernel writes them, on which somebody listens at this port."""
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path("/proc/net", name).read_text().splitlines()[1:]]
    return {
        row[1].partition(":")[0] for row in rows if row[3] == LISTENING and int(row[1].partition(":")[2], 16) == port
    }
