"""Every error that Firedrill raises on purpose, and the exit code that each one ends in.

    FiredrillError
    ├── UsageError        64   the command line cannot be understood
    ├── Refused            3   stopped before anything was touched: the request is wrong or unsafe
    ├── Interrupted      130   somebody asked the run to stop
    └── Unable             2   it could not be done, or could not be told: time ran out, AWS said no
        ├── LeaseLost          somebody else may act now on what this run acted on
        └── AwsError           an AWS call failed; carries operation, code and region
            └── Unreachable    the region did not answer at all

Bad news about data is not an error: it is a finding, and a verdict. A bug is neither: it is not caught.
"""

from enum import IntEnum

from dr.harmless import listed, told


class ExitCode(IntEnum):
    """What the shell sees. The verdict outranks leftover scratch: 4 is only for otherwise passed runs."""

    PASSED = 0
    FAILED = 1
    INCONCLUSIVE = 2
    REFUSED = 3
    SCRATCH_REMAINS = 4
    USAGE = 64
    INTERRUPTED = 130


class FiredrillError(Exception):
    """A message that names the object and the cause, and a hint that names the next thing to look at.

    Where several things are wrong, each is a message and a line of its own. All of it is made harmless here, whoever
    prints or keeps it: names, and what AWS says, may hold anything.
    """

    exit_code = ExitCode.INCONCLUSIVE

    def __init__(self, message: str, *more: str, hint: str | None = None) -> None:
        self.message = listed((message, *more))
        self.hint = told(hint) if hint else None
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class UsageError(FiredrillError):
    """The command line cannot be understood."""

    exit_code = ExitCode.USAGE


class Refused(FiredrillError):  # noqa: N818 - the field says "refused", and so do we
    """Nothing was touched: the request is wrong, impossible or unsafe."""

    exit_code = ExitCode.REFUSED


class Interrupted(FiredrillError):  # noqa: N818
    """Somebody asked the run to stop; raised at the next wait, so that what is under way gets its record."""

    exit_code = ExitCode.INTERRUPTED


class Unable(FiredrillError):  # noqa: N818
    """It could not be done, or it could not be told whether it was."""

    exit_code = ExitCode.INCONCLUSIVE


class LeaseLost(Unable):
    """Somebody else holds what this run held: it changes nothing more."""


class AwsError(Unable):
    """An AWS call that failed for good.

    `code` is the wire code (`Error.Code`), which is irregular and is not the name of the exception shape. `transient`:
    the very same call may succeed a little later.
    """

    def __init__(
        self, message: str, *, operation: str, code: str, region: str, hint: str | None = None, transient: bool = False
    ) -> None:
        super().__init__(message, hint=hint)
        self.transient = transient
        self.operation = operation
        self.code = code
        self.region = region


class Unreachable(AwsError):  # noqa: N818
    """The endpoint refused the connection, or did not answer in time."""
