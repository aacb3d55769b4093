"""After every test no process is left of it, and after every file of tests no PostgreSQL cluster.

Whatever a test starts inherits our environment, also what detaches itself, and PostgreSQL under another user. So one
entry of PATH that leads nowhere tells whose a process is, also where two suites run on one machine.

A lab that a whole file or session shares may start clusters in one test for another, and what works in a folder that
the file shares may go on: they are looked for at the end of the file. The last test of a session is the end of
everything: nothing at all may be left then.
"""

import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.room import ROOM

PATIENCE = 10.0
"""Seconds for what was told to end to be gone."""
_PROC = Path("/proc")
_FOLDER = re.compile(rf"{re.escape(str(ROOM))}/firedrill-[^/ ]+")


class Leftovers:
    """Knows which processes may be there."""

    def __init__(self) -> None:
        self._mark = f"/nowhere/firedrill-tests-{secrets.token_hex(8)}"
        # Last: nothing is ever found there, and nothing is looked for longer.
        os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:{self._mark}"
        self._known = set(_pids())
        self._of_the_session: set[int] = set()
        self._of_the_file: set[int] = set()
        """What a fixture of more than one test started."""
        self._clusters: set[int] = set()
        """Put off until the end of the file."""
        self._folders: set[str] = set()
        """Where the clusters of what a whole folder or session shares may stand."""
        self._shared_folders: set[str] = set()
        """Where something may go on until the end of the file."""

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: "pytest.FixtureDef[Any]") -> Iterator[None]:
        before = _pids()
        made = yield
        if fixturedef.scope != "function":
            started = _pids() - before
            self._of_the_file |= started
            self._shared_folders |= set(_FOLDER.findall(str(made))) if isinstance(made, Path) else set()
            if fixturedef.scope in ("package", "session"):
                self._of_the_session |= started
                self._folders |= {folder for pid in started if self._ours(pid) for folder in _folders(pid)}
        return made

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
        yield
        last = nextitem is None
        file_ends = last or nextitem.path != item.path  # type: ignore[union-attr]
        if file_ends:
            self._of_the_file = set(self._of_the_session)
            self._shared_folders.clear()
        end = time.monotonic() + PATIENCE
        while (left := self._left(file_ends=file_ends, last=last)) and time.monotonic() < end:
            time.sleep(0.05)
        if left:
            # Said once: the next test is not to blame for it.
            self._known |= set(left)
            pytest.fail(f"left behind: {'; '.join(f'{pid} {told}' for pid, told in left.items())}", pytrace=False)

    def _left(self, *, file_ends: bool, last: bool) -> dict[int, str]:
        present = _pids()
        self._known &= present
        self._clusters &= present
        new = present - self._known
        found = {}
        for pid in new if file_ends else new - self._clusters:
            if not self._ours(pid):
                self._known.add(pid)
            elif last or not self._may_stay(pid, file_ends=file_ends):
                found[pid] = _told(pid)
        return found

    def _ours(self, pid: int) -> bool:
        try:
            return pid != os.getpid() and self._mark.encode() in (_PROC / str(pid) / "environ").read_bytes()
        except OSError:
            return False

    def _may_stay(self, pid: int, *, file_ends: bool) -> bool:
        if _cluster(pid):
            if not file_ends:
                self._clusters.add(pid)
                return True
            return not self._folders.isdisjoint(_folders(pid))
        if not (self._folders | self._shared_folders).isdisjoint(_folders(pid)):
            return True
        while pid > 1:
            if pid in self._of_the_file:
                return True
            pid = _parent(pid)
        return False


def _pids() -> set[int]:
    return {int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal()}


def _told(pid: int, length: int = 200) -> str:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:length]
    except OSError:
        return "ended just now"


def _cluster(pid: int) -> bool:
    return Path(_told(pid).partition(" ")[0]).name.startswith("postgres")


def _folders(pid: int) -> list[str]:
    """Folders of labs and clusters that a process was told on its command line."""
    return _FOLDER.findall(_told(pid, 4000))


def _parent(pid: int) -> int:
    try:
        return int((_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
