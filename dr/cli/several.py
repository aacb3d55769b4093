"""One application after the other: what keeps one of them from its run does not keep the others from theirs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag

from dr.drill import House, carry_out, exit_code
from dr.errors import ExitCode, FiredrillError
from dr.journal import FILE
from dr.plan import Plan
from dr.planning import Choice, choose
from dr.report.model import Report
from dr.run import Watch

GRAVEST_FIRST = (
    ExitCode.INTERRUPTED,
    ExitCode.FAILED,
    ExitCode.INCONCLUSIVE,
    ExitCode.REFUSED,
    ExitCode.USAGE,
    ExitCode.SCRATCH_REMAINS,
    ExitCode.PASSED,
)
"""What is known to be wrong comes before what is not known, and that before what was not even begun."""


NOTHING_BEGUN = "nothing was begun"


@dataclass(frozen=True)
class Planned:
    """An application, and its plan or what kept it from one."""

    application: str
    plan: Plan | FiredrillError


@dataclass(frozen=True)
class Outcome:
    """An application, and the report of its run or what kept it from one."""

    application: str
    ended: Report | FiredrillError
    code: ExitCode
    folder: Path | None = None
    """Where the report stands."""


@contextmanager
def before_any_run() -> Iterator[None]:
    """Whatever is raised in here says that nothing was begun: whoever reads it in an outage need not look."""
    try:
        yield
    except FiredrillError as problem:
        problem.hint = f"{problem.hint} ({NOTHING_BEGUN})" if problem.hint else NOTHING_BEGUN
        raise


def plan_each(
    house: House, names: Sequence[str], prepare: Callable[[Choice], Plan], say: Callable[[str], None]
) -> list[Planned]:
    """Plan every application that was named before the first run begins.

    Raises Refused for a name that the estate does not know. Of several applications, one that cannot be planned is said
    to be so, and left out; where there is only one, its error is raised.
    """
    choices = choose(house.estate, names)
    if len(choices) == 1:
        return [Planned(choices[0].application, prepare(choices[0]))]
    planned = []
    for choice in choices:
        try:
            planned.append(Planned(choice.application, prepare(choice)))
        except FiredrillError as problem:
            say(f"error: {choice.application} is not begun: {problem}")
            planned.append(Planned(choice.application, problem))
    return planned


def perform_each(
    house: House,
    planned: Sequence[Planned],
    stopping: Flag,
    say: Callable[[str], None],
    watch: Watch | None = None,
) -> Iterator[Outcome]:
    """Perform the plans, and yield each outcome as it is there; none is begun after somebody asked to stop.

    Of several applications, one whose run cannot be held or ended is said to be so; where there is only one, its error
    is raised.
    """
    for one in planned:
        if isinstance(one.plan, FiredrillError):
            yield Outcome(one.application, one.plan, one.plan.exit_code)
            continue
        say(f"{one.plan.run}: {len(one.plan.steps)} steps in {one.plan.region(one.plan.site)}")
        try:
            report = carry_out(house, one.plan, stopping=stopping, say=say, watch=watch)
        except FiredrillError as problem:
            begun = (house.runs / one.plan.run / FILE).exists()
            if len(planned) == 1:
                with nullcontext() if begun else before_any_run():
                    raise
            say(f"error: {one.application}{'' if begun else ' is not begun'}: {problem}")
            yield Outcome(one.application, problem, ExitCode.INTERRUPTED if stopping.is_set() else problem.exit_code)
        else:
            yield Outcome(one.application, report, exit_code(report, stopping.is_set()), house.runs / one.plan.run)
        if stopping.is_set():
            return


def gravest(codes: Iterable[ExitCode]) -> ExitCode:
    """What the shell sees of several."""
    return min(codes, key=GRAVEST_FIRST.index)
