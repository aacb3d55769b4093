"""The answer to one question, as Route 53's name servers and those of RDS would give it.

The words are those of RFC 1034 and RFC 2308: a name that does not exist is NXDOMAIN, a name without records of this
type is an empty answer, and both carry the zone's SOA, which says how long a resolver may remember it.

Source of what an alias stands for: botocore's model of AliasTarget. Assumed: a question for ANY is answered as RFC 8482
proposes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rrset

from dr.lab.dns import routing
from dr.lab.dns.records import Record, wire_name
from dr.lab.dns.zones import Group, Zone, Zones

DATABASES = dns.name.from_text("rds.amazonaws.com.")
DATABASE_TTL = 5
"""Assumed: an RDS endpoint is answered with an address for five seconds, and with no CNAME on the way."""
_DATABASE_SOA = "ns-2048.awsdns-64.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 60"
_WILDCARD = dns.name.from_text("*", None)
_LONGEST_CHAIN = 8


@dataclass
class Reply:
    """What is known of a question. `authoritative` is False for a referral and for what is not ours."""

    rcode: dns.rcode.Rcode = dns.rcode.NOERROR
    authoritative: bool = True
    answer: list[dns.rrset.RRset] = field(default_factory=list)
    authority: list[dns.rrset.RRset] = field(default_factory=list)


class Answers:
    """Answers questions from the zones, the databases' names, and the health of what stands behind the records.

    `healthy` tells of a health check, `resolves` of a database's host name whether it leads anywhere just now.
    """

    def __init__(self, zones: Zones, healthy: Callable[[str], bool], resolves: Callable[[str], bool]) -> None:
        self._zones = zones
        self._healthy = healthy
        self._resolves = resolves

    def reply(self, name: dns.name.Name, type_: dns.rdatatype.RdataType, *, private: bool = False) -> Reply:
        """The answer; with `private`, private zones are seen too, as from inside their networks."""
        asked = name.canonicalize()
        zone = self._zones.holding(asked, private=private)
        if zone is not None:
            return self.in_zone(zone, asked, type_)
        if asked.is_subdomain(DATABASES):
            return self._database(asked, type_)
        return Reply(dns.rcode.REFUSED, authoritative=False)

    def address(self, host: str) -> str | None:
        """The first address of a host name, through aliases and CNAMEs; what a health checker connects to."""
        name = wire_name(host)
        for _ in range(_LONGEST_CHAIN):
            found = {rrset.rdtype: rrset for rrset in self.reply(name, dns.rdatatype.A).answer}
            if dns.rdatatype.A in found:
                return str(next(iter(found[dns.rdatatype.A])))
            if dns.rdatatype.CNAME not in found:
                return None
            name = next(iter(found[dns.rdatatype.CNAME])).target
        return None

    def in_zone(self, zone: Zone, asked: dns.name.Name, type_: dns.rdatatype.RdataType) -> Reply:
        """The answer of one zone, with the CNAMEs that stay inside of it followed."""
        reply, name, seen = Reply(), asked, set[dns.name.Name]()
        while True:
            cut = self._delegation(zone, name, type_)
            if cut is not None:
                reply.authoritative = bool(reply.answer)
                reply.authority.append(cut)
                return reply
            source = self._source(zone, name)
            if source is None:
                reply.rcode = dns.rcode.NXDOMAIN
                return self._with_soa(reply, zone)
            types = zone.groups.get(source, {})
            if type_ == dns.rdatatype.ANY and types:
                reply.answer.append(dns.rrset.from_text(name, 3600, "IN", "HINFO", '"RFC8482" ""'))
                return reply
            found = self._rrset(zone, name, types.get(dns.rdatatype.to_text(type_), ()), type_)
            if found is not None:
                reply.answer.append(found)
                return reply
            onward = self._rrset(zone, name, types.get("CNAME", ()), dns.rdatatype.CNAME)
            if onward is None:
                return self._with_soa(reply, zone)
            reply.answer.append(onward)
            seen.add(name)
            name = next(iter(onward)).target.canonicalize()
            if name in seen or len(seen) >= _LONGEST_CHAIN or not name.is_subdomain(zone.name):
                return reply

    def _delegation(self, zone: Zone, name: dns.name.Name, type_: dns.rdatatype.RdataType) -> dns.rrset.RRset | None:
        """The name servers of the zone below, where this zone has handed the name over."""
        for depth in range(len(zone.name) + 1, len(name) + 1):
            cut = name.split(depth)[1]
            group = zone.records(cut, "NS")
            if group and not (cut == name and type_ == dns.rdatatype.DS):
                return self._rrset(zone, cut, group, dns.rdatatype.NS)
        return None

    @staticmethod
    def _source(zone: Zone, name: dns.name.Name) -> dns.name.Name | None:
        """The owner whose records answer for a name: itself, or the wildcard next above it (RFC 4592)."""
        if name in zone.nodes:
            return name
        encloser = name.parent()
        while encloser not in zone.nodes:
            encloser = encloser.parent()
        try:
            wildcard = _WILDCARD.concatenate(encloser)
        except dns.name.NameTooLong:
            return None
        return wildcard if wildcard in zone.groups else None

    def _rrset(
        self, zone: Zone, name: dns.name.Name, group: Group, type_: dns.rdatatype.RdataType, depth: int = 0
    ) -> dns.rrset.RRset | None:
        """What the group answers in the name's own name; None where there is nothing."""
        chosen = routing.choose(group, lambda record: self._well(zone, record))
        rdatas: list[dns.rdata.Rdata] = []
        ttls: list[int] = []
        for record in chosen:
            if record.alias is None:
                rdatas += record.rdatas()
                ttls.append(record.ttl or 0)
                continue
            target = self._target(zone, record, type_, depth)
            if target is not None:
                rdatas += list(target)
                ttls.append(target.ttl)
        return dns.rrset.from_rdata_list(name, min(ttls), rdatas) if rdatas else None

    def _target(self, zone: Zone, record: Record, type_: dns.rdatatype.RdataType, depth: int) -> dns.rrset.RRset | None:
        """What an alias stands for: another record of its zone. One for a service of AWS stands for nothing here."""
        if record.alias is None or record.alias.zone != zone.identifier or depth >= _LONGEST_CHAIN:
            return None
        name = wire_name(record.alias.target)
        source = self._source(zone, name) if name.is_subdomain(zone.name) else None
        if source is None:
            return None
        return self._rrset(zone, name, zone.records(source, dns.rdatatype.to_text(type_)), type_, depth + 1)

    def _well(self, zone: Zone, record: Record, depth: int = 0) -> bool:
        """Whether a record may be named: its health check, and for an alias that evaluates it its target's."""
        if record.health_check and not self._healthy(record.health_check):
            return False
        alias = record.alias
        if alias is None or alias.zone != zone.identifier or not alias.evaluate_health or depth >= _LONGEST_CHAIN:
            return True
        group = zone.records(wire_name(alias.target), record.type)
        return not group or any(self._well(zone, one, depth + 1) for one in group)

    def _database(self, asked: dns.name.Name, type_: dns.rdatatype.RdataType) -> Reply:
        """The name of a database: it leads to this machine while RDS shows it as an endpoint, and else to nothing."""
        reply = Reply()
        host = asked.to_text(omit_final_dot=True)
        if not self._resolves(host):
            reply.rcode = dns.rcode.NXDOMAIN
        elif type_ == dns.rdatatype.A:
            reply.answer.append(dns.rrset.from_text(asked, DATABASE_TTL, "IN", "A", "127.0.0.1"))
            return reply
        reply.authority.append(dns.rrset.from_text(DATABASES, 60, "IN", "SOA", _DATABASE_SOA))
        return reply

    def _with_soa(self, reply: Reply, zone: Zone) -> Reply:
        """A negative answer: its SOA goes with the time for which nothing may be remembered (RFC 2308)."""
        soa = self._rrset(zone, zone.name, zone.records(zone.name, "SOA"), dns.rdatatype.SOA)
        if soa is not None:
            lasting = min(soa.ttl, next(iter(soa)).minimum)
            reply.authority.append(dns.rrset.from_rdata_list(zone.name, lasting, list(soa)))
        return reply
