"""Whether a row finds its object at an instant, and what is wrong where it does not. Pure."""

from datetime import datetime
from typing import Literal, NamedTuple, get_args

from dr.held import HeldKey, HeldVersion, spans, standing

Problem = Literal["missing", "hidden", "another version", "wrong bytes", "undecryptable", "archived"]
PROBLEMS: tuple[Problem, ...] = get_args(Problem)
"""*Missing*: nothing of that name was there. *Hidden*: a delete marker or a newer version stands on top. *Another
version*: the key is there, and the version that the row names is not. *Wrong bytes*: not what the row says.
*Undecryptable*, *archived*: there, and it could not be read."""


Untold = Literal["archived at home too"]
"""No problem and no proof: it stands there as it stood at the source, and could be read in neither."""


class Named(NamedTuple):
    """What a row names."""

    key: str
    version: str | None = None
    sha256: str | None = None


def problem(line: HeldKey | None, named: Named, instant: datetime) -> Problem | Untold | None:
    """What is wrong with the object that a row names; None where the row finds it in the restore."""
    if line is None:
        return "missing"
    second = int(instant.timestamp())
    if any(first <= second and (last is None or second <= last) for first, last in spans(line, *named[1:])):
        return _restored(line, named)
    top = standing(line, instant)
    if named.version is None:
        return _by_key(line, named, top)
    found = next((entry for entry in line.entries if entry.version == named.version and not entry.marker), None)
    if found is None or found.stored.replace(microsecond=0) > instant:
        return "another version" if top is not None and not top.marker else "missing"
    if found.lost:
        return found.lost
    if found.sha256 and named.sha256 not in (None, found.sha256):
        return "wrong bytes"
    return "hidden"


def _restored(line: HeldKey, named: Named) -> Problem | Untold | None:
    """It stood there at the instant: is it in the restore too, and found there?"""
    there = [
        entry
        for entry in line.entries
        if entry.sha256 and named.version in (None, entry.version) and named.sha256 in (None, entry.sha256)
    ]
    if not there:
        asleep = any(entry.at_home_too and named.version in (None, entry.version) for entry in line.entries)
        return "archived at home too" if asleep else "missing"
    return None if line.plain else "hidden"


def _by_key(line: HeldKey, named: Named, top: HeldVersion | None) -> Problem:
    if top is None:
        return "missing"
    if top.lost:
        return top.lost
    beneath = any(entry.sha256 and entry.sha256 == named.sha256 for entry in line.entries)
    return "hidden" if top.marker or beneath else "wrong bytes"
