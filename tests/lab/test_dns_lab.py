"""DNS of a whole lab: its ports in the status and the connection file, the command, and the end of it all."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dr.lab import life
from dr.lab.home import Home
from tests.lab.front_fixtures import PRIMARY, client, eventually, lab

ROOT = Path(__file__).parents[2]
DATABASE = f"receipts.cabc.{PRIMARY}.rds.amazonaws.com"


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with lab() as one:
        yield one


def resolve(home: Home, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "dr", "lab", "resolve", "--home", str(home.path), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def put(home: Home, zone: str, address: str) -> None:
    """Have `app` lead to an address, and wait until the name server says so."""
    route53 = client(home, "route53")
    values = [{"Value": address}]
    record = {"Name": "app.lab.test", "Type": "A", "TTL": 3600, "ResourceRecords": values}
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    change = route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)["ChangeInfo"]["Id"]
    eventually(lambda: route53.get_change(Id=change)["ChangeInfo"]["Status"] == "INSYNC")


def test_the_ports_are_told_in_the_status_and_in_the_connection_file(home: Home) -> None:
    shown = life.status(home)["dns"]
    assert json.loads(home.connection.read_text())["dns"] == shown
    assert shown.keys() == {"authority", "resolver"}
    status = [sys.executable, "-m", "dr", "lab", "status", "--home", str(home.path)]
    told = subprocess.run(status, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    assert shown["authority"] in told
    assert shown["resolver"] in told


def test_the_command_shows_what_a_client_believes_and_what_is_in_force(home: Home) -> None:
    made = client(home, "route53").create_hosted_zone(Name="lab.test", CallerReference="lab.test")
    zone = made["HostedZone"]["Id"]
    put(home, zone, "127.0.0.1")
    first = _told(resolve(home, "app.lab.test", "--json"))
    assert (first["status"], first["cached"], first["answers"][0]["ttl"]) == ("NOERROR", False, 3600)
    put(home, zone, "127.0.0.2")
    kept, fresh = (_told(resolve(home, "app.lab.test", "--json", *more)) for more in ((), ("--fresh",)))
    assert (kept["cached"], kept["answers"][0]["value"], kept["answers"][0]["ttl"] < 3600) == (True, "127.0.0.1", True)
    assert (fresh["cached"], fresh["answers"][0]["value"], fresh["answers"][0]["ttl"]) == (False, "127.0.0.2", 3600)
    assert "the resolver's cache" in resolve(home, "app.lab.test").stdout


def _told(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_the_command_knows_the_names_of_databases_and_says_when_there_is_none(home: Home) -> None:
    assert "127.0.0.1  5 s left" in resolve(home, DATABASE).stdout
    gone = resolve(home, f"gone-{DATABASE}")
    assert (gone.returncode, gone.stdout.split()[0]) == (1, "NXDOMAIN")
    # A zone that nobody has: there is no answer to keep.
    nowhere = resolve(home, "nobody.example.com")
    assert (nowhere.returncode, nowhere.stdout.split()[0]) == (1, "SERVFAIL")
    assert "the resolver, just now" in nowhere.stdout


@pytest.mark.parametrize("wrong", [("a..b",), ("x.test", "--type", "NONSENSE"), ("a" * 64 + ".test",)])
def test_what_is_no_question_is_refused(home: Home, wrong: tuple[str, ...]) -> None:
    done = resolve(home, *wrong)
    assert (done.returncode, "Traceback" in done.stderr, "hint:" in done.stderr) == (3, False, True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<",
        b"<Other/>",
        b"<ChangeResourceRecordSetsRequest/>",
        b"<ChangeResourceRecordSetsRequest><ChangeBatch><Changes><Change/></Changes></ChangeBatch>"
        b"</ChangeResourceRecordSetsRequest>",
        b"<ChangeResourceRecordSetsRequest><ChangeBatch><Changes><Change><Action>CREATE</Action><ResourceRecordSet>"
        b"<Name><a/></Name></ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>",
    ],
)
def test_a_malformed_request_is_refused_in_route_53s_words(home: Home, body: bytes) -> None:
    route53 = client(home, "route53")
    zone = route53.create_hosted_zone(Name="bad.test", CallerReference=repr(body))["HostedZone"]["Id"]
    route53.meta.events.register("before-call.route53.*", lambda params, **_: params.update(body=body))
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": {"Name": "x.bad.test", "Type": "A"}}]}
    with pytest.raises(ClientError) as caught:
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
    assert caught.value.response["Error"]["Code"] == "InvalidInput"


@pytest.mark.parametrize(
    "wrong",
    [
        b"<IPAddress>nonsense</IPAddress>",
        b"<Port>65536</Port>",
        b"<Port>" + b"9" * 5000 + b"</Port>",
        b"<FailureThreshold>0</FailureThreshold>",
        b"<ChildHealthChecks><ChildHealthCheck><a/></ChildHealthCheck></ChildHealthChecks>",
        b"<ResetElements><ResettableElementName>ResourcePath</ResettableElementName></ResetElements>",
    ],
)
def test_a_health_check_is_not_updated_to_what_cannot_be_looked_at(home: Home, wrong: bytes) -> None:
    route53 = client(home, "route53")
    config = {"Type": "HTTPS", "IPAddress": "127.0.0.1", "Disabled": True}
    made = route53.create_health_check(CallerReference=repr(wrong), HealthCheckConfig=config)["HealthCheck"]
    assert made["HealthCheckConfig"]["Port"] == 443
    body = b"<UpdateHealthCheckRequest>" + wrong + b"</UpdateHealthCheckRequest>"
    broken = client(home, "route53")
    broken.meta.events.register("before-call.route53.*", lambda params, **_: params.update(body=body))
    with pytest.raises(ClientError) as caught:
        broken.update_health_check(HealthCheckId=made["Id"])
    assert caught.value.response["Error"]["Code"] == "InvalidInput"
    assert route53.get_health_check(HealthCheckId=made["Id"])["HealthCheck"] == made


def test_no_port_is_left_open() -> None:
    with lab() as home:
        ports = [int(address.rpartition(":")[2]) for address in life.status(home)["dns"].values()]
    for port in ports:
        with socket.create_server(("127.0.0.1", port)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(("127.0.0.1", port))
