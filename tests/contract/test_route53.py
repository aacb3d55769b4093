"""Route 53's API: what may be changed, and when a change counts."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.cloud import Cloud
from tests.contract.dns_fixtures import HostedZone, check_that_is, hosted_zone
from tests.lab import front_fixtures


@pytest.fixture(scope="module")
def zone(cloud: Cloud) -> Iterator[HostedZone]:
    with hosted_zone(cloud) as made:
        yield made


def _failover(zone: HostedZone, label: str, role: str, address: str, check: str | None = None) -> dict[str, Any]:
    more = {"SetIdentifier": role.lower(), "Failover": role} | ({"HealthCheckId": check} if check else {})
    return zone.a(label, address, **more)


@pytest.mark.behaviour("R53-PENDING-THEN-INSYNC")
def test_a_change_is_pending_before_it_is_in_sync(zone: HostedZone) -> None:
    made = zone.client.change_resource_record_sets(
        HostedZoneId=zone.id, ChangeBatch=zone.batch(("CREATE", zone.a("pending", "127.0.0.1")))
    )
    assert made["ChangeInfo"]["Status"] == "PENDING"
    delay = 10 if zone.cloud.on_aws else 1
    waiter = zone.client.get_waiter("resource_record_sets_changed")
    waiter.wait(Id=made["ChangeInfo"]["Id"], WaiterConfig={"Delay": delay, "MaxAttempts": 30})
    assert zone.status(made["ChangeInfo"]["Id"]) == "INSYNC"


@pytest.mark.lab_only
@pytest.mark.behaviour("R53-LISTED-BEFORE-ANSWERED")
def test_a_pending_change_is_listed_already_and_not_answered_yet(zone: HostedZone) -> None:
    zone.put(zone.a("moving", "127.0.0.1"))
    for turn in range(2, 40):
        change = zone.change(("UPSERT", zone.a("moving", f"127.0.0.{turn}")))
        listed = [one for one in zone.records() if one["Name"] == zone.at("moving")]
        answered = zone.addresses("moving")
        pending = zone.status(change) == "PENDING"
        assert listed[0]["ResourceRecords"] == [{"Value": f"127.0.0.{turn}"}]
        zone.in_sync(change)
        assert zone.addresses("moving") == {f"127.0.0.{turn}"}
        if pending:  # it still was when the name server had answered
            assert answered == {f"127.0.0.{turn - 1}"}
            return
    raise AssertionError("every change was in sync before anybody could look")


@pytest.mark.behaviour("R53-NO-SUCH-CHANGE")
def test_a_change_that_nobody_made_is_unknown(zone: HostedZone) -> None:
    zone.cloud.refused("NoSuchChange", zone.client.get_change, Id="C00000000000000000XX")


@pytest.mark.behaviour("R53-CREATE-REFUSES-EXISTING")
def test_what_exists_cannot_be_created(zone: HostedZone) -> None:
    zone.change(("CREATE", zone.a("there", "127.0.0.1")))
    message = zone.refused("InvalidChangeBatch", ("CREATE", zone.a("there", "127.0.0.2")))
    assert "but it already exists" in message


@pytest.mark.behaviour("R53-BATCH-IS-ATOMIC")
def test_one_wrong_change_refuses_the_whole_batch_and_every_wrong_one_is_named(zone: HostedZone) -> None:
    before = zone.records()
    message = zone.refused(
        "InvalidChangeBatch",
        ("CREATE", zone.a("good", "127.0.0.1")),
        ("DELETE", zone.a("first", "127.0.0.1")),
        ("DELETE", zone.a("second", "127.0.0.1")),
    )
    assert zone.at("first") in message
    assert zone.at("second") in message
    assert zone.records() == before


@pytest.mark.behaviour("R53-POLICY-IS-FIXED")
def test_an_upsert_cannot_change_the_routing_policy(zone: HostedZone) -> None:
    primary, secondary = (
        _failover(zone, "policy", role, address)
        for role, address in (("PRIMARY", "127.0.0.1"), ("SECONDARY", "127.0.0.2"))
    )
    primary["HealthCheckId"] = check_that_is(zone.cloud, zone.client, well=True)
    assert primary["HealthCheckId"] in [one["Id"] for one in zone.client.list_health_checks()["HealthChecks"]]
    zone.change(("CREATE", primary), ("CREATE", secondary))
    simple = zone.a("policy", "127.0.0.3")
    zone.refused("InvalidChangeBatch", ("UPSERT", simple))
    weighted = zone.a("policy", "127.0.0.3", SetIdentifier="primary", Weight=1)
    zone.refused("InvalidChangeBatch", ("UPSERT", weighted))
    zone.change(("DELETE", primary), ("DELETE", secondary), ("CREATE", simple))
    zone.client.delete_health_check(HealthCheckId=primary["HealthCheckId"])
    assert [one.get("Failover") for one in zone.records() if one["Name"] == zone.at("policy")] == [None]


@pytest.mark.behaviour("R53-DELETE-IS-EXACT")
def test_a_deletion_must_say_exactly_what_is_there(zone: HostedZone) -> None:
    there = zone.a("exact", "127.0.0.1", "127.0.0.2")
    zone.change(("CREATE", there))
    for wrong in (zone.a("exact", "127.0.0.1"), zone.a("exact", "127.0.0.1", "127.0.0.2", ttl=61)):
        assert "do not match the current values" in zone.refused("InvalidChangeBatch", ("DELETE", wrong))
    assert "it was not found" in zone.refused("InvalidChangeBatch", ("DELETE", zone.a("nothing", "127.0.0.1")))
    zone.change(("DELETE", there))


@pytest.mark.behaviour("R53-HEALTH-CHECK-MUST-EXIST")
def test_a_record_names_a_health_check_that_exists(zone: HostedZone) -> None:
    bogus = "11111111-2222-3333-4444-555555555555"
    with pytest.raises(ClientError) as caught:
        zone.change(("CREATE", _failover(zone, "bogus", "PRIMARY", "127.0.0.1", bogus)))
    assert caught.value.response["Error"]["Code"] in ("NoSuchHealthCheck", "InvalidChangeBatch", "InvalidInput")
    for call in (zone.client.get_health_check_status, zone.client.delete_health_check):
        zone.cloud.refused("NoSuchHealthCheck", call, HealthCheckId=bogus)


@pytest.mark.behaviour("R53-APEX-STAYS")
def test_the_name_servers_of_a_zone_and_its_authority_cannot_be_deleted(zone: HostedZone) -> None:
    apex = [one for one in zone.records() if one["Name"] == zone.name]
    assert {one["Type"] for one in apex} == {"NS", "SOA"}
    for record in apex:
        zone.refused("InvalidChangeBatch", ("DELETE", record))


@pytest.mark.behaviour("R53-CNAME-STANDS-ALONE")
def test_a_cname_stands_alone_and_never_at_the_apex(zone: HostedZone) -> None:
    zone.change(("CREATE", zone.a("taken", "127.0.0.1")))
    cname = {"Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": zone.at("elsewhere")}]}
    for name in (zone.name, zone.at("taken")):
        zone.refused("InvalidChangeBatch", ("CREATE", {"Name": name, **cname}))
    two = cname | {"ResourceRecords": [{"Value": zone.at(label)} for label in ("here", "there")]}
    zone.refused("InvalidChangeBatch", ("CREATE", {"Name": zone.at("two"), **two}))
    zone.change(("DELETE", zone.a("taken", "127.0.0.1")), ("CREATE", {"Name": zone.at("taken"), **cname}))


@pytest.mark.behaviour("R53-OUTSIDE-THE-ZONE")
def test_a_record_lies_inside_of_its_zone(zone: HostedZone) -> None:
    outside = zone.a("x", "127.0.0.1") | {"Name": f"x{zone.name}"}
    assert "is not permitted in zone" in zone.refused("InvalidChangeBatch", ("CREATE", outside))


@pytest.mark.behaviour("R53-VALUES-ARE-READ")
@pytest.mark.parametrize(("type_", "value"), [("A", "127.0.0.256"), ("AAAA", "127.0.0.1"), ("TXT", "not quoted")])
def test_a_value_must_be_one_of_its_type(zone: HostedZone, type_: str, value: str) -> None:
    record = zone.a("wrong", value) | {"Type": type_}
    assert "Invalid Resource Record" in zone.refused("InvalidChangeBatch", ("CREATE", record))


@pytest.mark.behaviour("R53-UPSERT-COUNTS-TWICE")
def test_a_batch_holds_a_thousand_records_and_an_upserted_one_counts_twice(zone: HostedZone) -> None:
    def many(action: str) -> list[tuple[str, dict[str, Any]]]:
        addresses = [f"10.{n // 250}.0.{n % 250}" for n in range(501)]
        return [(action, zone.a(f"many{n // 100}", *addresses[n : n + 100])) for n in range(0, 501, 100)]

    zone.refused("InvalidChangeBatch", *many("UPSERT"))
    zone.change(*many("CREATE"))
    zone.change(*many("DELETE"))


@pytest.mark.behaviour("R53-ALIAS-TARGET-EXISTS")
def test_an_alias_needs_a_target_in_its_own_zone(zone: HostedZone) -> None:
    def alias(target: str, holder: HostedZone = zone) -> dict[str, Any]:
        leads = {"HostedZoneId": holder.id, "DNSName": holder.at(target), "EvaluateTargetHealth": False}
        return {"Name": zone.at("alias"), "Type": "A", "AliasTarget": leads}

    zone.refused("InvalidChangeBatch", ("CREATE", alias("nobody")))
    with hosted_zone(zone.cloud, zone.client) as other:
        other.put(other.a("somebody", "127.0.0.1"))
        zone.refused("InvalidChangeBatch", ("CREATE", alias("somebody", other)))
    zone.put(zone.a("somebody", "127.0.0.1", ttl=77), alias("somebody"))
    (answer,) = zone.ask("alias").answer
    assert (answer.ttl, [str(one) for one in answer]) == (77, ["127.0.0.1"])


@pytest.mark.behaviour("R53-LISTED-BY-TURNED-NAMES")
def test_records_are_listed_by_their_labels_from_the_right_page_by_page(zone: HostedZone) -> None:
    groups = [zone.a("page", "127.0.0.1", SetIdentifier=str(n), Weight=1) for n in range(5)]
    zone.change(*(("CREATE", one) for one in (zone.a("b.page", "127.0.0.1"), zone.a("paged", "127.0.0.1"), *groups)))
    pages = zone.client.get_paginator("list_resource_record_sets").paginate(
        HostedZoneId=zone.id, PaginationConfig={"PageSize": 2}
    )
    seen = [
        (one["Name"], one["Type"], one.get("SetIdentifier", "")) for page in pages for one in page["ResourceRecordSets"]
    ]
    assert seen == sorted(set(seen), key=lambda one: (".".join(one[0].split(".")[::-1][1:]) + ".", *one[1:]))
    zone.cloud.refused("InvalidInput", zone.client.list_resource_record_sets, HostedZoneId=zone.id, StartRecordType="A")


@pytest.mark.behaviour("R53-ZONE-REFERENCE-ONCE")
def test_a_zone_is_made_once_for_each_reference(zone: HostedZone) -> None:
    create = zone.client.create_hosted_zone
    zone.cloud.refused("HostedZoneAlreadyExists", create, Name=zone.name, CallerReference=zone.reference)
    second = create(Name=zone.name, CallerReference=zone.cloud.name("again"))["HostedZone"]["Id"]
    assert second.rpartition("/")[2] != zone.id
    zone.client.delete_hosted_zone(Id=second)
    zone.cloud.refused("NoSuchHostedZone", zone.client.get_hosted_zone, Id=second)


@pytest.mark.behaviour("R53-ZONE-NOT-EMPTY")
def test_a_zone_with_records_cannot_be_deleted(zone: HostedZone) -> None:
    zone.change(("CREATE", zone.a("keeps", "127.0.0.1")))
    zone.cloud.refused("HostedZoneNotEmpty", zone.client.delete_hosted_zone, Id=zone.id)


@pytest.mark.behaviour("R53-ONE-CREATE-WINS")
def test_of_many_who_create_the_same_record_one_wins(zone: HostedZone) -> None:
    gate = threading.Barrier(16)

    def create(number: int) -> str:
        gate.wait()
        try:
            zone.change(("CREATE", zone.a("race", f"127.0.0.{number}")))
        except ClientError as refused:
            return str(refused.response["Error"]["Code"])
        return "made"

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(create, range(1, 17)))
    assert outcomes.count("made") == 1
    assert set(outcomes) <= {"made", "InvalidChangeBatch", "PriorRequestNotComplete", "Throttling"}


@pytest.fixture(scope="module")
def slow(cloud: Cloud) -> Iterator[Any]:
    """A client of a lab whose time does not fly, where five in a second is little; on AWS the account itself."""
    if cloud.on_aws:
        yield cloud.client("route53")
        return
    with front_fixtures.lab(speed=1.0) as home:
        yield Cloud(home, 1.0).client("route53")


@pytest.mark.behaviour("R53-FIVE-IN-A-SECOND")
def test_more_than_five_requests_in_a_second_are_throttled(slow: Any) -> None:
    def ask(_: int) -> str:
        try:
            slow.get_hosted_zone_count()
        except ClientError as refused:
            return str(refused.response["Error"]["Code"])
        return "answered"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(ask, range(40)))
    assert set(outcomes) == {"answered", "Throttling"}


@pytest.mark.lab_only
@pytest.mark.behaviour("R53-PRIOR-REQUEST")
def test_a_zone_takes_one_change_at_a_time(cloud: Cloud, slow: Any) -> None:
    def patiently(call: Any, **request: Any) -> Any:
        def once() -> Any:
            try:
                return call(**request)
            except ClientError as refused:
                if refused.response["Error"]["Code"] != "Throttling":
                    raise
                return None

        return cloud.until(once, "there was room for one more request")

    made = patiently(slow.create_hosted_zone, Name="prior.example.test", CallerReference="prior")
    batches = [HostedZone.batch(("UPSERT", _record(f"{n}.prior.example.test."))) for n in range(2)]
    gate = threading.Barrier(2)

    def change(batch: dict[str, Any]) -> str:
        gate.wait()
        try:
            slow.change_resource_record_sets(HostedZoneId=made["HostedZone"]["Id"], ChangeBatch=batch)
        except ClientError as refused:
            return str(refused.response["Error"]["Code"])
        return "made"

    def once() -> list[str] | None:
        with ThreadPoolExecutor(2) as pool:
            outcomes = sorted(pool.map(change, batches))
        return outcomes if "PriorRequestNotComplete" in outcomes else None

    assert cloud.until(once, "two changes of one zone met") == ["PriorRequestNotComplete", "made"]


def _record(name: str) -> dict[str, Any]:
    return {"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "127.0.0.1"}]}
