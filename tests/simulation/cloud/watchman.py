"""Who may act: what the leases and journals in the control store say, held against each call that changes something."""

import json

from dr.journal import FRESH
from tests.simulation.baton import Process
from tests.simulation.cloud.account import Account
from tests.simulation.cloud.s3 import LEASES


class Watchman:
    """Notes calls of a process that had learned, or would have on asking, that somebody else may act by now.

    One call of each thread may still come: it was past its check when the lease was lost, or the run taken over.
    """

    def __init__(self, account: Account, names: frozenset[str]) -> None:
        """`names`: the leases that a backup has to hold."""
        self._account, self._names = account, names
        self._holders: dict[str, tuple[str, int] | None] = {}
        self._asked: dict[str, set[str]] = {}
        """thread -> leases that it has looked at, and held, since its last call that changed something."""
        self._late: dict[str, int] = {}
        """thread -> calls that it made after its run was taken over."""

    def written(self, key: str, body: bytes) -> None:
        """A document of the control store has another content."""
        if key.startswith(LEASES):
            holder = json.loads(body)["holder"]
            name = key.removeprefix(LEASES).removesuffix(".json")
            self._holders[name] = (holder["run"], holder["pid"]) if holder else None

    def looked(self, process: Process, turn: str, key: str) -> None:
        """A thread has read a document of the control store."""
        name = key.removeprefix(LEASES).removesuffix(".json")
        if self._holders.get(name) == (process.run, process.pid):
            self._asked.setdefault(turn, set()).add(name)

    def sent(self, process: Process, turn: str, shown: str) -> None:
        """A thread makes a call that changes something."""
        if not process.run:
            return
        asked = self._asked.pop(turn, set())
        lost = {name for name in self._names if self._holders.get(name) != (process.run, process.pid)}
        if "-backup-" in process.run and lost - asked:
            self._account.wrongs.append(f"{shown} by {process.name}, which had lost its lease of {min(lost)}")
        _, writer, since = self._account.journaled.writers.get(process.run, ("", process.pid, 0.0))
        if writer != process.pid and self._account.now - since > 2 * FRESH:
            self._late[turn] = self._late.get(turn, 0) + 1
            if self._late[turn] > 1:
                self._account.wrongs.append(f"{shown} by {process.name}, whose run was taken over long ago")
