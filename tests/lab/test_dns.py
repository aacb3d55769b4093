"""DNS on loopback: real sockets, dnspython as the client, zones put in by hand."""

import random
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver
import pytest

from dr.lab.dns.answering import Answers
from dr.lab.dns.health import Health
from dr.lab.dns.records import Alias, Record, Unreadable, canonical, wire_name
from dr.lab.dns.resolver import Resolver
from dr.lab.dns.server import DnsServer
from dr.lab.dns.zones import Zone, Zones
from tests.lab.front_fixtures import eventually

SPEED = 6000.0
APEX = "example.test."
DATABASE = "receipts.cabc.eu-west-1.rds.amazonaws.com"
BREAKING = "breaking.rds.amazonaws.com"
SOA = Record(APEX, "SOA", 900, ("ns.example.test. admin.example.test. 1 7200 900 1209600 86400",))
NS = Record(APEX, "NS", 172800, ("ns-1.awsdns.test.", "ns-2.awsdns.test."))


def a(name: str, *values: str, ttl: int = 60, **more: object) -> Record:
    return replace(Record(canonical(f"{name}.{APEX}"), "A", ttl, values), **more)  # type: ignore[arg-type]


RECORDS = (
    SOA,
    NS,
    a("plain", "127.0.0.1", "127.0.0.2"),
    a("*", "127.0.0.9"),
    a("deep.down", "127.0.0.3"),
    Record("mail.example.test.", "MX", 300, ("10 plain.example.test.",)),
    Record("six.example.test.", "AAAA", 60, ("::1",)),
    Record("note.example.test.", "TXT", 60, ('"v=1 a; b"', '"two" "parts"')),
    Record("long.example.test.", "TXT", 60, tuple(f'"{n:03d}{"x" * 200}"' for n in range(40))),
    Record("see.example.test.", "CNAME", 30, ("plain.example.test.",)),
    Record("away.example.test.", "CNAME", 30, ("elsewhere.other.test.",)),
    Record("round.example.test.", "CNAME", 30, ("round.example.test.",)),
    Record("child.example.test.", "NS", 300, ("ns.child.example.test.",)),
    Record("same.example.test.", "A", alias=Alias("Z1", "plain.example.test.", False)),
    Record("two.example.test.", "A", alias=Alias("Z1", "same.example.test.", True)),
    a("heavy", "127.0.1.1", set_identifier="a", weight=3),
    a("heavy", "127.0.1.2", set_identifier="b", weight=1),
    a("heavy", "127.0.1.3", set_identifier="c", weight=0),
    a("light", "127.0.1.1", set_identifier="a", weight=0),
    a("light", "127.0.1.2", set_identifier="b", weight=0),
    a("over", "127.0.2.1", set_identifier="p", failover="PRIMARY", health_check="p"),
    a("over", "127.0.2.2", set_identifier="s", failover="SECONDARY", health_check="s"),
    a("spare", "127.0.3.1", set_identifier="a", weight=5, health_check="p"),
    a("spare", "127.0.3.2", set_identifier="b", weight=0),
    *(a("many", f"127.0.4.{n}", set_identifier=str(n), multivalue=True) for n in range(12)),
    Record("onto.example.test.", "A", None, (), Alias("Z1", "over.example.test.", True), "1", failover="PRIMARY"),
    a("onto", "127.0.5.1", set_identifier="2", failover="SECONDARY"),
)
OTHER = (
    Record("other.test.", "SOA", 900, SOA.values),
    Record("other.test.", "NS", 60, NS.values),
    Record("elsewhere.other.test.", "A", 10, ("127.0.6.1",)),
)
SECRET = (Record("inside.test.", "SOA", 900, SOA.values), Record("db.inside.test.", "A", 10, ("127.0.7.1",)))


