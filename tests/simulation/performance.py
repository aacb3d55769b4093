"""One run from one seed: performed by the product's loop, perhaps killed, swept afterwards, and looked at each time."""

import os
import random
import shutil
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from threading import Event as Flag

from dr.aws.clients import Aws
from dr.context import Context
from dr.documents import Document
from dr.drill import TOOL, House
from dr.errors import FiredrillError, Interrupted
from dr.events import Intended, Observed, Opened
from dr.journal import FILE, Journal, read
from dr.plan import Plan
from dr.report.model import Report
from dr.report.rebuild import report_of
from dr.run import run
from dr.scratch import protected_by
from dr.store import BucketStore
from dr.sweep import Swept, sweep
from tests.simulation import invariants, neighbours, scene
from tests.simulation.baton import Baton, Killed
from tests.simulation.cloud.account import NUMBER, RECOVERY, Account
from tests.simulation.cloud.door import Door
from tests.simulation.cloud.s3 import CONTROL
from tests.simulation.databases import SimulatedDatabases
from tests.simulation.surroundings import SimulatedClock, SimulatedJournal, SimulatedThreads
from tests.simulation.troubles import Troubles

EFFECTS = (80, 200, 320)
"""Before one of these a run is killed. One without troubles has about as many as the last."""
SWEEPS = 4
"""After so many in quiet weather, what still stands will stand for ever."""
QUIET = 1000.0
"""Seconds between two sweeps. The first may come right after the kill."""
SHM = Path("/dev/shm")  # noqa: S108 - a folder of its own is made below it; where it exists, forcing to disk is free


@dataclass(frozen=True)
class Cast:
    """Who plays journal and door: a test that plants a bug sends in somebody else."""

    journal: Callable[[Path, SimulatedClock, Baton], Journal] = SimulatedJournal
    door: Callable[[Account, Baton, Troubles], Door] = Door


@dataclass
class Performance:
    """What became of one seed."""

    seed: int
    kind: str
    troubles: Troubles
    baton: Baton
    account: Account
    clock: SimulatedClock
    place: Path
    killed: bool = False
    bug: BaseException | None = None
    """What nobody raises on purpose."""
    report: Report | None = None
    """As the run itself judged, where it came to its end."""
    swept: list[Swept] = field(default_factory=list)
    """What the last sweep said."""
    wrongs: list[str] = field(default_factory=list)

    @property
    def plan(self) -> Plan:
        return scene.plan(self.kind)

    @property
    def journal(self) -> Path:
        return self.place / self.plan.run / FILE

    def told(self) -> str:
        """For whoever has to find out why."""
        wrongs = "\n".join(f"  {one}" for one in self.wrongs)
        return f"seed {self.seed} ({self.kind}): see `python -m tests.simulation {self.seed}`\n{wrongs}"


def perform(
    seed: int,
    cast: Cast | None = None,
    *,
    kind: str | None = None,
    troubles: Troubles | None = None,
    kill_at: int | None = None,
    torn: bool = False,
) -> Performance:
    """Perform a seed. What is given is not drawn: a test can ask for one kill, or for fair weather."""
    chance = Random(f"firedrill {seed}")  # noqa: S311 - repeatable, not secret
    kind = kind or chance.choice(("test", "test", "snapshot", "backup"))
    if kill_at is None and troubles is None and chance.random() < 0.4:
        kill_at, torn = chance.randrange(1, chance.choice(EFFECTS)), chance.random() < 0.3
    troubles = troubles or Troubles.drawn(Random(chance.random()))  # noqa: S311
    baton = Baton(Random(chance.random()), kill_at=kill_at, torn=torn)  # noqa: S311
    account = Account(scene.START, lag=chance.choice((20.0, 90.0, 150.0, 290.0, 400.0)))
    stopping = Flag()
    # tenacity draws its jitter from the module's own generator, which is everybody's.
    state = random.getstate()
    random.seed(seed)
    place = Path(tempfile.mkdtemp(prefix="firedrill-simulation-", dir=SHM if SHM.is_dir() else None))
    try:
        made = Performance(seed, kind, troubles, baton, account, SimulatedClock(baton, scene.START, stopping), place)
        baton.at_each.append(lambda: _world(made, stopping))
        _perform(made, cast or Cast(), stopping)
        return made
    finally:
        random.setstate(state)
        shutil.rmtree(place)


def _world(made: Performance, stopping: Flag) -> None:
    """What happens by itself as time passes."""
    now = made.baton.now
    made.account.settle(now)
    troubles = made.troubles
    while troubles.clock_steps and troubles.clock_steps[0][0] <= now:
        _, seconds = troubles.clock_steps.pop(0)
        made.clock.set_off += timedelta(seconds=seconds)
        made.baton.note(f"the wall clock is set by {seconds} s")
    if troubles.stop_at is not None and troubles.stop_at <= now and not stopping.is_set():
        made.baton.note("somebody asks the run to stop")
        stopping.set()


