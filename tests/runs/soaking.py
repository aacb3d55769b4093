"""What the long proofs share: how many rounds, drawn by which seed, and how many of them fit the time that there is."""

import math
import os
import random
import time
from collections.abc import Iterator

from tests.conftest import WORKERS

COUNT = int(os.environ.get("DR_SOAK_COUNT", "100"))
SEED = int(os.environ.get("DR_SOAK_SEED", "1"))
SECONDS = float(os.environ.get("DR_SOAK_SECONDS", "inf"))
BATCH = 20
SETTING_UP = 40.0
"""Seconds that a lab and its seed may take."""
SAMPLE = 2 if SECONDS > 400 else 1
"""Batches of each proof that a short soak takes: a very short one would spend its time on setting labs up."""
PROOFS = 4
"""How many there are: three in `test_soak.py`, and the runs that are killed and gone on with."""
OURS = 0.75
"""Of a short soak's time; the rest is for the long proofs elsewhere: see `tests/conftest.py`."""


def batches(count: int) -> list[tuple[int, int]]:
    """(number, size) of each batch: all of them, or a sample drawn by the seed."""
    sizes = [min(BATCH, count - start) for start in range(0, count, BATCH)]
    numbered = list(enumerate(sizes))
    if math.isinf(SECONDS):
        return numbered
    chosen = random.Random(SEED).sample(numbered, min(SAMPLE, len(numbered)))  # noqa: S311 - repeatable, not secret
    return sorted(chosen)


def rounds(count: int) -> Iterator[int]:
    end = time.monotonic() + SECONDS * OURS * WORKERS / (PROOFS * SAMPLE) - SETTING_UP
    for number in range(count):
        if number and time.monotonic() > end:
            return
        yield number
