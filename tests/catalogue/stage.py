"""One restored instance of the sample application, damaged, verified by the product's own step, and put right again.

A restore test for each fault would take minutes where this takes seconds: the instance is restored once, by the steps
of a real plan, and the lab keeps its files and puts them back. What is asked of it is what every test asks.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from threading import Event as Flag
from typing import Any

from dr.context import Context
from dr.drill import TOOL, permitted, prepare_test, run_folder, surroundings
from dr.errors import FiredrillError
from dr.events import Closed, Covered, Entry, Event, Found, Opened, Removed, StepFinished, StepStarted, TeardownStarted
from dr.journal import FILE
from dr.lab import life
from dr.lab.home import Home
from dr.recovery import Latest
from dr.run import give_up
from dr.runbook import VerifyDatabase
from dr.scratch import creations
from dr.steps import perform
from dr.timeline import read
from dr.verdict import judge
from dr.verification import Coverage, Finding
from tests.catalogue.outcome import Outcome
from tests.runs.conftest import Runner

ASSET = "receipts-db"
PATIENCE = 600.0
"""Seconds: the lab stops and starts a server, on a machine that may do other things as well."""


@dataclass
class Listening(Context):
    """A context that hears what is found, and keeps it out of the journal: the same instance is asked again."""

    heard: list[Finding] = field(default_factory=list)
    covered: list[Coverage] = field(default_factory=list)
    ended: str = ""
    """Why the step could not be done."""
    deaf_to: str = ""
    """A check whose answers are lost, as if nobody had written it."""

    def find(self, asset: str, finding: Finding) -> None:
        assert asset == ASSET
        if finding.check != self.deaf_to:
            self.heard.append(finding)

    def cover(self, asset: str, coverage: Coverage) -> None:
        assert asset == ASSET
        if self.deaf_to != "content":
            self.covered.append(coverage)


@dataclass
class Stage:
    """The instance, and the run that made it."""

    runner: Runner
    context: Context
    step: VerifyDatabase
    base: tuple[Entry, ...]
    """The journal as it was when the instance had been restored."""
    instance: str
    region: str

    def verify(self, *, deaf_to: str = "") -> Outcome:
        """Ask every check that the step asks, and judge as if the run had ended there."""
        return self.judged(self.listen(deaf_to=deaf_to))

    def listen(self, *, deaf_to: str = "") -> Listening:
        """Ask every check that the step asks."""
        given = {one.name: getattr(self.context.of(self.step.name), one.name) for one in fields(Context)}
        context = Listening(**given, deaf_to=deaf_to)
        try:
            perform(self.step, context)
        except FiredrillError as problem:
            context.ended = str(problem)
        return context

    def judged(self, context: Listening) -> Outcome:
        """What a run comes to that heard this, and then took its scratch away."""
        name, detail = self.step.name, context.ended
        events: list[Event] = [
            StepStarted(step=name),
            *(Found(asset=ASSET, finding=finding, step=name) for finding in context.heard),
            *(Covered(asset=ASSET, coverage=coverage, step=name) for coverage in context.covered),
            *self.context.journal.reading().events[len(self.base) :],
            StepFinished(step=name, outcome="errored" if detail else "done", detail=detail),
        ]
        verdict, _ = judge(read(self._with(events)))
        return Outcome(verdict, tuple(context.heard), {"unread": detail} if detail else {})

    def _with(self, events: list[Event]) -> list[Entry]:
        """The journal of a run that went on like this, and then took its scratch away."""
        things = [one.thing for one in (entry.body for entry in self.base) if getattr(one, "event", "") == "observed"]
        ending: list[Event] = [TeardownStarted(), *(Removed(thing=one) for one in dict.fromkeys(things))]
        last = self.base[-1]
        return [
            *self.base,
            *(
                last.model_copy(update={"n": last.n + number, "body": event})
                for number, event in enumerate([*events, *ending, Closed(regions_called={})], 1)
            ),
        ]

    @contextmanager
    def damaged(self, fault: str, **options: Any) -> Iterator[str]:
        """The instance with a fault in it. Raises FiredrillError where the server does not come up any more."""
        home = Home(self.runner.lab.home)
        given = {"region": self.region, "instance": self.instance, "when": "now", **options}
        told = life.command(home, "inject", {"name": fault, "options": given}, patience=PATIENCE)["told"]
        try:
            yield told
        finally:
            life.command(home, "clear", {"name": fault}, patience=PATIENCE)


@contextmanager
def restored(runner: Runner) -> Iterator[Stage]:
    """Restore the application's database by the steps of a real plan; taken away in the end by a real teardown."""
    house = runner.house
    plan = prepare_test(house, runner.choice(ASSET), site="recovery", target=Latest(), depth="L8", challenge=False)
    folder, clock = run_folder(house, plan, exist_ok=False), house.machine.clock(Flag())
    with house.machine.journal(folder / FILE, clock, house.ledger(plan.run)) as journal:
        context = surroundings(house, plan, clock, journal, lambda _: None)
        opened = plan.model_dump(mode="json", by_alias=True)
        journal.append(Opened(run=plan.run, tool=TOOL, host="here", pid=1, plan=opened, estate=house.document.text))
        with permitted(house, (), journal):
            try:
                step = next(one for one in plan.steps if isinstance(one, VerifyDatabase))
                for one in plan.steps:
                    if one is step:
                        break
                    journal.append(StepStarted(step=one.name))
                    perform(one, context.of(one.name))
                    journal.append(StepFinished(step=one.name, outcome="done"))
                base = journal.reading().entries
                made = next(one for one in creations(journal.reading()) if one.kind == "instance")
                yield Stage(runner, replace(context), step, base, made.name, made.region)
            finally:
                give_up(context, "the catalogue is over")
                house.aws.allow(None)
