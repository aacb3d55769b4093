"""Bugs planted on purpose, each in whoever plays journal or door. Were they not found, neither would real ones be."""

from typing import Any

from dr.claims import TAG_RUN
from dr.events import Event, Intended, Observed
from tests.simulation.cloud.door import Door
from tests.simulation.surroundings import SimulatedJournal


class WithoutIntents(SimulatedJournal):
    """Does not write down what is about to be done."""

    def append(self, event: Event) -> None:
        if not isinstance(event, Intended):
            super().append(event)


class IntentsAfterwards(SimulatedJournal):
    """Writes down what is about to be done when it has been done."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
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


class AnythingIsOurs(Door):
    """Shows every instance with the tags of the run: what has our name is taken over, whoever made it."""

    def answered(self, answer: dict[str, Any], operation: str) -> dict[str, Any]:
        if operation != "describe_db_instances":
            return answer
        ours = {"firedrill:purpose": "scratch", "firedrill:asset": "receipts-db", TAG_RUN: self.account.run}
        given = [{"Key": key, "Value": value} for key, value in ours.items()]
        return {"DBInstances": [one | {"TagList": given} for one in answer["DBInstances"]]}


class SaysPassed(SimulatedJournal):
    """Writes every answer of a check down as a good one."""

    def append(self, event: Event) -> None:
        if event.event == "found":
            event = event.model_copy(update={"finding": event.finding.model_copy(update={"outcome": "passed"})})
        super().append(event)


class WithoutTheChain(SimulatedJournal):
    """Loses one line in the middle of the file."""

    def append(self, event: Event) -> None:
        super().append(event)
        if event.event == "teardown_started":
            lines = self._place.read_bytes().splitlines(keepends=True)
            self._place.write_bytes(b"".join([*lines[:2], *lines[3:]]))
            self._length = self._place.stat().st_size
