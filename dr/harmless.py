"""Names come from databases and buckets that anybody may write to: here they are made harmless before they are shown.

What AWS answers and what stands in a file is no better; so every error passes through here too, before it has a reader.

What a reader could not see (control characters, terminal escapes, direction overrides, zero-width joins, look-alike
spaces, piles of combining marks) becomes a visible code point. What is endless becomes short.
Escaping for HTML, Markdown or XML comes after this, and belongs to each form.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

NAME_LENGTH = 120
PROSE_LENGTH = 700
TITLE_LENGTH = 1500
LINE_LENGTH = 1000
LINES = 50
PILE = 3
"""Combining marks in a row that a script may need; more of them paint over the neighbouring lines."""

_FORMULA = re.compile(r"(?![-+][\d.,]+%?$)[=+\-@]")
"""How a spreadsheet knows a formula, signed numbers apart."""
_KNOWN = {"\n": "⏎", "\t": "⇥"}


def visible(text: str) -> str:
    """The same text with everything that would not print, or would rearrange what prints, spelt out."""
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    pile = 0
    for character in text:
        pile = pile + 1 if unicodedata.combining(character) else 0
        if character.isprintable() and pile <= PILE:
            shown.append(character)
        else:
            shown.append(_KNOWN.get(character) or f"⟨U+{ord(character):04X}⟩")
    return "".join(shown)


def shortened(text: str, length: int = NAME_LENGTH) -> str:
    """At most so many characters of a visible text. The middle goes: the ends of a name tell most."""
    text = _bounded(text, length)
    if len(text) <= length:
        return text
    tail = length // 4
    return f"{text[: length - tail - 1]}…{text[-tail:]}"


def told(text: str) -> str:
    """A message of several lines: each is harmless, there is an end to them, and none begins where ours do.

    A newline may come out of a name; what stands behind it must not look like another message.
    """
    return "\n  ".join(_some([shortened(line, LINE_LENGTH) for line in text.split("\n", LINES + 1)]))


def listed(texts: Sequence[str]) -> str:
    """Several messages, a line for each."""
    return "\n".join(_some([told(text) for text in texts]))


def _some(lines: list[str]) -> list[str]:
    return lines if len(lines) <= LINES else [*lines[:LINES], "… and more"]


def inert(text: str) -> str:
    """What stands in a cell: an apostrophe keeps a spreadsheet from computing what begins like a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def ascii_json(document: Any) -> str:
    """A document in plain ASCII: whatever a name holds, a terminal shows it as an escape."""
    return json.dumps(document, indent=2).replace("\x7f", "\\u007f")


def title(text: str) -> str:
    """The full name where there is room for more of it; bounded all the same."""
    shown = _bounded(text, TITLE_LENGTH)
    return (
        shown
        if len(shown) <= TITLE_LENGTH
        else f"{shown[:TITLE_LENGTH]}… ({len(text):,} characters; report.json has all)"
    )


def _bounded(text: str, length: int) -> str:
    """Visible text; only the ends of an endless one are looked at."""
    if len(text) > 100 * length:
        text = text[: 50 * length] + text[-50 * length :]
    return visible(text)
