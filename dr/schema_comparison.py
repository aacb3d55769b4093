"""Compare the shape of a restored database with a baseline: objects, extensions, roles, sequences. Pure.

What is the same on both sides of the bracket must be the same in the restore; what changed inside it must be as one of
the sides. A sequence may stand between its sides, and a little ahead: PostgreSQL logs thirty-two values in advance.
"""

from collections.abc import Mapping

from dr.verification import DatabaseBaseline, Finding, SchemaFingerprint, SequenceState

SHOWN = 50
"""Findings about single objects; more than these are counted, and named in one."""
LOGGED_AHEAD = 32
HEADROOM = 0.1
"""A sequence that has less than this part of its values left is close to the day on which every insert fails."""
_ABSENT = "absent"


def compare_schema(baseline: DatabaseBaseline, observed: SchemaFingerprint) -> list[Finding]:
    """Objects, extensions and sequences of one database: a summary of each, and one finding for each difference."""
    before, after = baseline.before, baseline.after
    found = _compare(
        "schema", baseline.name, before.objects, after.objects, observed.objects, _settings(after, observed)
    )
    found += _compare("extensions", baseline.name, before.extensions, after.extensions, observed.extensions)
    return found + _sequences(baseline, observed)


def compare_roles(asset: str, baseline: DatabaseBaseline, observed: SchemaFingerprint) -> list[Finding]:
    """The roles of an instance, their attributes and memberships; any one database shows all of them."""
    return _compare("roles", asset, baseline.before.roles, baseline.after.roles, observed.roles)


def _compare(
    check: str,
    subject: str,
    before: Mapping[str, str],
    after: Mapping[str, str],
    there: Mapping[str, str],
    detail: str = "",
) -> list[Finding]:
    names = sorted(before.keys() | after.keys() | there.keys())
    bad = [
        _finding(check, f"{subject}: {name}", _differs(after.get(name), there.get(name)))
        for name in names
        if there.get(name) not in (before.get(name), after.get(name))
    ]
    return _told(check, subject, len(before.keys() | after.keys()), bad, detail)


def _sequences(baseline: DatabaseBaseline, observed: SchemaFingerprint) -> list[Finding]:
    before, after, there = baseline.before.sequences, baseline.after.sequences, observed.sequences
    bad = []
    near = []
    for name in sorted(before.keys() | after.keys() | there.keys()):
        wrong = _wrong(before.get(name), after.get(name), there.get(name))
        short = _near_its_limit(there.get(name), after.get(name) or before.get(name))
        if wrong:
            bad.append(_finding("sequences", f"{baseline.name}: {name}", wrong))
        elif short and short.outcome == "failed":
            bad.append(short.model_copy(update={"subject": f"{baseline.name}: {name}"}))
        elif short:
            near.append(short.model_copy(update={"subject": f"{baseline.name}: {name}"}))
    told = _told("sequences", baseline.name, len(before.keys() | after.keys()), bad, empty_is_an_answer=True)
    return told + near[:SHOWN]


def _near_its_limit(there: SequenceState | None, source: SequenceState | None) -> Finding | None:
    """What is said of a sequence that will soon have no value left. What the source had too is no damage of a restore.

    A restore may stand ahead of its source by what was logged in advance: that alone is no difference. A baseline that
    knows no limits cannot say that it was otherwise.
    """
    if there is None or there.cycles or there.limit is None or not _short(there.last, there.limit):
        return None
    known = source is not None and source.limit is not None
    too = source is not None and (source.limit is None or _short(_furthest(source), source.limit))
    where = f"near {there.limit}, the last value of {there.limited_by or 'its own range'}"
    return Finding(
        check="sequences",
        level="L5",
        outcome="passed" if too else "failed",
        subject="",
        expected=f"{HEADROOM:.0%} of its values left",
        observed=f"at {there.last}, {where}",
        detail=("near its limit at the source too" if known else "the baseline says nothing of limits") if too else "",
    )