class Names:
    """A name server and a resolver over the zones above; `ill` are the health checks that fail."""

    def __init__(self) -> None:
        self.ill: set[str] = set()
        self.zones = Zones(SPEED)
        answers = Answers(self.zones, lambda check: check not in self.ill, self._resolves)
        self.server = DnsServer(answers, Health("000000000000", SPEED), SPEED)
        for identifier, apex, private, records in (
            ("Z1", APEX, False, RECORDS),
            ("Z2", "other.test.", False, OTHER),
            ("Z3", "inside.test.", True, SECRET),
        ):
            change = self.zones.submit(identifier, Zone.of(identifier, apex, private, records))
        self.server.start()
        eventually(lambda: self.zones.in_sync(change))

    @staticmethod
    def _resolves(host: str) -> bool:
        if host == BREAKING:
            raise ZeroDivisionError("this is what the test wants to see in the log")
        return host == DATABASE

    def port(self, which: str = "authority") -> int:
        return int(self.server.addresses()[which].rpartition(":")[2])

    def ask(self, name: str, type_: str = "A", which: str = "authority", **edns: int) -> dns.message.Message:
        query = dns.message.make_query(name if name.endswith(".") else f"{name}.{APEX}", type_, **edns)  # type: ignore[arg-type]
        return dns.query.udp(query, "127.0.0.1", timeout=5, port=self.port(which))


@pytest.fixture(scope="module")
def running() -> Iterator[Names]:
    made = Names()
    yield made
    made.server.stop()


@pytest.fixture
def names(running: Names) -> Names:
    running.ill.clear()
    return running


def values(answer: dns.message.Message) -> list[str]:
    return sorted(rdata.to_text() for rrset in answer.answer for rdata in rrset)


@pytest.mark.parametrize(
    ("name", "type_", "expected"),
    [
        ("plain", "A", ["127.0.0.1", "127.0.0.2"]),
        ("PLAIN", "A", ["127.0.0.1", "127.0.0.2"]),
        ("mail", "MX", ["10 plain.example.test."]),
        ("six", "AAAA", ["::1"]),
        ("note", "TXT", ['"two" "parts"', '"v=1 a; b"']),
        ("see", "CNAME", ["plain.example.test."]),
        ("see", "A", ["127.0.0.1", "127.0.0.2", "plain.example.test."]),
        ("away", "A", ["elsewhere.other.test."]),
        ("round", "A", ["round.example.test."]),
        ("anything", "A", ["127.0.0.9"]),
        ("any.depth.of.it", "A", ["127.0.0.9"]),
        ("same", "A", ["127.0.0.1", "127.0.0.2"]),
        ("two", "A", ["127.0.0.1", "127.0.0.2"]),
        (APEX, "SOA", list(SOA.values)),
        (APEX, "NS", list(NS.values)),
        ("plain", "ANY", ['"RFC8482" ""']),
    ],
)
def test_what_a_zone_answers(names: Names, name: str, type_: str, expected: list[str]) -> None:
    answer = names.ask(name, type_)
    assert (answer.rcode(), values(answer)) == (dns.rcode.NOERROR, sorted(expected))
    assert answer.flags & dns.flags.AA
    assert not answer.flags & dns.flags.RA


def test_an_answer_is_in_the_name_that_was_asked_and_an_alias_has_its_targets_time_to_live(names: Names) -> None:
    for name in ("anything", "two"):
        (rrset,) = names.ask(name).answer
        assert (rrset.name, rrset.ttl) == (dns.name.from_text(f"{name}.{APEX}"), 60)


@pytest.mark.parametrize(
    ("name", "type_", "rcode"),
    [
        ("plain", "TXT", dns.rcode.NOERROR),
        ("anything", "TXT", dns.rcode.NOERROR),
        ("down", "A", dns.rcode.NOERROR),  # nothing of its own, but something below it
        ("below.plain", "A", dns.rcode.NXDOMAIN),  # the wildcard stands beside `plain`, not below it
        ("same", "AAAA", dns.rcode.NOERROR),
    ],
)
def test_no_such_name_and_no_such_data_are_told_apart_and_both_carry_the_soa(
    names: Names, name: str, type_: str, rcode: dns.rcode.Rcode
) -> None:
    answer = names.ask(name, type_)
    assert (answer.rcode(), answer.answer) == (rcode, [])
    (soa,) = answer.authority
    assert (soa.rdtype, soa.ttl) == (dns.rdatatype.SOA, 900)


