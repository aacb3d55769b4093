"""A report onto the disk and back. Each file appears whole or not at all, whenever the power goes."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dr.errors import Refused, Unable
from dr.harmless import ascii_json
from dr.report.html import page
from dr.report.junit import junit
from dr.report.markdown import markdown
from dr.report.model import Report

JSON, HTML, MARKDOWN, JUNIT = "report.json", "report.html", "report.md", "junit.xml"
VERSION = "firedrill.report/1"
MAX_BYTES = 32_000_000


def as_json(report: Report) -> str:
    """The report as a program reads it."""
    return ascii_json(report.model_dump(mode="json", by_alias=True)) + "\n"


FORMS: dict[str, Callable[[Report], str]] = {JSON: as_json, HTML: page, MARKDOWN: markdown, JUNIT: junit}


def write(report: Report, folder: Path) -> None:
    """Write every form into a run's folder. Raises Unable when the disk does not take them."""
    folder.mkdir(parents=True, exist_ok=True)
    # Drawn before anything is written, and the one that programs read goes last: where it stands, all of them do.
    drawn = {name: draw(report) for name, draw in FORMS.items()}
    for name in (HTML, MARKDOWN, JUNIT, JSON):
        put(folder / name, drawn[name])


def put(path: Path, text: str) -> None:
    """One file, atomically. Raises Unable when the disk does not take it."""
    try:
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                os.fchmod(file.fileno(), 0o644)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        entry = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(entry)
        finally:
            os.close(entry)
    except OSError as problem:
        raise Unable(
            f"report: cannot write {path}: {problem.strerror}", hint="the journal beside it holds all that it says"
        ) from problem


def read(folder: Path) -> Report:
    """The report of a run's folder. Raises Refused when there is none, or none that this version can read."""
    path = folder / JSON
    try:
        size = path.stat().st_size
        raw = path.read_bytes() if size <= MAX_BYTES else b""
    except FileNotFoundError as problem:
        raise Refused(
            f"{path}: there is no report", hint="the run has not ended, or was killed; its journal stands beside it"
        ) from problem
    except OSError as problem:
        raise Refused(f"{path}: {problem.strerror}", hint="look at the file's owner and mode") from problem
    if size > MAX_BYTES:
        raise Refused(f"{path}: larger than {MAX_BYTES:,} bytes", hint="no report of ours is")
    damaged = "it was cut short or changed; the journal beside it holds the facts"
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as problem:
        raise Refused(f"{path}: damaged: not JSON", hint=damaged) from problem
    version = data.get("schema") if isinstance(data, dict) else None
    if isinstance(version, str) and version.startswith("firedrill.report/") and version != VERSION:
        raise Refused(f"{path}: written as {version[:60]!r}, and this program reads {VERSION}", hint="use a newer dr")
    try:
        return Report.model_validate_json(raw)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:120] or "the document"
        raise Refused(f"{path}: damaged: {place}: {first['msg'].lower()}", hint=damaged) from problem


def schema() -> dict[str, Any]:
    """The published JSON Schema of report.json."""
    drawn = Report.model_json_schema(by_alias=True, mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{VERSION.replace('/', ':')}",
        **drawn,
        "required": list(drawn["properties"]),
    }
