"""What the server itself says of its parameters: which there are, what changes them, and whether a value will do."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dr.errors import Unable
from dr.lab.engine import settings
from dr.lab.engine.account import Account
from dr.lab.engine.cluster import Machine
from dr.lab.engine.tree import Tree

NO_CONFIGURATION = 2
"""The exit code of a server whose command line is good, and that finds no cluster."""


@dataclass(frozen=True)
class Parameter:
    """One line of `postgres --describe-config`; without the default, which it prints before computing it."""

    name: str
    context: str
    """As in `pg_settings`: `postmaster` needs a restart, `internal` cannot be set."""
    kind: str
    """BOOLEAN, INTEGER, REAL, STRING or ENUM."""
    low: str
    high: str
    description: str

    @property
    def static(self) -> bool:
        """Whether only a restart changes it."""
        return self.context == "postmaster"

    @property
    def modifiable(self) -> bool:
        """Whether a parameter group may decide it."""
        return self.context != "internal" and not settings.OURS.fullmatch(self.name)


@cache
def known(tree: Tree, account: Account) -> Mapping[str, Parameter]:
    """name -> parameter, of everything that a configuration file may hold."""
    found = {}
    for line in account.run([tree.program("postgres"), "--describe-config"]).splitlines():
        name, context, _, kind, _, low, high, description, _ = line.split("\t")
        found[name] = Parameter(name, context, kind, low, high, description)
    return found


def complaint(machine: Machine, nowhere: Path, name: str, value: str) -> str | None:
    """What the server has against a value; None where it would take it. `nowhere` is a directory without a cluster.

    A server reads its command line before it looks for a cluster, so that asking it costs no more than a process.
    """
    try:
        machine.account.run(
            [machine.tree.program("postgres"), "-D", nowhere, "-c", f"{name}={value}"], accept=(NO_CONFIGURATION,)
        )
    except Unable as problem:
        return problem.message.partition("FATAL:")[2].strip() or problem.message
    return None
