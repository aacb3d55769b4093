"""Look, decide, sleep, look again, give up in time.

botocore's waiters are not used anywhere: they know only some of the statuses that end a wait badly, give up after half
an hour whatever is being waited for, and one of them reports a missing snapshot as success.
"""

from collections.abc import Callable
from typing import TypeVar

import tenacity

from dr.clock import Clock, Deadline
from dr.errors import AwsError, Unable, Unreachable

Seen = TypeVar("Seen")

SILENCES = 3
"""Looks in a row that may go unanswered. Each was tried several times already: more means that a region is down."""


def until(
    look: Callable[[], Seen],
    ready: Callable[[Seen], bool],
    *,
    what: str,
    clock: Clock,
    deadline: Deadline,
    every: float,
    shown: Callable[[Seen], str] = str,
) -> Seen:
    """Look again and again until `ready` says so, and return what was seen.

    `look` or `ready` raise when waiting longer is pointless. `every` is in seconds; a tenth of it is added at random,
    so that many waiters do not ask in step. A throttled look counts as "not yet"; so does one that nobody answered, but
    not again and again. Raises Unable when the deadline passes first, saying what was seen last.
    """
    last = "nothing"
    unanswered = 0

    def once() -> Seen:
        nonlocal last, unanswered
        seen = look()
        last, unanswered = shown(seen), 0
        return seen

    def passing(problem: BaseException) -> bool:
        nonlocal last, unanswered
        if not isinstance(problem, AwsError) or not problem.transient:
            return False
        last = problem.message
        unanswered += isinstance(problem, Unreachable)
        return unanswered < SILENCES

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda seen: not ready(seen)) | tenacity.retry_if_exception(passing),
        stop=lambda _: deadline.passed(),
        wait=tenacity.wait_fixed(every) + tenacity.wait_random(0, every / 10),
        sleep=lambda seconds: clock.sleep(min(seconds, deadline.remaining())),
    )
    try:
        return retrying(once)
    except tenacity.RetryError as problem:
        raise Unable(
            f"{what}: not after {deadline.seconds:.0f} s; last seen: {last}",
            hint="look at its events, or give the step more time",
        ) from problem
