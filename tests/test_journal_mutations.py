"""Ten thousand mutations of real journals: each is refused with file and line, or its torn tail is left out and said.

What no chain of hashes can know (a cut between two lines; a journal rewritten as a whole) is stated at the end, with
what stands in its way. `DR_SOAK_SEED` chooses other mutations.
"""

import hashlib
import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stories import HandClock, journals_of_runs, passed_run, test_plan

from dr.chain import GENESIS, Reading, sealed
from dr.errors import Refused
from dr.events import Event
from dr.journal import Journal, read
from dr.report.rebuild import report_of
from dr.timeline import read as timeline
from dr.verdict import judge

SEED = os.environ.get("DR_SOAK_SEED", "1")
MUTATIONS = 10_000
Mutation = Callable[[bytes, list[bytes], random.Random], bytes]


def written(path: Path, events: list[Event]) -> bytes:
    """A journal as the product writes it."""
    clock = HandClock()
    with Journal(path, clock) as journal:
        for event in events:
            journal.append(event)
            clock.sleep(0.25)
    return path.read_bytes()


def flip_a_bit(raw: bytes, lines: list[bytes], chance: random.Random) -> bytes:
    del lines
    place = chance.randrange(len(raw))
    return raw[:place] + bytes([raw[place] ^ 1 << chance.randrange(8)]) + raw[place + 1 :]


def change_a_byte(raw: bytes, lines: list[bytes], chance: random.Random) -> bytes:
    del lines
    place = chance.randrange(len(raw))
    return (
        raw[:place]
        + chance.choice([b"\n", b"\r", b"\0", b'"', b"}", b" ", bytes([chance.randrange(256)])])
        + raw[place + 1 :]
    )


def take_bytes_out(raw: bytes, lines: list[bytes], chance: random.Random) -> bytes:
    del lines
    place = chance.randrange(len(raw) - 1)
    return raw[:place] + raw[place + chance.randrange(1, 600) :]


def put_bytes_in(raw: bytes, lines: list[bytes], chance: random.Random) -> bytes:
    del lines
    place = chance.randrange(len(raw) + 1)
    more = chance.choice([b" ", b"\n", b"\0" * 512, b'"n":1,', raw[place : place + 40] or b"x", b"\xef\xbb\xbf"])
    return raw[:place] + more + raw[place:]


def drop_lines(raw: bytes, lines: list[bytes], chance: random.Random) -> bytes:
    del raw
    start = chance.randrange(len(lines))
    return b"".join(lines[:start] + lines[start + chance.randrange(1, 4) :])


def double_lines(raw: bytes, lines: list[bytes], chance: random.Random) -> bytes:
    del raw
    start = chance.randrange(len(lines))
    end = start + chance.randrange(1, 4)
    return b"".join(lines[:end] + lines[start:])


def move_lines(raw: bytes, lines: list[bytes], chance: random.Random) -> bytes:
    del raw
    moved = list(lines)
    line = moved.pop(chance.randrange(len(moved)))
    moved.insert(chance.randrange(len(moved) + 1), line)
    return b"".join(moved)


def shuffle_lines(raw: bytes, lines: list[bytes], chance: random.Random) -> bytes:
    del raw
    return b"".join(chance.sample(lines, len(lines)))


def append_a_line(raw: bytes, lines: list[bytes], chance: random.Random) -> bytes:
    """Anything but the right next line: the last one again, one that fits but for its seal, or no event at all."""
    forged = json.loads(lines[-1]) | {"n": len(lines) + 1, "prev": hashlib.sha256(lines[-1]).hexdigest()}
    plain = b"%s\n" % json.dumps(forged).encode()
    return raw + chance.choice([chance.choice(lines), plain, b"\n", b"{}\n", b"null\n", b'"', plain[:-1]])


def truncate(raw: bytes, lines: list[bytes], chance: random.Random) -> bytes:
    del lines
    return raw[: chance.randrange(len(raw))]


