"""A resource record set as a value, and its two other forms: the simulated Route 53's, and what goes on the wire."""

import re
from dataclasses import dataclass, replace
from typing import Any

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
from moto.route53.models import RecordSet

TYPES = (
    *("SOA", "A", "TXT", "NS", "CNAME", "MX", "NAPTR", "PTR", "SRV", "SPF", "AAAA", "CAA", "DS", "TLSA", "SSHFP"),
    *("SVCB", "HTTPS"),
)
"""The record types of Route 53; source: botocore's model, RRType."""

_OCTAL = re.compile(r"\\([0-7]{3})")
_QUOTED = re.compile(r'\s*"(?:[^"\\]|\\.)*"(?:\s+"(?:[^"\\]|\\.)*")*\s*', re.DOTALL)


class Unreadable(ValueError):  # noqa: N818 - it says what the value is
    """A name or a value that no name server could serve."""


@dataclass(frozen=True)
class Alias:
    """Where an alias record takes its answer from."""

    zone: str
    target: str
    evaluate_health: bool


@dataclass(frozen=True)
class Record:
    """One resource record set. `ttl` is in AWS's seconds, and None for an alias, which has its target's."""

    name: str
    type: str
    ttl: int | None = None
    values: tuple[str, ...] = ()
    alias: Alias | None = None
    set_identifier: str | None = None
    weight: int | None = None
    failover: str | None = None
    multivalue: bool = False
    region: str | None = None
    location: tuple[tuple[str, str], ...] = ()
    health_check: str | None = None

    @property
    def key(self) -> tuple[str, str, str | None]:
        """What tells record sets of a zone apart."""
        return self.name, self.type, self.set_identifier

    @property
    def policy(self) -> str:
        """The routing policy, in Route 53's words."""
        told = {
            "weighted": self.weight is not None,
            "failover": self.failover is not None,
            "multivalue answer": self.multivalue,
            "latency": self.region is not None,
            "geolocation": bool(self.location),
        }
        return next((policy for policy, chosen in told.items() if chosen), "simple")

    def same_as(self, other: "Record") -> bool:
        """Whether two describe the same set: what DELETE must match. Assumed: in any order of the values."""
        mine, others = (replace(one, values=tuple(sorted(one.values))) for one in (self, other))
        return mine == others

    def rdatas(self) -> list[dns.rdata.Rdata]:
        """The values as they go on the wire. Raises Unreadable."""
        return [_rdata(self.type, value) for value in self.values]


def canonical(name: str) -> str:
    """A name as Route 53 keeps it, with a final dot. Assumed: in lower case, and the asterisk as its octal code."""
    lowered = name.lower()
    return (lowered if lowered.endswith(".") else lowered + ".").replace("*", r"\052")


def wire_name(name: str) -> dns.name.Name:
    """A name as DNS has it. Raises Unreadable. Assumed: Route 53 escapes in octal, where zone files do in decimal."""
    decimal = _OCTAL.sub(lambda found: f"\\{int(found[1], 8) & 255:03d}", name)
    try:
        return dns.name.from_text(decimal).canonicalize()
    except (dns.exception.DNSException, UnicodeError) as problem:
        raise Unreadable(str(problem) or "it is not a domain name") from problem


def _rdata(type_: str, value: str) -> dns.rdata.Rdata:
    if type_ in ("TXT", "SPF") and not _QUOTED.fullmatch(value):
        raise Unreadable("InvalidCharacterString (Value should be enclosed in quotation marks)")
    try:
        return dns.rdata.from_text(
            dns.rdataclass.IN, dns.rdatatype.from_text(type_), value, dns.name.root, relativize=False
        )
    except (dns.exception.DNSException, ValueError) as problem:
        raise Unreadable(f"Invalid{type_}Value (Value is not a valid {type_} record: {problem})") from problem


def from_simulated(found: RecordSet) -> Record:
    """The simulated service's record set as a value."""
    alias = found.alias_target
    return Record(
        name=canonical(found.name),
        type=str(found.type),
        ttl=None if found.ttl is None else int(found.ttl),
        values=tuple(found.records or ()),
        alias=Alias(alias["HostedZoneId"], canonical(alias["DNSName"]), bool(alias["EvaluateTargetHealth"]))
        if alias
        else None,
        set_identifier=found.set_identifier,
        weight=None if found.weight is None else int(found.weight),
        failover=found.failover,
        multivalue=bool(found.multi_value_answer),
        region=found.region,
        location=tuple(sorted((found.geo_location or {}).items())),
        health_check=found.health_check_id,
    )


def to_simulated(record: Record) -> RecordSet:
    """A value as the simulated service's record set, which is what ListResourceRecordSets shows."""
    alias = record.alias
    told: dict[str, Any] = {
        "Name": record.name,
        "Type": record.type,
        "TTL": record.ttl,
        "ResourceRecords": list(record.values),
        "SetIdentifier": record.set_identifier,
        "Weight": record.weight,
        "Failover": record.failover,
        "MultiValueAnswer": record.multivalue or None,
        "Region": record.region,
        "GeoLocation": dict(record.location) or None,
        "HealthCheckId": record.health_check,
        "AliasTarget": alias
        and {"HostedZoneId": alias.zone, "DNSName": alias.target, "EvaluateTargetHealth": alias.evaluate_health},
    }
    return RecordSet(told)  # type: ignore[abstract]  # it is not; moto makes them itself
