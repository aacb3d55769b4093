"""Route 53's API, as strict as AWS has it, in front of the simulated one.

The simulated service keeps zones, records, health checks and tags. What may be changed, when a change reaches the name
servers, and what is told of health is decided here.
"""

import re
import threading
import time
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

import dns.rcode
import dns.rdatatype
from moto.route53.models import FakeZone, HealthCheck, RecordSet, route53_backends

from dr.lab.dns.answering import Answers
from dr.lab.dns.health import Health
from dr.lab.dns.records import TYPES, Record, Unreadable, canonical, from_simulated, to_simulated, wire_name
from dr.lab.dns.zones import Change, Zone, Zones
from dr.lab.front import refusals, xml
from dr.lab.front.exchange import Answer, Headers, Request
from dr.lab.front.keys import ACCOUNT
from dr.lab.front.route53_batch import apply
from dr.lab.front.route53_checks import check_update, creation, observed, timestamp
from dr.lab.front.route53_listing import page
from dr.lab.front.route53_pace import PER_SECOND, Pace
from dr.lab.front.route53_reading import Wrong, batch, document, text
from dr.lab.front.simulated import Simulated

NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/"
PROCESSING = 0.5
"""Assumed: AWS's seconds for which a zone takes no other change while it works on one."""

NAME_SERVER = "ns-2048.awsdns-64.com"

_CHANGE_ID = re.compile(rb"(<ChangeInfo>.*?<Id>)[^<]*(</Id>.*?<Status>)[^<]*(</Status>)", re.DOTALL)

_Operation = Callable[["Route53", Request, str], Answer]