def test_what_was_handed_to_another_zone_is_referred(names: Names) -> None:
    answer = names.ask("host.child")
    assert (answer.rcode(), answer.answer, answer.flags & dns.flags.AA) == (dns.rcode.NOERROR, [], 0)
    assert [rrset.name.to_text() for rrset in answer.authority] == ["child.example.test."]


def test_what_nobody_here_knows_is_refused_and_private_zones_are_not_for_the_public(names: Names) -> None:
    assert names.ask("example.org.").rcode() == dns.rcode.REFUSED
    assert names.ask("db.inside.test.").rcode() == dns.rcode.REFUSED
    assert names.ask("example.org.", which="resolver").rcode() == dns.rcode.SERVFAIL
    assert values(names.ask("db.inside.test.", which="resolver")) == ["127.0.7.1"]


def test_the_resolver_does_not_take_a_referral_for_an_answer_of_nothing(names: Names) -> None:
    assert names.ask("host.child", which="resolver").rcode() == dns.rcode.SERVFAIL


def test_a_databases_name_leads_here_while_it_has_an_endpoint(names: Names) -> None:
    answer = names.ask(f"{DATABASE}.")
    assert (values(answer), answer.answer[0].ttl) == (["127.0.0.1"], 5)
    assert names.ask(f"{DATABASE}.", "AAAA").rcode() == dns.rcode.NOERROR
    assert names.ask(f"gone.{DATABASE}.").rcode() == dns.rcode.NXDOMAIN


def test_weights_share_the_answers_and_zero_has_none(names: Names) -> None:
    seen = Counter(values(names.ask("heavy"))[0] for _ in range(400))
    assert seen.keys() == {"127.0.1.1", "127.0.1.2"}
    assert 230 <= seen["127.0.1.1"] <= 360  # 300 of 400, eight standard deviations either way
    assert {values(names.ask("light"))[0] for _ in range(60)} == {"127.0.1.1", "127.0.1.2"}


def test_a_weight_of_zero_answers_when_all_others_are_ill(names: Names) -> None:
    assert {values(names.ask("spare"))[0] for _ in range(20)} == {"127.0.3.1"}
    names.ill.add("p")
    assert {values(names.ask("spare"))[0] for _ in range(20)} == {"127.0.3.2"}


@pytest.mark.parametrize(
    ("ill", "expected"), [("", "127.0.2.1"), ("p", "127.0.2.2"), ("s", "127.0.2.1"), ("ps", "127.0.2.1")]
)
def test_failover_goes_to_the_secondary_and_back_and_both_ill_is_the_primary(
    names: Names, ill: str, expected: str
) -> None:
    names.ill.update(ill)
    assert values(names.ask("over")) == [expected]


def test_an_alias_may_be_as_ill_as_its_target(names: Names) -> None:
    assert values(names.ask("onto")) == ["127.0.2.1"]
    names.ill.update("ps")
    assert values(names.ask("onto")) == ["127.0.5.1"]


def test_a_multivalue_answer_holds_eight(names: Names) -> None:
    assert len(values(names.ask("many"))) == 8


@pytest.mark.parametrize("which", ["authority", "resolver"])
def test_what_is_too_long_is_truncated_and_comes_whole_over_tcp(names: Names, which: str) -> None:
    for edns in ({}, {"use_edns": 0, "payload": 1232}, {"use_edns": 0, "payload": 65535}):
        short = names.ask("long", "TXT", which, **edns)
        assert short.flags & dns.flags.TC
        assert short.answer == []
    query = dns.message.make_query(f"long.{APEX}", "TXT")
    whole, by_tcp = dns.query.udp_with_fallback(query, "127.0.0.1", timeout=5, port=names.port(which))
    assert by_tcp
    assert len(values(whole)) == 40


def test_edns_is_answered_in_kind(names: Names) -> None:
    assert names.ask("plain").edns == -1
    assert names.ask("plain", use_edns=0).edns == 0
    assert names.ask("plain", use_edns=1).rcode() == dns.rcode.BADVERS


