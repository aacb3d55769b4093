"""The lines of a journal: each carries the hash of the one before, so that what was written stays as it was. Pure.

One JSON line per event. It carries the SHA-256 of the line before, so a line changed, dropped or moved breaks the
chain, and ends in its own, because the last line has no other that could carry it.
"""

import hashlib
from collections.abc import Sequence

from pydantic import ValidationError

from dr.errors import Refused
from dr.events import Entry, Event
from dr.recovery import Fact

GENESIS = "0" * 64
SEAL = b',"sha256":"'


class Reading(Fact):
    """A journal as read: its entries, the hash of its last line, and whether a torn line was left out."""

    entries: tuple[Entry, ...]
    head_sha256: str
    torn: bool = False

    @property
    def events(self) -> Sequence[Event]:
        return [entry.body for entry in self.entries]


def parse(raw: bytes, shown: str) -> Reading:
    """A journal from its bytes; `shown` names it in a refusal."""
    whole = whole_lines(raw)
    entries, head = parsed(whole, shown)
    return Reading(entries=tuple(entries), head_sha256=head, torn=whole != raw)


def whole_lines(raw: bytes) -> bytes:
    """Without what stands behind the last end of a line: a torn one."""
    return raw[: raw.rfind(b"\n") + 1]


def parsed(raw: bytes, shown: str) -> tuple[list[Entry], str]:
    """The entries of whole lines, and the hash of the last. Raises Refused, with the line, where the chain breaks."""
    entries: list[Entry] = []
    head = GENESIS
    for number, line in enumerate(raw.splitlines(keepends=True), start=1):
        text, seal, _ = line.rpartition(SEAL)
        try:
            entry = Entry.model_validate_json(text + b"}" if seal else line)
        except ValidationError as problem:
            raise Refused(
                f"journal {shown}:{number}: not an event", hint="it was changed after it was written"
            ) from problem
        if entry.n != number or entry.prev != head or line != sealed(text + b"}"):
            raise Refused(
                f"journal {shown}:{number}: the chain of hashes is broken", hint="it was changed after it was written"
            )
        entries.append(entry)
        head = hashlib.sha256(line).hexdigest()
    return entries, head


def sealed(text: bytes) -> bytes:
    """The line of an entry: its JSON, with the SHA-256 of just that as its last key."""
    return text[:-1] + SEAL + hashlib.sha256(text).hexdigest().encode() + b'"}\n'
