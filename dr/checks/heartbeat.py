"""Is it the right moment? The heartbeat in the restore, looked at from both sides of the instant. (L6)

The writer puts one numbered row a second, at the half second, by the source's own clock: around a whole second it is
never in doubt on which side a beat belongs. The newest beat until the instant must be there, the next one must not, no
number may be missing, and all must be of one lineage. With a baseline of that very instant, the number itself is known.
"""

from datetime import datetime, timedelta

from dr.postgres import Login, Session, connect
from dr.recovery import stamp
from dr.telling import telling
from dr.verification import Finding, Heartbeat, HeartbeatWindow, InstanceBaseline, Outcome

CHECK = "heartbeat"
FRESH = timedelta(seconds=1.5)
LOOKED_BACK = 1000


def observe(session: Session, moment: datetime) -> HeartbeatWindow:
    """What this session sees of the heartbeat around a moment: the same function for the source and a restore."""
    with telling(f"reading the heartbeat of {session.info.dbname}"):
        row = session.execute("select to_regclass('firedrill.heartbeat') is not null").fetchone()
        if row is None or not row[0]:
            return HeartbeatWindow(present=False)
        asked = {"moment": moment, "back": LOOKED_BACK}
        newest = session.execute(
            "select seq, at, lineage::text from firedrill.heartbeat where at <= %(moment)s order by seq desc limit 1",
            asked,
        ).fetchone()
        following = session.execute(
            "select seq, at, lineage::text from firedrill.heartbeat where at > %(moment)s order by seq limit 1", asked
        ).fetchone()
        recent = session.execute(
            "select seq, lineage::text from firedrill.heartbeat where at <= %(moment)s"
            " order by seq desc limit %(back)s",
            asked,
        ).fetchall()
    numbers = [number for number, _ in recent]
    missing = set(range(min(numbers), max(numbers) + 1)) - set(numbers) if numbers else set()
    return HeartbeatWindow(
        present=True,
        newest_until=_beat(newest),
        first_after=_beat(following),
        gaps=tuple(sorted(missing)[:LOOKED_BACK]),
        lineages=tuple(sorted({lineage for _, lineage in recent})),
    )


def check(
    login: Login, moment: datetime, baseline: InstanceBaseline | None, *, subject: str
) -> tuple[Finding, HeartbeatWindow]:
    """Look at a restore and judge it. `login` is of the database that holds the heartbeat, or of any other.

    A baseline of another instant says nothing about the number to expect, and is left aside. That around a snapshot
    says between which numbers the newest beat must be. Raises Unable.
    """
    if baseline is not None and baseline.heartbeat_database is not None:
        login = login.to(baseline.heartbeat_database)
    fresh = FRESH
    if baseline is not None and baseline.around_snapshot:
        moment = baseline.opened_after
        fresh += baseline.opened_after - baseline.opened_before
    elif baseline is not None and baseline.instant != moment:
        baseline = None
    with connect(login) as session:
        seen = observe(session, moment)
    expected = (baseline.heartbeat_before or baseline.heartbeat, baseline.heartbeat) if baseline else None
    return judge(seen, moment, expected, subject=subject, fresh=fresh), seen


def judge(
    seen: HeartbeatWindow,
    moment: datetime,
    expected: tuple[HeartbeatWindow, HeartbeatWindow] | None = None,
    *,
    subject: str,
    fresh: timedelta = FRESH,
) -> Finding:
    """Pure. `expected` is what the two sides of the bracket saw of the heartbeat until this very moment."""
    wanted = f"the last beat before {stamp(moment)}, and none after"
    if expected is not None and expected[1].newest_until is not None:
        wanted = f"beat {_span(expected)}, and none after {stamp(moment)}"

    def finding(outcome: Outcome, detail: str) -> Finding:
        return Finding(
            check=CHECK,
            level="L6",
            outcome=outcome,
            subject=subject,
            expected=wanted,
            observed=_shown(seen),
            detail=detail,
        )

    known = expected[1].newest_until if expected is not None else None
    first = expected[0].newest_until if expected is not None else None
    if not seen.present:
        if known is not None:
            return finding("failed", "the source has a heartbeat, the restore has no table of it")
        return finding(
            "not_available", "the source has no heartbeat table, so how recent the restore is was not measured"
        )
    if seen.first_after is not None:
        return finding("failed", f"the restore ends later than its instant: beat {seen.first_after.seq} is in it")
    newest = seen.newest_until
    if known is not None:
        least = first.seq if first is not None else None
        if newest is None or (least is not None and newest.seq < least):
            return finding("failed", "commits are lost: the source had later beats by then")
        if newest.seq > known.seq:
            return finding("failed", "the restore has beats that the source did not have by then")
        if newest.lineage not in (known.lineage, first.lineage if first else known.lineage):
            return finding("failed", "the newest beat is of another lineage than the source's")
    elif newest is None:
        return finding("errored", "no beat before the instant: cannot tell how recent the restore is")
    if lost := sorted(set(seen.gaps) - set(expected[1].gaps if expected else ())):
        return finding("failed", f"{len(lost)} beats are missing, the first is {lost[0]}")
    if len(seen.lineages) > 1 and (expected is None or set(seen.lineages) != set(expected[1].lineages)):
        return finding("failed", f"beats of {len(seen.lineages)} lineages: more than one primary wrote them")
    assert newest is not None  # noqa: S101 - either branch above has answered for none
    age = (moment - newest.at).total_seconds()
    if age > fresh.total_seconds():
        why = "the source's own newest beat is as old" if known else "the writer was dead, or commits are lost"
        return finding("errored", f"the newest beat is {age:.1f} s older than the instant: {why}; cannot tell")
    return finding("passed", f"the newest beat is {age:.1f} s older than the instant")


def _beat(row: tuple[int, datetime, str] | None) -> Heartbeat | None:
    return None if row is None else Heartbeat(seq=row[0], at=row[1], lineage=row[2])


def _span(expected: tuple[HeartbeatWindow, HeartbeatWindow]) -> str:
    first, last = expected[0].newest_until, expected[1].newest_until
    if last is None:
        return "none"
    return str(last.seq) if first is None or first.seq == last.seq else f"{first.seq} to {last.seq}"


def _shown(seen: HeartbeatWindow) -> str:
    if not seen.present:
        return "no heartbeat table"
    if seen.newest_until is None:
        return "no beat"
    after = f", then {seen.first_after.seq}" if seen.first_after else ""
    return f"beat {seen.newest_until.seq} of {stamp(seen.newest_until.at)}{after}"
