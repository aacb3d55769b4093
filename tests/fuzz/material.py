"""What the fuzzing starts from: real documents, values that nobody expects, and traps that hurt readers."""

import json
from copy import deepcopy
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from tests import stories
from tests.conftest import ESTATE as SHIPPED

PIECES = [
    *(
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "-",
        "?",
        "!",
        "&",
        "*",
        "|",
        ">",
        "'",
        '"',
        "%",
        "@",
        "`",
        "#",
        "\n",
        "\t",
        " ",
        "~",
    ),
    *(
        "=",
        "<",
        "\\",
        "a",
        "no",
        "yes",
        "010",
        "1:30",
        ": ",
        "- ",
        "\n  ",
        "---",
        "...",
        "<<",
        "!!",
        "&a",
        "*a",
        "null",
    ),
    *("\x00", "\x1b[2J", "\x85", "\u2028", "\u202e", "\ufeff", "é", "\U0001f4a3", "1" * 20, "%YAML 1.1\n", "\r", '\\"'),
    *("account", "sites", "\\u0000", "\\ud800", "1e999", "NaN", "{}", "[]", '""', "true", "-0", "\\", "},{"),
]
WORDS: list[Any] = [
    *(
        "",
        " ",
        "no",
        "12:30",
        "010",
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "a\nb",
        "a\x00b",
        "\x1b[2J\x1b]0;x\x07",
        "\u202egnp.exe",
    ),
    *(
        "\ufeff",
        "<script>alert(1)</script>",
        "x" * 10_000,
        "e" + "\u0301" * 300,
        "../../etc/passwd",
        "s3://",
        "s3:///x",
    ),
    *(
        "2026-11-20",
        "2026-11-20T02:14:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "\U0001f4a3",
        "ⅷ",
        "٣",
    ),
    *("30m", "0s", "9" * 9 + "w", "30m\n", "latest", "http://127.0.0.1:1", "http://[::1]:99999/", "127.0.0.1:٣", "::1"),
]
VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        -0.0,
        10**18,
        10**30,
        10**400,
        float("nan"),
        float("inf"),
        1e308,
        5e-324,
        [],
        {},
        [[]],
    ),
    *({"": ""}, {"a": {"b": {"c": {}}}}, [None] * 3000, {str(n): n for n in range(500)}, *WORDS),
]


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


VALUES += [nested(20), nested(150), nested(400)]


DEEPEST = 450
"""Levels of a document that is written here. Our own writers call themselves for each: deeper ones are among TRAPS."""


