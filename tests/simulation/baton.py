"""Whose turn it is. Between two effects exactly one thread runs; at each effect the seed chooses who goes on.

Time is simulated too: it passes a little at every effect, and leaps to the next sleeper when everybody sleeps. So two
replays of a seed do the same things in the same order. Threads belong to processes, on machines of their own: a process
can be killed, or stopped for a while, with all of its threads, while others go on.

The threads are greenlets: stacks of their own within one thread of the machine. It would be the same with the machine's
threads and a lock for each, but passing a lock on costs a hundred times as much, and far more on a busy machine.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from greenlet import getcurrent, greenlet

EFFECT = 0.02
"""Seconds that an effect takes on average."""


class Killed(BaseException):
    """The process is gone. Raised in every thread at its next effect; nothing that it does after that has any."""


class Stuck(AssertionError):  # noqa: N818 - that is what it is
    """Everybody waits for somebody else, or the run never ends."""


@dataclass
class Process:
    """Threads that live and die together."""

    name: str
    run: str = ""
    """For which run it works; none when it sweeps."""
    pid: int = 0
    kill_at: int | None = None
    """Before which of its effects it is killed."""
    torn: bool = False
    """Whether the kill comes in the middle of a write, where it meets one."""
    pauses: dict[int, float] = field(default_factory=dict)
    """Before which of its effects it is stopped, and for how many seconds."""
    alive: bool = True
    ended: bool = False
    effects: int = 0
    overtaken: bool = False
    """Somebody took its run over while it lived."""
    stopped_until: float = 0.0
    points: list[int] = field(default_factory=list)
    """Its effects around each line of its journal (on its disk, and in the control store), and around each call that
    changes something."""
    lines: list[int] = field(default_factory=list)
    """The effects right after a line of its journal was written, where a kill could tear it."""


@dataclass
class Turn:
    """One thread's place in the round."""

    name: str
    stack: greenlet
    process: Process
    wakes: float = 0.0
    until: Callable[[], bool] | None = None
    """What it waits for, when that is another thread's work."""
    so: bool = False
    """What `until` answered last. It is asked again when more work has ended than at that time."""
    asked: int = 0

    def ready(self, ended: int) -> float | None:
        """From when on it can go; None while it waits for somebody else."""
        if self.until is None:
            return max(self.wakes, self.process.stopped_until) if self.process.alive else 0.0
        if not self.so and self.asked != ended:
            self.asked, self.so = ended, self.until()
        return self.process.stopped_until if self.so else None


