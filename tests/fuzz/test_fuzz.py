"""Whatever stands in a document, it is a value or a refusal: no crash, no hang, no more than 256 MB, for every parser.

3,000 estates, plans and journals, and 600 of each kind that only we write; in the soak 200,000 and 6,000, in parts of
which a short one takes some.
"""

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.readers import READERS

ROOT = Path(__file__).parent.parent.parent
CASES = {"estate": 3000, "plan": 3000, "journal": 3000, "record": 600, "connection": 600, "report": 600}
"""What people and other programs write, and then what only we do."""
LONG = {kind: 200_000 if count >= 3000 else 10 * count for kind, count in CASES.items()}
PART = 50
"""Seconds that a part of them may take."""
PACE = {"estate": 0.012, "plan": 0.004, "journal": 0.004, "record": 0.003, "connection": 0.003, "report": 0.02}
"""Seconds that a document takes, with what hypothesis itself takes."""
SEED = int(os.environ.get("DR_SOAK_SEED", "1"))


def fuzz(kind: str, count: int, seed: int, timeout: float) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.worker", kind, str(count), str(seed)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=timeout,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    return done.stdout


@pytest.mark.parametrize("kind", READERS)
def test_a_document_is_a_value_or_a_refusal(kind: str) -> None:
    fuzz(kind, CASES[kind], 1, timeout=280)


def parts() -> Iterator[Any]:
    """(kind, part, of how many) of the soak."""
    for kind in READERS:
        count = math.ceil(LONG[kind] * PACE[kind] / PART)
        yield from (pytest.param(kind, part, count, id=f"{kind}-{part}") for part in range(count))


@pytest.mark.soak(PART)
@pytest.mark.parametrize(("kind", "part", "of"), list(parts()))
def test_many_more_documents_are_values_or_refusals(kind: str, part: int, of: int) -> None:
    start = 1000 * SEED + 10 * part
    print("\nsoak,", fuzz(kind, math.ceil(LONG[kind] / of), start, timeout=20 * PART))  # noqa: T201 - the figure
