"""The simulated regions: one lock, one clock, and the threads that do what an API call only asked for."""

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from dr.lab.calendar import Calendar
from dr.lab.engine.cluster import Cluster, Machine
from dr.lab.engine.gate import Gate, Gatehouse
from dr.lab.engine.passage import Road
from dr.lab.rds import names, states
from dr.lab.rds.mishaps import Mishaps
from dr.lab.rds.neighbours import ACCOUNT, KeyRing
from dr.lab.rds.records import Backup, Instance, Occurrence, ParameterGroup, Region, Snapshot

REGIONS = ("eu-west-1", "eu-central-1")
RESTORABLE_EVERY = 300.0
"""RDS uploads WAL every five minutes."""
ALMOST = 99
"""Per cent of a copy that cannot end."""


class World:
    """State, and the only ways to change it. `lock` guards every record; the real work is done without it.

    `now` dates what happens, `calendar` decides what is due: see `dr/lab/calendar.py`.
    """

    def __init__(self, home: Path, speed: float, machine: Machine, keys: KeyRing, calendar: Calendar) -> None:
        self.home = home
        self.speed = speed
        self.machine = machine
        self.keys = keys
        self.calendar = calendar
        self.stop = threading.Event()
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.regions = {name: self._region(name) for name in REGIONS}
        self.mishaps = Mishaps()
        self.gatehouse = Gatehouse()
        self.roads = {name: Road() for name in REGIONS}
        self.lost: set[str] = set()
        """Regions whose databases are out of reach now, for other regions too."""
        self.copying: dict[str, threading.Lock] = {}
        self._threads: set[threading.Thread] = set()

    def _region(self, name: str) -> Region:
        host = f"{names.host_token()}.{name}.rds.amazonaws.com"
        region = Region(name, self.home / "regions" / name, host)
        plain, aurora = (f"{engine}{self.machine.tree.major}" for engine in ("postgres", "aurora-postgresql"))
        for held, family in (
            (region.parameter_groups, plain),
            (region.parameter_groups, aurora),
            (region.clusters.parameter_groups, aurora),
        ):
            about = f"Default parameter group for {family}"
            held[f"default.{family}"] = ParameterGroup(name, f"default.{family}", family, about, {}, {})
        return region

    @property
    def now(self) -> datetime:
        """Machine time, the data plane's: comparable with what the databases and every answer date."""
        return datetime.now(UTC)

    def arn(self, region: str, kind: str, name: str) -> str:
        return f"arn:aws:rds:{region}:{ACCOUNT}:{kind}:{name}"

    def seconds(self, aws_seconds: float) -> float:
        """AWS's seconds as seconds here."""
        return aws_seconds / self.speed

    def stands_still(self, here: str, source: str) -> int | None:
        """The per cent at which a copy from one region to another stops: a fault says so, or one of them is lost."""
        if here != source and not self.lost.isdisjoint({here, source}):
            return ALMOST
        return self.mishaps.stuck.get(here)

    def cluster(self, region: Region, identifier: str, resource_id: str) -> Cluster:
        """A server to be, with the gate that its clients will pass."""
        directory = region.directory / "instances" / resource_id
        gate = Gate(self.gatehouse, self.roads[region.name])
        return Cluster(self.machine, directory, region.endpoint(identifier), gate=gate)

    def event(
        self, region: str, kind: str, identifier: str, message: str, *categories: str, arn_kind: str = "db"
    ) -> None:
        """Record what DescribeEvents will tell. Call with the lock held."""
        arn = self.arn(region, arn_kind, identifier)
        self.regions[region].events.append(Occurrence(self.now, kind, identifier, arn, message, categories))

    def tell(self, instance: Instance, message: str, *categories: str) -> None:
        """An event of an instance."""
        with self.lock:
            self.event(instance.region, "db-instance", instance.identifier, message, *categories)

    def tell_snapshot(self, snapshot: Snapshot, message: str, *categories: str) -> None:
        """An event of a snapshot."""
        with self.lock:
            self.event(snapshot.region, "db-snapshot", snapshot.identifier, message, *categories, arn_kind="snapshot")

    def move(self, instance: Instance, status: str) -> None:
        """Change an instance's status along the table of legal transitions."""
        with self.changed:
            states.check(states.INSTANCE, f"instance {instance.identifier}", instance.status, status)
            instance.status = status
            self.changed.notify_all()

    def move_snapshot(self, snapshot: Snapshot, status: str) -> None:
        with self.changed:
            states.check(states.SNAPSHOT, f"snapshot {snapshot.identifier}", snapshot.status, status)
            snapshot.status = status
            self.changed.notify_all()

    def move_backup(self, backup: Backup, status: str) -> None:
        with self.changed:
            states.check(states.BACKUP, f"automated backup {backup.identifier}", backup.status, status)
            backup.status = status
            self.changed.notify_all()

    def claim(self, instance: Instance, status: str) -> bool:
        """Wait until an instance is available, then move it on; False where it is going away or the lab ends."""
        with self.changed:
            while instance.status != "available":
                if instance.status in ("deleting", "deleted", "failed") or self.stop.is_set():
                    return False
                self.changed.wait(0.5)
            self.move(instance, status)
            return True

    @contextmanager
    def dwelling(self, state: str) -> Iterator[None]:
        """Stay in a state for at least as long as AWS would, however fast the work inside is."""
        until = time.monotonic() + self.seconds(states.DWELL[state])
        yield
        self.sleep(until - time.monotonic())

    def sleep(self, seconds: float) -> None:
        """Sleep; raises Ending when the lab ends meanwhile."""
        if self.stop.wait(max(0.0, seconds)):
            raise Ending

    def spawn(self, name: str, work: Callable[[], None], failed: Callable[[], None] | None = None) -> None:
        """Do what a call asked for, after the call was answered. `failed` marks the resource when it cannot be done."""

        def job() -> None:
            try:
                work()
            except Ending:
                pass
            except Exception:  # noqa: BLE001 - the edge of a thread: the resource says failed, the log says why
                if not self.stop.is_set():
                    traceback.print_exc(file=sys.stderr)
                    if failed:
                        failed()
            finally:
                with self.lock:
                    self._threads.discard(thread)

        if self.stop.is_set():
            raise Ending
        thread = threading.Thread(target=job, name=name, daemon=True)
        with self.lock:
            self._threads.add(thread)
        thread.start()

    def end(self) -> None:
        """Stop every thread and every server."""
        self.stop.set()
        with self.changed:
            self.changed.notify_all()
            for region in self.regions.values():
                for backup in region.backups.values():
                    backup.stop.set()
                for instance in region.instances.values():
                    if instance.following:
                        instance.following.end.set()
                for continuous in region.clusters.backups.values():
                    continuous.stop.set()
            threads = list(self._threads)
        # Servers go first: a thread in the middle of a copy or a recovery fails then, rather than outliving them.
        for _ in range(2):
            for cluster in self._clusters():
                cluster.stop("immediate")
            for thread in threads:
                thread.join(timeout=20)
        for region in self.regions.values():
            for aurora in region.clusters.live.values():
                aurora.door.close()
        self.gatehouse.close()

    def _clusters(self) -> list[Cluster]:
        """Every server: of the instances, and those that stand in where a DB cluster has none."""
        with self.lock:
            found = [instance.cluster for region in self.regions.values() for instance in region.instances.values()]
            return found + [one.volume for region in self.regions.values() for one in region.clusters.live.values()]


class Ending(Exception):  # noqa: N818 - not an error: the lab is going down
    """Raised in a thread that waits while the lab ends."""
