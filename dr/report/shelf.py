"""The runs that a control folder holds, and which of them somebody means."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dr.errors import Refused
from dr.estate import Estate
from dr.journal import FILE, alive
from dr.ledger import Shelf
from dr.report.model import Report
from dr.report.write import JSON, read

_RUN = re.compile(r"\d{8}T\d{6}Z-([a-z]+)-([a-z0-9-]+)-[0-9a-f]{4,16}")
AWAY = Path(".firedrill") / "runs"
AFAR = "in the control store only: begun on another machine"
"""What there is to say of a run of which this machine has no folder."""
NAMED = 5
"""How many runs a refusal names."""


@dataclass(frozen=True)
class Shelved:
    """One run: judged, or why not."""

    run: str
    kind: str
    application: str
    report: Report | None
    instead: str = ""
    """What there is to say of a run without a readable report."""


def shelf(estate: Estate) -> Path:
    """The folder on this machine in which an estate's runs stand.

    With a bucket for a control store these are the runs made from here; where that is, `dr.store.open_store` decides.
    """
    return AWAY if estate.control.startswith("s3://") else Path(estate.control)


def is_name(text: str) -> bool:
    """Whether this is the whole name of a run, and nothing that could lead elsewhere."""
    return _RUN.fullmatch(text) is not None


def names(root: Path, kind: str | None = None, away: Iterable[str] = ()) -> list[str]:
    """Every run, newest first; `kind` keeps those of one kind. `away`: runs of other machines.

    Raises Refused for a folder that cannot be read.
    """
    try:
        here = [folder.name for folder in root.iterdir() if folder.is_dir()] if root.is_dir() else []
    except OSError as problem:
        raise Refused(
            f"{root}: cannot list the runs in it: {problem.strerror}", hint="look at the folder's owner and mode"
        ) from problem
    matched = (_RUN.fullmatch(name) for name in {*here, *away})
    return sorted((match[0] for match in matched if match and kind in (None, match[1])), reverse=True)


def in_store(store: Shelf) -> dict[str, list[str]]:
    """The runs whose journals a control store keeps for everybody: run -> the names of a journal's parts, in order.

    The name of a run begins with its year, and that of no other document does: only what runs wrote is listed.
    """
    found: dict[str, list[str]] = {}
    for name in store.names("2"):
        run, _, part = name.partition("/")
        if part.startswith("journal/") and part.endswith(".jsonl") and is_name(run):
            found.setdefault(run, []).append(name)
    return found


def look(root: Path, run: str) -> Shelved:
    """One run of the shelf, whatever state it is in."""
    match = _RUN.fullmatch(run)
    if match is None:
        raise Refused(f"{run}: not the name of a run", hint="`dr runs` lists them")
    if not (root / run).exists():
        return Shelved(run, match[1], match[2], None, AFAR)
    if not (root / run / JSON).exists():
        journal = root / run / FILE
        state = "unfinished (no journal)"
        if journal.exists():
            state = "running" if alive(journal) else "unfinished (journal only)"
        return Shelved(run, match[1], match[2], None, state)
    try:
        return Shelved(run, match[1], match[2], read(root / run))
    except Refused as problem:
        return Shelved(run, match[1], match[2], None, problem.message)


def find(root: Path, asked: str) -> str:
    """The run that `latest`, a name or the beginning of one stands for. Raises Refused unless it is exactly one."""
    every = names(root)
    if asked == "latest" and every:
        return every[0]
    if asked in every:
        return asked
    meant = [run for run in every if asked and run.startswith(asked)]
    if len(meant) == 1:
        return meant[0]
    newest = ", ".join((meant or every)[:NAMED])
    if meant:
        raise Refused(f"run {asked}: {len(meant)} runs begin like that", hint=f"newest of them: {newest}")
    raise Refused(
        f"no run {asked!r} in {root}", hint=f"newest there: {newest}" if newest else "there is none yet; `dr test`"
    )
