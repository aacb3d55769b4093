"""Is it the right moment? The heartbeat in the restore, looked at from both sides of the instant. (L6)

The writer puts one numbered row a second, at the half second, by the source's own clock: around a whole second it is
never in doubt on which side a beat belongs. The newest beat until the instant must be there, the next one must not, no
number may be missing, and all must be of one lineage. Which number it must be the source says: by a baseline of that
very instant, or by the heartbeat object that was replicated. Without either, nothing shows that no commit is missing.
"""

from datetime import datetime, timedelta

from dr.beats import Expected, bounded_by, bracketed
from dr.errors import Unable
from dr.postgres import Login, Session, connect
from dr.recovery import stamp
from dr.telling import telling
from dr.verification import Finding, Heartbeat, HeartbeatWindow, InstanceBaseline, Outcome

CHECK = "heartbeat"
FRESH = timedelta(seconds=1.5)
STALLED = timedelta(seconds=5)
"""For how long a writer may have been held up where the source says that no beat is missing. One that is silent for
longer is dead: what was committed after its last beat is proven by nothing here."""
LOOKED_BACK = 1000


# Asked of the catalogs, because a name in a schema that may not be entered is an error.
_PLAIN = """
select relkind = 'r' and relowner = nspowner and 3 = (
    select count(*) from pg_attribute where attrelid = pg_class.oid and (attname::text, atttypid) in (
        ('seq', 'bigint'::regtype), ('at', 'timestamptz'::regtype), ('lineage', 'uuid'::regtype)))
  from pg_class join pg_namespace on relnamespace = pg_namespace.oid
 where nspname = 'firedrill' and relname = 'heartbeat'
"""


