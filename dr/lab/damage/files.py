"""Damage to files of a stopped server. Each function says in words what it did; none of them asks the server."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dr.errors import Refused
from dr.lab.damage import pages
from dr.lab.damage.pages import PAGE

META = 1
"""The first page of an index describes it; damage to it is too easy to find."""
FUNCTION = b"touch\0"
"""The name of a function, as a catalog has it (`name`, which is padded with zeros)."""
NEXT_TO_LAST = 8
"""From the end of a row: its last column is eight bytes long in every table that is hit by default, and in no index."""
GIN_LEAF = b"\x02\x00"
"""What a page of a GIN index ends with that holds keys, and nothing else is."""
FLAGS = 10
"""Where a page's flags stand (storage/bufpage.h)."""
ALL_VISIBLE = 0x04
"""There: PD_ALL_VISIBLE. With it nobody asks of single rows."""
INFOMASK = 21
"""The second byte of a row's `t_infomask`, from its beginning (access/htup_details.h)."""
KNOWN_COMMITTED = 0x01
"""There: HEAP_XMIN_COMMITTED. With it the server does not ask the commit log."""
VISIBLE = 0x55
"""Four heap pages in one byte of the visibility map, all of them `all visible` (access/visibilitymapdefs.h)."""


@dataclass(frozen=True)
class FileDamage:
    """What is done, and to what."""

    do: Callable[[Path], str]
    """Takes the file of the relation, or the data directory where there is no relation."""
    relation: str = ""
    """A relation of the sample application, as SQL writes it. Empty: no relation is damaged."""
    resealed: bool = False
    """Whether pages carry the right checksums afterwards: what is wrong was written by a server, not by a disk."""
    part: str = "main"
    """`main`, `toast` (the table that holds its long values), `vm` (its visibility map) or `fsm` (its free space)."""


