"""A document of the control store is written once, and is later proven to be the one that was written."""

import fcntl
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from dr.errors import Refused, Unable
from dr.records import Document
from dr.store import FolderStore, Seen, verified


def test_what_is_written_is_read(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "control")
    document = store.create("baselines/receipts-db/one.json", b"{}")
    assert document == Document(name="baselines/receipts-db/one.json", sha256=hashlib.sha256(b"{}").hexdigest())
    assert store.read(document.name) == b"{}"
    assert verified(store, document) == b"{}"


def test_a_second_document_of_a_name_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.create("a/b", b"first")
    with pytest.raises(Refused, match="already exists") as caught:
        store.create("a/b", b"second")
    assert caught.value.hint
    assert store.read("a/b") == b"first"


def test_of_sixteen_writers_one_wins(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    for turn in range(6):
        start = Barrier(16)

        def write(me: int, name: str = f"leases/{turn}", start: Barrier = start) -> bytes | None:
            content = b"%d" % me * 4096
            start.wait()
            try:
                store.create(name, content)
            except Refused:
                return None
            return content

        with ThreadPoolExecutor(16) as pool:
            winners = [content for content in pool.map(write, range(16)) if content is not None]
        assert len(winners) == 1
        assert store.read(f"leases/{turn}") == winners[0]
    assert len(list(tmp_path.rglob("*"))) == 7  # the folder and its documents: no draft is left


@pytest.mark.parametrize("change", [b"", b"{", b"{ }", b"[]"])
def test_a_changed_document_is_not_believed(tmp_path: Path, change: bytes) -> None:
    store = FolderStore(tmp_path)
    document = store.create("a", b"{}")
    (tmp_path / "a").write_bytes(change)
    with pytest.raises(Unable, match="is not what was recorded"):
        verified(store, document)


def test_a_missing_document_is_an_inability(tmp_path: Path) -> None:
    with pytest.raises(Unable, match="cannot read"):
        FolderStore(tmp_path).read("nowhere")


def test_names_begin_with_their_prefix_and_come_in_order(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    for name in ("backups/receipts/2", "backups/receipts/1", "backups/receipts-archive/1", "backups/ledgers/1", "top"):
        store.create(name, b"")
    (tmp_path / "backups" / "receipts" / ".3.draft").write_bytes(b"half")
    assert list(store.names("backups/receipts/")) == ["backups/receipts/1", "backups/receipts/2"]
    assert list(store.names("backups/rec")) == [
        "backups/receipts-archive/1",
        "backups/receipts/1",
        "backups/receipts/2",
    ]
    assert list(store.names("")) == sorted(store.names(""))
    assert len(list(store.names(""))) == 5
    assert list(store.names("absent/")) == []
    assert list(FolderStore(tmp_path / "absent").names("backups/")) == []


def test_a_folder_that_cannot_be_is_an_inability(tmp_path: Path) -> None:
    (tmp_path / "control").write_text("a file, not a folder")
    with pytest.raises(Unable, match="cannot create"):
        FolderStore(tmp_path / "control").create("a/b", b"")


def test_what_was_seen_is_replaced_once(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    assert store.look("leases/a") is None
    assert store.replace("leases/a", b"0", "a mark of nothing") is None
    first = store.replace("leases/a", b"1", None)
    assert first
    assert store.replace("leases/a", b"2", None) is None
    assert store.look("leases/a") == Seen(b"1", first)
    second = store.replace("leases/a", b"2", first)
    assert second
    assert store.replace("leases/a", b"3", first) is None
    assert store.look("leases/a") == Seen(b"2", second)
    assert list(store.names("leases/")) == ["leases/a"]


def test_of_sixteen_who_saw_the_same_one_replaces_it(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    mark = store.replace("a", b"begun", None)
    for turn in range(6):
        start = Barrier(16)

        def write(me: int, turn: int = turn, start: Barrier = start, seen: str | None = mark) -> str | None:
            start.wait()
            return store.replace("a", b"%d %d" % (turn, me), seen)

        with ThreadPoolExecutor(16) as pool:
            (mark,) = [made for made in pool.map(write, range(16)) if made is not None]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.lock", "a"]


def test_who_is_paused_while_replacing_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    store = FolderStore(tmp_path, patience=0.05)
    mark = store.replace("a", b"1", None)
    with (tmp_path / ".a.lock").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(Unable, match="locked by a process that does not go on") as caught:
            store.replace("a", b"2", mark)
    assert caught.value.hint
    assert store.read("a") == b"1"
    assert store.replace("a", b"2", mark)