def test_what_is_no_question_is_told_so(names: Names) -> None:
    update = dns.message.make_query(f"plain.{APEX}", "A")
    update.set_opcode(dns.opcode.STATUS)
    assert dns.query.udp(update, "127.0.0.1", timeout=5, port=names.port()).rcode() == dns.rcode.NOTIMP
    assert names.ask("plain", "AXFR").rcode() == dns.rcode.REFUSED


def test_garbage_kills_nothing(names: Names) -> None:
    dice = random.Random(7)  # noqa: S311 - repeatable noise
    good = dns.message.make_query(f"plain.{APEX}", "A", use_edns=0).to_wire()
    for which in ("authority", "resolver"):
        port = names.port(which)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
            for number in range(300):
                if number % 50 == 0:  # more than this at once would be lost in the kernel
                    assert values(names.ask("plain", which=which)) == ["127.0.0.1", "127.0.0.2"]
                packet = bytearray(good if dice.random() < 0.7 else dice.randbytes(dice.randrange(80)))
                for _ in range(dice.randrange(6)):
                    if packet:
                        packet[dice.randrange(len(packet))] = dice.randrange(256)
                noise.sendto(bytes(packet), ("127.0.0.1", port))
        for sent in (
            b"",
            b"\x00",
            struct.pack("!H", 12) + b"\xff" * 12,
            struct.pack("!H", 9) + b"short",
            b"GET / HTTP",
        ):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as stream:
                stream.sendall(sent)
    for which in ("authority", "resolver"):
        assert values(names.ask("plain", which=which)) == ["127.0.0.1", "127.0.0.2"]
    query = dns.message.make_query(f"plain.{APEX}", "A")
    assert values(dns.query.tcp(query, "127.0.0.1", timeout=5, port=names.port())) == ["127.0.0.1", "127.0.0.2"]


@pytest.mark.parametrize("which", ["authority", "resolver"])
def test_what_breaks_inside_is_a_failure_for_one_and_nothing_for_the_next(
    names: Names, which: str, capfd: pytest.CaptureFixture[str]
) -> None:
    query = dns.message.make_query(f"{BREAKING}.", "A")
    for ask in (dns.query.udp, dns.query.tcp):
        answer = ask(query, "127.0.0.1", timeout=5, port=names.port(which))
        assert answer.rcode() == dns.rcode.SERVFAIL
    assert capfd.readouterr().err.count("this is what the test wants to see in the log") >= 2
    assert values(names.ask("plain", which=which)) == ["127.0.0.1", "127.0.0.2"]


def test_many_who_connect_and_say_nothing_keep_nobody_out_for_longer_than_they_stay(names: Names) -> None:
    query = dns.message.make_query(f"plain.{APEX}", "A")
    with ExitStack() as silent:
        for _ in range(220):
            silent.enter_context(socket.create_connection(("127.0.0.1", names.port()), timeout=5))
        assert values(names.ask("plain")) == ["127.0.0.1", "127.0.0.2"]
    eventually(lambda: _by_stream(names, query) == ["127.0.0.1", "127.0.0.2"])


def _by_stream(names: Names, query: dns.message.Message) -> list[str] | None:
    try:
        return values(dns.query.tcp(query, "127.0.0.1", timeout=5, port=names.port()))
    except (EOFError, OSError):
        return None  # there are too many still


@pytest.mark.parametrize("tail", [b"\x3f", b"\xc0\x0c\x00\x01\x00\x01"], ids=["cut off", "a name that leads to itself"])
def test_a_header_that_cannot_be_read_on_is_a_format_error(names: Names, tail: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + tail, ("127.0.0.1", names.port()))
        answer = client.recv(512)
    assert answer[:2] == b"\x12\x34"
    assert answer[3] & 0x0F == dns.rcode.FORMERR


def test_the_stock_resolver_of_a_library_is_content(names: Names) -> None:
    stock = dns.resolver.Resolver(configure=False)
    stock.nameservers, stock.port = ["127.0.0.1"], names.port("resolver")
    assert [str(found) for found in stock.resolve(f"away.{APEX}")] == ["127.0.6.1"]
    with pytest.raises(dns.resolver.NXDOMAIN):
        stock.resolve(f"below.plain.{APEX}")


