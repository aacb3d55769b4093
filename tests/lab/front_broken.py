"""A lab whose RDS server cannot be made: `python -m tests.lab.front_broken HOME --speed S`."""

import sys
from pathlib import Path

from dr.errors import Unable
from dr.lab import daemon
from dr.lab.calendar import Calendar
from dr.lab.home import Home


def _make(home: Path, speed: float, calendar: Calendar) -> daemon.RdsServer:
    del calendar
    raise Unable(f"no server here: {home}, {speed}")


if __name__ == "__main__":
    daemon.run(Home(Path(sys.argv[1])), 1.0, _make)
