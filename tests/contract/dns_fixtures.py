"""A hosted zone for the contract suite, and its name servers: the lab's on loopback, or the real ones."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dns.message
import dns.query

from dr import connection as connections
from tests.contract.cloud import Cloud

Record = dict[str, Any]


class HostedZone:
    """A zone of its own, short words for its changes, and questions to the servers that are responsible for it."""

    def __init__(self, cloud: Cloud, client: Any) -> None:
        self.cloud = cloud
        self.client = client
        self.reference = cloud.name("zone")
        self.name = f"{self.reference}.net."
        made = client.create_hosted_zone(Name=self.name, CallerReference=self.reference)
        self.id = made["HostedZone"]["Id"].rpartition("/")[2]
        self.servers = made["DelegationSet"]["NameServers"]
        client.change_tags_for_resource(ResourceType="hostedzone", ResourceId=self.id, AddTags=cloud.tags)
        self.in_sync(made["ChangeInfo"]["Id"])

    def at(self, label: str) -> str:
        return f"{label}.{self.name}"

    def a(self, label: str, *addresses: str, ttl: int = 60, **more: Any) -> Record:
        values = [{"Value": address} for address in addresses]
        return {"Name": self.at(label), "Type": "A", "TTL": ttl, "ResourceRecords": values, **more}

    def change(self, *changes: tuple[str, Record]) -> str:
        """Submit a batch; the identifier of the change."""
        answer = self.client.change_resource_record_sets(HostedZoneId=self.id, ChangeBatch=self.batch(*changes))
        return str(answer["ChangeInfo"]["Id"])

    @staticmethod
    def batch(*changes: tuple[str, Record]) -> dict[str, Any]:
        return {"Changes": [{"Action": action, "ResourceRecordSet": record} for action, record in changes]}

    def put(self, *records: Record) -> None:
        """Create records and wait until they are answered from."""
        self.in_sync(self.change(*(("CREATE", record) for record in records)))

    def refused(self, code: str, *changes: tuple[str, Record]) -> str:
        """The message of a batch that must be refused."""
        call = self.client.change_resource_record_sets
        error = self.cloud.refused(code, call, HostedZoneId=self.id, ChangeBatch=self.batch(*changes))
        return str(error.response["Error"]["Message"])

    def status(self, change: str) -> str:
        return str(self.client.get_change(Id=change)["ChangeInfo"]["Status"])

    def in_sync(self, change: str) -> None:
        self.cloud.until(lambda: self.status(change) == "INSYNC", f"{change} in sync", 600)

    def records(self) -> list[Record]:
        pages = self.client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=self.id)
        return [record for page in pages for record in page["ResourceRecordSets"]]

    def ask(self, label: str, type_: str = "A", server: str = "authority") -> dns.message.Message:
        """The answer of a name server of the zone, over the wire."""
        host, port = self._server(server)
        query = dns.message.make_query(self.at(label), type_)
        return dns.query.udp_with_fallback(query, host, timeout=5, port=port)[0]

    def addresses(self, label: str, server: str = "authority") -> set[str]:
        return {rdata.to_text() for rrset in self.ask(label, server=server).answer for rdata in rrset}

    def lookup(self, host: str) -> bool:
        """Whether a host name outside of the zone leads anywhere, by the lab's name server or the system's."""
        if self.cloud.on_aws:
            try:
                return bool(socket.getaddrinfo(host, None))
            except socket.gaierror:
                return False
        server, port = self._server("authority")
        return bool(dns.query.udp(dns.message.make_query(host, "A"), server, timeout=5, port=port).answer)

    def _server(self, server: str) -> tuple[str, int]:
        if self.cloud.home is None:
            return socket.gethostbyname(self.servers[0]), 53
        found = connections.read({connections.VARIABLE: str(self.cloud.home.connection)}).dns
        assert found is not None
        host, _, port = getattr(found, server).rpartition(":")
        return host, int(port)

    def remove(self) -> None:
        kept = {(self.name, "NS"), (self.name, "SOA")}
        extra = [record for record in self.records() if (record["Name"], record["Type"]) not in kept]
        if extra:
            self.change(*(("DELETE", record) for record in extra))
        self.client.delete_hosted_zone(Id=self.id)


@contextmanager
def hosted_zone(cloud: Cloud, client: Any = None) -> Iterator[HostedZone]:
    zone = HostedZone(cloud, client or cloud.client("route53"))
    try:
        yield zone
    finally:
        zone.remove()


def check_that_is(cloud: Cloud, client: Any, *, well: bool) -> str:
    """A health check whose status is known beforehand: a disabled one is healthy, and an inverted one the opposite."""
    made = client.create_health_check(
        CallerReference=cloud.name("check"),
        HealthCheckConfig={
            "Type": "TCP",
            "IPAddress": "192.0.2.1" if cloud.home else "1.1.1.1",
            "Port": 443,
            "Disabled": True,
            "Inverted": not well,
        },
    )
    return str(made["HealthCheck"]["Id"])
