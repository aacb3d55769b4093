"""Write the heartbeats of several databases side by side, and the object that replication carries across."""

import threading
from collections.abc import Callable, Sequence
from functools import partial

from dr.aws import s3
from dr.beats import object_of
from dr.drill import House
from dr.errors import FiredrillError, Interrupted, Unable
from dr.heartbeat import reach
from dr.heartbeat.reach import Source
from dr.heartbeat.writer import Writer
from dr.recovery import stamp

OBJECT_EVERY = 60.0
"""Seconds of AWS's time between two heartbeat objects."""
LOOK_EVERY = 1.0
LATE = 5.0
"""Seconds without a beat after which a database counts as silent."""
FAREWELL = 3.0
"""Seconds that whoever still waits for an answer is given at the end."""


class Running:
    """All writers of one process."""

    def __init__(
        self, house: House, sources: Sequence[Source], stopping: threading.Event, say: Callable[[str], None]
    ) -> None:
        self._house, self._stopping, self._say = house, stopping, say
        self._clock = house.machine.clock(stopping)
        self._applications = {source.asset: source.application for source in sources}
        self.writers = [
            Writer(source.asset, partial(reach.writer, house, source), self._clock, house.machine.chance, say)
            for source in sources
        ]
        self.objects = 0
        """Heartbeat objects that were stored."""
        self._stored: dict[str, int] = {}
        self._ended: list[FiredrillError | BaseException] = []

    def once(self) -> None:
        """One beat of each, and the objects. Raises Refused and Unable."""
        for writer in self.writers:
            beat = writer.once()
            self._say(f"{writer.asset}: beat {beat.seq} of {stamp(beat.at)}")
        self._store()

    def run(self) -> bool:
        """Beat until asked to stop; whether every database was beating then.

        Threads that still wait for an answer at the end are left behind: a beat is written whole or not at all.
        Raises Refused for what no waiting will change.
        """
        threads = [threading.Thread(target=self._guarded, args=(writer.run,), daemon=True) for writer in self.writers]
        threads.append(threading.Thread(target=self._guarded, args=(self._store_ever_again,), daemon=True))
        for thread in threads:
            thread.start()
        told = self._clock.monotonic()
        while not self._stopping.wait(LOOK_EVERY):
            for writer in self.writers:
                writer.hang_up_if_silent()
            if self._clock.monotonic() - told >= OBJECT_EVERY:
                told = self._clock.monotonic()
                self._say(self.health())
        beating = all(self.beats(writer) for writer in self.writers)
        end = self._clock.monotonic() + FAREWELL
        for thread in threads:
            thread.join(max(0.0, end - self._clock.monotonic()))
        if self._ended:
            raise self._ended[0]
        return beating

    def beats(self, writer: Writer) -> bool:
        """Whether this database has a beat of ours, and one of just now."""
        newest = writer.newest
        return newest is not None and (self._clock.now() - newest.at).total_seconds() < LATE

    def health(self) -> str:
        """One line on all of them."""
        return (
            "; ".join(
                f"{writer.asset}: {writer.state}"
                + (f", newest {writer.newest.seq} of {stamp(writer.newest.at)}" if writer.newest else "")
                for writer in self.writers
            )
            + f"; {self.objects} objects stored"
        )

    def _guarded(self, work: Callable[[], None]) -> None:
        """What ends one thread for good ends them all, and is raised where the process ends."""
        try:
            work()
        except Interrupted:
            return
        except BaseException as problem:  # noqa: BLE001 - raised again by `run`
            self._ended.append(problem)
            self._stopping.set()

    def _store_ever_again(self) -> None:
        every = max(0.5, OBJECT_EVERY / self._house.connection.time_scale)
        while True:
            self._clock.sleep(every)
            try:
                self._store()
            except Unable as problem:
                self._say(f"heartbeat object not stored: {problem.message}")

    def _store(self) -> None:
        """The object of each application, in each of its buckets, where there is a newer beat than the last."""
        region = self._house.estate.sites.primary.region
        for name in dict.fromkeys(self._applications.values()):
            of_it = {one.asset: one.newest for one in self.writers if self._applications[one.asset] == name}
            beats = {asset: beat for asset, beat in of_it.items() if beat is not None}
            total = sum(beat.seq for beat in beats.values())
            if not beats or self._stored.get(name) == total:
                continue
            for bucket in reach.buckets_of(self._house, name):
                s3.put_heartbeat(self._house.aws, region, bucket.bucket, bucket.heartbeat, object_of(beats))
                self.objects += 1
            self._stored[name] = total
