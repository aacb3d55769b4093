"""Whatever happens to the server, the beats go on: in one line, with no number missing, one a second at the most."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from random import SystemRandom

import pytest

from dr.checks.heartbeat import observe
from dr.clock import SystemClock
from dr.errors import Interrupted, Refused, Unable
from dr.heartbeat.writer import Writer
from dr.lab.engine.cluster import ServerFailed
from dr.postgres import Login, connect
from dr.verification import HeartbeatWindow
from tests.checks.conftest import as_owner
from tests.heartbeat.conftest import WRITER, Source


class Beating:
    """A writer at work in a thread of its own."""

    def __init__(self, source: Source, login: Callable[[], Login] | None = None, *, patience: float = 8.0) -> None:
        self.said: list[str] = []
        self.stopping = threading.Event()
        clock = SystemClock(self.stopping)
        self.writer = Writer("app", login or source.login, clock, SystemRandom(), self.said.append, patience=patience)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with suppress(Interrupted):
            self.writer.run()

    def stop(self) -> None:
        self.stopping.set()
        self._thread.join(15)
        assert not self._thread.is_alive()

    def more(self, count: int = 2) -> None:
        """Wait for some more beats."""
        until = self.writer.written + count
        soon(lambda: self.writer.written >= until)


@contextmanager
def beating(source: Source, login: Callable[[], Login] | None = None, *, patience: float = 8.0) -> Iterator[Beating]:
    one = Beating(source, login, patience=patience)
    try:
        yield one
    finally:
        one.stop()


def soon(condition: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)


def window(source: Source) -> HeartbeatWindow:
    with connect(source.owner) as session:
        return observe(session, datetime.now(UTC))


def doubles(source: Source) -> object:
    with as_owner(source.cluster) as owner:
        return owner.execute(
            "select count(*) - count(distinct date_trunc('second', at)), count(*) filter (where at < before) from"
            " (select at, lag(at) over (order by seq) as before from firedrill.heartbeat) as beats"
        ).fetchone()


def test_it_goes_on_after_a_restart_and_after_a_crash(source: Source) -> None:
    with beating(source) as one:
        one.more()
        source.cluster.restart()
        one.more()
        postmaster = source.cluster.pid
        assert postmaster is not None
        os.kill(postmaster, signal.SIGKILL)
        soon(lambda: not source.cluster.alive)
        soon(lambda: _started(source))
        one.more()
        assert one.writer.sessions >= 3
        seen = window(source)
    assert seen.gaps == ()
    assert len(seen.lineages) == 1
    assert doubles(source) == (0, 0)
    assert sum(text.startswith("app: not beating: ") for text in one.said) >= 2
    assert one.said[-1].startswith("app: beating, from ")


def _started(source: Source) -> bool:
    """Children of a killed server hold its memory for a moment longer."""
    try:
        source.cluster.start()
    except ServerFailed:
        return False
    return True


def test_of_two_one_writes_and_the_other_takes_over(source: Source) -> None:
    with beating(source) as first:
        first.more(1)
        with beating(source) as second:
            soon(lambda: second.writer.state.startswith("waiting"))
            first.more()
            assert second.writer.written == 0
            first.stop()
            second.more()
    seen = window(source)
    assert (seen.gaps, len(seen.lineages)) == ((), 1)
    assert doubles(source) == (0, 0)


@pytest.mark.soak(8)
def test_a_server_that_falls_silent_is_hung_up_on(source: Source) -> None:
    """Its backend still holds the lock then, so nobody else may write; once it is gone, the beats go on."""
    with beating(source, patience=2.0) as one:
        one.more(1)
        with source.cluster.connect("app") as admin:
            (backend,) = (
                admin.execute("select pid from pg_stat_activity where usename = %s", (WRITER,)).fetchone() or ()
            )
            os.kill(backend, signal.SIGSTOP)
            try:
                soon(lambda: one.writer.hang_up_if_silent() or one.writer.state.startswith("waiting"))
            finally:
                os.kill(backend, signal.SIGCONT)
        one.more()
    assert window(source).gaps == ()


def test_names_and_passwords_are_looked_up_anew(source: Source) -> None:
    given = iter([source.login(password="of yesterday"), source.login("nobody")])
    with beating(source, lambda: next(given, source.login())) as one:
        one.more(1)
    assert sum("password authentication failed" in text for text in one.said) == 2
    assert not any("of yesterday" in text for text in one.said)


def test_what_no_waiting_will_change_ends_it() -> None:
    def refused() -> Login:
        raise Refused("the estate is another account's")

    writer = Writer("app", refused, SystemClock(), SystemRandom(), lambda _: None)
    with pytest.raises(Refused):
        writer.run()


def test_one_beat_is_enough_to_see_that_it_works(source: Source) -> None:
    once = Writer("app", source.login, SystemClock(), SystemRandom(), lambda _: None)
    beat = once.once()
    assert window(source).newest_until == beat
    with beating(source) as other:
        other.more(1)
        with pytest.raises(Unable, match="another session writes") as told:
            once.once()
        with as_owner(source.cluster) as owner:
            held = owner.execute("select distinct objid::bigint from pg_locks where locktype = 'advisory'").fetchall()
    assert [f"the advisory lock {lock}" in str(told.value) for (lock,) in held] == [True]


@pytest.mark.soak(10)
def test_a_new_primary_begins_a_line_of_its_own(source: Source) -> None:
    """Promoted, it draws a lineage; a restart of it keeps that."""
    before = window(source)
    with as_owner(source.cluster) as owner:
        (old,) = owner.execute("select firedrill.line()").fetchone() or ()
    source.cluster.stop()
    (source.cluster.data / "standby.signal").touch()
    source.cluster.start()
    with beating(source) as one:
        soon(lambda: any("read-only transaction" in text or "recovery" in text for text in one.said))
        with source.cluster.connect() as admin:
            admin.execute("select pg_promote()")
        one.more()
        source.cluster.restart()
        one.more()
    with as_owner(source.cluster) as owner:
        lines = owner.execute("select lineage::text, min(seq), max(seq) from firedrill.heartbeat group by 1 order by 2")
        (_, _, last), (new, first, _) = lines.fetchall()
        (line,) = owner.execute("select firedrill.line()").fetchone() or ()
    assert first == last + 1
    assert old != line
    assert old.partition("/")[0] == line.partition("/")[0]
    assert new not in before.lineages
    assert set(window(source).lineages) == {*before.lineages, new}