class Route53:
    """Answers the requests of the global endpoint that are signed for Route 53."""

    def __init__(self, simulated: Simulated, zones: Zones, health: Health, answers: Answers, speed: float) -> None:
        self._simulated = simulated
        self._zones = zones
        self._health = health
        self._answers = answers
        self._speed = speed
        self._backend = route53_backends[ACCOUNT]["aws"]
        self._pace = Pace(PER_SECOND * speed)
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._checks_made: dict[str, tuple[dict[str, Any], str]] = {}
        """caller reference -> settings and identifier of every health check ever made, also of deleted ones"""

    def answer(self, request: Request) -> Answer:
        try:
            self._pace.take()
            for method, path, operation in _OPERATIONS:
                found = path.fullmatch(request.path)
                if method == request.method and found:
                    return operation(self, request, found["id"] if found.groups() else "")
            return self._simulated.answer("route53", request)
        except Wrong as wrong:
            return refusals.error("route53", wrong.status, wrong.code, wrong.message, request.id)

    def _change_records(self, request: Request, identifier: str) -> Answer:
        asked = batch(request.body)
        with _Working(self, identifier), self._lock:
            zone = self._zone(identifier)
            current = [from_simulated(one) for one in zone.rrsets]
            apex, hosted, checks = canonical(zone.name), self._backend.zones, self._backend.health_checks
            after = apply(identifier, apex, current, asked, hosted=hosted, checks=checks)
            zone.rrsets = [to_simulated(one) for one in after]
            change = self._submit(zone)
        return self._told("ChangeResourceRecordSetsResponse", {"ChangeInfo": self._info(change)})

    def _list_records(self, request: Request, identifier: str) -> Answer:
        records = [from_simulated(one) for one in self._zone(identifier).rrsets]
        return self._told("ListResourceRecordSetsResponse", page(records, request.parameters))

    def _list(self, request: Request, _: str) -> Answer:
        """Zones or health checks: botocore's model requires to be told of pages also where there is only one."""
        told = self._simulated.answer("route53", request)
        if told.status >= 300:
            return told
        given = {"Marker": request.parameters.get("marker", ""), "IsTruncated": "false", "MaxItems": "100"}
        missing = [name for name in given if f"<{name}>".encode() not in told.body]
        added = "".join(f"<{name}>{escape(given[name])}</{name}>" for name in missing).encode()
        end = told.body.rindex(b"</")
        return Answer(told.status, told.headers, told.body[:end] + added + told.body[end:])

    def _create_zone(self, request: Request, _: str) -> Answer:
        root = document(request.body, "CreateHostedZoneRequest")
        reference, name = text(root, "CallerReference"), text(root, "Name")
        with self._lock:
            if any(zone.caller_reference == reference for zone in self._backend.zones.values()):
                raise Wrong("HostedZoneAlreadyExists", f"A hosted zone with the reference {reference} exists.", 409)
            try:
                wire_name(canonical(name or "."))
            except Unreadable as problem:
                raise Wrong("InvalidDomainName", f"{name} is not a valid domain name: {problem}") from problem
            before = set(self._backend.zones)
            answer = self._simulated.answer("route53", request)
            made = [zone for key, zone in self._backend.zones.items() if key not in before]
            if answer.status >= 300 or not made:
                return answer
            made[0].rrsets = _first_records(made[0])
            return _with_change(answer, self._submit(made[0]))

    def _delete_zone(self, request: Request, identifier: str) -> Answer:
        with _Working(self, identifier), self._lock:
            answer = self._simulated.answer("route53", request)
            if answer.status >= 300:
                return answer
            return _with_change(answer, self._zones.submit(identifier, None))

    def _get_change(self, _: Request, identifier: str) -> Answer:
        change = self._zones.change(identifier)
        if change is None:
            raise Wrong("NoSuchChange", f"Could not find resource with ID: {identifier}", 404)
        return self._told("GetChangeResponse", {"ChangeInfo": self._info(change)})

    def _create_check(self, request: Request, _: str) -> Answer:
        checks = self._backend.health_checks
        with self._lock:
            reference, settings = creation(request.body, checks)
            if reference in self._checks_made:
                before, identifier = self._checks_made[reference]
                if before != settings or identifier not in checks:
                    message = f"A health check with the reference {reference} exists, or did."
                    raise Wrong("HealthCheckAlreadyExists", message, 409)
                path = f"/2013-04-01/healthcheck/{identifier}"
                found = self._simulated.answer("route53", Request("GET", path, request.headers, b"", request.id))
                return _located(found, path)
            known = set(checks)
            answer = self._simulated.answer("route53", request)
            for identifier in set(checks) - known:
                self._checks_made[reference] = (settings, identifier)
                if "Port" not in settings and settings["Type"].startswith("HTTPS"):
                    checks[identifier].port = 443  # the simulated service takes 80, whatever the protocol
                    answer = Answer(answer.status, answer.headers, answer.body.replace(b">80</Port>", b">443</Port>"))
                self._health.watch(identifier)
                answer = _located(answer, f"/2013-04-01/healthcheck/{identifier}")
        return answer

    def _update_check(self, request: Request, identifier: str) -> Answer:
        check = self._check(identifier)
        with self._lock:
            check_update(request.body, check, self._backend.health_checks)
            check.health_check_version += 1
            return self._simulated.answer("route53", request)

    def _delete_check(self, request: Request, identifier: str) -> Answer:
        self._check(identifier)
        return self._simulated.answer("route53", request)

    def _check_status(self, _: Request, identifier: str) -> Answer:
        self._check(identifier)
        seen = self._health.observations(identifier)
        return _answer(observed("GetHealthCheckStatusResponse", NAMESPACE, seen))

    def _check_failure(self, _: Request, identifier: str) -> Answer:
        self._check(identifier)
        seen = self._health.observations(identifier, failures=True)
        return _answer(observed("GetHealthCheckLastFailureReasonResponse", NAMESPACE, seen))

    def _test_answer(self, request: Request, _: str) -> Answer:
        """What the name servers would say now. Source: botocore's model of TestDNSAnswer."""
        given = request.parameters
        identifier, type_ = given.get("hostedzoneid", ""), given.get("recordtype", "")
        if self._zone(identifier).private_zone or type_ not in TYPES:
            raise Wrong("InvalidInput", "Only public zones and Route 53's own record types can be asked for.")
        name = canonical(given.get("recordname", ""))
        zone = self._zones.zone(identifier)
        rcode, values = dns.rcode.REFUSED, list[str]()
        try:
            asked = wire_name(name)
        except Unreadable as problem:
            raise Wrong("InvalidInput", f"{name[:100]} is not a domain name: {problem}") from problem
        if zone is not None and asked.is_subdomain(zone.name):
            reply = self._answers.in_zone(zone, asked, dns.rdatatype.from_text(type_))
            rcode = reply.rcode
            values = [rdata.to_text() for rrset in reply.answer for rdata in rrset]
        shown: dict[str, Any] = {
            "Nameserver": NAME_SERVER,
            "RecordName": name,
            "RecordType": type_,
            "RecordData": {"RecordDataEntry": values} if values else None,
            "ResponseCode": dns.rcode.to_text(rcode),
            "Protocol": "UDP",
        }
        return self._told("TestDNSAnswerResponse", shown)

    def _zone(self, identifier: str) -> FakeZone:
        zone = self._backend.zones.get(identifier)
        if zone is None:
            raise Wrong("NoSuchHostedZone", f"No hosted zone found with ID: {identifier}", 404)
        return zone

    def _check(self, identifier: str) -> HealthCheck:
        check = self._backend.health_checks.get(identifier)
        if check is None:
            raise Wrong("NoSuchHealthCheck", f"No health check exists with the ID {identifier}.", 404)
        return check

    def _submit(self, zone: FakeZone) -> Change:
        records = [from_simulated(one) for one in zone.rrsets]
        return self._zones.submit(
            zone.resource_id, Zone.of(zone.resource_id, canonical(zone.name), zone.private_zone, records)
        )

    def _info(self, change: Change) -> dict[str, str]:
        status = "INSYNC" if self._zones.in_sync(change) else "PENDING"
        return {"Id": f"/change/{change.identifier}", "Status": status, "SubmittedAt": timestamp(change.submitted)}

    @staticmethod
    def _told(root: str, shown: dict[str, Any]) -> Answer:
        return _answer({root: {"@xmlns": NAMESPACE, **shown}})

    def begin(self, zone: str) -> None:
        """Work on a zone. Raises Wrong while somebody else does."""
        with self._lock:
            if zone in self._busy:
                raise Wrong(
                    "PriorRequestNotComplete",
                    "The request was rejected because Route 53 was still processing a prior request.",
                )
            self._busy.add(zone)
        time.sleep(PROCESSING / self._speed)

    def end(self, zone: str) -> None:
        with self._lock:
            self._busy.discard(zone)


