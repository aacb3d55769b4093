"""What the name servers say: routing, health, what is remembered, and the names of databases."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import dns.rcode
import dns.rdatatype
import pytest

from tests.contract.cloud import Cloud
from tests.contract.dns_fixtures import HostedZone, check_that_is, hosted_zone


@pytest.fixture(scope="module")
def zone(cloud: Cloud) -> Iterator[HostedZone]:
    with hosted_zone(cloud) as made:
        yield made


@pytest.fixture(scope="module")
def checks(zone: HostedZone) -> Iterator[tuple[str, str]]:
    """Two health checks: one that is healthy and one that is not."""
    made = tuple(check_that_is(zone.cloud, zone.client, well=well) for well in (True, False))
    yield made[0], made[1]
    for check in made:
        zone.client.delete_health_check(HealthCheckId=check)


def _pair(zone: HostedZone, label: str, primary: str, secondary: str) -> list[dict[str, Any]]:
    return [
        zone.a(label, "127.0.0.1", SetIdentifier="one", Failover="PRIMARY", HealthCheckId=primary),
        zone.a(label, "127.0.0.2", SetIdentifier="two", Failover="SECONDARY", HealthCheckId=secondary),
    ]


@pytest.mark.behaviour("R53-FAILOVER-NEEDS-NO-CHANGE")
def test_failover_answers_by_health_alone(zone: HostedZone, checks: tuple[str, str]) -> None:
    well, ill = checks
    zone.put(*_pair(zone, "stays", well, well), *_pair(zone, "moves", ill, well))
    assert zone.addresses("stays") == {"127.0.0.1"}
    assert zone.addresses("moves") == {"127.0.0.2"}


@pytest.mark.behaviour("R53-FAILS-OPEN")
def test_where_all_are_ill_the_answer_is_as_if_all_were_well(zone: HostedZone, checks: tuple[str, str]) -> None:
    _, ill = checks
    weighted = [
        zone.a("open", f"127.0.0.{n}", SetIdentifier=str(n), Weight=1, HealthCheckId=ill, ttl=60) for n in (1, 2)
    ]
    zone.put(*_pair(zone, "both", ill, ill), *weighted)
    assert zone.addresses("both") == {"127.0.0.1"}
    zone.cloud.until(lambda: zone.addresses("open") == {"127.0.0.1"}, "the first of two ill ones answered")
    zone.cloud.until(lambda: zone.addresses("open") == {"127.0.0.2"}, "the second of two ill ones answered")


@pytest.mark.behaviour("R53-WEIGHT-ZERO")
def test_a_weight_of_zero_is_never_chosen_unless_all_are_zero(zone: HostedZone) -> None:
    def weighted(label: str, *weights: int) -> list[dict[str, Any]]:
        return [zone.a(label, f"127.0.0.{n}", SetIdentifier=str(n), Weight=one) for n, one in enumerate(weights)]

    zone.put(*weighted("some", 0, 1), *weighted("none", 0, 0))
    assert {address for _ in range(30) for address in zone.addresses("some")} == {"127.0.0.1"}
    zone.cloud.until(lambda: zone.addresses("none") == {"127.0.0.0"}, "the first of two zeros answered")
    zone.cloud.until(lambda: zone.addresses("none") == {"127.0.0.1"}, "the second of two zeros answered")


@pytest.mark.behaviour("R53-NOTHING-IS-REMEMBERED-TOO")
def test_an_answer_of_nothing_says_for_how_long_it_may_be_remembered(zone: HostedZone) -> None:
    zone.put(zone.a("only", "127.0.0.1"))
    for label, type_, rcode in (("none", "A", dns.rcode.NXDOMAIN), ("only", "TXT", dns.rcode.NOERROR)):
        answer = zone.ask(label if type_ == "TXT" else f"{label}.such", type_)
        (soa,) = answer.authority
        assert (answer.rcode(), answer.answer) == (rcode, [])
        assert (soa.rdtype, min(soa.ttl, soa[0].minimum)) == (dns.rdatatype.SOA, 900)


@pytest.mark.behaviour("R53-ASTERISK-IN-OCTAL")
def test_a_wildcard_is_listed_in_octal_and_answers_only_where_nothing_else_is(zone: HostedZone) -> None:
    zone.put(zone.a("*.wild", "127.0.0.1"), zone.a("known.wild", "127.0.0.2"))
    assert zone.at(r"\052.wild") in {one["Name"] for one in zone.records()}
    assert zone.addresses("any.wild") == {"127.0.0.1"}
    assert zone.addresses("known.wild") == {"127.0.0.2"}
    assert zone.ask("below.known.wild").rcode() == dns.rcode.NXDOMAIN


@pytest.mark.behaviour("R53-TEST-DNS-ANSWER")
def test_the_api_tells_what_the_name_servers_say(zone: HostedZone) -> None:
    zone.put(zone.a("tested", "127.0.0.1", "127.0.0.2"))
    tell = zone.client.test_dns_answer
    told = tell(HostedZoneId=zone.id, RecordName=zone.at("tested"), RecordType="A")
    assert (told["ResponseCode"], sorted(told["RecordData"])) == ("NOERROR", ["127.0.0.1", "127.0.0.2"])
    told = tell(HostedZoneId=zone.id, RecordName=zone.at("absent"), RecordType="A")
    assert (told["ResponseCode"], told.get("RecordData") or []) == ("NXDOMAIN", [])
    request = {"HostedZoneId": "Z0000000000000", "RecordName": zone.at("x"), "RecordType": "A"}
    zone.cloud.refused("NoSuchHostedZone", tell, **request)


@pytest.mark.behaviour("R53-CALCULATED-COUNTS-CHILDREN")
def test_a_calculated_check_needs_so_many_healthy_children(zone: HostedZone, checks: tuple[str, str]) -> None:
    def calculated(threshold: int) -> str:
        config = {"Type": "CALCULATED", "HealthThreshold": threshold, "ChildHealthChecks": list(checks)}
        made = zone.client.create_health_check(CallerReference=zone.cloud.name("sum"), HealthCheckConfig=config)
        return str(made["HealthCheck"]["Id"])

    sums = [calculated(threshold) for threshold in (0, 1, 2, 3)]
    try:
        zone.put(*(one for n, check in enumerate(sums) for one in _pair(zone, f"sum{n}", check, checks[0])))
        found = [zone.addresses(f"sum{n}") for n in range(4)]
        assert found == [{"127.0.0.1"}, {"127.0.0.1"}, {"127.0.0.2"}, {"127.0.0.2"}]
    finally:
        for check in sums:
            zone.client.delete_health_check(HealthCheckId=check)


@pytest.mark.behaviour("R53-CHECK-REFERENCE-ONCE")
def test_a_health_check_is_made_once_for_each_reference(zone: HostedZone) -> None:
    reference = zone.cloud.name("once")
    config = {"Type": "TCP", "IPAddress": "1.1.1.1", "Port": 443, "Disabled": True}
    create = zone.client.create_health_check
    made = create(CallerReference=reference, HealthCheckConfig=config)["HealthCheck"]["Id"]
    try:
        assert create(CallerReference=reference, HealthCheckConfig=config)["HealthCheck"]["Id"] == made
        for changed in ({"Port": 80}, {"FailureThreshold": 5}):
            other = {"CallerReference": reference, "HealthCheckConfig": config | changed}
            zone.cloud.refused("HealthCheckAlreadyExists", create, **other)
    finally:
        zone.client.delete_health_check(HealthCheckId=made)
    zone.cloud.refused("HealthCheckAlreadyExists", create, CallerReference=reference, HealthCheckConfig=config)


@pytest.mark.behaviour("R53-CHECK-VERSION")
def test_an_update_of_a_health_check_may_name_the_version_that_it_knows(zone: HostedZone) -> None:
    config = {"Type": "TCP", "IPAddress": "1.1.1.1", "Port": 443, "Disabled": True}
    made = zone.client.create_health_check(CallerReference=zone.cloud.name("version"), HealthCheckConfig=config)
    change = {"HealthCheckId": made["HealthCheck"]["Id"], "HealthCheckVersion": 1, "FailureThreshold": 5}
    try:
        updated = zone.client.update_health_check(**change)["HealthCheck"]
        assert (updated["HealthCheckVersion"], updated["HealthCheckConfig"]["FailureThreshold"]) == (2, 5)
        zone.cloud.refused("HealthCheckVersionMismatch", zone.client.update_health_check, **change)
    finally:
        zone.client.delete_health_check(HealthCheckId=change["HealthCheckId"])


class _Endpoint(HTTPServer):
    """An endpoint that is well or ill as told, and counts who looked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.status = 200
        self.looks = 0


