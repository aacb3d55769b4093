"""A lab's own copy of the server, in which the extensions that RDS allows are installable by a non-superuser.

PostgreSQL finds its libraries and its share directory relative to its programs, so the copy keeps the same relative
places; the control files of allowed extensions then gain `trusted = true`.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dr.lab.engine import binaries

ALLOWED = frozenset(
    {
        "amcheck",
        "bloom",
        "btree_gin",
        "btree_gist",
        "citext",
        "cube",
        "dblink",
        "dict_int",
        "dict_xsyn",
        "earthdistance",
        "fuzzystrmatch",
        "hstore",
        "intagg",
        "intarray",
        "isn",
        "lo",
        "ltree",
        "pg_buffercache",
        "pg_freespacemap",
        "pg_prewarm",
        "pg_stat_statements",
        "pg_trgm",
        "pg_visibility",
        "pg_walinspect",
        "pgcrypto",
        "pgrowlocks",
        "pgstattuple",
        "postgres_fdw",
        "sslinfo",
        "tablefunc",
        "tcn",
        "tsm_system_rows",
        "tsm_system_time",
        "unaccent",
        "uuid-ossp",
        "vector",
    }
)
PLACES = ("bindir", "pkglibdir", "sharedir", "libdir")
TREE = "tree/server"
"""Two levels, because programs of a wheel look for bundled libraries three levels above themselves."""
LEFT_OUT = shutil.ignore_patterns("man", "locale", "bitcode", "pgxs", "doc", "pkgconfig", "*.a")


@dataclass(frozen=True)
class Tree:
    """Server programs ready to run, and what they are."""

    programs: Path
    version: str
    """As AWS writes it: `15.18`."""
    speaks_tls: bool
    """Wheels are built without it; a small front then speaks TLS for the server."""

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def program(self, name: str) -> Path:
        return self.programs / name


def plant(home: Path, source: Path | None = None) -> Tree:
    """Copy the server of this machine below `home`, once, and return the copy."""
    found = (source or binaries.find()).resolve()
    places = {name: Path(_config(found, f"--{name}")) for name in PLACES}
    version = re.search(r"\d+\.\d+", _config(found, "--version"))
    if version is None:
        raise ValueError(f"{found}: pg_config does not say a version")
    own = [places["bindir"], places["pkglibdir"], places["sharedir"]]
    root = Path(os.path.commonpath(own))
    if places["libdir"].parent == places["bindir"].parent:
        own.append(places["libdir"])
    target = home / "postgres"
    marker = target / "complete"
    if not (marker.exists() and marker.read_text() == str(found)):
        shutil.rmtree(target, ignore_errors=True)
        for place in own:
            shutil.copytree(place, target / TREE / place.relative_to(root), ignore=LEFT_OUT, dirs_exist_ok=True)
        _bring_bundled_libraries(found, places["bindir"].relative_to(root), target / TREE)
        _trust(target / TREE / places["sharedir"].relative_to(root) / "extension")
        marker.write_text(str(found))
    programs = target / TREE / places["bindir"].relative_to(root)
    return Tree(programs, version.group(), speaks_tls="openssl" in _config(found, "--configure"))


def _bring_bundled_libraries(source: Path, programs: Path, tree: Path) -> None:
    """A wheel keeps the libraries of its programs in a directory that they look for three levels up."""
    for bundle in source.parent.parent.parent.glob("*.libs"):
        place = (tree / programs / "../../.." / bundle.name).resolve()
        shutil.copytree(bundle, place, dirs_exist_ok=True)


def _trust(extensions: Path) -> None:
    for control in extensions.glob("*.control"):
        text = control.read_text()
        if control.stem in ALLOWED and not re.search(r"^trusted\s*=\s*true", text, re.MULTILINE):
            control.write_text(re.sub(r"^trusted\s*=.*\n", "", text, flags=re.MULTILINE) + "\ntrusted = true\n")


def _config(programs: Path, question: str) -> str:
    told = subprocess.run([programs / "pg_config", question], stdout=subprocess.PIPE, text=True, check=True)
    return told.stdout.strip()
