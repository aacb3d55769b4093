"""ListResourceRecordSets: the records of a zone in Route 53's order, page by page.

The simulated service loses its place inside a group of weighted or failover records; this one does not. Source of the
order and of the paging: botocore's model of ListResourceRecordSets.
"""

from typing import Any

from dr.lab.dns.records import Record, canonical
from dr.lab.front.route53_reading import Wrong

MOST_ITEMS = 300
_MOST_DIGITS = 40
"""Python does not read numbers of any length."""

_Place = tuple[str, str, str]


def page(records: list[Record], asked: dict[str, str]) -> dict[str, Any]:
    """One page, as the elements of the answer. `asked` is the query. Raises Wrong."""
    name, type_, identifier = (asked.get(part, "") for part in ("name", "type", "identifier"))
    if (type_ and not name) or (identifier and not type_):
        raise Wrong("InvalidInput", "The input is not valid: a type needs a name, and an identifier both of them.")
    given = asked.get("maxitems", str(MOST_ITEMS))
    if not given.isdecimal() or len(given) > _MOST_DIGITS or int(given) < 1:
        raise Wrong("InvalidInput", f"MaxItems must be a number above zero, not {given[:40]!r}.")
    most = min(int(given), MOST_ITEMS)
    start = (_turned(canonical(name)), type_, identifier) if name else ("", "", "")
    found = [one for one in sorted(records, key=_place) if _place(one) >= start]
    more = found[most] if len(found) > most else None
    shown: dict[str, Any] = {
        "ResourceRecordSets": {"ResourceRecordSet": [_shown(one) for one in found[:most]]} if found else None,
        "IsTruncated": str(more is not None).lower(),
        "MaxItems": str(most),
    }
    if more is not None:
        shown |= {"NextRecordName": more.name, "NextRecordType": more.type}
        if more.set_identifier:
            shown["NextRecordIdentifier"] = more.set_identifier
    return shown


def _turned(name: str) -> str:
    """A name with its labels from the right and the final dot, by which names are sorted: `com.example.www.`."""
    return ".".join(name.rstrip(".").split(".")[::-1]) + "."


def _place(record: Record) -> _Place:
    return _turned(record.name), record.type, record.set_identifier or ""


def _shown(record: Record) -> dict[str, Any]:
    alias = record.alias
    every: dict[str, Any] = {
        "Name": record.name,
        "Type": record.type,
        "SetIdentifier": record.set_identifier,
        "Weight": record.weight,
        "Region": record.region,
        "GeoLocation": dict(record.location) or None,
        "Failover": record.failover,
        "MultiValueAnswer": "true" if record.multivalue else None,
        "TTL": record.ttl,
        "ResourceRecords": {"ResourceRecord": [{"Value": value} for value in record.values]} if record.values else None,
        "AliasTarget": alias
        and {
            "HostedZoneId": alias.zone,
            "DNSName": alias.target,
            "EvaluateTargetHealth": str(alias.evaluate_health).lower(),
        },
        "HealthCheckId": record.health_check,
    }
    return {name: value for name, value in every.items() if value is not None}
