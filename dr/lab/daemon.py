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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from dr.errors import FiredrillError, Refused
from dr.lab import processes
from dr.lab.calendar import Calendar
from dr.lab.faults.ledger import Injector, Ledger
from dr.lab.front.dispatch import REGIONS, Rds
from dr.lab.front.doors import Doors
from dr.lab.front.keys import ACCOUNT, KeyPair
from dr.lab.home import LOCK_VARIABLE, Home
from dr.lab.outages import DATABASES, Outage, Outages
from dr.lab.passing import Duty, Passing


class RdsServer(Rds, Protocol):
    """What the daemon needs of the RDS server, beyond what the front door needs."""

    def status(self, region: str) -> dict[str, Any]: ...

    def lose(self, region: str, outage: Outage | None) -> None: ...

    def injectors(self) -> dict[str, Injector]: ...

    def accepted(self) -> dict[str, int]: ...

    def duties(self) -> list[Duty]: ...

    def catch_up(self) -> None: ...

    def stop(self) -> None: ...


MakeRds = Callable[[Path, float, Calendar], RdsServer]
SHORTEST_STEP = timedelta.resolution.total_seconds()
LONGEST_STEP = timedelta(days=366).total_seconds()


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
        self._calendar = Calendar()
        self._rds = make_rds(home.path, speed, self._calendar)
        self._outages = Outages()
        commands = {
            "outage": self._outage,
            "heal": self._heal,
            "inject": self._inject,
            "clear": self._clear,
            "advance": self._advance,
        }
        self._doors = Doors(self._rds, self._keys, speed, self._token, self._outages, self.status, finish, commands)
        self._outages.listen(self._lose_databases)
        self._faults = Ledger({**self._doors.injectors(), **self._rds.injectors()})
        # Whatever else becomes due by itself is one more entry here.
        duties = [*self._rds.duties(), *self._doors.duties(self._calendar)]
        self._passing = Passing(self._calendar, duties, self._rds.catch_up)

    def open(self) -> None:
        """Open the ports, and say so in the home."""
        self._doors.start()
        self._passing.start()
        self._write_down()

    def close(self) -> None:
        """Close every port and end every cluster."""
        self._passing.stop()
        self._doors.stop()
        self._rds.stop()

    def status(self) -> dict[str, Any]:
        """Everything that `dr lab status` shows."""
        return {
            "home": str(self._home.path),
            "pid": os.getpid(),
            "since": self._since.isoformat(timespec="seconds"),
            "speed": self._speed,
            "calendar": self._calendar.now.isoformat(timespec="seconds"),
            "calendar_ahead_seconds": self._calendar.ahead.total_seconds(),
            "account": ACCOUNT,
            "connection": str(self._home.connection),
            "certificate_authority": str(self._authority),
            "endpoints": self._doors.endpoints(),
            "dns": self._doors.dns.addresses(),
            "connections_accepted": self._doors.accepted(),
            "database_connections_accepted": self._rds.accepted(),
            "requests": self._doors.requests(),
            "outages": self._outages.told(),
            "faults": self._faults.told(),
            "replication_waiting": self._doors.replication.waiting(),
            "regions": {region: self._rds.status(region) for region in REGIONS},
        }

    def _outage(self, asked: dict[str, Any]) -> dict[str, Any]:
        delay = asked.get("delay") or 0.0
        if not isinstance(delay, int | float):
            raise Refused("delay must be a number of seconds")
        outage = Outage(str(asked.get("mode", "")), float(delay))
        self._outages.declare(str(asked.get("region", "")), outage, asked.get("service"))
        return {"outages": self._outages.told()}

    def _heal(self, asked: dict[str, Any]) -> dict[str, Any]:
        healed = self._outages.heal(str(asked.get("region", "")), asked.get("service"))
        return {"healed": healed, "outages": self._outages.told()}

    def _inject(self, asked: dict[str, Any]) -> dict[str, Any]:
        options = asked.get("options") or {}
        if not isinstance(options, dict):
            raise Refused("options must be an object")
        return {"told": self._faults.inject(str(asked.get("name")), options)}

    def _clear(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked.get("name")
        return {"cleared": self._faults.clear(None if name is None else str(name))}

    def _advance(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Leap to what is due next, `seconds` ahead at the most: see `Passing.step`."""
        seconds = asked.get("seconds")
        if not isinstance(seconds, int | float) or not SHORTEST_STEP <= seconds <= LONGEST_STEP:
            raise Refused("seconds must be above 0, and not more than a year's", hint="see `dr lab advance`")
        return self._passing.step(timedelta(seconds=seconds))

    def _lose_databases(self, place: str) -> None:
        if place in REGIONS:
            self._rds.lose(place, self._outages.of(place, DATABASES))

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
