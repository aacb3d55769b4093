"""Bugs planted on purpose, in whoever plays journal, door or AWS client. Were they not found, no real one would."""

from collections.abc import Callable
from typing import Any

from dr.aws.clients import Aws
from dr.claims import TAG_ASSET, TAG_PURPOSE, TAG_RUN, TAG_SOURCE
from dr.events import Event, Intended, Observed
from dr.isolation import INSIDE
from dr.postgres import Login
from tests.simulation.cloud.door import Door
from tests.simulation.databases import SimulatedDatabases
from tests.simulation.scene import SOURCE
from tests.simulation.surroundings import SimulatedJournal


class WithoutIntents(SimulatedJournal):
    """Does not write down what is about to be done."""

    def append(self, event: Event) -> None:
        if not isinstance(event, Intended):
            super().append(event)


class IntentsAfterwards(SimulatedJournal):
    """Writes down what is about to be done when it has been done."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._held: list[Event] = []

    def append(self, event: Event) -> None:
        if isinstance(event, Intended):
            self._held.append(event)
            return
        if isinstance(event, Observed):
            for held in self._held:
                super().append(held)
            self._held.clear()
        super().append(event)


class WithoutResourceIds(SimulatedJournal):
    """Forgets which thing it was that was made: the claim then rests on names and tags."""

    def append(self, event: Event) -> None:
        super().append(event.model_copy(update={"resource_id": None}) if isinstance(event, Observed) else event)


class WithoutPermit(Aws):
    """Never asks whether the run still holds what it has to hold, nor whether it is still its own."""

    def permit(self, ask: Callable[[], None] | None) -> None:
        del ask
        super().permit(None)


class AnythingIsOurs(Door):
    """Shows every scratch instance as this run would have made it: what has our name is taken over, whoever made it."""

    def answered(self, answer: dict[str, Any], operation: str) -> dict[str, Any]:
        if operation != "describe_db_instances":
            return answer
        ours = {
            TAG_PURPOSE: "scratch",
            TAG_ASSET: "receipts-db",
            TAG_RUN: self.baton.process.run,
            TAG_SOURCE: SOURCE,
        }
        given = [{"Key": key, "Value": value} for key, value in ours.items()]
        return {"DBInstances": [one | {"TagList": given} for one in answer["DBInstances"]]}


class SaysPassed(SimulatedJournal):
    """Writes every answer of a check down as a good one."""

    def append(self, event: Event) -> None:
        if event.event == "found":
            event = event.model_copy(update={"finding": event.finding.model_copy(update={"outcome": "passed"})})
        super().append(event)


class SaysIsolated(SimulatedDatabases):
    """Switches nothing off, and says that everything is."""

    def disable(self, login_for: Callable[[str], Login], *, first: str) -> None:
        self._enter(login_for(first), first_session=True)

    def isolated(self, login_for: Callable[[str], Login], *, first: str) -> dict[str, str]:
        self._enter(login_for(first), first_session=True)
        return dict.fromkeys(INSIDE, "simulated")


class WithoutTheFirstSession(SimulatedJournal):
    """Does not write down that scratch was proven to reach nothing: what nobody can read was not proven."""

    def append(self, event: Event) -> None:
        if event.event != "isolated":
            super().append(event)


class WithoutTheChain(SimulatedJournal):
    """Loses one line in the middle of the file."""

    def append(self, event: Event) -> None:
        super().append(event)
        if event.event == "teardown_started":
            lines = self.place.read_bytes().splitlines(keepends=True)
            self.place.write_bytes(b"".join([*lines[:2], *lines[3:]]))
            self._length = self.place.stat().st_size
