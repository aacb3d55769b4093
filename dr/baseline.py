"""Record what is true of a source around one whole second, while it goes on being written to.

Two snapshots of every database are opened around T, one just before and one just after, and both are held open and read
at leisure: the bracket is milliseconds wide, however long the reading takes. Every table is held by the weakest of
locks from before the first snapshot on (as pg_dump does), so that no TRUNCATE or rewrite can pull it from under a
snapshot that has not read it yet; DDL on the source waits for the capture to end, and whoever queues behind it too.
"""

import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime

from dr.bracket import Opened, Source, enter, open_around, open_bracket
from dr.checks import assertions, heartbeat
from dr.clock import Clock
from dr.errors import Unable
from dr.estate import Assertion, Tier
from dr.hashing import Answer, Hashing
from dr.pace import Pace
from dr.postgres import Login, Session, connect, databases
from dr.recording import Reading, record
from dr.recovery import stamp
from dr.replica_bracket import Replica, in_recovery
from dr.verification import HeartbeatWindow, InstanceBaseline


def capture(
    asset: str,
    resource_id: str,
    login_for: Callable[[str], Login],
    clock: Clock,
    *,
    seed: int | None = None,
    first: str = "postgres",
    say: Callable[[str], None] = lambda _: None,
    around: Callable[[], datetime] | None = None,
    tier: Tier = "fast",
    workers: int = 2,
    rate: int | None = None,
    asking: Sequence[Assertion] = (),
) -> InstanceBaseline:
    """The baseline of every database of an instance around a whole second of the source's own clock.

    With `around`, it is that of something which happens in between, such as a snapshot: the first side is opened, it is
    called, and returns the instant that it stands for; then the second side is opened. Until then tables are held
    against being dropped or rewritten, so it should not take long.

    `login_for` says how to enter a database of the source, or of a physical replica of it; `first` is one that is there
    in any case. Each side is read by so many `workers`, all together by at most `rate` bytes a second. Every session is
    closed at the end, whatever happened. Raises Unable when a table cannot be read, when no bracket could be opened in
    time, and when there is nothing to record.
    """
    hashing = Hashing(seed=secrets.randbits(63) if seed is None else seed, tier=tier)
    with ExitStack() as stack:
        watcher = stack.enter_context(connect(login_for(first)))
        names = databases(watcher)
        if not names:
            raise Unable(f"{asset}: the instance has no database to record", hint="is this the right instance?")
        sources = {name: enter(stack, login_for(name)) for name in names}
        opened = _opened(watcher, sources, clock, say, around)
        if databases(watcher) != names:
            raise Unable(f"{asset}: a database came or went while the baseline was opened", hint="try again")
        width = (opened.after - opened.before).total_seconds() * 1000
        say(f"{asset}: bracket around {stamp(opened.instant)} is {width:.0f} ms wide; reading {len(names)} databases")
        moment = opened.after if around else opened.instant
        beats = {name: _heartbeats(source, moment) for name, source in sources.items()}
        beating = next((name for name in names if beats[name][1].present), None)
        absent = HeartbeatWindow(present=False)
        reading = Reading(hashing, workers, Pace(clock, rate))
        recorded = {name: record(name, source, reading) for name, source in sources.items()}
        answers = {one.name: _answers(sources[first], one, hashing) for one in asking if one.expect is None}
        tables = sum(len(database.tables) for database in recorded.values())
        if tables == 0:
            raise Unable(f"{asset}: no database of the instance has a table", hint="is this the right instance?")
        say(f"{asset}: {tables} tables in {len(names)} databases recorded")
        return InstanceBaseline(
            asset=asset,
            resource_id=resource_id,
            server_version=watcher.info.server_version,
            seed=hashing.seed,
            tier=hashing.tier,
            instant=opened.instant,
            opened_before=opened.before,
            opened_after=opened.after,
            in_progress=opened.in_doubt,
            begun_at=opened.begun_at,
            around_snapshot=around is not None,
            databases=recorded,
            held={name: len(database.tables) for name, database in recorded.items()},
            heartbeat_before=beats[beating][0] if beating else None,
            heartbeat=beats[beating][1] if beating else absent,
            heartbeat_database=beating,
            answers=answers,
        )


def _opened(
    watcher: Session,
    sources: dict[str, Source],
    clock: Clock,
    say: Callable[[str], None],
    around: Callable[[], datetime] | None,
) -> Opened:
    if in_recovery(watcher):
        replica = Replica(watcher, clock)
        return replica.open_around(sources, around) if around else replica.open_bracket(sources, say)
    return open_around(watcher, sources, clock, around) if around else open_bracket(watcher, sources, clock, say)


def _answers(source: Source, assertion: Assertion, hashing: Hashing) -> tuple[Answer, Answer]:
    """What the source itself says on either side, in the database that assertions speak of."""
    before, after = (
        assertions.record(source.login, side.held, assertion, hashing) for side in (source.before, source.after)
    )
    return before, after


def _heartbeats(source: Source, instant: datetime) -> tuple[HeartbeatWindow, HeartbeatWindow]:
    return heartbeat.observe(source.before.session, instant), heartbeat.observe(source.after.session, instant)
