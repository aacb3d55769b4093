"""Pages of a relation, read and written where they stand in its file. The server must be stopped."""

import struct
from dataclasses import dataclass
from pathlib import Path

from dr.errors import Refused

PAGE = 8192
_HEADER = 24
_NORMAL = 1
"""The state of a line pointer that leads to a row (`LP_NORMAL`, storage/itemid.h)."""


@dataclass(frozen=True)
class Item:
    """A line pointer and the bytes that it leads to."""

    pointer: int
    """Where the line pointer stands in the page."""
    start: int
    end: int


def count(file: Path) -> int:
    """Whole pages of a file. Raises Refused for a file that has none."""
    found = file.stat().st_size // PAGE
    if not found:
        raise Refused(f"{file.name} holds no page to damage", hint="name a relation that is not empty")
    return found


def read(file: Path, number: int) -> bytearray:
    """One page."""
    with file.open("rb") as opened:
        opened.seek(number * PAGE)
        return bytearray(opened.read(PAGE))


def write(file: Path, number: int, page: bytes | bytearray) -> None:
    """Put a page where another one stands. Owner and mode of the file stay."""
    with file.open("r+b") as opened:
        opened.seek(number * PAGE)
        opened.write(page)


def items(page: bytes | bytearray) -> list[Item]:
    """What the page's line pointers lead to. (lp_off is 15 bits, lp_flags 2, lp_len 15: storage/itemid.h.)"""
    (lower,) = struct.unpack_from("<H", page, 12)
    found = []
    for pointer in range(_HEADER, min(lower, PAGE), 4):
        (word,) = struct.unpack_from("<I", page, pointer)
        start, state, length = word & 0x7FFF, word >> 15 & 3, word >> 17
        if state == _NORMAL and length and start + length <= PAGE:
            found.append(Item(pointer, start, start + length))
    return found


def crowded(file: Path, least: int = 2, first: int = 0) -> tuple[int, bytearray, list[Item]]:
    """A page with items, as near to the middle of the file as can be: its number, its bytes and its items.

    None before the `first` is taken.

    Raises Refused where no page has so many.
    """
    pages = count(file)
    for number in sorted(range(first, pages), key=lambda one: abs(one - pages // 2)):
        page = read(file, number)
        if len(found := items(page)) >= least:
            return number, page, found
    raise Refused(f"no page of {file.name} holds {least} items", hint="name a relation with more rows")