def _short(last: int | None, limit: int) -> bool:
    """Whether less than the headroom is left: of values from zero on, which is where nearly all sequences begin."""
    return last is not None and (last > 0) == (limit > 0) and abs(limit) - abs(last) < HEADROOM * abs(limit)


def _wrong(
    before: SequenceState | None, after: SequenceState | None, there: SequenceState | None
) -> tuple[str, str] | None:
    """What is expected and what is seen, or None when the sequence is right."""
    if there is None:
        return None if before is None or after is None else ("a sequence", _ABSENT)
    if before is None and after is None:
        return ("no such sequence", "a sequence that the source did not have")
    sides = [side for side in (before, after) if side is not None]
    if there.increment not in [side.increment for side in sides]:
        return (f"increment {sides[-1].increment}", f"increment {there.increment}")
    if there.behind and not any(side.behind for side in sides):
        return (f"at or past {there.behind}", f"behind {there.behind}: the next insert fails")
    if before is None or after is None or there.cycles or before.increment != after.increment:
        return None
    return _out_of_bounds(before, after, there)


def _out_of_bounds(before: SequenceState, after: SequenceState, there: SequenceState) -> tuple[str, str] | None:
    step = after.increment
    if before.last is not None and (after.last is None or (after.last - before.last) * step < 0):
        return None  # it was set back inside the bracket: either side, or anything between, may be right
    if before.last is not None and (there.last is None or (there.last - before.last) * step < 0):
        return (f"{before.last} or later", "never used" if there.last is None else str(there.last))
    if there.last is None:
        return None
    if after.last is None and after.later is None:
        return ("never used", str(there.last))
    furthest = _furthest(after)
    return (f"{furthest} at the furthest", str(there.last)) if (there.last - furthest) * step > 0 else None


def _furthest(state: SequenceState) -> int:
    """Where a sequence may stand after a crash: values are logged in advance."""
    last = state.last if state.later is None else state.later
    return (last or 0) + state.increment * (LOGGED_AHEAD + state.cache)


def _told(
    check: str,
    subject: str,
    expected: int,
    bad: list[Finding],
    detail: str = "",
    *,
    empty_is_an_answer: bool = False,
) -> list[Finding]:
    nothing = expected == 0 and not bad and not empty_is_an_answer
    summary = Finding(
        check=check,
        level="L5",
        outcome="failed" if bad else "errored" if nothing else "passed",
        subject=subject,
        expected=f"{expected} as recorded",
        observed=f"{len(bad)} different" if bad else "all as recorded",
        detail="the baseline names none" if nothing else detail,
    )
    rest = [_finding(check, subject, ("", f"{len(bad) - SHOWN} more differences"))] if len(bad) > SHOWN else []
    return [summary, *bad[:SHOWN], *rest]


def _differs(expected: str | None, observed: str | None) -> tuple[str, str]:
    """The parts of two canonical texts that differ, not all of them."""
    if expected is None or observed is None:
        return (_ABSENT if expected is None else "present", _ABSENT if observed is None else "present")
    ours, theirs = expected.split(" "), observed.split(" ")
    if len(ours) != len(theirs):
        return (_cut(expected), _cut(observed))
    pairs = [(one, other) for one, other in zip(ours, theirs, strict=True) if one != other]
    return (_cut(" ".join(one for one, _ in pairs)), _cut(" ".join(other for _, other in pairs)))


def _settings(after: SchemaFingerprint, observed: SchemaFingerprint) -> str:
    names = sorted(after.settings.keys() | observed.settings.keys())
    changed = [name for name in names if after.settings.get(name) != observed.settings.get(name)]
    return f"settings that differ, for information: {', '.join(changed)}" if changed else ""


def _finding(check: str, subject: str, difference: tuple[str, str]) -> Finding:
    expected, observed = difference
    return Finding(check=check, level="L5", outcome="failed", subject=subject, expected=expected, observed=observed)


def _cut(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"
