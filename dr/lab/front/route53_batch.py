"""What a batch of changes makes of a zone's records: all of it, or nothing and the list of what is wrong.

Source of the rules: botocore's model of ChangeResourceRecordSets, ResourceRecordSet and AliasTarget; Route 53 developer
guide, "DNSLimitations", for the quotas. Assumed: the wording of the messages, which AWS does not promise, and the code
InvalidChangeBatch where the model names a constraint and no code for it.
"""

from collections.abc import Container, Iterable

from dr.lab.dns.records import Record, Unreadable, wire_name
from dr.lab.front.route53_reading import Asked, Wrong

MOST_RECORDS, MOST_CHARACTERS = 1000, 32_000
"""Of one request. A record that is upserted counts twice."""

_Sets = dict[tuple[str, str, str | None], Record]


def apply(
    zone: str,
    apex: str,
    current: Iterable[Record],
    asked: list[Asked],
    *,
    hosted: Container[str],
    checks: Container[str],
) -> list[Record]:
    """The records of the zone after the batch, in the order in which they came.

    `zone` is its identifier, `apex` its name; `hosted` holds the identifiers of all hosted zones, `checks` those of all
    health checks. Raises Wrong for the whole batch when any part of it is wrong.
    """
    _check_size(asked)
    for one in asked:
        if one.action != "DELETE" and one.record.health_check and one.record.health_check not in checks:
            raise Wrong("NoSuchHealthCheck", f"No health check exists with the ID {one.record.health_check}.", 404)
    sets: _Sets = {record.key: record for record in current}
    wrong: list[str] = []
    for one in asked:
        alias = one.record.alias
        complaint = _readable(one.record, apex) or _change(sets, one)
        if alias and alias.zone != zone and alias.zone in hosted:
            complaint = f"An alias cannot reference a record of a different hosted zone, {alias.zone}"
        if complaint:
            wrong.append(complaint)
    if not wrong:
        wrong = list(dict.fromkeys(_contradictions(zone, apex, sets, asked)))
    if wrong:
        raise Wrong("InvalidChangeBatch", f"[{', '.join(wrong)}]")
    return list(sets.values())


def _check_size(asked: list[Asked]) -> None:
    counted = [(2 if one.action == "UPSERT" else 1, one.record) for one in asked]
    if sum(times * len(record.values) for times, record in counted) > MOST_RECORDS:
        raise Wrong("InvalidChangeBatch", f"[Number of records limit of {MOST_RECORDS} exceeded.]")
    if sum(times * sum(map(len, record.values)) for times, record in counted) > MOST_CHARACTERS:
        raise Wrong("InvalidChangeBatch", f"[Number of characters limit of {MOST_CHARACTERS} exceeded.]")


def _readable(record: Record, apex: str) -> str | None:
    try:
        inside = wire_name(record.name).is_subdomain(wire_name(apex))
        if record.alias:
            wire_name(record.alias.target)
    except Unreadable as problem:
        return f"FATAL problem: {problem} encountered with '{record.name[:100]}'"
    if not inside:
        return f"RRSet with DNS name {record.name} is not permitted in zone {apex}"
    if record.type in ("CNAME", "SOA") and len(record.values) > 1:
        return f"Invalid Resource Record: a {record.type} record has one value, not {len(record.values)}"
    try:
        record.rdatas()
    except Unreadable as problem:
        return f"Invalid Resource Record: FATAL problem: {problem} encountered with '{', '.join(record.values)[:100]}'"
    return None


def _change(sets: _Sets, one: Asked) -> str | None:
    """Make one change; what is wrong with it, if anything."""
    record = one.record
    there = sets.get(record.key)
    shown = f"resource record set [name='{record.name}', type='{record.type}'"
    shown += f", set identifier='{record.set_identifier}']" if record.set_identifier else "]"
    if one.action == "DELETE":
        if there is None:
            return f"Tried to delete {shown} but it was not found"
        if not there.same_as(record):
            return f"Tried to delete {shown} but the values provided do not match the current values"
        del sets[record.key]
        return None
    if one.action == "CREATE" and there is not None:
        return f"Tried to create {shown} but it already exists"
    if there is not None and there.policy != record.policy:
        return f"Tried to change the routing policy of {shown} from {there.policy} to {record.policy}"
    sets[record.key] = record
    return None


def _contradictions(zone: str, apex: str, sets: _Sets, asked: list[Asked]) -> Iterable[str]:
    """What cannot stand together in the zone that the batch would leave."""
    by_name: dict[str, dict[str, list[Record]]] = {}
    for record in sets.values():
        by_name.setdefault(record.name, {}).setdefault(record.type, []).append(record)
    at_apex = by_name.get(apex, {})
    if len(at_apex.get("SOA", ())) != 1:
        yield "A HostedZone must contain exactly one SOA record."
    if not at_apex.get("NS"):
        yield "A HostedZone must contain at least one NS record for the zone itself."
    for record in (one.record for one in asked if one.action != "DELETE"):
        beside = by_name.get(record.name, {})
        group = beside.get(record.type, [])
        if "CNAME" in beside and record.name == apex:
            yield f"RRSet of type CNAME with DNS name {apex} is not permitted at apex in zone {apex}"
        elif "CNAME" in beside and len(beside) > 1:
            yield (
                f"RRSet of type {record.type} with DNS name {record.name} is not permitted because a conflicting RRSet "
                f"of type CNAME or another type with the same DNS name already exists in zone {apex}"
            )
        kind = f"RRSet with DNS name {record.name}, type {record.type}, SetIdentifier {record.set_identifier or 'null'}"
        if len({one.policy for one in group}) > 1:
            yield f"{kind} cannot be created as other RRSets exist with the same name and type."
        roles = [one.failover for one in group if one.failover]
        if len(roles) != len(set(roles)):
            yield f"{kind} cannot be created as a failover {record.failover} RRSet with the same name and type exists."
        if record.alias and record.alias.zone == zone and not by_name.get(record.alias.target, {}).get(record.type):
            yield (
                f"Tried to create an alias that targets {record.alias.target}, type {record.type} in zone {zone}, "
                "but that target was not found"
            )