class Clock:
    """Seconds of this machine, moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _resolver(zones: Zones, clock: Callable[[], float]) -> Callable[[str], tuple[list[str], int, bool]]:
    resolver = Resolver(Answers(zones, lambda _: True, lambda _: False), 60.0, clock)

    def look(name: str) -> tuple[list[str], int, bool]:
        reply = resolver.reply(dns.name.from_text(f"{name}.{APEX}"), dns.rdatatype.A)
        found = reply.answer[-1:] or reply.authority
        return [str(rdata) for rrset in reply.answer[-1:] for rdata in rrset], found[0].ttl, reply.authoritative

    return look


def _publish(zones: Zones, *records: Record) -> None:
    change = zones.submit("Z1", Zone.of("Z1", APEX, False, (SOA, NS, *records)))
    eventually(lambda: zones.in_sync(change))


def test_the_resolver_keeps_an_answer_for_its_time_to_live_on_aws_clock() -> None:
    zones, clock = Zones(SPEED), Clock()
    look = _resolver(zones, clock)
    _publish(zones, a("app", "127.0.0.1"))
    assert look("app") == (["127.0.0.1"], 60, True)
    _publish(zones, a("app", "127.0.0.2"))
    clock.now = 0.5  # half a minute at sixty times the speed
    assert look("app") == (["127.0.0.1"], 30, False)
    clock.now = 0.99
    assert look("app") == (["127.0.0.1"], 0, False)
    clock.now = 1.0
    assert look("app") == (["127.0.0.2"], 60, True)


def test_the_resolver_keeps_each_link_of_a_chain_for_its_own_time() -> None:
    zones, clock = Zones(SPEED), Clock()
    look = _resolver(zones, clock)
    _publish(zones, Record(f"www.{APEX}", "CNAME", 600, (f"app.{APEX}",)), a("app", "127.0.0.1", ttl=60))
    assert look("www") == (["127.0.0.1"], 60, True)
    _publish(zones, Record(f"www.{APEX}", "CNAME", 600, (f"new.{APEX}",)), a("app", "127.0.0.2", ttl=60))
    clock.now = 1.0
    assert look("www") == (["127.0.0.2"], 60, False)


def test_the_resolver_remembers_too_that_there_was_nothing() -> None:
    zones, clock = Zones(SPEED), Clock()
    look = _resolver(zones, clock)
    _publish(zones)
    assert look("app") == ([], 900, True)
    _publish(zones, a("app", "127.0.0.1"))
    clock.now = 14.9
    assert look("app") == ([], 6, False)
    clock.now = 15.0
    assert look("app") == (["127.0.0.1"], 60, True)


def test_a_change_is_answered_from_only_when_it_is_in_sync_and_as_a_whole() -> None:
    zones = Zones(30.0)  # one second from the change to the name servers
    change = zones.submit("Z1", Zone.of("Z1", APEX, False, RECORDS))
    assert not zones.in_sync(change)
    assert zones.zone("Z1") is None
    eventually(lambda: zones.in_sync(change))
    assert zones.zone("Z1") is not None


@pytest.mark.parametrize("name", ["a" * 64 + ".test", "a..b", ".".join(["a" * 60] * 6)])
def test_what_is_no_name_is_unreadable(name: str) -> None:
    with pytest.raises(Unreadable):
        wire_name(name)


def test_the_asterisk_is_kept_in_octal() -> None:
    assert canonical("*.Example.test") == r"\052.example.test."
    assert wire_name(canonical("*.example.test")) == dns.name.from_text("*.example.test.")


def test_nothing_listens_after_the_end_and_streams_are_closed() -> None:
    names = Names()
    ports = [names.port(), names.port("resolver")]
    with socket.create_connection(("127.0.0.1", ports[0]), timeout=5) as stream:
        query = dns.message.make_query(f"plain.{APEX}", "A")
        assert values(dns.query.tcp(query, "127.0.0.1", timeout=5, sock=stream)) == ["127.0.0.1", "127.0.0.2"]
        names.server.stop()
        assert stream.recv(1) == b""
    for port in ports:
        with socket.create_server(("127.0.0.1", port)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(("127.0.0.1", port))
