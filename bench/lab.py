"""How quick and how light the lab is, beside a bare moto server on the same machine, in one run.

    .venv/bin/python bench/lab.py [--rounds 5]

Prints: seconds from nothing to ready, seconds until a small instance that was restored (from a snapshot, and to a point
in time) is available at the default speed, the memory of an idle lab, and seconds in which forty nights pass. Memory is
PSS, as /proc/PID/smaps_rollup tells it: pages that processes share are counted once.
"""

import argparse
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import boto3

from dr import connection as connections
from dr.lab import life, processes
from dr.lab.home import Home

SPEED = 60.0
NIGHTS = 40


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    peer_ready, peer_memory = zip(*(_peer() for _ in range(rounds)), strict=True)
    found = [_lab() for _ in range(rounds)]
    ready, snapshot, instant, memory, nights = (list(column) for column in zip(*found, strict=True))
    _line("lab: nothing to ready", ready, "s", against=list(peer_ready))
    _line("moto server: nothing to ready", list(peer_ready), "s")
    _line("lab: instance restored from a snapshot", snapshot, "s")
    _line("lab: instance restored to a point in time", instant, "s")
    _line("lab: memory while idle, one instance", memory, "MB", against=list(peer_memory))
    _line("moto server: memory while idle", list(peer_memory), "MB")
    _line(f"lab: {NIGHTS} nights of one instance", nights, "s")
    return 0


def _line(what: str, figures: list[float], unit: str, against: list[float] | None = None) -> None:
    median = statistics.median(figures)
    ratio = f"   {median / statistics.median(against):.2f} x the peer" if against else ""
    print(f"{what:<44} {min(figures):8.2f} {median:8.2f} {max(figures):8.2f} {unit}{ratio}")  # noqa: T201


def _lab() -> tuple[float, float, float, float, float]:
    with tempfile.TemporaryDirectory(prefix="firedrill-bench-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o711)
        home = Home(Path(folder) / "lab")
        begun = time.monotonic()
        child = life.start(home, SPEED)
        ready = time.monotonic() - begun
        try:
            snapshot, instant = _restores(_client(home))
            memory = _memory(child.pid, home.path)
            begun = time.monotonic()
            for _ in life.advance(home, timedelta(days=NIGHTS)):
                pass
            return ready, snapshot, instant, memory, time.monotonic() - begun
        finally:
            life.end(home, child)


def _client(home: Home) -> Any:
    connection = connections.read({connections.VARIABLE: str(home.connection)})
    assert connection.credentials is not None  # noqa: S101
    return boto3.client(
        "rds",
        region_name="eu-west-1",
        endpoint_url=connection.endpoint("rds", "eu-west-1"),
        aws_access_key_id=connection.credentials.access_key_id,
        aws_secret_access_key=connection.credentials.secret_access_key,
    )


def _restores(rds: Any) -> tuple[float, float]:
    rds.create_db_instance(
        DBInstanceIdentifier="small",
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        MasterUsername="owner",
        MasterUserPassword="correct-horse-battery",
        BackupRetentionPeriod=1,
    )
    _wait(lambda: _status(rds, "small") == "available")
    rds.create_db_snapshot(DBInstanceIdentifier="small", DBSnapshotIdentifier="small-1")
    _wait(lambda: rds.describe_db_snapshots(DBSnapshotIdentifier="small-1")["DBSnapshots"][0]["Status"] == "available")
    _wait(lambda: "LatestRestorableTime" in rds.describe_db_instances(DBInstanceIdentifier="small")["DBInstances"][0])
    begun = time.monotonic()
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="from-snapshot", DBSnapshotIdentifier="small-1", BackupRetentionPeriod=0
    )
    _wait(lambda: _status(rds, "from-snapshot") == "available")
    middle = time.monotonic()
    rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="small",
        TargetDBInstanceIdentifier="to-instant",
        UseLatestRestorableTime=True,
        BackupRetentionPeriod=0,
    )
    _wait(lambda: _status(rds, "to-instant") == "available")
    end = time.monotonic()
    for name in ("from-snapshot", "to-instant"):
        rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    _wait(lambda: len(rds.describe_db_instances()["DBInstances"]) == 1)
    return middle - begun, end - middle


def _status(rds: Any, name: str) -> str:
    return str(rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["DBInstanceStatus"])


def _peer() -> tuple[float, float]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    begun = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-c", f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(lambda: _answers(port))
        return time.monotonic() - begun, _memory(child.pid)
    finally:
        child.terminate()
        child.wait()


def _answers(port: int) -> bool:
    asking = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        asking.request("GET", "/moto-api/data.json")
        return asking.getresponse().status == 200
    except OSError:
        return False
    finally:
        asking.close()


def _memory(leader: int, home: Path | None = None) -> float:
    """PSS in megabytes of a process, and of the database servers that work below a lab's home."""
    total = 0
    for each in processes.everything():
        at = processes.working_directory(each.pid)
        if each.pid == leader or (home and at and home in at.parents):
            rollup = Path(f"/proc/{each.pid}/smaps_rollup").read_text()
            total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total / 1000


def _wait(look: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not look():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main())
