"""All ports of a lab, put together: one for each region, one for the global services, two for DNS, one for control."""

from collections.abc import Callable
from typing import Any

from dr.lab.dns.answering import Answers
from dr.lab.dns.health import Health
from dr.lab.dns.server import DnsServer
from dr.lab.dns.zones import Zones
from dr.lab.front.buckets import Buckets
from dr.lab.front.control import Control
from dr.lab.front.dispatch import GLOBAL_REGION, REGIONS, Desk, Rds
from dr.lab.front.keys import ACCOUNT, KeyPair, KeyRing
from dr.lab.front.listener import Listener
from dr.lab.front.replication import Replication
from dr.lab.front.route53 import Route53
from dr.lab.front.secrets import Secrets
from dr.lab.front.simulated import Simulated
from dr.lab.front.store import Store
from dr.lab.iam.admission import Admission

GLOBAL = "global"

_REGIONAL_SERVICES = ("rds", "s3", "kms", "sts", "secretsmanager", "ec2", "sns", "resourcegroupstaggingapi")
_GLOBAL_SERVICES = ("route53", "iam")


class Doors:
    """The listeners of a lab. They are bound from the start, so their ports are known before anything is written."""

    def __init__(
        self,
        rds: Rds,
        keys: KeyPair,
        speed: float,
        token: str,
        status: Callable[[], dict[str, Any]],
        stop: Callable[[], None],
    ) -> None:
        ring, simulated, store = KeyRing(keys), Simulated(), Store()
        self.replication = Replication(store, speed)
        buckets, secrets = Buckets(simulated, store, self.replication), Secrets(simulated, speed)
        zones, health = Zones(speed), Health(ACCOUNT, speed)
        answers = Answers(zones, health.healthy, rds.resolves)
        route53 = Route53(simulated, zones, health, answers, speed)
        self.dns = DnsServer(answers, health, speed)
        admission = Admission(ring, rds, store, simulated, REGIONS)
        self.listeners = {
            name: Listener(name, Desk(signed_for, ring, admission, simulated, buckets, secrets, route53, rds).answer)
            for name, signed_for in ((*zip(REGIONS, REGIONS, strict=True), (GLOBAL, GLOBAL_REGION)))
        }
        self.control = Listener("control", Control(token, status, stop).answer)

    def start(self) -> None:
        self.dns.start()
        for listener in (*self.listeners.values(), self.control):
            listener.start()

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
