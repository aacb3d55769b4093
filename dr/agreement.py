"""Do two restores of one instant agree with each other? Pure.

One was made from the source's own backups, the other from their copy in the second region: two chains of which one may
be damaged. Both are restores, so nothing moves, and every chunk of every table must be the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from dr.estate import SiteName
from dr.hashing import Hashing
from dr.recovery import Fact, Moment
from dr.verification import Chunk, Finding, ObservedDatabase, Outcome

CHECK = "agreement"

Tables = Mapping[str, Mapping[int, Chunk]]


class Restored(Fact):
    """What one restore held, by chunks: kept for the next restore of the same instant."""

    schema_: Literal["firedrill.restored/1"] = "firedrill.restored/1"
    asset: str
    run: str
    site: SiteName
    instant: Moment
    hashing: Hashing
    databases: dict[str, dict[str, dict[int, Chunk]]]
    """database -> table -> chunk, of everything that was to be read: half a reading is not kept."""


def chunks_of(observed: Iterable[ObservedDatabase]) -> dict[str, dict[str, dict[int, Chunk]]]:
    """What of a reading is kept."""
    return {one.name: {key: dict(side.chunks) for key, side in one.tables.items()} for one in observed}


def unread(expected: Iterable[str], observed: Iterable[ObservedDatabase]) -> str | None:
    """The first database or table of a restore that was to be read and was not."""
    there = {one.name: one for one in observed}
    for name in expected:
        if name not in there:
            return f"database {name}"
        for table in (*there[name].damaged, *there[name].unread):
            return f"{name}.{table}"
    return None


def compare(mine: Restored, others: Sequence[Restored]) -> list[Finding]:
    """One finding for the whole, and one for each table that differs. `others` are restores in the other site."""
    fitting = [
        one for one in others if one.site != mine.site and (one.instant, one.hashing) == (mine.instant, mine.hashing)
    ]
    if not fitting:
        site = "primary" if mine.site == "recovery" else "recovery"
        reason = f"nobody restored this instant in the {site} site: `dr test --site {site}` makes one to compare with"
        return [_finding("not_available", mine.asset, detail=reason)]
    other = max(fitting, key=lambda one: one.run)
    bad: list[Finding] = []
    tables = rows = 0
    for name in sorted(mine.databases.keys() | other.databases.keys()):
        here, there = mine.databases.get(name, {}), other.databases.get(name, {})
        for key in sorted(here.keys() | there.keys()):
            tables += 1
            rows += _rows(here.get(key, {}))
            if (problem := _difference(here.get(key), there.get(key))) is not None:
                bad.append(_finding("failed", f"{name}.{key}", f"as in {other.run}", problem))
    if not tables or not rows:
        return [_finding("errored", mine.asset, detail=f"nothing was compared with {other.run}")]
    seen = f"{tables} tables of {rows} rows compared, {len(bad)} differ"
    expected = f"the same content as {other.run} restored in the {other.site} site"
    return [_finding("failed" if bad else "passed", mine.asset, expected, seen), *bad]


def _difference(here: Mapping[int, Chunk] | None, there: Mapping[int, Chunk] | None) -> str | None:
    if here is None or there is None:
        return "the table was read in only one of the two"
    differing = sorted(chunk for chunk in here.keys() | there.keys() if here.get(chunk) != there.get(chunk))
    if not differing:
        return None
    return f"{_rows(here)} rows against {_rows(there)}; {len(differing)} chunks differ, the first is {differing[0]}"


def _rows(chunks: Mapping[int, Chunk]) -> int:
    return sum(chunk.count for chunk in chunks.values())


def _finding(outcome: Outcome, subject: str, expected: str = "", observed: str = "", detail: str = "") -> Finding:
    return Finding(
        check=CHECK,
        level="L4",
        outcome=outcome,
        subject=subject,
        expected=expected,
        observed=observed,
        detail=detail,
    )
