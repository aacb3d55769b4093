"""The control store: a folder, or a versioned bucket in the recovery region. What must survive the loss of a region.

Holds baselines, manifests and backup records under names that are never given twice: a document is created once, and
what reads it later knows what it must hash to. Only leases change: whoever saw their present state may replace them.
"""

import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dr.aws import conditional, s3
from dr.aws.clients import Aws
from dr.errors import Refused, Unable
from dr.journal import sync_folder
from dr.records import Document


@dataclass(frozen=True)
class Seen:
    """A document that can change, as somebody saw it: what it held, and the mark of that state."""

    content: bytes
    mark: str


_GLANCE = 0.002
"""Seconds between two looks at a lock."""


class Store(Protocol):
    """Named documents. Names are relative, with slashes."""

    shown: str
    regions: frozenset[str]
    """Where it is called: none for a folder."""

    def create(self, name: str, content: bytes) -> Document:
        """Write a document that does not exist yet. Raises Refused when it does."""

    def read(self, name: str) -> bytes:
        """The bytes of a document. Raises Unable when it is not there."""

    def names(self, prefix: str) -> Iterator[str]:
        """Every name that begins with a prefix, in order."""

    def look(self, name: str) -> Seen | None:
        """A document that can change, as it is now; None when it is not there."""

    def replace(self, name: str, content: bytes, seen: str | None) -> str | None:
        """Write a document only if it still bears the mark that was seen (None: it is not there).

        Returns its new mark, or None when somebody was faster. A mark is made of the content: whoever replaces
        documents takes care that no content of a name ever comes again.
        """


class FolderStore:
    """A folder on this machine: good for one operator, and for the lab."""

    def __init__(self, root: Path, *, patience: float = 5.0) -> None:
        """`patience`: seconds to wait for whoever replaces a document, which takes less than a thousandth of that."""
        self.root = root
        self._patience = patience
        self.shown = str(root)
        self.regions: frozenset[str] = frozenset()

    def create(self, name: str, content: bytes) -> Document:
        path = self.root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise Unable(f"control store: cannot create {path.parent}: {problem.strerror}") from problem
        try:
            with _draft(path, content) as draft:
                # A link, unlike a rename, fails when the name is taken: two writers cannot both win.
                os.link(draft, path)
            sync_folder(path.parent)
        except FileExistsError as problem:
            raise Refused(
                f"{path}: already exists", hint="documents of the control store are written once"
            ) from problem
        except OSError as problem:
            raise Unable(f"control store: cannot write {path}: {problem.strerror}") from problem
        return Document(name=name, sha256=hashlib.sha256(content).hexdigest())

    def read(self, name: str) -> bytes:
        try:
            return (self.root / name).read_bytes()
        except OSError as problem:
            raise Unable(f"control store: cannot read {self.root / name}: {problem.strerror}") from problem

    def look(self, name: str) -> Seen | None:
        try:
            content = (self.root / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise Unable(f"control store: cannot read {self.root / name}: {problem.strerror}") from problem
        return Seen(content, hashlib.sha256(content).hexdigest())

    def replace(self, name: str, content: bytes, seen: str | None) -> str | None:
        path = self.root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # The draft comes first, so that nothing waits for the disk while it keeps others out.
            with _draft(path, content) as draft, _locked(path, self._patience):
                found = self.look(name)
                if (found.mark if found else None) != seen:
                    return None
                draft.rename(path)
            sync_folder(path.parent)
        except OSError as problem:
            raise Unable(f"control store: cannot write {path}: {problem.strerror}") from problem
        return hashlib.sha256(content).hexdigest()

    def names(self, prefix: str) -> Iterator[str]:
        folder = self.root / prefix.rpartition("/")[0]
        found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        yield from sorted(
            name for name in (path.relative_to(self.root).as_posix() for path in found) if name.startswith(prefix)
        )


@contextmanager
def _draft(path: Path, content: bytes) -> Iterator[Path]:
    """A file with this content, on the disk, beside the one that it may become. What is left of it is removed."""
    # A name of its own: whoever loses must not take away what the winner is still writing.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


@contextmanager
def _locked(path: Path, patience: float) -> Iterator[None]:
    """One at a time may replace a file. The lock of a process that dies is gone with it.

    Raises Unable for one that is paused in the middle: to wait for it would be to wait for ever.
    """
    end = time.monotonic() + patience
    with path.with_name(f".{path.name}.lock").open("ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as problem:
                if time.monotonic() > end:
                    raise Unable(
                        f"control store: {path} is locked by a process that does not go on",
                        hint=f"`fuser {file.name}` names it; kill it if it is stopped",
                    ) from problem
            time.sleep(_GLANCE)
        yield


def verified(store: Store, document: Document) -> bytes:
    """Read a document and prove that it is the one that was recorded. Raises Unable when it is not."""
    content = store.read(document.name)
    if hashlib.sha256(content).hexdigest() != document.sha256:
        raise Unable(
            f"control store: {document.name} in {store.shown} is not what was recorded",
            hint="it was changed or cut short afterwards; take a new backup",
        )
    return content


def keep(store: Store, stem: str, content: bytes) -> Document:
    """Write a document under a name that ends in its own hash: a resumed run that writes it again meets the same one.

    Raises Unable when something else stands under that name.
    """
    digest = hashlib.sha256(content).hexdigest()
    document = Document(name=f"{stem}-{digest[:16]}.json", sha256=digest)
    try:
        store.create(document.name, content)
    except Refused:
        verified(store, document)
    return document


class BucketStore:
    """A versioned bucket in the recovery region: good for a team, and for a day on which the laptop is gone too."""

    def __init__(self, aws: Aws, region: str, bucket: str, prefix: str) -> None:
        self._aws = aws
        self._region = region
        self.regions = frozenset({region})
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.shown = f"s3://{bucket}/{self._prefix}"

    def create(self, name: str, content: bytes) -> Document:
        if not conditional.put_if_absent(self._aws, self._region, self._bucket, self._prefix + name, content):
            raise Refused(f"{self.shown}{name}: already exists", hint="documents of the control store are written once")
        return Document(name=name, sha256=hashlib.sha256(content).hexdigest())

    def read(self, name: str) -> bytes:
        return s3.read(self._aws, self._region, self._bucket, self._prefix + name)

    def look(self, name: str) -> Seen | None:
        found = conditional.look(self._aws, self._region, self._bucket, self._prefix + name)
        return Seen(found.content, found.etag) if found else None

    def replace(self, name: str, content: bytes, seen: str | None) -> str | None:
        return conditional.put_if_unchanged(self._aws, self._region, self._bucket, self._prefix + name, content, seen)

    def names(self, prefix: str) -> Iterator[str]:
        for key in s3.list_keys(self._aws, self._region, self._bucket, self._prefix + prefix):
            yield key.removeprefix(self._prefix)


def open_store(location: str, aws: Aws, region: str) -> tuple[Store, Path]:
    """The control store at a location, and the folder on this machine that holds the runs made from here."""
    if not location.startswith("s3://"):
        return FolderStore(Path(location)), Path(location)
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    return BucketStore(aws, region, bucket, prefix), Path(".firedrill") / "runs"
