"""Recoveries that go astray: the base backup is sound, and what comes of it is not."""

from dr.lab.faults.entries import RESTORED, Entry, restored

OPTIONS = restored


def _entry(name: str, number: str, what: str, simulates: str, at: str, by: str, *, also: tuple[str, ...] = ()) -> Entry:
    return Entry(name, what, OPTIONS, RESTORED, number, "recovery", simulates, at, by, also)


ENTRIES = (
    _entry(
        "log-segment-lost",
        "P13",
        "A segment of the log is missing, and the recovery ends there without an error.",
        "a restore to `latest` over a hole",
        "L6",
        "heartbeat",
        also=("content", "sequences", "references", "schema"),
    ),
    _entry(
        "log-hole",
        "P14b",
        "A segment of the log is missing before the moment that was asked for.",
        "a restore to a moment over a hole",
        "L1",
        "restore",
    ),
    _entry(
        "log-segment-rotten",
        "P15",
        "A segment of the log has rotted, and the recovery ends there without an error.",
        "bit rot in the archive",
        "L6",
        "heartbeat",
        also=("content", "sequences", "references", "schema"),
    ),
    _entry(
        "log-segment-cut",
        "P16",
        "A segment of the log is cut in half.",
        "an upload that was not finished",
        "L1",
        "restore",
    ),
    _entry(
        "backup-label-lost",
        "P18",
        "The backup label is missing, and the base backup is started as it is: as a server that crashed.",
        "somebody who tidied up",
        "L1",
        "restore",
    ),
    _entry(
        "recovery-forgotten",
        "P19",
        "Nobody tells the server that it is to recover.",
        "a restore script that forgot one file",
        "L1",
        "restore",
    ),
    _entry(
        "recovered-too-early",
        "P20",
        "The recovery ends three seconds before its instant.",
        "a clock or a time zone that slipped back",
        "L6",
        "heartbeat",
        also=("restore", "content", "sequences", "references", "schema"),
    ),
    _entry(
        "recovered-too-late",
        "P20b",
        "The recovery ends three seconds after its instant.",
        "a clock or a time zone that slipped ahead",
        "L6",
        "heartbeat",
        also=("content", "sequences", "restore", "references", "schema"),
    ),
    _entry(
        "log-reset",
        "P25",
        "The log was thrown away instead of replayed.",
        "a restore that was made to start",
        "L6",
        "heartbeat",
        also=(
            "content",
            "sequences",
            "restore",
            "structure",
            "readable",
            "visibility",
            "schema",
            "constraints",
            "index_answers",
            "references",
            "opens",
            "isolation",
            "extensions",
            "roles",
            "assertions",
        ),
    ),
)
