"""What a journal says of a run that somebody wants to go on with: what is done, what is known, what is open. Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal

from dr.errors import Refused
from dr.events import (
    Aborted,
    Closed,
    Event,
    Intended,
    Learned,
    Observed,
    Opened,
    Overridden,
    Removed,
    Resumed,
    StepFinished,
    StepStarted,
    TeardownStarted,
)
from dr.plan import Plan
from dr.recovery import Fact


class Past(Fact):
    """A run up to now."""

    opened: Opened
    host: str
    pid: int
    """Where and as what it was written last."""
    done: frozenset[str]
    """Steps that ended well and were not begun again."""
    facts: dict[str, object]
    open_intents: tuple[Intended, ...]
    """Announced, and nobody recorded what became of it: the thing may exist. The last word on each thing."""
    ending: bool
    """It was on its way out already: no step may begin any more."""
    closed: bool
    overrides: frozenset[str] = frozenset()
    """The nonces of the overrides by which it went on: none of them is good a second time."""


def replay(events: Sequence[Event]) -> Past:
    """Read a run's past. Raises Refused for a journal that does not begin with `opened`."""
    if not events or not isinstance(opened := events[0], Opened):
        raise Refused("the journal does not begin with `opened`", hint="it announces nothing: nothing was touched")
    host, pid = opened.host, opened.pid
    done: set[str] = set()
    facts: dict[str, object] = {}
    intents: dict[str, Intended] = {}
    overrides: set[str] = set()
    ending = closed = False
    for event in events[1:]:
        match event:
            case Resumed():
                host, pid = event.host, event.pid
            case Overridden(nonce=nonce):
                overrides.add(nonce)
            case StepStarted(step=step):
                done.discard(step)
            case StepFinished(step=step, outcome=outcome):
                (done.add if outcome == "done" else done.discard)(step)
            case Learned(name=name, value=value):
                facts[name] = value
            case Intended(thing=thing):
                intents[str(thing)] = event
            case Observed(thing=thing) | Removed(thing=thing):
                intents.pop(str(thing), None)
            case Aborted() | TeardownStarted():
                ending = True
            case Closed():
                closed = True
            case _:
                pass
    return Past(
        opened=opened,
        host=host,
        pid=pid,
        done=frozenset(done),
        facts=facts,
        open_intents=tuple(intents.values()),
        ending=ending,
        closed=closed,
        overrides=frozenset(overrides),
    )


Left = Literal["done", "again", "to do"]


def left_to_do(plan: Plan, past: Past) -> Mapping[str, Left]:
    """step -> what becomes of it when the run goes on.

    What is done is not done again, except where its effect died with the process (a one-time password), or a sweep may
    have taken it, and a step that is still to be done needs it.
    """
    needs = {step.name: step.needs for step in plan.steps}
    wanted: set[str] = set()
    waiting = [name for name in needs if name not in past.done]
    while waiting:
        for need in needs[waiting.pop()]:
            if need not in wanted:
                wanted.add(need)
                waiting.append(need)
    return {
        step.name: "to do"
        if step.name not in past.done
        else "again"
        if step.on_resume == "repeat" and step.name in wanted
        else "done"
        for step in plan.steps
    }
