"""All ports of a lab, put together: one for each region, one for the global services, two for DNS, one for control."""

from collections.abc import Callable, Mapping
from typing import Any

from dr.lab.calendar import Calendar
from dr.lab.dns.answering import Answers
from dr.lab.dns.health import Health
from dr.lab.dns.server import DnsServer
from dr.lab.dns.zones import Zones
from dr.lab.faults.ledger import Injector
from dr.lab.front import deadlines, harm, lifecycle
from dr.lab.front.buckets import Buckets
from dr.lab.front.calls import Calls
from dr.lab.front.control import Command, Control
from dr.lab.front.dispatch import GLOBAL_REGION, REGIONS, Desk, Rds
from dr.lab.front.keys import ACCOUNT, KeyPair, KeyRing
from dr.lab.front.listener import Listener
from dr.lab.front.replication import Replication
from dr.lab.front.route53 import Route53
from dr.lab.front.secrets import Secrets
from dr.lab.front.simulated import Simulated
from dr.lab.front.store import Store
from dr.lab.front.watch import Watch
from dr.lab.iam.admission import Admission
from dr.lab.outages import CUT_OFF, Outages
from dr.lab.passing import Duty

GLOBAL = "global"

_REGIONAL_SERVICES = ("rds", "s3", "kms", "sts", "secretsmanager", "ec2", "sns", "resourcegroupstaggingapi")
_GLOBAL_SERVICES = ("route53", "iam", "sts")


class Doors:
    """The listeners of a lab. They are bound from the start, so their ports are known before anything is written."""

    def __init__(
        self,
        rds: Rds,
        keys: KeyPair,
        speed: float,
        token: str,
        outages: Outages,
        status: Callable[[], dict[str, Any]],
        stop: Callable[[], None],
        commands: Mapping[str, Command],
    ) -> None:
        ring, simulated, self._store = KeyRing(keys), Simulated(), Store()
        self.replication = Replication(self._store, speed)
        self._calls = Calls()
        self._outages = outages
        buckets, secrets = Buckets(simulated, self._store, self.replication), Secrets(simulated, speed)
        zones, health = Zones(speed), Health(ACCOUNT, speed)
        answers = Answers(zones, health.healthy, rds.resolves)
        route53 = Route53(simulated, zones, health, answers, speed)
        self.dns = DnsServer(answers, health, speed)
        admission = Admission(ring, rds, self._store, simulated, REGIONS)
        self.listeners: dict[str, Listener] = {}
        self._watches: dict[str, Watch] = {}
        for name, signed_for in (*zip(REGIONS, REGIONS, strict=True), (GLOBAL, GLOBAL_REGION)):
            desk = Desk(signed_for, ring, admission, simulated, buckets, secrets, route53, rds)
            self._watches[name] = Watch(name, desk.answer, outages, self._calls)
            self.listeners[name] = Listener(name, desk.answer, self._watches[name])
        self.control = Listener("control", Control(token, status, stop, commands).answer)
        outages.listen(self._follow)

    def start(self) -> None:
        self.dns.start()
        for listener in (*self.listeners.values(), self.control):
            listener.start()

    def injectors(self) -> dict[str, Injector]:
        """Fault of the catalogue -> what injects it here."""
        return harm.injectors(self._calls, self._store, self.replication)

    def duties(self, calendar: Calendar) -> list[Duty]:
        """What the services here do by themselves."""
        return [deadlines.keep(calendar), lifecycle.duty(self._store, calendar)]

    def _follow(self, place: str) -> None:
        """Close or open a region's port, and hold or release what S3 replicates; all else is lost call by call."""
        outage = self._outages.whole(place)
        if outage is not None and outage.mode == "refuse" and not self._outages.alone(place):
            self.listeners[place].refuse()
        else:
            self.listeners[place].start()
        storage = self._outages.of(place, "s3")
        if storage is not None and storage.mode in CUT_OFF:
            self.replication.hold(place)
        else:
            self.replication.release(place)

    def stop(self) -> None:
        for listener in (*self.listeners.values(), self.control):
            listener.stop()
        self.dns.stop()
        self.replication.stop()

    def endpoints(self) -> dict[str, dict[str, str]]:
        """region -> service, by the name that boto3 gives it -> URL."""
        return {
            name: dict.fromkeys(_GLOBAL_SERVICES if name == GLOBAL else _REGIONAL_SERVICES, listener.url)
            for name, listener in self.listeners.items()
        }

    def accepted(self) -> dict[str, int]:
        """How many connections each region has accepted so far: the proof that a lost region was not called."""
        return {name: listener.accepted for name, listener in self.listeners.items()}

    def requests(self) -> dict[str, dict[str, int]]:
        """region -> service -> how many requests came so far, whatever became of them."""
        return {name: watch.requests for name, watch in self._watches.items()}
