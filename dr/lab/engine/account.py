"""Who PostgreSQL runs as: the caller, or an unprivileged account where the caller is root, whom it refuses."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dr.errors import Refused, Unable

CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """The owner of every data directory of a lab; `uid` is None where no change of user is needed."""

    uid: int | None = None
    gid: int | None = None

    @classmethod
    def choose(cls) -> "Account":
        """The caller's own account, or the first unprivileged one of this machine where the caller is root."""
        if os.geteuid() != 0:
            return cls()
        for name in CANDIDATES:
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(entry.pw_uid, entry.pw_gid)
        raise Refused(
            "no unprivileged account to run PostgreSQL as", hint=f"run as another user, or add one of {CANDIDATES}"
        )

    def run(
        self,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
        accept: Sequence[int] = (0,),
    ) -> str:
        """Run a program as this account and return what it printed; raises Unable with its complaint when it fails."""
        changing, aside = self._another()
        finished: subprocess.CompletedProcess[bytes] = subprocess.run(
            [*changing, *map(str, command)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd="/",
            # Ctrl-C at the lab's terminal is the lab's to handle, not every helper's.
            process_group=0,
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", **(environment or {})},
            check=False,
            **aside,
        )
        if finished.returncode not in accept:
            complaint = finished.stderr.decode(errors="replace").strip() or f"exit code {finished.returncode}"
            raise Unable(f"{Path(command[0]).name}: {complaint}", hint="the lab's log and the server's log say more")
        return finished.stdout.decode(errors="replace")

    def _another(self) -> tuple[list[str], dict[str, Any]]:
        """How a program becomes this account: what comes before it, or else what Python is told.

        For a child under another user Python copies its whole address space, as it does for no other child: in a
        process of some size that takes longer than most of the programs.
        """
        if self.uid is None:
            return [], {}
        if changer := shutil.which("setpriv"):
            return [changer, f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"], {}
        return [], {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Hand a file or directory to this account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def folder(self, path: Path) -> Path:
        """A directory that only this account may enter; its parents may be passed by everyone."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        path.mkdir(mode=0o700, exist_ok=True)
        self.own(path)
        return path

    def require_passage(self, home: Path) -> None:
        """Raises Refused when this account could not reach `home` through its parents."""
        if self.uid is None:
            return
        for place in (home, *home.parents):
            if not place.stat().st_mode & 0o001:
                raise Refused(
                    f"{home}: PostgreSQL's account cannot pass through {place}",
                    hint="choose a home outside private directories, for example below /var/tmp",
                )
