"""Whose turn it is. Between two effects exactly one thread runs; at each effect the seed chooses who goes on.

Time is simulated too: it passes a little at every effect, and leaps to the next sleeper when everybody sleeps. So two
replays of a seed do the same things in the same order.

The threads are greenlets: stacks of their own within one thread of the machine. It would be the same with the machine's
threads and a lock for each, but passing a lock on costs a hundred times as much, and far more on a busy machine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from greenlet import getcurrent, greenlet

EFFECT = 0.02
"""Seconds that an effect takes on average."""


class Killed(BaseException):
    """The process is gone. Raised in every thread at its next effect; nothing that it does after that has any."""


class Stuck(AssertionError):  # noqa: N818 - that is what it is
    """Everybody waits for somebody else, or the run never ends."""


@dataclass
class Turn:
    """One thread's place in the round."""

    name: str
    stack: greenlet
    wakes: float = 0.0
    until: Callable[[], bool] | None = None
    """What it waits for, when that is another thread's work."""
    so: bool = False
    """What `until` answered last. It is asked again when more work has ended than at that time."""
    asked: int = 0

    def can_go(self, now: float, ended: int) -> bool:
        if self.until is None:
            return self.wakes <= now
        if not self.so and self.asked != ended:
            self.asked, self.so = ended, self.until()
        return self.so


class Baton:
    """Passed on at each effect. Made in the thread that begins."""

    LONGEST = 50_000
    """Effects after which a run is taken for one that never ends."""

    def __init__(self, chance: Random, *, kill_at: int | None = None, torn: bool = False) -> None:
        self.now = 0.0
        self.effects = 0
        self.trace: list[str] = []
        self.at_each: list[Callable[[], None]] = []
        """What the world does by itself, called at every effect."""
        self.alive = True
        self.kill_at = kill_at
        self.torn = torn
        """Whether the kill comes in the middle of a write, where it meets one."""
        self._stuck = ""
        self._chance = chance
        self._restless = chance.choice((0.1, 0.5, 1.0))
        """How often the baton is really passed on."""
        self._main = getcurrent()
        self._holder = Turn("main", self._main)
        self._round = [self._holder]
        self._started = 0
        self.ended = 0
        """Pieces of work that have ended: whoever waits for one has to be asked again."""
        self.lines: list[int] = []
        """The effects right after a line of the journal, where a kill could tear it."""

    def effect(self, what: str) -> None:
        """A point at which others may act, and at which the process may die. Raises Killed."""
        if not self.alive:
            raise Killed
        self.effects += 1
        if self.effects == self.kill_at:
            self.kill(what)
        if self.effects > self.LONGEST:
            raise Stuck(f"still going after {self.effects} effects, {self.now:.0f} s")
        self.now += self._chance.random() * 2 * EFFECT
        for act in self.at_each:
            act()
        if len(self._round) > 1 and self._chance.random() < self._restless:
            self._pass_on()
            if not self.alive:
                raise Killed

    def kill(self, what: str) -> None:
        """The process ends here. Raises Killed."""
        self.note(f"KILLED at effect {self.effects}: {what}")
        self.alive = False
        raise Killed

    def note(self, what: str) -> None:
        """A line of the trace."""
        self.trace.append(f"{self.now:10.3f}  {self._holder.name:<8}  {what}")

    def sleep(self, seconds: float) -> None:
        """Let time pass for this thread."""
        self.effect("sleep")
        self._holder.wakes = self.now + seconds
        self._pass_on()
        if not self.alive:
            raise Killed

    def wait_for(self, so: Callable[[], bool]) -> None:
        """Let others go on until something is so."""
        if not so():
            self._holder.until, self._holder.so, self._holder.asked = so, False, self.ended
            self._pass_on()

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Another thread, which goes on when the baton comes to it."""
        self._started += 1

        def run(*_: object) -> None:
            work()
            self._round.remove(turn)
            # Where a greenlet ends, its parent goes on.
            turn.stack.parent = self._next().stack

        turn = Turn(f"{name}{self._started}", greenlet(run, self._main))
        self._round.append(turn)

    def start_anew(self) -> None:
        """Another process begins, after the first one is gone with all of its threads."""
        if len(self._round) > 1:
            raise Stuck(f"outlived their process: {', '.join(turn.name for turn in self._round[1:])}")
        self.alive, self.kill_at = True, None
        self.note("another process begins")

    def _pass_on(self) -> None:
        mine = self._holder
        following = self._next()
        if following is not mine:
            following.stack.switch()
        if self._stuck:
            raise Stuck(self._stuck)

    def _next(self) -> Turn:
        able = [turn for turn in self._round if turn.can_go(self.now, self.ended) or not (self.alive or turn.until)]
        if not able:
            asleep = [turn for turn in self._round if not turn.until]
            if not asleep:
                # The first thread says so: an exception in any other one might never be seen.
                self._stuck = f"everybody waits: {', '.join(turn.name for turn in self._round)}"
                asleep = self._round[:1]
            self.now = max(self.now, min(turn.wakes for turn in asleep))
            able = [turn for turn in asleep if turn.wakes <= self.now]
        turn = able[0] if len(able) == 1 else self._chance.choice(able)
        turn.until = None
        self._holder = turn
        return turn
