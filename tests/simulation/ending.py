"""How a run comes to its end when its process did not bring it there: gone on with, given up, or swept; and again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from dr.events import Closed
from dr.plan import Plan
from dr.replay import replay
from tests.simulation.acts import Act, Verb

if TYPE_CHECKING:
    from tests.simulation.performance import Performance

ROUNDS = 9
CALM = 3
"""The round from which on nothing goes wrong any more."""
QUIET = 1000.0
"""Seconds between two rounds. The first may come right after the kill."""
AGAIN = 0.1
"""How often somebody does something about a run of which nothing is left to do."""
EXPIRY = 90_000.0
"""Seconds after which any machine may sweep."""


@dataclass(frozen=True)
class Next:
    """What somebody does about a run whose process died, and on which machine."""

    verb: Verb
    host: str
    kill_at: int | None = None
    """Before which effect that process dies too."""
    changed: bool = False
    """Whether the estate's file says something else by now."""
    meanwhile: "tuple[Verb, str, float] | None" = None
    """What somebody else does about it, where, and how many seconds later."""


def bring(made: "Performance", plan: Plan, chance: Random, then: Sequence[Next]) -> Iterator[str]:
    """Go on until nothing is left to do: first as given, then as chance will have it.

    What is wrong with that is a sentence.
    """
    meddled = made.troubles.swapped or made.troubles.squatter
    for number in range(ROUNDS):
        # After a sweep somebody may go on with it all the same.
        if number >= len(then) and over(made, plan) and not (number < CALM and chance.random() < AGAIN):
            return
        made.baton.sleep(chance.choice((1.0, 10.0, QUIET)) if number == 0 else QUIET)
        if number >= CALM:
            made.troubles.calm()
            made.account.heal()
        given = number < len(then)
        now = then[number] if given else _drawn(made, plan, chance, number)
        acts = [made.stage.act(now.verb, plan, now.host, kill_at=now.kill_at, estate_changed=now.changed)]
        if now.meanwhile:
            verb, host, after = now.meanwhile
            acts.append(made.stage.act(verb, plan, host, after=after))
        made.stage.wait(*acts)
        if meddled and number >= CALM and any(one.fate == "remains" for one in acts[0].swept):
            return  # What bears our name is not ours: it stays, and the sweep says so each time.
    if not over(made, plan) and not meddled:
        yield f"{plan.run} never came to its end: {'; '.join(str(act) for act in made.acts(plan)[-2:])}"


def over(made: "Performance", plan: Plan) -> bool:
    """Whether nothing is left to be done about a run."""
    acts = made.acts(plan)
    if any(act.bug for act in acts):
        return True
    events = made.reading(plan).events
    if not events:
        return True
    if isinstance(events[-1], Closed):
        report = made.report_of(plan)
        return swept_clean(acts[-1]) or (report is not None and not report.scratch.remaining)
    return swept_clean(acts[-1])


def swept_clean(act: Act) -> bool:
    """Whether the last sweep says that nothing of the run is left, and nothing may still come."""
    if act.verb != "sweep" or not act.process.alive or act.problem:
        return False
    return not any(one.fate in ("remains", "left alone") and one.run == act.plan.run for one in act.swept)


def _drawn(made: "Performance", plan: Plan, chance: Random, number: int) -> Next:
    """What somebody does about it next, and where."""
    kill_at = chance.randrange(1, 200) if number < CALM and chance.random() < 0.3 else None
    here = made.writer(plan)
    known = [host for host in made.stage.hosts if (made.place / host / plan.run).exists()]
    events = made.reading(plan).events
    if not events or not known:
        return Next("resume", here, kill_at)
    verb: Verb = "sweep" if replay(events).closed else chance.choice(("resume", "resume", "resume", "abort", "sweep"))
    if verb == "sweep":
        if number and chance.random() < 0.2:
            made.baton.sleep(EXPIRY)
            return Next(verb, chance.choice(known), kill_at)
        meanwhile = _meanwhile(chance, "six" if here != "six" else "two")
        return Next(verb, here if here in known else known[0], kill_at, meanwhile=meanwhile)
    # In the end somebody does it where the run is known best.
    host = chance.choice((here, here, "one", "two", "six")) if number <= CALM else here
    meanwhile = _meanwhile(chance, "six" if host != "six" else "two")
    return Next(verb, host, kill_at, chance.random() < 0.02, meanwhile)


def _meanwhile(chance: Random, host: str) -> tuple[Verb, str, float] | None:
    """Two may have an idea at once."""
    return ("resume", host, chance.choice((0.0, 30.0 * chance.random()))) if chance.random() < 0.15 else None
