"""The folder that a lab lives in: where it is, that it is ours, who holds it, and how to leave nothing behind.

Whoever holds the lock on the marker file is the lab of this home. The kernel gives the lock back however the holder
ends, so a lab that was killed is told from one that lives without trusting a pid.
"""

import fcntl
import json
import os
import shutil
import signal
import stat
import time
from pathlib import Path
from typing import Any

from dr.errors import Refused, Unable
from dr.lab import processes
from dr.lab.processes import Process

VARIABLE = "DR_LAB"
LOCK_VARIABLE = "DR_LAB_LOCK"
"""The number of the open file that holds the home's lock, when whoever starts the lab's process hands it over."""

_MARKER = ".firedrill-lab"
_PATIENCE = 10.0
_GRACE = 3.0
"""How long the workload gets to end by itself."""


class Home:
    """A lab's folder, which may not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def at(cls, option: Path | None) -> "Home":
        """The home that was asked for: the option, else the environment, else one folder for each user."""
        named = option or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
        return cls((named or _users_folder() / "lab").expanduser().resolve())

    @property
    def record(self) -> Path:
        return self.path / "lab.json"

    @property
    def connection(self) -> Path:
        return self.path / "connection.json"

    @property
    def workload(self) -> Path:
        return self.path / "workload.json"

    @property
    def log(self) -> Path:
        return self.path / "lab.log"

    def ours(self) -> bool:
        """Whether a lab was ever put up here."""
        return (self.path / _MARKER).is_file()

    def read(self) -> dict[str, Any]:
        """What the lab wrote about itself; empty before it did."""
        try:
            found = json.loads(self.record.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except json.JSONDecodeError:
            return {}  # it was killed while it wrote: that is the same as not having written
        return found if isinstance(found, dict) else {}

    def prepare(self) -> None:
        """Make the folder, or accept the one that is there. Raises Refused when it is not fit for a lab."""
        if self.path.exists():
            if not self.path.is_dir():
                raise Refused(f"{self.path} is not a folder", hint=f"choose another with --home or {VARIABLE}")
            if self.path.stat().st_uid != os.getuid():
                raise Refused(
                    f"{self.path} belongs to another user", hint=f"choose another home with --home or {VARIABLE}"
                )
            if any(self.path.iterdir()) and not self.ours():  # in this order: it may just be coming up
                raise Refused(
                    f"{self.path} is not empty and not a lab's home",
                    hint="a lab deletes its home when it goes down; choose an empty or a new folder",
                )
        else:
            self._make()
        self.path.chmod(0o711 if os.getuid() == 0 else 0o700)
        self._check_way_in()
        (self.path / _MARKER).touch(mode=0o600)

    def _make(self) -> None:
        missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)  # another lab may be coming up beside us
            folder.chmod(0o711)
        parent = self.path.parent
        if parent == _users_folder() and parent.stat().st_uid != os.getuid():
            raise Refused(f"{parent} belongs to another user", hint=f"choose another home with --home or {VARIABLE}")

    def _check_way_in(self) -> None:
        """Clusters of a lab that root runs belong to an unprivileged user, who must be able to walk to them."""
        if os.getuid() != 0:
            return
        closed = [folder for folder in self.path.parents if not folder.stat().st_mode & stat.S_IXOTH]
        if closed:
            raise Refused(
                f"{closed[-1]} keeps other users out, and the lab's databases cannot run as root",
                hint=f"choose a home below /var/tmp, or below another folder that all may enter: --home or {VARIABLE}",
            )

    def lock(self) -> int | None:
        """Become this home's lab: an open file to keep, or None when there is one already.

        Raises FileNotFoundError when the home was removed meanwhile.
        """
        held = os.open(self.path / _MARKER, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            return None
        if not os.fstat(held).st_nlink:
            os.close(held)
            raise FileNotFoundError(self.path)
        return held

    def lives(self) -> bool:
        """Whether a lab is up here, or just coming up or going down."""
        if not self.ours():
            return False
        try:
            held = self.lock()
        except FileNotFoundError:
            return False  # it went away between the two looks
        if held is None:
            return True
        os.close(held)
        return False

    def daemon(self) -> Process | None:
        """The lab's process as it was written down, whether or not it still lives."""
        return _process(self.read())

    def sweep(self) -> None:
        """End every process that a lab left here. Raises Unable when one will not go."""
        stubborn: list[Process] = []
        for writer in self._workload():
            if not writer.end(signal.SIGTERM, signal.SIGKILL, patience=_GRACE):
                stubborn.append(writer)
        stubborn += [each for each in self._session() if not each.end(signal.SIGKILL, patience=_PATIENCE)]
        for postmaster in self._postmasters():
            # no clean shutdown: the data goes next, and SIGQUIT ends a cluster at once
            if not postmaster.end(signal.SIGQUIT, signal.SIGKILL, patience=_PATIENCE):
                stubborn.append(postmaster)
        # the processes of a cluster notice by themselves that their postmaster is gone
        ours = self._running_our_programs()
        processes.wait_until_gone(ours, _GRACE)
        stubborn += [each for each in ours if not each.end(signal.SIGKILL, patience=_PATIENCE)]
        if stubborn:
            pids = " ".join(str(each.pid) for each in stubborn)
            raise Unable(f"the lab at {self.path} left processes that do not end: {pids}", hint=f"see `ps -fp {pids}`")

    def remove(self) -> None:
        """Delete the folder. Call it when no process of the lab is left."""
        for attempt in range(3):
            try:
                shutil.rmtree(self.path)
            except FileNotFoundError:
                if not self.path.exists():
                    return
            except OSError as problem:
                if attempt == 2:
                    raise Unable(f"cannot remove {self.path}: {problem}", hint="remove it by hand") from problem
                time.sleep(0.2)  # something that just ended was still writing
            else:
                return

    def empty(self) -> None:
        """Delete what a killed lab left, but not the marker, whose lock the caller holds."""
        for entry in self.path.iterdir():
            if entry.name == _MARKER:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def write(self, path: Path, body: dict[str, Any]) -> None:
        """Write a file that holds a secret: complete or not at all, and for nobody else to read."""
        draft = path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
        draft.rename(path)

    def _workload(self) -> list[Process]:
        """The sample application's processes, as they were written down, that still live."""
        try:
            found = json.loads(self.workload.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return []
        entries = found.get("processes", []) if isinstance(found, dict) else []
        listed = [_process(entry) for entry in entries if isinstance(entry, dict)]
        return [process for process in listed if process is not None and process.alive()]

    def _session(self) -> list[Process]:
        """What the lab's process started and did not let go: same session, and the session's opener is that process."""
        daemon = self.daemon()
        if daemon is None:
            return []
        leader_now = processes.started(daemon.pid)
        if leader_now is not None and leader_now != daemon.started:
            return []  # the number was given to somebody else, and so may the session have been
        me = os.getpid()
        return [
            each
            for each in processes.everything()
            if each.pid not in (me, daemon.pid) and processes.session(each.pid) == daemon.pid
        ]

    def _running_our_programs(self) -> list[Process]:
        """Whatever runs a program of the server tree that a lab keeps in its home: nobody else can."""
        found = [(each, processes.program(each.pid)) for each in processes.everything()]
        return [each for each, program in found if program is not None and self.path in program.parents]

    def _postmasters(self) -> list[Process]:
        """Those that work in a data directory here *and* are named in its postmaster.pid."""
        found = []
        for process in processes.everything():
            at = processes.working_directory(process.pid)
            if at is None or self.path not in at.parents:
                continue
            try:
                first = (at / "postmaster.pid").read_text().split("\n", 1)[0].strip()
            except (FileNotFoundError, NotADirectoryError):
                continue
            if first == str(process.pid):
                found.append(process)
        return found


def _users_folder() -> Path:
    """Where labs live by default: others may make files in /var/tmp too, so its owner is checked."""
    return Path(f"/var/tmp/firedrill-{os.getuid()}")  # noqa: S108


def _process(found: dict[str, Any]) -> Process | None:
    pid, at = found.get("pid"), found.get("started")
    return Process(pid, at) if isinstance(pid, int) and isinstance(at, int) else None
