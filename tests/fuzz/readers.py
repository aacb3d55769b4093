"""Every parser of the product as one function: the bytes of a document in, nothing or a refusal out.

What a document says is then used, as the product would use it: a value that cannot be shown was not understood.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from dr import catalog, chain, connection, journal
from dr.documents import load_estate
from dr.errors import FiredrillError, Refused
from dr.events import Entry
from dr.planning import choose, plan_backup, plan_test
from dr.preview import preview
from dr.provenance import assert_ours, opening, plan_of
from dr.report.rebuild import report_of
from dr.report.write import FORMS, JSON, as_json, read
from dr.store import FolderStore
from tests import stories
from tests.fuzz.material import ESTATE, LINES, NOISE, TRAPS, altered, block, damaged
from tests.fuzz.material import as_json as plain

Reader = Callable[[bytes, Path], None]
FILE = "document"
OURS = stories.estate()
PLAN = stories.test_plan()


def estate(raw: bytes, folder: Path) -> None:
    path = folder / FILE
    path.write_bytes(raw)
    found = _placed(lambda: load_estate(path)[0], f"{path}:", raw)
    for choice in choose(found, []):
        preview(plan_backup(found, choice, stories.START))
        if found.sites.recovery.scratch:
            preview(plan_test(found, choice, stories.START, site="recovery"))


def plan(raw: bytes, folder: Path) -> None:
    """A plan stands in the first line of a journal."""
    first = stories.entries([stories.opened(PLAN)])[0].model_dump_json().encode()
    before, mark, _ = first.partition(b'"plan":')
    path = folder / FILE
    path.write_bytes(chain.sealed(before + mark + raw.replace(b"\n", b" ") + b"}}"))
    opened = opening(_placed(lambda: journal.read(path), f"journal {path}:1: ", raw).events)
    found = plan_of(opened)
    preview(found)
    assert_ours(found, OURS)


def journals(raw: bytes, folder: Path) -> None:
    path = folder / FILE
    path.write_bytes(raw)
    reading = _placed(lambda: journal.read(path), f"journal {path}:", raw)
    as_json(report_of(reading))


def record(raw: bytes, folder: Path) -> None:
    path = folder / "backups" / "receipts" / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    for found in _placed(lambda: catalog.records(FolderStore(folder), "receipts"), "control store: ", raw):
        found.model_dump_json(by_alias=True)


def connections(raw: bytes, folder: Path) -> None:
    path = folder / FILE
    path.write_bytes(raw)
    reached = _placed(lambda: connection.read({connection.VARIABLE: str(path)}), f"{connection.VARIABLE}: ", raw)
    for name in ("rds", "s3"):
        reached.endpoint(name, "eu-west-1")
    reached.address("receipts.abc.eu-west-1.rds.amazonaws.com")


def report(raw: bytes, folder: Path) -> None:
    path = folder / JSON
    path.write_bytes(raw)
    found = _placed(lambda: read(folder), f"{path}: ", raw)
    for draw in FORMS.values():
        draw(found).encode()


def _placed(reader: Callable[[], Any], begins: str, raw: bytes) -> Any:
    """What a reader reads. A refusal has to name the file, and the line where the format has lines."""
    try:
        return reader()
    except FiredrillError as problem:
        if not problem.message.startswith(begins):
            raise AssertionError(f"refused without its place: {problem.message[:300]!r} ({raw[:80]!r})") from problem
        raise


def harmless(problem: FiredrillError) -> None:
    """A refusal is printed on a terminal: no line of it may rearrange one, and nobody reads a megabyte."""
    text = str(problem)
    if not all(line.isprintable() for line in text.split("\n")):
        raise AssertionError(f"a refusal that is not harmless: {text[:300]!r}")
    if len(text) > 60_000:
        raise AssertionError(f"a refusal of {len(text)} characters: {text[:300]!r}")


def rechained(trees: list[Any]) -> bytes:
    """A journal that somebody wrote who knows how: the hashes fit, whatever the lines say."""
    head, lines = chain.GENESIS, []
    for number, tree in enumerate(trees, start=1):
        entry = {**tree, "prev": head, "n": number} if isinstance(tree, dict) else tree
        lines.append(chain.sealed(plain(entry)))
        head = hashlib.sha256(lines[-1]).hexdigest()
    return b"".join(lines)


def _entry(entry: Entry) -> Any:
    return entry.model_dump(mode="json")


def _connection() -> dict[str, Any]:
    services = dict.fromkeys(("rds", "s3", "sts"), "http://127.0.0.1:4566")
    return {
        "account": "123456789012",
        "time_scale": 60,
        "credentials": {"access_key_id": "AK", "secret_access_key": "SK"},
        "endpoints": {"eu-west-1": services, "eu-central-1": services, "global": services},
        "certificate_authority": "/tmp/ca.pem",  # noqa: S108 - named, never opened
        "resolver": {"*.eu-west-1.rds.amazonaws.com": "127.0.0.1"},
        "dns": {"authority": "127.0.0.1:5300", "resolver": "[::1]:5301"},
    }


def _record() -> dict[str, Any]:
    document = {"name": "baselines/x.json", "sha256": "0" * 64}
    moment = "2026-11-20T02:14:00Z"
    source = {
        "identifier": "receipts",
        "arn": "arn:aws:rds:eu-west-1:123456789012:db:receipts",
        "resource_id": "db-1",
        "engine": "postgres",
        "engine_version": "15.4",
        "instance_class": "db.t4g.medium",
        "storage_type": "gp3",
        "allocated_gib": 20,
        "iops": None,
        "throughput": None,
        "port": 5432,
        "master_username": "owner",
        "database": "receipts",
        "encrypted": True,
        "kms_key": None,
        "lifecycle_support": None,
    }
    database = {"source": source, "database": "receipts", "instant": moment, "baseline": document}
    database |= {"snapshot": "firedrill-1", "snapshot_baseline": document}
    return {
        "schema": "firedrill.backup/1",
        "run": stories.backup_plan().run,
        "application": "receipts",
        "instant": moment,
        "committed_at": moment,
        "databases": {stories.DATABASE: database},
        "buckets": {stories.BUCKET: {"bucket": "a", "copy_": "b", "manifests": {moment: document}}},
    }


def _json(documents: list[Any]) -> st.SearchStrategy[bytes]:
    texts = [plain(one) for one in documents]
    return st.one_of(altered(documents).map(plain), damaged(texts, 8000), NOISE)


BACKUP = stories.backup_plan().model_copy(update={"run": PLAN.run})
PLANS = [one.model_dump(mode="json", by_alias=True) for one in (PLAN, BACKUP)]
JOURNALS = [[_entry(one) for one in stories.entries(events)] for events in stories.journals_of_runs().values()]
REPORT = report_of(
    chain.Reading(entries=tuple(stories.entries(stories.passed_run(stories.test_plan()))), head_sha256="0" * 64)
).model_dump(mode="json", by_alias=True)

READERS: dict[str, tuple[Reader, st.SearchStrategy[bytes]]] = {
    "estate": (
        estate,
        st.one_of(
            altered([ESTATE]).map(lambda tree: block(tree).encode()),
            altered([ESTATE]).map(plain),
            damaged([LINES], 400),
            damaged([block(ESTATE).encode()], 400),
            NOISE,
            NOISE,
        ),
    ),
    "plan": (plan, _json(PLANS)),
    "journal": (
        journals,
        st.one_of(
            altered(JOURNALS).map(rechained),
            altered([one for story in JOURNALS for one in story]).map(lambda tree: rechained([JOURNALS[0][0], tree])),
            damaged([rechained(one) for one in JOURNALS], 30_000),
            NOISE,
        ),
    ),
    "record": (record, _json([_record()])),
    "connection": (connections, _json([_connection()])),
    "report": (report, _json([REPORT])),
}
"""kind -> its parser, and documents for it."""


def attempt(kind: str, raw: bytes, folder: Path) -> bool:
    """Read one document; True when it was refused. Whatever else comes out of it is a bug."""
    try:
        READERS[kind][0](raw, folder)
    except Refused as problem:
        harmless(problem)
        return True
    return False


__all__ = ["READERS", "TRAPS", "attempt"]