def flip_bit(file: Path) -> str:
    """The lowest bit of one row's last value: another value, and a page that looks sound."""
    number, page, found = pages.crowded(file)
    row = found[len(found) // 2]
    page[row.end - NEXT_TO_LAST] ^= 1
    pages.write(file, number, page)
    return f"one bit of a row in page {number} of {file.name} is turned"


def flip_toast_bit(file: Path) -> str:
    """One bit in the middle of a piece of a long value."""
    number, page, found = pages.crowded(file, least=1)
    row = found[len(found) // 2]
    page[(row.start + row.end) // 2] ^= 1
    pages.write(file, number, page)
    return f"one bit of a long value in page {number} of {file.name} is turned"


def flip_key(file: Path) -> str:
    """The lowest bit of one key of an index."""
    number, page, found = pages.crowded(file)
    entry = found[len(found) // 2]
    page[entry.start + 8] ^= 1  # behind the header of an index tuple (access/itup.h)
    pages.write(file, number, page)
    return f"one bit of a key in page {number} of index {file.name} is turned"


def flip_gin_key(file: Path) -> str:
    """One bit of the key of a GIN index that stands for the most rows, of those that list them in their own page."""
    found = [(number, item) for number, page in _entries(file) for item in pages.items(page)]
    number, entry = max(found, key=lambda one: one[1].end - one[1].start)
    page = pages.read(file, number)
    page[entry.start + 8 + 2] ^= 1  # behind the header of an index tuple, the key's length and what kind of key it is
    pages.write(file, number, page)
    return f"one bit of a key in page {number} of index {file.name} is turned"


def zero_gin_page(file: Path) -> str:
    """A page of keys of a GIN index, in the middle of those there are."""
    found = [number for number, _ in _entries(file)]
    number = found[len(found) // 2]
    pages.write(file, number, bytes(PAGE))
    return f"page {number} of index {file.name} holds zeros"


def _entries(file: Path) -> list[tuple[int, bytearray]]:
    """The pages with keys in them: neither lists of rows nor what is still to be sorted in (access/ginblock.h)."""
    every = [(number, pages.read(file, number)) for number in range(META, pages.count(file))]
    if not (found := [(number, page) for number, page in every if page[-2:] == GIN_LEAF and pages.items(page)]):
        raise Refused(f"{file.name} has no page with keys", hint="name a GIN index with more rows")
    return found


def swap_keys(file: Path) -> str:
    """Two neighbours of an index stand the wrong way round, as after a change of the sort order beneath it."""
    number, page, found = pages.crowded(file, least=4)
    # The first item of a leaf is the high key wherever there is a page to its right: leave it where it is.
    one, other = found[len(found) // 2], found[len(found) // 2 + 1]
    left, right = page[one.pointer : one.pointer + 4], page[other.pointer : other.pointer + 4]
    page[one.pointer : one.pointer + 4], page[other.pointer : other.pointer + 4] = right, left
    pages.write(file, number, page)
    return f"two keys in page {number} of index {file.name} have changed places"


def tear(file: Path) -> str:
    """Half of a page was written, and half was not."""
    number, page, _ = pages.crowded(file)
    other = pages.read(file, (number + 1) % pages.count(file))
    pages.write(file, number, bytes(page[: PAGE // 2] + other[PAGE // 2 :]))
    return f"the second half of page {number} of {file.name} is another page's"


def misplace(file: Path) -> str:
    """A page was written to the wrong place."""
    number, page, _ = pages.crowded(file)
    target = (number + 1) % pages.count(file)
    if target == number:
        raise Refused(f"{file.name} has one page only", hint="name a larger relation")
    pages.write(file, target, page)
    return f"page {number} of {file.name} stands where page {target} was"


def zero(file: Path) -> str:
    """A page in the middle reads as zeros, which a server takes for a page that was never used."""
    number, _, _ = pages.crowded(file, least=1)
    pages.write(file, number, bytes(PAGE))
    return f"page {number} of {file.name} holds zeros"


def zero_functions(file: Path) -> str:
    """The page of the catalog that holds a function of the sample application, which its triggers call."""
    for number in range(pages.count(file)):
        page = pages.read(file, number)
        if any(FUNCTION in page[row.start : row.end] for row in pages.items(page)):
            pages.write(file, number, bytes(PAGE))
            return f"page {number} of {file.name} holds zeros"
    raise Refused(f"{file.name} holds no function of the sample application", hint="`dr lab seed` makes them")


def zero_key_page(file: Path) -> str:
    """A page of an index that holds keys, and not the one that describes it. (Hash indexes have pages in advance.)"""
    number, _, _ = pages.crowded(file, least=1, first=META)
    pages.write(file, number, bytes(PAGE))
    return f"page {number} of index {file.name} holds zeros"


def truncate(file: Path) -> str:
    """The second half of the file is gone."""
    kept = pages.count(file) // 2
    with file.open("r+b") as opened:
        opened.truncate(kept * PAGE)
    return f"{file.name} ends after page {kept}"


def empty(file: Path) -> str:
    """The file is there, and nothing is in it."""
    with file.open("r+b") as opened:
        opened.truncate(0)
    return f"{file.name} is empty"


def lose(file: Path) -> str:
    """The file is gone."""
    file.unlink()
    return f"{file.name} is gone"


def call_visible(file: Path) -> str:
    """Every page of the table counts as one that everybody sees all of: scans of an index skip the table."""
    page = pages.read(file, 0)
    page[24:] = bytes([VISIBLE]) * (PAGE - 24)
    pages.write(file, 0, page)
    return f"the visibility map {file.name} calls every page visible to all"


def fill_free_space(file: Path) -> str:
    """The free space map says nonsense. A server corrects it as it goes: no data is wrong."""
    page = pages.read(file, 0)
    page[100:PAGE] = bytes([0xFF]) * (PAGE - 100)
    pages.write(file, 0, page)
    return f"the free space map {file.name} calls every page empty"


def zero_commit_log(file: Path) -> str:
    """No transaction ever ended, says the commit log. The rows of one table have to ask it."""
    data = file.parent.parent.parent
    for segment in sorted((data / "pg_xact").iterdir()):
        with segment.open("r+b") as opened:
            opened.write(bytes(segment.stat().st_size))
    # A row that was read before remembers what the log said: let these forget it.
    for number in range(pages.count(file)):
        page = pages.read(file, number)
        page[FLAGS] &= ~ALL_VISIBLE & 0xFF
        for row in pages.items(page):
            page[row.start + INFOMASK] &= ~KNOWN_COMMITTED & 0xFF
        pages.write(file, number, page)
    return f"the commit log holds zeros, and the rows of {file.name} have to ask it"


def lose_commit_log(data: Path) -> str:
    """The commit log is gone."""
    for file in (data / "pg_xact").iterdir():
        file.unlink()
    return "the commit log is gone"


def spoil_control_file(data: Path) -> str:
    """The file that says where recovery begins does not have the checksum that it claims."""
    file = data / "global" / "pg_control"
    held = bytearray(file.read_bytes())
    held[40] ^= 0xFF
    with file.open("r+b") as opened:
        opened.write(held)
    return "the control file is damaged"


def lose_map(data: Path) -> str:
    """The file that says in which files the shared catalogs stand is gone."""
    (data / "global" / "pg_filenode.map").unlink()
    return "the map of the shared catalogs is gone"


FILES: Mapping[str, FileDamage] = {
    "heap-bit-flip": FileDamage(flip_bit, "documents"),
    "heap-torn-page": FileDamage(tear, "documents"),
    "heap-page-misplaced": FileDamage(misplace, "documents"),
    "heap-page-zeroed": FileDamage(zero, "ledger"),
    "heap-truncated": FileDamage(truncate, "ledger"),
    "heap-emptied": FileDamage(empty, "import_log"),
    "heap-file-lost": FileDamage(lose, "import_log"),
    "toast-bit-flip": FileDamage(flip_toast_bit, "page_texts", part="toast"),
    "toast-page-zeroed": FileDamage(zero, "page_texts", part="toast"),
    "toast-file-lost": FileDamage(lose, "page_texts", part="toast"),
    "visibility-map-wrong": FileDamage(call_visible, "documents", resealed=True, part="vm"),
    "free-space-map-wrong": FileDamage(fill_free_space, "documents", resealed=True, part="fsm"),
    "commit-log-zeroed": FileDamage(zero_commit_log, "import_log", resealed=True),
    "commit-log-lost": FileDamage(lose_commit_log),
    "control-file-damaged": FileDamage(spoil_control_file),
    "catalog-map-lost": FileDamage(lose_map),
    "catalog-page-zeroed": FileDamage(zero_functions, "pg_catalog.pg_proc"),
    "btree-key-flip": FileDamage(flip_key, "documents_number"),
    "btree-page-zeroed": FileDamage(zero_key_page, "ledger_document"),
    "btree-file-lost": FileDamage(lose, "ledger_account"),
    "collation-order": FileDamage(swap_keys, "accounts_code"),
    "gin-key-flip": FileDamage(flip_gin_key, "documents_attributes"),
    "gin-page-zeroed": FileDamage(zero_gin_page, "documents_attributes"),
    "gist-page-zeroed": FileDamage(zero_key_page, "documents_period"),
    "hash-page-zeroed": FileDamage(zero_key_page, "documents_sha256"),
    "brin-page-zeroed": FileDamage(zero_key_page, "ledger_at"),
}