def zero_the_tail(raw: bytes, lines: list[bytes], chance: random.Random) -> bytes:
    """What some file systems leave after a power cut: the length is right, the bytes are not."""
    del lines
    place = chance.randrange(len(raw))
    return raw[:place] + b"\0" * (len(raw) - place)


def replace_the_head(raw: bytes, lines: list[bytes], chance: random.Random) -> bytes:
    """The same run by another plan, in a line that is whole in itself: the second line knows better."""
    del raw
    head = json.loads(lines[0])
    head["body"]["run"] = f"20261120T021500Z-test-receipts-{chance.randrange(16**4):04x}"
    return b"".join([forged_line(head), *lines[1:]]) if len(lines) > 1 else b"".join([unsealed(head), *lines[1:]])


def replace_a_line(raw: bytes, lines: list[bytes], chance: random.Random) -> bytes:
    """Another event in a whole line, with the right number: what its hash or its seal says is about the old one."""
    del raw
    place = chance.randrange(len(lines))
    entry = json.loads(lines[place])
    entry["body"] = (
        json.loads(chance.choice(lines))["body"] | {"reason": "forged"}
        if chance.random() < 0.3
        else {"event": "step_finished", "step": f"step {chance.random()}", "outcome": "done"}
    )
    made = forged_line(entry) if place + 1 < len(lines) else unsealed(entry)
    return b"".join([*lines[:place], made, *lines[place + 1 :]])


def another_journal(raw: bytes, lines: list[bytes], chance: random.Random) -> bytes:
    """The beginning of one journal and the end of one that began a little later."""
    del raw
    cut = chance.randrange(1, len(lines)) if len(lines) > 1 else 0
    later = [unsealed(json.loads(line) | {"monotonic": chance.random()}) for line in lines[cut:]]
    return b"".join(lines[:cut] + later)


def forged_line(entry: dict[str, Any]) -> bytes:
    """A line that is whole in itself, as somebody makes it who knows how."""
    entry.pop("sha256", None)
    return sealed(json.dumps(entry, separators=(",", ":")).encode())


def unsealed(entry: dict[str, Any]) -> bytes:
    """A line that keeps the seal of what stood there before."""
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


KINDS: list[Mutation] = [
    *(flip_a_bit, change_a_byte, take_bytes_out, put_bytes_in, drop_lines, double_lines, move_lines, shuffle_lines),
    *(append_a_line, truncate, zero_the_tail, replace_the_head, replace_a_line, another_journal),
]


def verdict_on(path: Path, raw: bytes, mutated: bytes, original: Reading) -> str:
    """What becomes of a mutation. Fails when it is believed."""
    path.write_bytes(mutated)
    lines, theirs = raw.splitlines(keepends=True), mutated.splitlines(keepends=True)
    same = next(
        (n for n, (a, b) in enumerate(zip(lines, theirs, strict=False)) if a != b), min(len(lines), len(theirs))
    )
    try:
        reading = read(path)
    except Refused as problem:
        return told(problem, path, same)
    assert reading.entries == original.entries[:same], "a mutation was believed"
    if reading.torn:
        assert not mutated.endswith(b"\n")
        return "torn"
    assert mutated == b"".join(lines[:same]), "a mutation went unnoticed"
    return "cut"


def told(problem: Refused, path: Path, same: int) -> str:
    """A refusal names the line that differs, or the one behind it, which carries its hash."""
    place = re.match(rf"journal {re.escape(str(path))}:(\d+): ", problem.message)
    assert place, problem.message
    assert int(place[1]) in (same + 1, same + 2), (problem.message, same)
    assert problem.hint
    return "refused"


@pytest.fixture(scope="module")
def journals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes, Reading]]:
    folder = tmp_path_factory.mktemp("journals")
    made = {name: (folder / f"{name}.jsonl", events) for name, events in journals_of_runs().items()}
    return {name: (written(path, events), read(path)) for name, (path, events) in made.items()}


