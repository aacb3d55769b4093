"""Write the heartbeat of one database, for as long as nobody asks to stop: whatever breaks, begin again.

A server that restarts, an endpoint that leads elsewhere, a network that is gone, a password that was changed: each ends
the session, and the next one looks everything up anew. Pauses between attempts double, up to half a minute.
"""

import os
import socket
from collections.abc import Callable
from random import Random
from typing import Any

from dr.clock import Clock
from dr.errors import Unable
from dr.heartbeat.statements import LOCK
from dr.postgres import Login, Session, connect
from dr.telling import telling
from dr.verification import Heartbeat

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY = 60.0
"""Seconds of a session after which the next pause is a short one again."""
PATIENCE = 8.0
"""Seconds for an answer of the server. One that is silent for longer is hung up on."""
SILENCE = "10s"
"""After which the server ends a session that says nothing: a writer that was paused must not keep the lock."""
ATTEMPTS_ONCE = 3

_WAIT = """
select extract(epoch from date_trunc('second', moment + interval '0.5 s') + interval '0.5 s' - moment)::float8
  from clock_timestamp() as moment
"""


class Writer:
    """One database's beats. What it knows is read by others: each attribute is set whole."""

    def __init__(
        self,
        asset: str,
        login: Callable[[], Login],
        clock: Clock,
        chance: Random,
        say: Callable[[str], None],
        *,
        patience: float = PATIENCE,
    ) -> None:
        """`login` is asked before each connection: address and password may be others by then."""
        self.patience = patience
        self.asset = asset
        self.newest: Heartbeat | None = None
        """The newest beat of ours that is known to be committed."""
        self.written = 0
        self.sessions = 0
        self.state = "connecting"
        self._login, self._clock, self._chance, self._say = login, clock, chance, say
        self._session: Session | None = None
        self._asked: float | None = None
        """When the server was asked what it has not answered yet."""

    def run(self) -> None:
        """Beat until asked to stop. Raises Interrupted then, and Refused for what no waiting will change."""
        pause = FIRST_PAUSE
        while True:
            begun = self._clock.monotonic()
            try:
                with self._entered():
                    self._hold()
                    while True:
                        self._beat()
            except Unable as problem:
                steady = self._clock.monotonic() - begun > STEADY
                pause = FIRST_PAUSE if steady else pause
                self._tell(f"not beating: {problem.message}")
            self._clock.sleep(pause * (0.5 + self._chance.random() / 2))
            pause = min(LONGEST_PAUSE, pause * 2)

    def once(self) -> Heartbeat:
        """One beat. Raises Unable when another session writes, or when none could be written."""
        with self._entered():
            if not self._locked():
                raise Unable(
                    f"{self.asset}: another session writes the heartbeat",
                    hint=f"pg_locks tells which: it holds the advisory lock {LOCK}",
                )
            for _ in range(ATTEMPTS_ONCE):
                self._beat()
                if self.newest is not None:
                    return self.newest
        raise Unable(
            f"{self.asset}: no beat was written in {ATTEMPTS_ONCE} seconds",
            hint="the newest one may be of a clock that was ahead; look at firedrill.heartbeat",
        )

    def hang_up_if_silent(self) -> None:
        """End a session whose server does not answer: for another thread, as this one waits for the answer."""
        asked, session = self._asked, self._session
        if asked is None or session is None or self._clock.monotonic() - asked < self.patience:
            return
        try:
            with telling("hanging up"):
                descriptor = os.dup(session.fileno())
        except (Unable, OSError):
            return  # The session ended meanwhile, which is what was wanted.
        with socket.socket(fileno=descriptor) as line:
            line.shutdown(socket.SHUT_RDWR)

    def _entered(self) -> Session:
        self._session = None
        session = connect(self._login(), readonly=False, statement_timeout=self.patience / 2)
        self._session, self.sessions = session, self.sessions + 1
        self._ask("select set_config('idle_session_timeout', %s, false)", SILENCE)
        return session

    def _hold(self) -> None:
        while not self._locked():
            self._tell("waiting: another session writes")
            self._clock.sleep(1.0)

    def _locked(self) -> bool:
        return self._ask("select pg_try_advisory_lock(%s)", LOCK) == (True,)

    def _beat(self) -> None:
        """Wait for the half second of the server's clock, and write a beat there."""
        (wait,) = self._ask(_WAIT)
        self._clock.sleep(float(wait))
        seq, at, lineage = self._ask("select beat_seq, beat_at, beat_lineage::text from firedrill.beat()")
        if seq is not None:
            self.newest = Heartbeat(seq=seq, at=at, lineage=lineage)
            self.written += 1
            self._tell("beating")

    def _ask(self, question: str, *given: object) -> tuple[Any, ...]:
        assert self._session is not None  # noqa: S101 - nobody asks before `_entered` did
        self._asked = self._clock.monotonic()
        try:
            with telling(f"{self.asset}: writing the heartbeat"):
                return self._session.execute(question.encode(), given or None).fetchone() or ()
        finally:
            self._asked = None

    def _tell(self, state: str) -> None:
        """Say what has become of it, where that is another thing than before."""
        if state != self.state:
            self.state = state
            newest = f", from {self.newest.seq} on" if self.newest and state == "beating" else ""
            self._say(f"{self.asset}: {state}{newest}")
