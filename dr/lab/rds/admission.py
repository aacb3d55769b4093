"""Who may come in: the security groups of an instance, asked for every new connection and never for one that stands.

The machine that the lab runs on stands inside every default network, and carries that network's default security group,
as a host does that was given none. So a rule lets it in that names its loopback address, the network, everybody, or the
default group. A packet that no rule lets in is dropped: on AWS the client waits until it gives up.
"""

from collections.abc import Callable

from dr.lab.rds import states
from dr.lab.rds.records import Instance
from dr.lab.rds.world import World

POSTGRES = 5432
"""The port that an instance has on AWS. Here several share one address, so each has another; rules may name either."""
HOST = "172.31.0.10"
"""Where this machine stands in each region's default network, 172.31.0.0/16."""


def doorkeeper(world: World, instance: Instance) -> Callable[[str], bool]:
    """What a gate asks: may a new connection from this address come in? Takes no lock: the gates never wait."""

    def admits(address: str) -> bool:
        if instance.status in states.UNREACHABLE:
            return False
        region = instance.region
        ports = (POSTGRES, instance.cluster.port)
        return any(
            rule.admits(ports, (address, HOST), (world.keys.default_security_group(region),))
            for group in instance.security_groups
            for rule in world.keys.ingress(region, group)
        )

    return admits
