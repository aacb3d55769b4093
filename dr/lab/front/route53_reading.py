"""Route 53's requests as values: a batch of changes, and what is wrong with the way it is written."""

from dataclasses import dataclass
from typing import Any

from dr.lab.dns.records import TYPES, Alias, Record, canonical
from dr.lab.front import xml

_LONGEST_TTL = 2**31 - 1
_HEAVIEST = 255
_LONGEST_NUMBER = 40
"""Digits and blanks; Python does not read numbers of any length."""
_LOCATION = ("ContinentCode", "CountryCode", "SubdivisionCode")


class Wrong(Exception):  # noqa: N818 - an answer on its way, like Refusal
    """A request that Route 53 refuses: its own code, and the status that botocore's model gives to it."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class Asked:
    """One change of a batch."""

    action: str
    record: Record


def document(body: bytes, root: str) -> dict[str, Any]:
    """The root element of a request. Raises Wrong where it is another one, or no XML at all."""
    try:
        found = xml.read(body)
    except (xml.ExpatError, ValueError) as problem:
        raise Wrong("InvalidInput", f"Invalid XML ; {problem}") from problem
    return section(found, root)


def section(node: dict[str, Any], name: str) -> dict[str, Any]:
    found = node.get(name)
    if not isinstance(found, dict):
        raise Wrong("InvalidInput", f"Invalid XML ; the element {name} is missing or empty")
    return found


def text(node: dict[str, Any], name: str) -> str | None:
    """The text of an element, or None where there is none."""
    found = node.get(name)
    if found is not None and not isinstance(found, str):
        raise Wrong("InvalidInput", f"Invalid XML ; the element {name} holds no plain text, or occurs twice")
    return found


def number(node: dict[str, Any], name: str, low: int, high: int) -> int | None:
    found = text(node, name)
    if found is None:
        return None
    if not found.strip().isdecimal() or len(found) > _LONGEST_NUMBER or not low <= int(found) <= high:
        raise Wrong("InvalidInput", f"Invalid XML ; {name} must be from {low} to {high}, not {found[:40]!r}")
    return int(found)


def yes(node: dict[str, Any], name: str) -> bool:
    return (text(node, name) or "").strip().lower() == "true"


def several(node: dict[str, Any], name: str, each: str) -> list[Any]:
    """The elements of a list; empty where the list is not there."""
    held = node.get(name)
    found = held.get(each) if isinstance(held, dict) else None
    return found if isinstance(found, list) else [] if found is None else [found]


def batch(body: bytes) -> list[Asked]:
    """The changes of a ChangeResourceRecordSets request. Raises Wrong."""
    changes = section(document(body, "ChangeResourceRecordSetsRequest"), "ChangeBatch")
    asked = [_change(one) for one in several(changes, "Changes", "Change")]
    if not asked:
        raise Wrong("InvalidInput", "Invalid XML ; a batch holds one change at least")
    return asked


def _change(node: object) -> Asked:
    if not isinstance(node, dict):
        raise Wrong("InvalidInput", "Invalid XML ; a change is empty")
    action = text(node, "Action") or ""
    if action not in ("CREATE", "DELETE", "UPSERT"):
        raise Wrong("InvalidInput", f"Invalid XML ; the action {action[:40]!r} is not one of CREATE, DELETE, UPSERT")
    return Asked(action, _record(section(node, "ResourceRecordSet"), action))


def _record(node: dict[str, Any], action: str) -> Record:
    name, type_ = text(node, "Name"), text(node, "Type")
    if not name or type_ not in TYPES:
        raise Wrong("InvalidInput", f"Invalid XML ; a record set needs a name and one of the types {', '.join(TYPES)}")
    values = tuple(
        (text(one, "Value") or "") if isinstance(one, dict) else ""
        for one in several(node, "ResourceRecords", "ResourceRecord")
    )
    alias = _alias(section(node, "AliasTarget")) if "AliasTarget" in node else None
    ttl = number(node, "TTL", 0, _LONGEST_TTL)
    identifier = text(node, "SetIdentifier")
    if (alias is None) == (ttl is None or not values) or (alias is not None and (values or ttl is not None)):
        found = "none" if alias is None else "more than one"
        raise Wrong(
            "InvalidInput",
            "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or "
            f"TrafficPolicyInstanceId], but found {found} in Change with [Action={action}, Name={name}, Type={type_}, "
            f"SetIdentifier={identifier or 'null'}]",
        )
    location = section(node, "GeoLocation") if "GeoLocation" in node else {}
    record = Record(
        name=canonical(name),
        type=type_,
        ttl=ttl,
        values=values,
        alias=alias,
        set_identifier=identifier,
        weight=number(node, "Weight", 0, _HEAVIEST),
        failover=text(node, "Failover"),
        multivalue=yes(node, "MultiValueAnswer"),
        region=text(node, "Region"),
        location=tuple((part, said) for part in _LOCATION if (said := text(location, part))),
        health_check=text(node, "HealthCheckId"),
    )
    _check_policy(record, action)
    return record


def _alias(node: dict[str, Any]) -> Alias:
    zone, target = text(node, "HostedZoneId"), text(node, "DNSName")
    if not zone or not target:
        raise Wrong("InvalidInput", "Invalid XML ; an alias needs HostedZoneId, DNSName and EvaluateTargetHealth")
    return Alias(zone, canonical(target), yes(node, "EvaluateTargetHealth"))


def _check_policy(record: Record, action: str) -> None:
    """A routing policy needs a set identifier, a set identifier a routing policy; and there is one policy at most."""
    where = f"in Change with [Action={action}, Name={record.name}, Type={record.type}"
    policies = [record.weight, record.failover, record.region, record.multivalue or None, record.location or None]
    chosen = sum(one is not None for one in policies)
    if record.failover not in (None, "PRIMARY", "SECONDARY"):
        raise Wrong("InvalidInput", f"Invalid XML ; the failover {record.failover[:40]!r} is not PRIMARY or SECONDARY")
    if chosen > 1 or (chosen == 1) != (record.set_identifier is not None):
        found = "more than one" if chosen > 1 else "none" if chosen == 0 else "no SetIdentifier"
        raise Wrong(
            "InvalidInput",
            "Invalid request: Expected exactly one of [Weight, Region, Failover, GeoLocation, or MultiValueAnswer] "
            f"together with SetIdentifier, but found {found} {where}, SetIdentifier={record.set_identifier or 'null'}]",
        )
