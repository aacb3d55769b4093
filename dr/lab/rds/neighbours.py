"""What RDS asks other services in the same process: does this key, this subnet exist? And: keep this secret.

One small file, so that the lab's dependence on moto's models can be seen at a glance.
"""

import ipaddress
import threading
import uuid
from dataclasses import dataclass
from typing import Any, Protocol

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.kms.models import kms_backends
from moto.secretsmanager.models import FakeSecret, secretsmanager_backends

ACCOUNT = "123456789012"
ENABLED = "Enabled"


@dataclass(frozen=True)
class Subnet:
    identifier: str
    zone: str
    vpc: str


@dataclass(frozen=True)
class Ingress:
    """One rule that lets connections in."""

    protocol: str
    first: int
    last: int
    network: str | None
    group: str | None

    def admits(self, ports: tuple[int, ...], addresses: tuple[str, ...], groups: tuple[str, ...]) -> bool:
        if self.protocol not in ("tcp", "-1"):
            return False
        if self.protocol == "tcp" and not any(self.first <= port <= self.last for port in ports):
            return False
        if self.group is not None:
            return self.group in groups
        if self.network is None:
            return False
        network = ipaddress.ip_network(self.network, strict=False)
        return any(ipaddress.ip_address(address) in network for address in addresses)


class KeyRing(Protocol):
    """What RDS needs to know of its neighbours."""

    def key(self, region: str, identifier: str) -> str | None:
        """The ARN of an enabled key given by id, ARN or alias; None where RDS could not use it."""

    def security_group(self, region: str, identifier: str) -> bool:
        """Whether this security group exists."""

    def default_security_group(self, region: str) -> str:
        """That of the default VPC."""

    def ingress(self, region: str, group: str) -> list[Ingress]:
        """What a security group lets in; nothing where there is no such group."""

    def subnet(self, region: str, identifier: str) -> Subnet | None:
        """A subnet, or None where it does not exist."""

    def default_subnets(self, region: str) -> list[Subnet]:
        """Those of the default VPC."""

    def keep_secret(self, region: str, name: str, text: str, key: str, tags: dict[str, str]) -> str:
        """Make a secret that belongs to RDS; returns its ARN."""

    def change_secret(self, region: str, arn: str, text: str) -> None:
        """Give a secret of RDS's own another value."""

    def drop_secret(self, region: str, arn: str) -> None:
        """Delete a secret of RDS's own at once, with its replicas."""


class Moto:
    """Asks moto's backends of this process."""

    def __init__(self, account: str = ACCOUNT) -> None:
        self.account = account
        self._furnishing = threading.Lock()
        self._furnished: set[str] = set()

    def key(self, region: str, identifier: str) -> str | None:
        if identifier.startswith("arn:") and identifier.split(":")[3:5] != [region, self.account]:
            return None
        backend = kms_backends[self.account][region]
        alias = backend.get_alias_name(identifier)
        name = backend.get_key_id_from_alias(alias) if alias.startswith("alias/") else identifier
        key = backend.keys.get(backend.get_key_id(name)) if name else None
        return str(key.arn) if key and key.key_state == ENABLED else None

    def security_group(self, region: str, identifier: str) -> bool:
        return ec2_backends[self.account][region].get_security_group_from_id(identifier) is not None

    def default_security_group(self, region: str) -> str:
        vpc = self._default_vpc(region)
        group = ec2_backends[self.account][region].get_security_group_from_name("default", vpc)
        if group is None:
            raise LookupError(f"{region}: {vpc} has no default security group")
        with self._furnishing:
            if region not in self._furnished and not group.ingress_rules:
                self._let_members_in(region, str(group.id))
            self._furnished.add(region)
        return str(group.id)

    def _let_members_in(self, region: str, group: str) -> None:
        """On AWS a default group lets its own members in from the start; moto's lets nobody in."""
        ec2_backends[self.account][region].authorize_security_group_ingress(
            group, "-1", "0", "65535", [], source_groups=[{"GroupId": group}]
        )

    def ingress(self, region: str, group: str) -> list[Ingress]:
        found: Any = ec2_backends[self.account][region].get_security_group_from_id(group)
        return [
            Ingress(
                str(rule.ip_protocol),
                0 if rule.from_port is None else int(rule.from_port),
                65535 if rule.to_port is None else int(rule.to_port),
                rule.ip_range.get("CidrIp"),
                rule.source_group.get("GroupId"),
            )
            for rule in (list(found.ingress_rules) if found else [])
        ]

    def subnet(self, region: str, identifier: str) -> Subnet | None:
        try:
            found = ec2_backends[self.account][region].get_subnet(identifier)
        except EC2ClientError:
            return None
        return Subnet(found.id, found.availability_zone, found.vpc_id)

    def default_subnets(self, region: str) -> list[Subnet]:
        default = self._default_vpc(region)
        return [
            Subnet(found.id, found.availability_zone, found.vpc_id)
            for zone in ec2_backends[self.account][region].subnets.values()
            for found in zone.values()
            if found.vpc_id == default
        ]

    def keep_secret(self, region: str, name: str, text: str, key: str, tags: dict[str, str]) -> str:
        made = secretsmanager_backends[self.account][region].create_managed_secret(
            "rds",
            name,
            secret_string=text,
            kms_key_id=key,
            tags=[{"Key": tag, "Value": value} for tag, value in tags.items()],
        )
        return str(made.arn)

    def change_secret(self, region: str, arn: str, text: str) -> None:
        backend = secretsmanager_backends[self.account][region]
        backend.update_secret(arn, secret_string=text, client_request_token=str(uuid.uuid4()))

    def drop_secret(self, region: str, arn: str) -> None:
        backend = secretsmanager_backends[self.account][region]
        held = backend.secrets[arn]
        if isinstance(held, FakeSecret):
            backend.remove_regions_from_replication(arn, [replica.region for replica in held.replicas])
        backend.delete_secret(arn, recovery_window_in_days=None, force_delete_without_recovery=True)

    def _default_vpc(self, region: str) -> str:
        vpc = ec2_backends[self.account][region].get_default_vpc()
        if vpc is None:
            raise LookupError(f"{region} has no default VPC")
        return str(vpc.id)
