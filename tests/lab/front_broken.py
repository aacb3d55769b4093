"""A lab whose RDS server cannot be made: `python -m tests.lab.front_broken HOME --speed S`."""

import sys
from pathlib import Path

from dr.errors import Unable
from dr.lab import daemon
from dr.lab.home import Home


def _make(home: Path, speed: float) -> daemon.RdsServer:
    raise Unable(f"no server here: {home}, {speed}")


if __name__ == "__main__":
    daemon.run(Home(Path(sys.argv[1])), 1.0, _make)