class _Page(BaseHTTPRequestHandler):
    server: _Endpoint

    def do_GET(self) -> None:
        self.server.looks += 1
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b"all is well")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def _endpoint() -> Iterator[_Endpoint]:
    with _Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _watching(zone: HostedZone, port: int, **more: Any) -> str:
    config = {"Type": "HTTP", "IPAddress": "127.0.0.1", "Port": port, "ResourcePath": "/health", "RequestInterval": 10}
    made = zone.client.create_health_check(
        CallerReference=zone.cloud.name("watch"), HealthCheckConfig={**config, "FailureThreshold": 3, **more}
    )
    return str(made["HealthCheck"]["Id"])


def _told(zone: HostedZone, check: str) -> str:
    seen = zone.client.get_health_check_status(HealthCheckId=check)["HealthCheckObservations"]
    return str(seen[0]["StatusReport"]["Status"]) if seen else ""


@pytest.mark.lab_only
@pytest.mark.behaviour("R53-CHECKS-LOOK")
def test_an_endpoint_that_fails_three_times_moves_the_traffic_and_back(
    zone: HostedZone, checks: tuple[str, str]
) -> None:
    with _endpoint() as endpoint:
        check = _watching(zone, endpoint.server_address[1])
        zone.put(*_pair(zone, "watched", check, checks[0]))
        zone.cloud.until(lambda: "HTTP Status Code 200" in _told(zone, check), "a look that found it well")
        assert zone.addresses("watched") == {"127.0.0.1"}
        endpoint.status = 503
        before = endpoint.looks
        zone.cloud.until(lambda: zone.addresses("watched") == {"127.0.0.2"}, "the secondary answers")
        assert endpoint.looks >= before + 3
        assert "Failure: HTTP Status Code 503" in _told(zone, check)
        endpoint.status = 302
        zone.cloud.until(lambda: zone.addresses("watched") == {"127.0.0.1"}, "the primary answers again")
        failed = zone.client.get_health_check_last_failure_reason(HealthCheckId=check)["HealthCheckObservations"]
        assert "503" in failed[0]["StatusReport"]["Status"]
        zone.client.update_health_check(HealthCheckId=check, Inverted=True)
        zone.cloud.until(lambda: zone.addresses("watched") == {"127.0.0.2"}, "an inverted check moves the traffic")
        zone.client.update_health_check(HealthCheckId=check, Inverted=False, ResourcePath="/other")
    zone.cloud.until(lambda: zone.addresses("watched") == {"127.0.0.2"}, "a closed port is ill")
    zone.client.delete_health_check(HealthCheckId=check)


