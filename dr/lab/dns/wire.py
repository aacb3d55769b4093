"""Packets in and out: what is a question, what is not, and what fits into a datagram.

Source: RFC 1035 (messages), RFC 6891 (EDNS), RFC 2181 section 9 (truncation).
"""

from collections.abc import Callable

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from dr.lab.dns.answering import Reply

SMALLEST, LARGEST = 512, 4096
"""Octets of a datagram: without EDNS, and the most that we send with it."""

Asked = Callable[[dns.name.Name, dns.rdatatype.RdataType], Reply]
_META = {dns.rdatatype.AXFR, dns.rdatatype.IXFR, dns.rdatatype.OPT, dns.rdatatype.TSIG, dns.rdatatype.TKEY}


def respond(packet: bytes, ask: Asked, *, stream: bool, recursive: bool) -> bytes | None:
    """The answer to a packet, or None where no answer is owed: to what is no query at all.

    `stream` says that it came over TCP, where nothing is truncated; `recursive` that we resolve for whoever asks.
    """
    if len(packet) < 12 or packet[2] & 0x80:
        return None  # not even a header, or an answer: to answer that could go on for ever
    try:
        query = dns.message.from_wire(packet)
    except (dns.exception.DNSException, ValueError):
        return bare(packet, dns.rcode.FORMERR)
    response = dns.message.make_response(query, recursion_available=recursive, our_payload=LARGEST)
    if query.edns > 0:
        response.set_rcode(dns.rcode.BADVERS)
    elif query.opcode() != dns.opcode.QUERY:
        response.set_rcode(dns.rcode.NOTIMP)
    elif len(query.question) != 1:
        response.set_rcode(dns.rcode.FORMERR)
    else:
        question = query.question[0]
        if question.rdclass != dns.rdataclass.IN or question.rdtype in _META:
            response.set_rcode(dns.rcode.REFUSED)
        else:
            _fill(response, ask(question.name, question.rdtype))
    return _packed(response, _room(query, stream=stream))


def bare(packet: bytes, rcode: dns.rcode.Rcode) -> bytes:
    """An error without its question: the id and the kind of query from the header are all that is taken over."""
    flags = (0x8000 | (packet[2] & 0x79) << 8 | int(rcode)).to_bytes(2, "big")
    return packet[:2] + flags + bytes(8)


def _fill(response: dns.message.Message, reply: Reply) -> None:
    response.set_rcode(reply.rcode)
    if reply.authoritative:
        response.flags |= dns.flags.AA
    response.answer = reply.answer
    response.authority = reply.authority


def _room(query: dns.message.Message, *, stream: bool) -> int:
    if stream:
        return 65535
    return min(max(query.payload, SMALLEST), LARGEST) if query.edns >= 0 else SMALLEST


def _packed(response: dns.message.Message, room: int) -> bytes:
    """The packet; where it does not fit, one that says so and holds nothing, so that the client asks over TCP."""
    try:
        return response.to_wire(max_size=room)
    except dns.exception.TooBig:
        response.answer, response.authority, response.additional = [], [], []
        response.flags |= dns.flags.TC
        return response.to_wire(max_size=room)
