"""One story from one seed: a run, whatever befalls it, and how others go on with it or clear up after it."""

import random
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from threading import Event as Flag
from typing import Any

from dr.chain import Reading, parse
from dr.journal import FILE
from dr.plan import Plan
from dr.report.model import Report
from tests.simulation import ending, invariants, neighbours, scene
from tests.simulation.acts import Act, Cast, Stage
from tests.simulation.baton import Baton, Process
from tests.simulation.cloud.account import RECOVERY, Account
from tests.simulation.cloud.s3 import CONTROL
from tests.simulation.cloud.watchman import Watchman
from tests.simulation.troubles import Troubles

EFFECTS = (80, 200, 400)
"""Before one of these a run is killed or stopped. One without troubles has about as many as the last."""
PAUSES = (1.0, 30.0, 400.0)
"""Seconds for which a process may be stopped: shorter and longer than a lease lives."""
SHM = Path("/dev/shm")  # noqa: S108 - a folder of its own is made below it; where it exists, forcing to disk is free


@dataclass
class Performance:
    """What became of one seed."""

    seed: int
    kind: str
    troubles: Troubles
    baton: Baton
    account: Account
    place: Path
    stage: Stage
    plans: list[Plan]
    """The run that the story is of; and perhaps another one that wants to act on the same things."""
    wrongs: list[str] = field(default_factory=list)
    _read: dict[bytes, Reading] = field(default_factory=dict)

    @property
    def plan(self) -> Plan:
        return self.plans[0]

    @property
    def first(self) -> Process:
        return self.stage.acts[0].process

    @property
    def killed(self) -> bool:
        return not self.first.alive

    @property
    def report(self) -> Report | None:
        """As the run itself judged, where some process brought it to its end."""
        return self.report_of(self.plan)

    def acts(self, plan: Plan) -> list[Act]:
        return [act for act in self.stage.acts if act.plan is plan]

    def report_of(self, plan: Plan) -> Report | None:
        return next((act.report for act in reversed(self.acts(plan)) if act.report), None)

    def writer(self, plan: Plan) -> str:
        """The machine that wrote the run's journal last."""
        return self.account.journaled.writers.get(plan.run, (self.acts(plan)[0].host.name, 0, 0.0))[0]

    def ledger(self, plan: Plan) -> bytes:
        """A run's journal, as the control store has it."""
        bucket = self.account.regions[RECOVERY].buckets[CONTROL]
        return b"".join(bucket[key][0].body for key in sorted(bucket) if key.startswith(f"{plan.run}/journal/"))

    def file(self, plan: Plan) -> bytes:
        """A run's journal, as the machine has it that wrote it last."""
        path = self.place / self.writer(plan) / plan.run / FILE
        return path.read_bytes() if path.exists() else b""

    def reading(self, plan: Plan) -> Reading:
        """A run's journal, from both. Raises Refused where it is damaged."""
        there, here = self.ledger(plan), self.file(plan)
        whole = here if here.startswith(there) else there
        if whole not in self._read:
            self._read[whole] = parse(whole, plan.run)
        return self._read[whole]

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
    pauses: dict[int, float] | None = None,
    usurped: float | None = None,
    rival: float | None = None,
    then: Sequence[ending.Next] = (),
) -> Performance:
    """Perform a seed. What is given is not drawn: a test can ask for one kill, or for fair weather.

    `pauses`: see `Process`. `usurped`: when somebody else goes on with the run, though its process may be alive.
    `rival`: when somebody else begins a backup of the same. `then`: what is done after the first process; after that it
    is left to chance again.
    """
    cast = cast or Cast()
    chance = Random(f"firedrill {seed}")  # noqa: S311 - repeatable, not secret
    kind = kind or chance.choice(("test", "snapshot", "backup", "backup"))
    free = troubles is None
    if kill_at is None and free and chance.random() < 0.4:
        kill_at, torn = chance.randrange(1, chance.choice(EFFECTS)), chance.random() < 0.3
    if free and pauses is None and _one_in(chance, 4):
        pauses = {chance.randrange(1, chance.choice(EFFECTS)): chance.choice(PAUSES)}
    if free and usurped is None and _one_in(chance, 2 if pauses else 40):
        usurped = chance.random() * 300
    troubles = troubles or Troubles.drawn(_from(chance))
    baton = Baton(_from(chance))
    account = Account(scene.START, lag=chance.choice((20.0, 90.0, 150.0, 290.0, 400.0)))
    # tenacity draws its jitter from the module's own generator, which is everybody's.
    state = random.getstate()
    random.seed(seed)
    place = Path(tempfile.mkdtemp(prefix="firedrill-simulation-", dir=SHM if SHM.is_dir() else None))
    baton.hidden = str(place)
    try:
        watchman = Watchman(account, frozenset(scene.LEASES))
        door = cast.door(account, baton, troubles, watchman)
        stage = Stage(baton, door, cast, cast.databases(account, baton, troubles), place, _from(chance))
        made = Performance(seed, kind, troubles, baton, account, place, stage, [scene.plan(kind)])
        first = {"kill_at": kill_at, "torn": torn, "pauses": pauses}
        if free and kind == "backup" and _one_in(chance, 3):
            rival = chance.random() * 150
        _perform(made, _from(chance), first, free=free, rival=rival, usurped=usurped, then=then)
    except BaseException as problem:
        # Whatever it is that nobody expected: who reads of it has to be able to see it again.
        problem.add_note(f"seed {seed} ({kind}): see `python -m tests.simulation {seed}`")
        raise
    else:
        return made
    finally:
        random.setstate(state)
        shutil.rmtree(place)