class _Working:
    """For as long as a change of a zone takes, other changes of it are refused."""

    def __init__(self, route53: Route53, zone: str) -> None:
        self._route53, self._zone = route53, zone

    def __enter__(self) -> None:
        self._route53.begin(self._zone)

    def __exit__(self, *_: object) -> None:
        self._route53.end(self._zone)


def _first_records(zone: FakeZone) -> list[RecordSet]:
    """What every zone begins with; the simulated ones cannot be read back. Assumed: the numbers in them."""
    delegated = zone.delegation_set.name_servers if zone.delegation_set else [NAME_SERVER]
    name, servers = canonical(zone.name), tuple(f"{one}." for one in delegated)
    authority = f"{servers[0]} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
    first = (Record(name, "NS", 172_800, servers), Record(name, "SOA", 900, (authority,)))
    return [to_simulated(record) for record in first]


def _located(answer: Answer, path: str) -> Answer:
    """An answer that says where the new thing is found, as botocore's model requires."""
    return Answer(answer.status, answer.headers.having("Location", f"https://route53.amazonaws.com{path}"), answer.body)


def _with_change(answer: Answer, change: Change) -> Answer:
    """The simulated answer with the change that it really is, which is not in sync yet."""
    told = rb"\g<1>/change/" + change.identifier.encode() + rb"\g<2>PENDING\g<3>"
    return Answer(answer.status, answer.headers, _CHANGE_ID.sub(told, answer.body, count=1))


def _answer(shown: dict[str, Any]) -> Answer:
    return Answer(200, Headers([("Content-Type", "text/xml")]), xml.write(shown))


def _path(tail: str) -> re.Pattern[str]:
    return re.compile("/2013-04-01/" + tail.replace("ID", "(?P<id>[^/]+)") + "/?")


_OPERATIONS: tuple[tuple[str, re.Pattern[str], _Operation], ...] = (
    ("POST", _path("hostedzone/ID/rrset"), Route53._change_records),
    ("GET", _path("hostedzone/ID/rrset"), Route53._list_records),
    ("GET", _path("hostedzone"), Route53._list),
    ("GET", _path("healthcheck"), Route53._list),
    ("POST", _path("hostedzone"), Route53._create_zone),
    ("DELETE", _path("hostedzone/ID"), Route53._delete_zone),
    ("GET", _path("change/ID"), Route53._get_change),
    ("GET", _path("testdnsanswer"), Route53._test_answer),
    ("POST", _path("healthcheck"), Route53._create_check),
    ("POST", _path("healthcheck/ID"), Route53._update_check),
    ("DELETE", _path("healthcheck/ID"), Route53._delete_check),
    ("GET", _path("healthcheck/ID/status"), Route53._check_status),
    ("GET", _path("healthcheck/ID/lastfailurereason"), Route53._check_failure),
)
