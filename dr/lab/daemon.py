"""The one process that a lab is: the ports, the services behind them, and the clusters as its children.

    python -m dr.lab.daemon HOME --speed 60

`dr lab up` starts it, in a session of its own, and hands over the lock on the home. It serves until it is told to stop,
by a signal or through the control port; then it ends every cluster and removes everything it wrote.
"""

import argparse
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from dr.errors import FiredrillError, Refused
from dr.lab import processes
from dr.lab.front.dispatch import REGIONS, Rds
from dr.lab.front.doors import Doors
from dr.lab.front.keys import ACCOUNT, KeyPair
from dr.lab.home import LOCK_VARIABLE, Home


class RdsServer(Rds, Protocol):
    """What the daemon needs of the RDS server, beyond what the front door needs."""

    def status(self, region: str) -> dict[str, Any]: ...

    def stop(self) -> None: ...


MakeRds = Callable[[Path, float], RdsServer]


class _End:
    """Whether the lab was told to end, by a signal or by anybody.

    The interpreter writes every signal into the pipe itself. A handler that sets an event would run a moment later, and
    never at all when the signal falls between the last look and the wait.
    """

    def __init__(self) -> None:
        self._heard, self._told = os.pipe()
        os.set_blocking(self._told, False)
        signal.set_wakeup_fd(self._told, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)

    def tell(self) -> None:
        os.write(self._told, b".")

    def wait(self) -> None:
        os.read(self._heard, 1)


class Lab:
    """A running lab: open ports and the RDS server behind them."""

    def __init__(self, home: Home, speed: float, make_rds: MakeRds, finish: Callable[[], None]) -> None:
        self._home = home
        self._speed = speed
        self._since = datetime.now(UTC)
        self._keys = KeyPair.new()
        self._token = secrets.token_urlsafe(32)
        self._rds = make_rds(home.path, speed)
        self._doors = Doors(self._rds, self._keys, speed, self._token, self.status, finish)

    def open(self) -> None:
        """Open the ports, and say so in the home."""
        self._doors.start()
        self._write_down()

    def close(self) -> None:
        """Close every port and end every cluster."""
        self._doors.stop()
        self._rds.stop()

    def status(self) -> dict[str, Any]:
        """Everything that `dr lab status` shows."""
        return {
            "home": str(self._home.path),
            "pid": os.getpid(),
            "since": self._since.isoformat(timespec="seconds"),
            "speed": self._speed,
            "account": ACCOUNT,
            "connection": str(self._home.connection),
            "certificate_authority": str(self._authority),
            "endpoints": self._doors.endpoints(),
            "dns": self._doors.dns.addresses(),
            "connections_accepted": self._doors.accepted(),
            "replication_waiting": self._doors.replication.waiting(),
            "regions": {region: self._rds.status(region) for region in REGIONS},
        }

    @property
    def _authority(self) -> Path:
        return self._home.path / "tls" / "ca.pem"

    def _write_down(self) -> None:
        connection = {
            "account": ACCOUNT,
            "time_scale": self._speed,
            "credentials": {
                "access_key_id": self._keys.access_key_id,
                "secret_access_key": self._keys.secret_access_key,
            },
            "endpoints": self._doors.endpoints(),
            "certificate_authority": str(self._authority),
            "resolver": {"*.rds.amazonaws.com": "127.0.0.1"},
            "dns": self._doors.dns.addresses(),
        }
        self._home.write(self._home.connection, connection)
        me = processes.this()
        record = {
            "pid": me.pid,
            "started": me.started,
            "ready": True,
            "speed": self._speed,
            "ports": {name: listener.port for name, listener in self._doors.listeners.items()},
            "control": {"port": self._doors.control.port, "token": self._token},
        }
        self._home.write(self._home.record, record)


def run(home: Home, speed: float, make_rds: MakeRds) -> None:
    """Be the lab of this home until told to stop, then leave nothing."""
    held = _lock(home)
    (home.path / "tmp").mkdir(exist_ok=True)
    tempfile.tempdir = str(home.path / "tmp")
    me = processes.this()
    home.write(home.record, {"pid": me.pid, "started": me.started, "ready": False})
    end = _End()
    try:
        lab = Lab(home, speed, make_rds, end.tell)
        try:
            lab.open()
            end.wait()
        finally:
            lab.close()
    finally:
        home.sweep()
        home.remove()
        os.close(held)


def _lock(home: Home) -> int:
    inherited = os.environ.pop(LOCK_VARIABLE, "")
    if inherited:
        os.set_inheritable(int(inherited), False)
        return int(inherited)
    home.prepare()
    held = home.lock()
    if held is None:
        raise Refused(f"there is a lab at {home.path} already", hint="`dr lab status` shows it, `dr lab down` ends it")
    return held


def main() -> int:
    """The command line of the process; people use `dr lab up`."""
    parser = argparse.ArgumentParser(prog="python -m dr.lab.daemon", description="The process that a lab is.")
    parser.add_argument("home", type=Path)
    parser.add_argument("--speed", type=float, default=60.0)
    given = parser.parse_args()
    try:
        from dr.lab.rds.server import RdsServer as RealRds

        run(Home(given.home.resolve()), given.speed, RealRds)
    except FiredrillError as problem:
        print(f"error: {problem}", file=sys.stderr)  # noqa: T201 - the log is this process's standard error
        return int(problem.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