def _from(chance: Random) -> Random:
    return Random(chance.random())  # noqa: S311


def _perform(
    made: Performance,
    chance: Random,
    first: dict[str, Any],
    *,
    free: bool,
    rival: float | None,
    usurped: float | None,
    then: Sequence[ending.Next],
) -> None:
    stopping = Flag()
    made.baton.at_each.append(lambda: _world(made, stopping))
    scene.populate(made.account)
    before = invariants.picture(made.account)
    name = next((step.instance for step in made.plan.steps if step.action == "restore_database"), "")
    neighbours.begin(made.account, made.troubles, name)
    stage = made.stage
    acts = [stage.act("begin", made.plan, "one", stopping=stopping, **first)]
    if rival is not None:
        # Somebody else wants to make a backup of the same, too.
        made.plans.append(scene.plan("backup", "beef"))
        acts.append(stage.act("begin", made.plans[1], "two", after=rival))
    if free and made.kind == "backup" and _one_in(chance, 6):
        acts.append(stage.act("pre-empt", scene.plan("backup", "cafe"), "two", after=chance.random() * 150))
    if free and _one_in(chance, 10):
        acts.append(stage.act("sweep", scene.plan("backup", "cafe"), "one", after=chance.random() * 150))
    if usurped is not None:
        # Somebody takes the run for dead, and is perhaps wrong.
        acts.append(stage.act("resume", made.plan, "six", after=usurped))
    stage.wait(*acts)
    for plan in made.plans:
        made.wrongs += ending.bring(made, plan, chance, then)
    # Whatever is still under way comes down before the last look.
    made.baton.sleep(ending.QUIET)
    made.baton.effect("the end")
    for plan in made.plans:
        made.wrongs += invariants.of_run(made, plan)
    made.wrongs += invariants.of_account(made, before)


def _one_in(chance: Random, number: int) -> bool:
    return chance.random() < 1 / number


def _world(made: Performance, stopping: Flag) -> None:
    """What happens by itself as time passes."""
    now = made.baton.now
    made.account.settle(now)
    troubles = made.troubles
    while troubles.clock_steps and troubles.clock_steps[0][0] <= now:
        _, seconds = troubles.clock_steps.pop(0)
        made.stage.hosts["one"].set_off += timedelta(seconds=seconds)
        made.baton.note(f"the wall clock is set by {seconds} s")
    if troubles.stop_at is not None and troubles.stop_at <= now and not stopping.is_set():
        made.baton.note("somebody asks the run to stop")
        stopping.set()
