"""The main job, by the commands that a person would type: lab up, seed, backup, restore test, lab down.

`make demo` runs this. Every command is shown before it runs, so that the demonstration is also the tutorial.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

ESTATE = Path("runbooks") / "estate.yaml"


def main() -> int:
    """Run the demonstration; the exit code is that of the first command that did not succeed."""
    parser = argparse.ArgumentParser(description="back up a living application, restore it in the second region")
    parser.add_argument("--size", choices=["tiny", "small", "medium", "large"], default="small")
    size = parser.parse_args().size
    folder = Path(".firedrill") / f"demo-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}"
    folder.mkdir(parents=True)
    # A control store of its own: two demonstrations must not read each other's backups.
    estate = folder / "estate.yaml"
    estate.write_text(ESTATE.read_text(encoding="utf-8").replace(".firedrill/", f"{folder}/"), encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="firedrill-demo-", dir="/var/tmp") as parent:
        Path(parent).chmod(0o711)
        home = Path(parent) / "lab"
        # Whoever has keys to a real account in the environment must not see them refused by the lab.
        surroundings = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        surroundings |= {"DR_LAB": str(home), "DR_CONNECTION": str(home / "connection.json"), "DR_ESTATE": str(estate)}
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            for command in (
                ["lab", "up", "--detach"],
                ["lab", "seed", "--size", size],
                ["backup", "receipts"],
                ["test", "receipts", "--site", "recovery"],
            ):
                if code := _dr(command, surroundings):
                    return code
        finally:
            _dr(["lab", "down"], surroundings)
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def _dr(arguments: list[str], surroundings: dict[str, str]) -> int:
    print(f"\n$ dr {' '.join(arguments)}", file=sys.stderr, flush=True)  # noqa: T201 - a demonstration talks
    with subprocess.Popen([sys.executable, "-m", "dr", *arguments], env=surroundings) as command:
        try:
            return command.wait()
        except KeyboardInterrupt:
            # Ctrl-C reached the command too: let it remove its scratch before the lab goes.
            command.wait()
            return 130


if __name__ == "__main__":
    sys.exit(main())