def test_ten_thousand_mutations_are_detected(tmp_path: Path, journals: dict[str, tuple[bytes, Reading]]) -> None:
    chance = random.Random(f"mutations {SEED}")  # noqa: S311 - repeatable, not secret
    path = tmp_path / "journal.jsonl"
    became: dict[str, int] = {"refused": 0, "torn": 0, "cut": 0}
    done = 0
    while done < MUTATIONS:
        name = chance.choice(sorted(journals))
        raw, original = journals[name]
        mutate = KINDS[done % len(KINDS)]
        mutated = mutate(raw, raw.splitlines(keepends=True), chance)
        if mutated == raw:
            continue
        done += 1
        try:
            became[verdict_on(path, raw, mutated, original)] += 1
        except Exception as problem:
            raise AssertionError(
                f"seed {SEED}, mutation {done} ({mutate.__name__}) of {name!r}: {problem}"
            ) from problem
    assert became["refused"] > MUTATIONS / 2
    assert became["torn"] > MUTATIONS / 100
    # Only `truncate`, `drop_lines` and the like, when they hit the end of a line: see below.
    assert became["cut"] < MUTATIONS / 20


def test_every_bit_of_a_journal_counts(tmp_path: Path, journals: dict[str, tuple[bytes, Reading]]) -> None:
    """Every bit of a last line, one by one: it has no other line behind it that would carry its hash."""
    path = tmp_path / "journal.jsonl"
    for name in ("killed", "one line"):
        raw, original = journals[name]
        last = raw.rfind(b"\n", 0, -1) + 1
        for place in range(max(last, len(raw) - 600), len(raw)):
            for bit in range(8):
                mutated = raw[:place] + bytes([raw[place] ^ 1 << bit]) + raw[place + 1 :]
                expected = "torn" if place + 1 == len(raw) else "refused"
                assert verdict_on(path, raw, mutated, original) == expected


def test_a_journal_cut_anywhere_is_torn_or_has_no_end(
    tmp_path: Path, journals: dict[str, tuple[bytes, Reading]]
) -> None:
    """Every byte of the longest journal at which a disk may have stopped."""
    path = tmp_path / "journal.jsonl"
    raw, original = journals["test"]
    for length in range(len(raw)):
        if length < 2000 or length > len(raw) - 2000 or raw[length - 1 : length] == b"\n" or length % 17 == 0:
            expected = "cut" if length == 0 or raw[length - 1 : length] == b"\n" else "torn"
            assert verdict_on(path, raw, raw[:length], original) == expected


@pytest.mark.parametrize("name", ["test", "backup"])
def test_what_was_cut_between_two_lines_never_passes(
    tmp_path: Path, journals: dict[str, tuple[bytes, Reading]], name: str
) -> None:
    """The chain is whole, so reading cannot tell a cut from a kill; the missing `closed` does (DESIGN.md)."""
    path = tmp_path / "journal.jsonl"
    raw, original = journals[name]
    lines = raw.splitlines(keepends=True)
    assert judge(timeline(original.entries))[0] == "passed"
    path.write_bytes(b"")
    with pytest.raises(Refused, match="`opened`"):
        report_of(read(path))
    for kept in range(1, len(lines)):
        path.write_bytes(b"".join(lines[:kept]))
        report = report_of(read(path))
        assert report.verdict == "inconclusive"
        assert any("the journal ends before the run does" in reason for reason in report.reasons)


def test_a_journal_rewritten_as_a_whole_is_believed(tmp_path: Path) -> None:
    """Said plainly: hashes show accidents and careless edits. Whoever can write all of a journal can make all of them.

    Against that only a signature helps; the head that the report keeps tells the two apart.
    """
    honest, forged = tmp_path / "honest.jsonl", tmp_path / "forged.jsonl"
    events = passed_run(test_plan())
    written(honest, events[:-9])
    written(forged, events)
    assert report_of(read(forged)).verdict == "passed"
    assert report_of(read(honest)).verdict == "inconclusive"
    assert read(forged).head_sha256 != read(honest).head_sha256 != GENESIS
