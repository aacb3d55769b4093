"""The disk that holds the journal takes no more, from each line on: nothing is changed any more, and all of it is said.

When there is room again, somebody goes on with the run, or clears up after it.
"""

import errno
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from tests.simulation.acts import Cast
from tests.simulation.cloud.door import CHANGING, Client, Door
from tests.simulation.cloud.s3 import CONTROL
from tests.simulation.ending import Next
from tests.simulation.performance import perform
from tests.simulation.surroundings import SimulatedJournal
from tests.simulation.test_simulation import DAILY, fair
from tests.simulation.troubles import Troubles


class FullDisk(SimulatedJournal):
    """Takes no line from one on, as long as the process lives that met it; or takes them and cannot force them."""

    full_from: ClassVar[int]
    unforced: ClassVar[bool]
    met: ClassVar[list[int]]
    """For each line that was refused, how many changing calls had been sent by then."""
    sent: ClassVar[list[str]]
    """The thread of each changing call of the first process."""

    def _write(self, line: bytes) -> None:
        if not self.baton.process.name.startswith("begin") or len(self._entries) + 1 < self.full_from:
            super()._write(line)
            return
        if self.unforced:
            super()._write(line)
        self.met.append(len(self.sent))
        raise OSError(errno.EIO if self.unforced else errno.ENOSPC, "this disk takes no more")


class CountingClient(Client):
    """Notes who sends what changes something, except the journal and the leases themselves."""

    def _attempt(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        baton = self._door.baton
        if operation.startswith(CHANGING) and asked.get("Bucket") != CONTROL and baton.process.name.startswith("begin"):
            FullDisk.sent.append(baton.turn)
        return super()._attempt(operation, asked)


class CountingDoor(Door):
    """Lets only such clients through."""

    def client(self, service: str, region_name: str, **_: object) -> Client:
        return CountingClient(self, service, region_name)


@pytest.mark.parametrize(
    ("unforced", "then"), [(False, Next("resume", "one")), (True, Next("sweep", "one"))], ids=["full", "unforced"]
)
@pytest.mark.parametrize("kind", DAILY)
def test_a_disk_that_takes_no_more_stops_all_changes(kind: str, unforced: bool, then: Next) -> None:
    lines = len(fair(kind).first.lines)
    for line in range(2, lines + 1):
        FullDisk.full_from, FullDisk.unforced, FullDisk.met, FullDisk.sent = line, unforced, [], []
        made = perform(1, Cast(journal=FullDisk, door=CountingDoor), kind=kind, troubles=Troubles.none(), then=(then,))
        assert not made.wrongs, (line, made.told())
        first = made.stage.acts[0]
        assert FullDisk.met, line
        assert first.problem is not None
        assert "could not be written" in first.problem.message
        assert first.report is None
        after = FullDisk.sent[FullDisk.met[0] :]
        # Who was past his last look when the disk gave up cannot be called back.
        assert len(after) == len(set(after)), (line, after)
        resumed = made.stage.acts[1]
        if resumed.verb == "resume" and not unforced:
            assert resumed.report is not None
            assert resumed.report.verdict == "passed", resumed.report.reasons
    assert lines > 25
