"""Quantities as people write them: how long, and how much. Pure."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def duration(text: object) -> timedelta:
    """Read a duration as people write it: `30s`, `5m`, `4h`, `1h30m`, `30d`. Raises ValueError for anything else."""
    if isinstance(text, timedelta):
        return text
    parts = re.findall(r"([0-9]{1,9})([smhdw])", text) if isinstance(text, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a duration; write 30s, 5m, 4h or 30d")
    seconds = sum(int(number) * _UNITS[unit] for number, unit in parts)
    if not 0 < seconds <= 10 * 365 * 86400:
        raise ValueError(f"{text!r} must be longer than nothing and shorter than ten years")
    return timedelta(seconds=seconds)


_BYTES = {"kB": 10**3, "MB": 10**6, "GB": 10**9}


def size(text: object) -> int:
    """Read a number of bytes as people write it: `500kB`, `50MB`, `1GB`. Raises ValueError for anything else."""
    if isinstance(text, int) and not isinstance(text, bool) and text > 0:
        return text
    found = re.fullmatch(r"([1-9][0-9]{0,5})(kB|MB|GB)", text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{text!r} is not a size; write 500kB, 50MB or 1GB")
    return int(found[1]) * _BYTES[found[2]]


Duration = Annotated[timedelta, BeforeValidator(duration), PlainSerializer(lambda value: int(value.total_seconds()))]
Bytes = Annotated[int, BeforeValidator(size)]