def _perform(made: Performance, cast: Cast, stopping: Flag) -> None:
    scene.populate(made.account)
    before = invariants.picture(made.account)
    door = cast.door(made.account, made.baton, made.troubles)
    made.account.run = made.plan.run
    made.journal.parent.mkdir()
    journal = cast.journal(made.journal, made.clock, made.baton)
    made.account.announced = lambda operation, thing: _announced(journal, operation, thing)
    house = _house(made, door)
    try:
        _run(made, house, journal, stopping)
        made.report = report_of(journal.reading())
    except Killed:
        made.killed = True
    except Exception as bug:  # noqa: BLE001 - told with the seed, after everything else was looked at
        made.bug = bug
    finally:
        # The kernel does this for a dead process: it is how others see that nobody holds the journal any more.
        journal.close()
    made.wrongs += invariants.after_the_run(made)
    if made.bug is None:
        _clean_up(made, door)
        # Whatever is still under way comes down before the last look.
        made.baton.sleep(QUIET)
        made.baton.effect("the end")
        made.wrongs += invariants.at_the_end(made)
    made.wrongs += invariants.others_kept(made.account, before)


def _run(made: Performance, house: House, journal: Journal, stopping: Flag) -> None:
    # As dr.drill does it: what may not be touched is settled before the first step.
    protected = protected_by(house.estate, scene.records())
    context = Context(
        estate=house.estate,
        plan=made.plan,
        connection=house.connection,
        aws=house.aws,
        clock=made.clock,
        journal=journal,
        store=house.store,
        say=lambda text: made.baton.note(f"say       {text}"),
        protected=frozenset(protected),
        threads=SimulatedThreads(made.baton),
        ask=SimulatedDatabases(made.account, made.baton, made.troubles),
    )
    name = next((step.instance for step in made.plan.steps if step.action == "restore_database"), "")
    neighbours.begin(made.account, made.troubles, name, lambda: _known(journal, name))
    plan = made.plan.model_dump(mode="json", by_alias=True)
    journal.append(Opened(run=made.plan.run, tool=TOOL, host=socket.gethostname(), pid=os.getpid(), plan=plan))
    with suppress(Interrupted):
        run(context, stopping)


def _house(made: Performance, door: Door) -> House:
    """A process's way to everything."""
    estate = scene.estate()
    aws = Aws(scene.CONNECTION, NUMBER, caller=door.session, environment={})
    store = BucketStore(aws, RECOVERY, CONTROL, "")
    return House(estate, Document(Path("estate.yaml"), {}, {}), scene.CONNECTION, aws, store, made.place)


def _announced(journal: Journal, operation: str, thing: str) -> bool:
    return any(
        isinstance(event, Intended) and event.operation == operation and str(event.thing) == thing
        for event in journal.reading().events
    )


def _known(journal: Journal, name: str) -> bool:
    return any(isinstance(event, Observed) and event.thing.name == name for event in journal.reading().events)


def _clean_up(made: Performance, door: Door) -> None:
    """Sweep from another process, once in the weather of the run and then in a quiet one, until nothing remains.

    A run that says itself that it left nothing is taken at its word: what is still under way has time to come down.
    """
    made.baton.start_anew()
    chance = made.troubles.chance
    if made.report is not None and not made.report.scratch.remaining:
        return
    clock = SimulatedClock(made.baton, scene.START)
    intended = [event for event in read(made.journal).events if isinstance(event, Intended)]
    announced = {(event.operation, str(event.thing)) for event in intended}
    # A sweep deletes what the run's journal announced; it writes no journal of its own.
    announced |= {("Delete", str(event.thing)) for event in intended}
    made.account.announced = lambda operation, thing: (operation, thing) in announced
    for number in range(SWEEPS):
        made.baton.sleep(chance.choice((1.0, 10.0, QUIET)) if number == 0 else QUIET)
        if number:
            made.troubles.calm()
            made.account.heal()
        elif made.killed and chance.random() < 0.3:
            made.baton.kill_at = made.baton.effects + chance.randrange(1, 50)
        try:
            made.swept = sweep(
                _house(made, door), dry_run=False, say=lambda text: made.baton.note(f"sweep     {text}"), clock=clock
            )
        except FiredrillError as problem:
            made.swept = [Swept("everything", made.plan.run, "remains", str(problem))]
        except Killed:
            made.swept = [Swept("everything", made.plan.run, "remains", "the sweep was killed")]
        made.baton.start_anew()
        for one in made.swept:
            made.baton.note(f"swept     {one.thing}: {one.fate}: {one.reason}")
        if invariants.swept_clean(made):
            return
