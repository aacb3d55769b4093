"""A lab's life with real processes: up, killed, up again, down; and that nothing is left of it, anywhere."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dr import connection as connections
from dr.errors import Refused, Unable
from dr.lab import life, processes
from dr.lab.home import Home
from dr.lab.processes import Process
from tests.lab.front_fixtures import MODULE, client, eventually
from tests.room import public_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home() -> Iterator[Home]:
    base = public_folder("test")
    home = Home(base / "lab")
    yield home
    life.stop(home)
    shutil.rmtree(base)


def dr(*arguments: str, home: Home) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "dr", "lab", *arguments, "--home", str(home.path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def mentions(home: Home) -> list[str]:
    """Every process of the machine that knows this home: by its command, its environment or where it works."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            known = command + (entry / "environ").read_bytes() + os.fsencode((entry / "cwd").readlink())
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if os.fsencode(home.path) in known:
            found.append(f"{entry.name} {command!r}")
    return found


def refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def ports(home: Home) -> list[int]:
    record = home.read()
    return [*record["ports"].values(), record["control"]["port"]]


def assert_nothing_is_left(home: Home, opened: list[int]) -> None:
    assert not home.path.exists()
    assert list(home.path.parent.iterdir()) == []
    assert mentions(home) == []
    assert all(refuses(port) for port in opened)


def with_a_database(home: Home) -> int:
    """Create a database instance; returns its port."""
    rds = client(home, "rds")
    rds.create_db_instance(
        DBInstanceIdentifier="receipts",
        Engine="postgres",
        DBInstanceClass="db.t4g.medium",
        AllocatedStorage=20,
        MasterUsername="receipts_owner",
        MasterUserPassword="a-lab-password",
    )

    def available() -> Any:
        found = rds.describe_db_instances(DBInstanceIdentifier="receipts")["DBInstances"][0]
        return found if found["DBInstanceStatus"] == "available" else None

    return int(eventually(available, seconds=30)["Endpoint"]["Port"])


def identified(pid: int) -> Process:
    started = processes.started(pid)
    assert started is not None
    return Process(pid, started)


def test_up_status_down_leave_nothing(home: Home) -> None:
    up = dr("up", "--detach", "--speed", "600", home=home)
    assert (up.returncode, up.stdout) == (0, f"export DR_CONNECTION={home.connection}\n"), up.stderr
    connection = connections.read({connections.VARIABLE: str(home.connection)})
    assert connection.time_scale == 600
    assert connection.certificate_authority is not None
    assert connection.certificate_authority.exists()
    assert stat.S_IMODE(home.connection.stat().st_mode) == stat.S_IMODE(home.record.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.path.stat().st_mode) == (0o711 if os.getuid() == 0 else 0o700)
    database = with_a_database(home)
    shown = dr("status", "--json", home=home)
    said = json.loads(shown.stdout)
    assert said["pid"] == home.read()["pid"]
    assert said["regions"]["eu-west-1"]["instances"][0]["identifier"] == "receipts"
    assert said["connections_accepted"]["eu-west-1"] >= 1
    assert said["connections_accepted"]["eu-central-1"] == 0
    assert "receipts" in dr("status", home=home).stdout
    again = dr("up", home=home)
    assert again.returncode == 3
    assert f"(process {said['pid']})" in again.stderr
    assert "hint: `dr lab status`" in again.stderr
    opened = [*ports(home), database]
    assert not any(refuses(port) for port in opened)
    down = dr("down", home=home)
    assert (down.returncode, "is down" in down.stderr) == (0, True)
    assert_nothing_is_left(home, opened)
    once_more = dr("down", home=home)
    assert (once_more.returncode, once_more.stderr) == (0, f"no lab is up at {home.path}\n")
    nothing = dr("status", "--json", home=home)
    assert nothing.returncode == 3
    assert json.loads(nothing.stdout)["error"]["exit_code"] == 3


def test_a_killed_lab_is_cleaned_up_by_the_next_up(home: Home) -> None:
    lab = life.start(home, 600.0)
    database = with_a_database(home)
    postmaster = identified(life.status(home)["regions"]["eu-west-1"]["instances"][0]["pid"])
    opened = ports(home)
    writer = subprocess.Popen(["sleep", "60"], start_new_session=True)
    bystander = subprocess.Popen(["sleep", "60"], start_new_session=True)
    written = [
        {"name": "writer", "pid": writer.pid, "started": processes.started(writer.pid)},
        {"name": "heartbeat", "pid": bystander.pid, "started": (processes.started(bystander.pid) or 0) - 1},
    ]
    home.workload.write_text(json.dumps({"processes": written}))
    lab.kill()
    lab.wait()
    assert postmaster.alive()
    assert not home.lives()
    with pytest.raises(Refused, match="no lab is up"):
        life.status(home)
    second = life.start(home, 600.0, module=MODULE)
    try:
        assert not postmaster.alive()
        assert all(refuses(port) for port in [*opened, database] if port not in ports(home))
        assert writer.wait(5) == -signal.SIGTERM
        assert bystander.poll() is None  # its number was written down, but not its start
        assert not (home.path / "regions").exists()
        assert life.status(home)["pid"] == second.pid
    finally:
        bystander.kill()
        bystander.wait()
        opened = ports(home)
        life.end(home, second)
    assert_nothing_is_left(home, opened)


