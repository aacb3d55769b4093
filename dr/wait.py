"""Look, decide, sleep, look again, give up in time.

botocore's waiters are not used anywhere: they know only some of the statuses that end a wait badly, give up after half
an hour whatever is being waited for, and one of them reports a missing snapshot as success.
"""

from collections.abc import Callable
from typing import TypeVar

import tenacity

from dr.clock import Clock, Deadline, bounded
from dr.errors import AwsError, Unable, Unreachable

Seen = TypeVar("Seen")

SILENCE = 60.0
"""Seconds from the first look that nobody answered, each having been sent several times, to the last that is put up
with: a region that is silent for longer is down."""


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
    not for long. Raises Unable when the deadline passes first, saying what was seen last.
    """
    last = "nothing"
    silent_since: float | None = None

    def once() -> Seen:
        nonlocal last, silent_since
        seen = look()
        last, silent_since = shown(seen), None
        return seen

    def passing(problem: BaseException) -> bool:
        nonlocal last, silent_since
        if not isinstance(problem, AwsError) or not problem.transient:
            return False
        last = problem.message
        if not isinstance(problem, Unreachable):
            silent_since = None
            return True
        now = clock.monotonic()
        silent_since = now if silent_since is None else silent_since
        return now - silent_since < SILENCE

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda seen: not ready(seen)) | tenacity.retry_if_exception(passing),
        stop=lambda _: deadline.passed(),
        wait=tenacity.wait_fixed(every) + tenacity.wait_random(0, every / 10),
        sleep=lambda seconds: clock.sleep(min(seconds, deadline.remaining())),
    )
    try:
        with bounded(deadline):
            return retrying(once)
    except tenacity.RetryError as problem:
        raise Unable(
            f"{what}: not after {deadline.seconds:.0f} s; last seen: {last}",
            hint="look at its events, or give the step more time",
        ) from problem