class Baton:
    """Passed on at each effect. Made in the thread that begins, which is the director's."""

    LONGEST = 80_000
    """Effects after which a run is taken for one that never ends."""

    def __init__(self, chance: Random) -> None:
        self.now = 0.0
        self.effects = 0
        self.hidden = ""
        """What differs between two replays, and is left out of the trace."""
        self.at_each: list[Callable[[], None]] = []
        """What the world does by itself, called at every effect."""
        self._notes: list[tuple[float, str, str, str]] = []
        self._stuck = ""
        self._random = chance.random
        self._restless = chance.choice((0.1, 0.5, 1.0))
        """How often the baton is really passed on."""
        self._main = getcurrent()
        self._holder = Turn("main", self._main, Process("director"))
        self._round = [self._holder]
        self._started = 0
        self._ended = 0
        """Pieces of work that have ended: whoever waits for one has to be asked again."""

    @property
    def process(self) -> Process:
        """Whose thread has it."""
        return self._holder.process

    @property
    def turn(self) -> str:
        """Which thread has it."""
        return self._holder.name

    @property
    def trace(self) -> list[str]:
        """What happened, line by line. Written out for whoever reads it: most stories nobody reads."""
        return [
            f"{at:10.3f}  {process:<9} {thread:<8}  {self._shown(what)}" for at, process, thread, what in self._notes
        ]

    @property
    def told(self) -> str:
        """Everything that was noted, as it was."""
        return "\n".join(note[-1] for note in self._notes)

    def effect(self, what: str, *, point: bool = False) -> None:
        """A point at which others may act, and at which the process may die or be stopped. Raises Killed."""
        process = self._holder.process
        if not process.alive:
            raise Killed
        self.effects += 1
        process.effects += 1
        if point:
            process.points.append(process.effects)
        if process.effects == process.kill_at:
            self.kill(what)
        if self.effects > self.LONGEST:
            raise Stuck(f"still going after {self.effects} effects, {self.now:.0f} s")
        self.now += self._random() * 2 * EFFECT
        for act in self.at_each:
            act()
        if process.pauses and (seconds := process.pauses.get(process.effects)):
            self.note(f"STOPPED for {seconds:.0f} s at effect {process.effects}: {what}")
            process.stopped_until = self.now + seconds
        restless = len(self._round) > 1 and self._random() < self._restless
        if restless or process.stopped_until > self.now:
            self._pass_on()
            self._live()

    def kill(self, what: str) -> None:
        """The process ends here. Raises Killed."""
        self.note(f"KILLED at effect {self.process.effects}: {what}")
        self.process.alive, self.process.stopped_until = False, 0.0
        raise Killed

    def note(self, what: str) -> None:
        """A line of the trace."""
        holder = self._holder
        self._notes.append((self.now, holder.process.name, holder.name, what))

    def _shown(self, what: str) -> str:
        return what.replace(self.hidden, "") if self.hidden else what

    def sleep(self, seconds: float) -> None:
        """Let time pass for this thread."""
        self.effect("sleep")
        self._holder.wakes = self.now + seconds
        self._pass_on()
        self._live()

    def wait_for(self, so: Callable[[], bool]) -> None:
        """Let others go on until something is so."""
        while not so():
            self._holder.until, self._holder.so, self._holder.asked = so, False, self._ended
            self._pass_on()

    def done(self) -> None:
        """Something ended that somebody may wait for."""
        self._ended += 1

    def begin(self, process: Process, work: Callable[[], None]) -> None:
        """A process begins. What it does comes to its end, or to that of its process, and nothing else."""

        def whole() -> None:
            try:
                work()
            finally:
                process.ended = True
                if not process.alive:
                    self.note("the process is gone")

        self._start(process.name, process, whole)

    def start(self, name: str, work: Callable[[], None]) -> Callable[[], None]:
        """Another thread of this process, which goes on when the baton comes to it; and how to wake it and see it end.

        It belongs to the process that starts it.
        """
        turn = self._start(name, self.process, work)

        def join() -> None:
            turn.wakes = self.now
            self.wait_for(lambda: turn not in self._round)

        return join

    def outlived(self, process: Process) -> list[str]:
        """Threads that are still there when their process has ended."""
        return [turn.name for turn in self._round if turn.process is process] if process.ended else []

    def _start(self, name: str, process: Process, work: Callable[[], None]) -> Turn:
        self._started += 1

        def run(*_: object) -> None:
            with suppress(Killed):  # There is nothing left of it that could say so.
                work()
            self._round.remove(turn)
            self._ended += 1
            # Where a greenlet ends, its parent goes on.
            turn.stack.parent = self._next().stack

        turn = Turn(f"{name}{self._started}", greenlet(run, self._main), process)
        self._round.append(turn)
        return turn

    def _live(self) -> None:
        if not self._holder.process.alive:
            raise Killed

    def _pass_on(self) -> None:
        mine = self._holder
        following = self._next()
        if following is not mine:
            following.stack.switch()
        if self._stuck and self._holder.process.name == "director":
            raise Stuck(self._stuck)

    def _next(self) -> Turn:
        now, able, later = self.now, [], []
        for turn in self._round:
            at = turn.ready(self._ended)
            if at is None:
                continue
            if at <= now:
                able.append(turn)
            else:
                later.append((at, turn))
        if not able:
            if not later:
                # The first thread says so: an exception in any other one might never be seen.
                self._stuck = f"everybody waits: {', '.join(turn.name for turn in self._round)}"
                later = [(now, self._round[0])]
            self.now = min(at for at, _ in later)
            able = [turn for at, turn in later if at == self.now]
        turn = able[0] if len(able) == 1 else able[int(self._random() * len(able))]
        turn.until = None
        self._holder = turn
        return turn
