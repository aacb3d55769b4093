"""What a process of ours can do: begin a run, go on with one, give one up, sweep. Each as the product does it.

And one thing that the product will do in a failover: take the leases of a backup at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Event as Flag
from typing import Literal

from dr.abandoned import Swept
from dr.aws.clients import Aws
from dr.documents import Document
from dr.drill import House, carry_out
from dr.errors import FiredrillError
from dr.holding import holding
from dr.lease import this_process
from dr.plan import Plan
from dr.questions import Questions
from dr.report.model import Report
from dr.resuming import abort, look, resume
from dr.store import BucketStore
from dr.sweep import sweep
from tests.simulation import scene
from tests.simulation.baton import Baton, Killed, Process
from tests.simulation.cloud.account import NUMBER, RECOVERY
from tests.simulation.cloud.door import Door
from tests.simulation.cloud.s3 import CONTROL
from tests.simulation.databases import SimulatedDatabases
from tests.simulation.surroundings import Host, SimulatedJournal, machine

Verb = Literal["begin", "resume", "abort", "sweep", "pre-empt"]


PRE_EMPTED = 40.0
"""Seconds for which somebody else needs what a backup holds."""


@dataclass(frozen=True)
class Cast:
    """Who plays journal, door and way to AWS: a test that plants a bug sends in somebody else."""

    journal: type[SimulatedJournal] = SimulatedJournal
    door: type[Door] = Door
    aws: type[Aws] = Aws
    databases: type[SimulatedDatabases] = SimulatedDatabases


@dataclass
class Act:
    """One process, and what became of it."""

    verb: Verb
    plan: Plan
    host: Host
    process: Process
    report: Report | None = None
    problem: FiredrillError | None = None
    bug: Exception | None = None
    """What nobody raises on purpose."""
    swept: list[Swept] = field(default_factory=list)

    def __str__(self) -> str:
        end = (
            f"a bug: {self.bug!r}"
            if self.bug
            else "killed"
            if not self.process.alive
            else f"could not: {self.problem.message}"
            if self.problem
            else self.report.verdict
            if self.report
            else ", ".join(f"{one.thing} {one.fate}" for one in self.swept) or "nothing to sweep"
        )
        return f"{self.verb} on {self.host.name}: {end}"


class Stage:
    """Where processes of ours work: machines, and one cloud."""

    def __init__(self, baton: Baton, door: Door, cast: Cast, ask: Questions, place: Path, chance: Random) -> None:
        self.baton, self._door, self._cast, self._ask, self._chance = baton, door, cast, ask, chance
        self.hosts = {
            name: Host(name, place / name, booted) for name, booted in (("one", 1000.0), ("two", 88.0), ("six", 5e6))
        }
        for host in self.hosts.values():
            host.place.mkdir()
        self.acts: list[Act] = []

    def act(
        self,
        verb: Verb,
        plan: Plan,
        host: str,
        *,
        after: float = 0.0,
        kill_at: int | None = None,
        torn: bool = False,
        pauses: dict[int, float] | None = None,
        stopping: Flag | None = None,
        take_over: bool = True,
        estate_changed: bool = False,
    ) -> Act:
        """Begin a process, `after` some seconds. What is not given is fair."""
        pid = 4000 + len(self.acts)
        run = "" if verb in ("sweep", "pre-empt") else plan.run
        process = Process(f"{verb} {len(self.acts)}", run, pid, kill_at, torn, pauses or {})
        act = Act(verb, plan, self.hosts[host], process)
        self.acts.append(act)

        def say(text: str) -> None:
            self.baton.note(f"say       {text}")

        def work() -> None:
            if after:
                self.baton.sleep(after)
            house = self._house(act, estate_changed)
            match verb:
                case "begin":
                    act.report = carry_out(house, plan, stopping=stopping or Flag(), say=say)
                case "resume":
                    act.report = resume(look(house, plan.run, take_over=take_over), stopping=Flag(), say=say)
                case "abort":
                    act.report = abort(look(house, plan.run, take_over=take_over), say=say)
                case "sweep":
                    act.swept = sweep(house, dry_run=False, say=say)
                case "pre-empt":
                    here = house.machine
                    clock, holder = here.clock(Flag()), this_process("a failover", here)
                    with holding(house.store, clock, scene.LEASES, holder, say, exclusive=True, threads=here.threads):
                        self.baton.sleep(PRE_EMPTED)

        self.baton.begin(process, lambda: self._whole(act, work))
        return act

    def wait(self, *acts: Act) -> None:
        """Until these processes have ended."""
        self.baton.wait_for(lambda: all(act.process.ended for act in acts))
        for act in acts:
            if left := self.baton.outlived(act.process):
                raise AssertionError(f"outlived their process: {', '.join(left)}")

    def _whole(self, act: Act, work: Callable[[], None]) -> None:
        try:
            work()
        except FiredrillError as problem:
            act.problem = problem
        except Killed:
            raise
        except Exception as bug:  # noqa: BLE001 - told with the seed, after everything else was looked at
            act.bug = bug
        self.baton.note(str(act))

    def _house(self, act: Act, estate_changed: bool) -> House:
        """A process's way to everything."""
        estate = scene.estate()
        text = scene.estate_text() + ("\n" if estate_changed else "")
        here = machine(
            self.baton,
            scene.START,
            act.host,
            pid=act.process.pid,
            chance=self._chance,
            ask=self._ask,
            journal=self._cast.journal,
            lives=lambda pid: self._lives(act.host, pid),
        )
        aws = self._cast.aws(
            scene.CONNECTION, NUMBER, caller=self._door.session, environment={}, clock=here.clock(Flag())
        )
        store = BucketStore(aws, RECOVERY, CONTROL, "")
        document = Document(Path("estate.yaml"), {}, {}, text)
        return House(estate, document, scene.CONNECTION, aws, store, act.host.place, here)

    def _lives(self, host: Host, pid: int) -> bool:
        return any(
            one.host is host and one.process.pid == pid and one.process.alive and not one.process.ended
            for one in self.acts
        )