@pytest.mark.lab_only
@pytest.mark.behaviour("R53-CHECKS-READ-THE-BODY")
def test_a_check_may_look_for_a_string_or_only_connect(zone: HostedZone) -> None:
    with _endpoint() as endpoint, socket.create_server(("127.0.0.1", 0)) as mute:
        port = endpoint.server_address[1]
        looks = {
            _watching(zone, port, Type="HTTP_STR_MATCH", SearchString="is well"): "Success",
            _watching(zone, port, Type="HTTP_STR_MATCH", SearchString="is lost"): "Failure",
            _watching(zone, mute.getsockname()[1], Type="TCP"): "Success: Connected",
            _watching(zone, mute.getsockname()[1]): "Failure: Connection timed out",
            _watching(zone, 80, IPAddress="192.0.2.1"): "Failure: 192.0.2.1 is not on this machine",
        }
        for check, told in looks.items():
            zone.cloud.until(lambda check=check: _told(zone, check), f"a look: {told}")  # type: ignore[misc]
            assert _told(zone, check).startswith(told)
            zone.client.delete_health_check(HealthCheckId=check)


@pytest.mark.lab_only
@pytest.mark.behaviour("R53-CLIENTS-KEEP-THE-OLD-ANSWER")
def test_a_client_keeps_the_old_answer_until_its_time_to_live_is_over(zone: HostedZone) -> None:
    zone.put(zone.a("kept", "127.0.0.1", ttl=1200))  # two seconds here
    assert zone.addresses("kept", server="resolver") == {"127.0.0.1"}
    zone.in_sync(zone.change(("UPSERT", zone.a("kept", "127.0.0.2", ttl=60))))
    old = zone.ask("kept", server="resolver").answer[0]
    assert zone.addresses("kept") == {"127.0.0.2"}
    assert ([str(one) for one in old], 0 < old.ttl < 1200) == (["127.0.0.1"], True)
    zone.cloud.until(lambda: zone.addresses("kept", server="resolver") == {"127.0.0.2"}, "the old answer is over", 2400)


@pytest.mark.behaviour("RDS-NAME-WHILE-THERE")
def test_the_name_of_a_database_is_there_while_its_endpoint_is(cloud: Cloud, zone: HostedZone) -> None:
    rds, name = cloud.client("rds"), cloud.name("named")

    def found() -> dict[str, Any]:
        return dict(rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0])

    made = rds.create_db_instance(
        DBInstanceIdentifier=name,
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        MasterUsername="owner",
        MasterUserPassword="correct-horse-battery",
        BackupRetentionPeriod=0,
        Tags=cloud.tags,
    )["DBInstance"]
    assert "Endpoint" not in made
    host = str(cloud.until(lambda: found().get("Endpoint"), "an endpoint", 30_000)["Address"])
    cloud.until(lambda: zone.lookup(host), "the name is known")
    cloud.until(lambda: found()["DBInstanceStatus"] == "available", "available", 30_000)
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    cloud.until(lambda: not zone.lookup(host), "the name is forgotten", 30_000)