def observe(session: Session, moment: datetime) -> HeartbeatWindow:
    """What this session sees of the heartbeat around a moment: the same function for the source and a restore.

    Read is a plain table of the schema's owner, with columns of the server's own types, and nothing else: behind a
    view, or a type with casts of its own, may be functions that would run with this session's right. Raises Unable for
    those, and where policies would be asked (`row_security` is off).
    """
    with telling(f"reading the heartbeat of {session.info.dbname}"):
        row = session.execute(_PLAIN).fetchone()
        if row is None:
            return HeartbeatWindow(present=False)
        if not row[0]:
            raise Unable(
                f"firedrill.heartbeat of {session.info.dbname} is no heartbeat's table, and is not read",
                hint="one is an ordinary table of the schema's owner, with seq bigint, at timestamptz, lineage uuid; "
                "find out who made this one",
            )
        asked = {"moment": moment, "back": LOOKED_BACK}
        newest = session.execute(
            "select seq, at, lineage::text from only firedrill.heartbeat where at <= %(moment)s"
            " order by seq desc limit 1",
            asked,
        ).fetchone()
        following = session.execute(
            "select seq, at, lineage::text from only firedrill.heartbeat where at > %(moment)s order by seq limit 1",
            asked,
        ).fetchone()
        recent = session.execute(
            "select seq, lineage::text from only firedrill.heartbeat where at <= %(moment)s"
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
    login: Login,
    moment: datetime,
    baseline: InstanceBaseline | None,
    *,
    subject: str,
    told: Heartbeat | None = None,
) -> tuple[Finding, HeartbeatWindow]:
    """Look at a restore and judge it. `login` is of the database that holds the heartbeat, or of any other.

    A baseline of another instant says nothing about the number to expect, and is left aside; that around a snapshot
    says between which numbers the newest beat must be. `told` is the newest beat that the replicated heartbeat object
    knows: where no baseline does, it bounds the number. Raises Unable.
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
    expected = bracketed(baseline.heartbeat_before, baseline.heartbeat) if baseline else None
    if expected is None and told is not None:
        expected = bounded_by(told, moment, "the heartbeat object")
    return judge(seen, moment, expected, subject=subject, fresh=fresh), seen


def judge(
    seen: HeartbeatWindow, moment: datetime, expected: Expected | None, *, subject: str, fresh: timedelta = FRESH
) -> Finding:
    """Pure. `expected` is what the source said of this very moment: without it, exactness is not available."""
    wanted = f"the last beat before {stamp(moment)}, and none after"
    if expected is not None:
        wanted = f"beat {expected.shown()}, and none after {stamp(moment)}"
    outcome, detail = _answer(seen, moment, expected, fresh)
    return Finding(
        check=CHECK,
        level="L6",
        outcome=outcome,
        subject=subject,
        expected=wanted,
        observed=_shown(seen),
        detail=detail,
    )


def _answer(
    seen: HeartbeatWindow, moment: datetime, expected: Expected | None, fresh: timedelta
) -> tuple[Outcome, str]:
    newest = seen.newest_until
    if not seen.present:
        if expected is not None:
            return "failed", "the source has a heartbeat, the restore has no table of it"
        return "not_available", (
            "there is no heartbeat: its RPA is only claimed, because nothing in the restore shows how recent it is; "
            "`dr heartbeat install` changes that"
        )
    if seen.first_after is not None:
        return "failed", f"the restore ends later than its instant: beat {seen.first_after.seq} is in it"
    if expected is not None and (wrong := _beside(seen, expected)):
        return wrong
    if newest is None:
        return "errored", "no beat before the instant: cannot tell how recent the restore is"
    if lost := sorted(set(seen.gaps) - set(expected.gaps if expected else ())):
        return "failed", f"{len(lost)} beats are missing, the first is {lost[0]}"
    if wrong := _strangers(seen, expected):
        return wrong
    age = (moment - newest.at).total_seconds()
    if age > fresh.total_seconds():
        known = expected is not None and newest.seq == expected.most
        why = "the source's own newest beat is as old" if known else "the writer was dead, or commits are lost"
        if not known or age > (fresh - FRESH + STALLED).total_seconds():
            return "errored", f"the newest beat is {age:.1f} s older than the instant: {why}; cannot tell"
    measured = f"the newest beat is {age:.1f} s older than the instant"
    if expected is None:
        return "not_available", (
            f"{measured}, but that nothing is missing cannot be told: neither a baseline of this instant nor a "
            "heartbeat object says which number to expect"
        )
    return "passed", f"{measured}; which number to expect was told by {expected.told_by}"


def _beside(seen: HeartbeatWindow, expected: Expected) -> tuple[Outcome, str] | None:
    """What the numbers say beside the expected ones; None where they agree."""
    newest = seen.newest_until
    if newest is None:
        return ("failed", "commits are lost: the source had beats by then") if expected.least is not None else None
    if newest.lineage not in expected.lineages:
        if expected.all_lineages is None and not set(expected.lineages) & set(seen.lineages):
            return "errored", (
                f"the newest beat is of another lineage than {expected.told_by}: either somebody else became primary "
                "in between, or this is another branch of the source; cannot tell"
            )
        return "failed", "the newest beat is of another lineage than the source's"
    if expected.least is not None and newest.seq < expected.least:
        return "failed", "commits are lost: the source had later beats by then"
    if newest.seq > expected.most:
        return "failed", "the restore has beats that the source did not have by then"
    return None


def _strangers(seen: HeartbeatWindow, expected: Expected | None) -> tuple[Outcome, str] | None:
    """Beats of several lines. The source's own, or those before a new primary that the source tells of, are none."""
    if len(seen.lineages) < 2:
        return None
    if expected is not None and expected.all_lineages in (None, tuple(sorted(seen.lineages))):
        return None
    return "failed", f"beats of {len(seen.lineages)} lineages: more than one primary wrote them"


def _beat(row: tuple[int, datetime, str] | None) -> Heartbeat | None:
    return None if row is None else Heartbeat(seq=row[0], at=row[1], lineage=row[2])


def _shown(seen: HeartbeatWindow) -> str:
    if not seen.present:
        return "no heartbeat table"
    if seen.newest_until is None:
        return "no beat"
    after = f", then {seen.first_after.seq}" if seen.first_after else ""
    return f"beat {seen.newest_until.seq} of {stamp(seen.newest_until.at)}{after}"