def _deep(tree: Any) -> bool:
    """Whether a document has more levels than can be written."""
    left = [(tree, 1)]
    while left:
        one, level = left.pop()
        if level > DEEPEST:
            return True
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        left += [(each, level + 1) for each in inner]
    return False


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every container of a document with each of its keys."""
    found: list[tuple[Any, Any]] = []
    left = [tree]
    while left:
        one = left.pop()
        keys = list(one) if isinstance(one, dict) else list(range(len(one))) if isinstance(one, list) else []
        found += [(one, key) for key in keys]
        left += [one[key] for key in keys]
    return found


@st.composite
def altered(draw: st.DrawFn, documents: list[Any]) -> Any:
    """A real document of which a few parts were replaced, removed, renamed, doubled or put elsewhere."""
    tree = deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2, 3]))):
        places = _places(tree)
        if not places:
            return tree
        container, key = places[draw(st.integers(0, len(places) - 1))]
        match draw(st.integers(0, 9)):
            case 0 | 1:
                container[key] = deepcopy(draw(st.sampled_from(VALUES)))
            case 2 | 7 | 8 | 9:
                # Of the same type: only so does a document come through that no one of us would have written.
                alike = [one for one in VALUES if type(one) is type(container[key])]
                container[key] = deepcopy(draw(st.sampled_from(alike or VALUES)))
            case 3:
                del container[key]
            case 4:
                other, name = places[draw(st.integers(0, len(places) - 1))]
                container[key] = deepcopy(other[name])
            case 5 if isinstance(container, dict):
                container[draw(st.sampled_from(WORDS))] = container.pop(key)
            case _ if isinstance(container, list):
                container.insert(key, deepcopy(container[key]))
            case _:
                container["unknown"] = deepcopy(container[key])
    assume(not _deep(tree))
    return tree


def as_json(tree: Any) -> bytes:
    return json.dumps(tree, separators=(",", ":")).encode()


def block(tree: Any, indent: int = 0) -> str:
    """A document as people write YAML; words that need it are quoted."""
    space = "  " * indent
    if isinstance(tree, dict) and tree:
        return "".join(f"{space}{json.dumps(str(key))}:{_after(one, indent)}" for key, one in tree.items())
    if isinstance(tree, list) and tree:
        return "".join(f"{space}-{_after(one, indent)}" for one in tree)
    return f"{space}{json.dumps(tree)}\n"


def _after(one: Any, indent: int) -> str:
    return f"\n{block(one, indent + 1)}" if isinstance(one, dict | list) and one else f" {json.dumps(one)}\n"


@st.composite
def damaged(draw: st.DrawFn, texts: list[bytes], longest: int = 600) -> bytes:
    """A piece of a real document (all of it where it is short), some bytes changed, dropped, doubled or torn off."""
    text = draw(st.sampled_from(texts))
    start = draw(st.integers(0, max(0, len(text) - longest)))
    raw = bytearray(text[start : start + longest])
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, len(raw)))
        match draw(st.integers(0, 4)):
            case 0 | 1:
                raw[place:place] = draw(st.sampled_from(PIECES)).encode()
            case 2:
                del raw[place : place + draw(st.integers(1, 40))]
            case 3:
                raw[place:place] = raw[max(0, place - 12) : place]
            case _:
                raw[place : place + 1] = bytes([draw(st.integers(0, 255))])
    return bytes(raw)


NOISE = st.one_of(
    st.binary(max_size=120),
    st.text(max_size=120).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(st.sampled_from(PIECES), max_size=30).map(lambda pieces: "".join(pieces).encode()),
)

ESTATE = stories.ESTATE | {"applications": {"receipts": stories.ESTATE["applications"]["receipts"]}}
"""One application: YAML takes ten times as long to read as all the rest."""
LINES = SHIPPED.read_bytes()
LAUGHS = b"\n".join(
    [b"l0: &l0 [ha, ha]", *(b"l%d: &l%d [%s]" % (n, n, b", ".join([b"*l%d" % (n - 1)] * 9)) for n in range(1, 30))]
)
TRAPS: dict[str, bytes] = {
    "a billion laughs": LAUGHS,
    "merge keys": b"a: &a {b: 1}\nc:\n  <<: *a\n",
    "20,000 [": b"[" * 20_000,
    "20,000 {": b"{" * 20_000,
    "20,000 { with keys": b"{a: " * 20_000,
    "20,000 - ": b"- " * 20_000,
    "20,000 ? ": b"? " * 20_000,
    "a deep block": b"".join(b" " * n + b"a:\n" for n in range(1200)),
    "half a million bytes of list": b"a: [" + b"a," * 245_000 + b"a]",
    "half a million bytes of keys": b"".join(b"k%d: 1\n" % n for n in range(45_000)),
    "half a million bytes of one word": b"a: " + b"x" * 490_000,
    "half a million escapes": b'a: "' + b"\\x41" * 120_000 + b'"',
    "half a million bytes of comment": b"#" * 490_000,
    "half a million digits": b"account: " + b"1" * 490_000,
    "half a million colons": b"a: " + b"1:" * 245_000,
    "half a million spaces": b"a:" + b" " * 490_000 + b"b",
    "half a million lines": b"\n" * 490_000,
    "many documents": b"---\n" * 200_000,
    "many anchors": b"".join(b"- &a%d x\n" % n for n in range(50_000)),
    "many tags": b"- !!str x\n" * 50_000,
    "many duplicates": b"account: 1\n" * 40_000,
    "a long key": b'"' + b"k" * 500_000 + b'": 1',
    "an open quote": b'a: "' + b"\n" * 450_000,
    "too large": b"a" * 1_000_001,
    "a byte order mark": b"\xef\xbb\xbf" + LINES,
    "UTF-16": LINES.decode().encode("utf-16"),
    "UTF-32": LINES.decode().encode("utf-32-be"),
    "a lone surrogate": b"account: \xed\xa0\x80\n",
    "overlong": b"account: \xc0\xaf\n",
    "nothing but NUL": b"\0" * 4096,
    "a language tag": b"%YAML 1.1\n---\naccount: !!python/object/apply:os.system [id]\n",
    "right to left": "account: \u202e123456789012\u2066\n".encode(),
    "escapes in keys": b'"\\e[2J\\a\\r\\n\\0": 1\n"x\\u202e": 2\n',
    "a long name": b"applications: {" + b"a" * 10_000 + b": {}}",
    "json, deep": b'{"a":' * 50_000,
    "json, long number": b'{"account":' + b"9" * 450_000 + b"}",
    "json, many braces": b"[" + b"{}," * 300_000 + b"{}]",
    "json, twice the same key": b'{"account":"1","account":"2"}',
}
"""What is known to hurt readers of YAML and JSON."""