def test_down_takes_a_killed_lab_away(home: Home) -> None:
    lab = life.start(home, 600.0)
    opened = [*ports(home), with_a_database(home)]
    lab.kill()
    lab.wait()
    down = dr("down", home=home)
    assert (down.returncode, "is down" in down.stderr) == (0, True)
    assert_nothing_is_left(home, opened)


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.soak(4)),
        pytest.param(signal.SIGHUP, marks=pytest.mark.soak(4)),
    ],
)
def test_a_lab_in_the_foreground_ends_with_its_terminal(home: Home, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "dr", "lab", "up", "--home", str(home.path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as shown:
        assert shown.stdout is not None
        assert shown.stdout.readline().startswith("export DR_CONNECTION=")
        opened = ports(home)
        assert not any(refuses(port) for port in opened)
        shown.send_signal(number)
        _, said = shown.communicate(timeout=30)
    assert shown.returncode == 130
    assert said.endswith("the lab is down\n")
    assert_nothing_is_left(home, opened)


def test_a_lab_in_the_foreground_notices_that_it_was_taken_down(home: Home) -> None:
    command = [sys.executable, "-m", "dr", "lab", "up", "--home", str(home.path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as shown:
        assert shown.stdout is not None
        shown.stdout.readline()
        assert dr("down", home=home).returncode == 0
        assert shown.wait(10) == 0


def test_interrupting_up_before_it_is_ready_leaves_nothing(home: Home) -> None:
    for delay in (0.05, 0.2, 0.4, 0.7):
        command = [sys.executable, "-m", "dr", "lab", "up", "--home", str(home.path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as shown:
            time.sleep(delay)
            shown.send_signal(signal.SIGINT)
            shown.communicate(timeout=30)
        assert shown.returncode in (130, -signal.SIGINT, 1)
        assert mentions(home) == []
        assert not home.path.exists()


def test_of_two_ups_at_once_one_wins(home: Home) -> None:
    command = [sys.executable, "-m", "dr", "lab", "up", "--detach", "--home", str(home.path)]
    both = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert sorted(each.wait(60) for each in both) == [0, 3]
    for each in both:
        each.communicate()
    opened = ports(home)
    life.stop(home)
    assert_nothing_is_left(home, opened)


def test_a_lab_that_does_not_come_up_says_why_and_leaves_nothing(home: Home) -> None:
    for module, why in (("tests.lab.front_broken", "no server here"), ("tests.lab.no_such", "No module named")):
        with pytest.raises(Unable, match="did not come up") as caught:
            life.start(home, 600.0, module=module)
        assert why in (caught.value.hint or "")
        assert not home.path.exists()
        assert mentions(home) == []


def test_a_folder_that_is_not_a_labs_is_left_alone(home: Home) -> None:
    home.path.mkdir()
    (home.path / "precious").write_text("data")
    assert dr("down", home=home).returncode == 0
    up = dr("up", "--detach", home=home)
    assert up.returncode == 3
    assert "not empty and not a lab's home" in up.stderr
    assert (home.path / "precious").read_text() == "data"
    (home.path / "precious").unlink()
    home.path.rmdir()
    home.path.write_text("a file")
    assert dr("up", "--detach", home=home).returncode == 3
    home.path.unlink()


@pytest.mark.skipif(os.getuid() != 0, reason="only root's databases run as somebody else")
def test_a_home_that_the_databases_user_cannot_enter_is_refused(home: Home) -> None:
    home.path.parent.chmod(0o700)
    with pytest.raises(Refused, match="keeps other users out"):
        life.start(home, 600.0)
    home.path.rmdir()
    os.chown(home.path.parent, 0, 0)
    home.path.mkdir()
    os.chown(home.path, 65534, 65534)
    with pytest.raises(Refused, match="belongs to another user"):
        life.start(home, 600.0)


def test_a_recycled_pid_is_not_taken_for_the_lab(home: Home) -> None:
    lab = life.start(home, 600.0, module=MODULE)
    record = home.read()
    lab.kill()
    lab.wait()
    bystander = subprocess.Popen(["sleep", "60"], start_new_session=True)
    home.write(home.record, {**record, "pid": bystander.pid})
    assert life.stop(home)
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()
    assert not home.path.exists()
