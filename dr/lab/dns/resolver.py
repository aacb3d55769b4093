"""A caching resolver in front of the answers: what clients ask, and why they see old answers for a while.

The clock is AWS's. A time to live is written in AWS's seconds, like every other duration in the lab, so a record of 60
seconds is remembered for one second at sixty times the speed. If it ran on the clock of the wall instead, the part of a
failover that clients notice would last sixty times as long as all the rest of it. The times to live in the answers are
AWS's seconds too: what is left of them, as any cache would say it.

An answer that was just fetched carries the flag AA, one from the cache does not; that is how a client can tell.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from dr.lab.dns.answering import Answers, Reply

_Key = tuple[dns.name.Name, dns.rdatatype.RdataType]

ENTRIES = 10_000
LONGEST_CHAIN = 8


@dataclass(frozen=True)
class _Remembered:
    reply: Reply
    since: float
    lasting: float
    """AWS's seconds."""


class Resolver:
    """Follows CNAMEs from zone to zone and remembers every piece for its own time to live."""

    def __init__(self, answers: Answers, speed: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._answers = answers
        self._speed = speed
        self._clock = clock
        self._lock = threading.Lock()
        self._held: OrderedDict[_Key, _Remembered] = OrderedDict()

    def reply(self, name: dns.name.Name, type_: dns.rdatatype.RdataType) -> Reply:
        """The answer, from the cache where it is still good. Not authoritative once any piece of it is remembered."""
        whole = Reply()
        asked = name.canonicalize()
        for _ in range(LONGEST_CHAIN):
            piece = self._piece(asked, type_)
            whole.rcode = piece.rcode
            whole.authoritative = whole.authoritative and piece.authoritative
            whole.answer += piece.answer
            whole.authority = piece.authority
            last = piece.answer[-1] if piece.answer else None
            if last is None or last.rdtype != dns.rdatatype.CNAME or type_ == dns.rdatatype.CNAME:
                return whole
            asked = next(iter(last)).target.canonicalize()
            if any(rrset.name == asked for rrset in whole.answer):
                return whole
        return replace(whole, rcode=dns.rcode.SERVFAIL)

    def _piece(self, name: dns.name.Name, type_: dns.rdatatype.RdataType) -> Reply:
        """One step of a chain: what the cache has, or what the authority says of this very name."""
        for kind in dict.fromkeys((type_, dns.rdatatype.CNAME)):
            held = self._remembered((name, kind))
            if held is not None and (kind == type_ or held.answer):
                return held
        reply = self._answers.reply(name, type_, private=True)
        if not reply.authoritative:
            # Nobody here knows the name, or it was handed to servers elsewhere; and nobody else is asked.
            return Reply(dns.rcode.SERVFAIL, authoritative=False)
        if not reply.answer:
            self._remember((name, type_), reply, min((rrset.ttl for rrset in reply.authority), default=0))
            return reply
        first = Reply(answer=reply.answer[:1])
        self._remember((name, first.answer[0].rdtype), first, first.answer[0].ttl)
        return first

    def _remembered(self, key: _Key) -> Reply | None:
        with self._lock:
            held = self._held.get(key)
        if held is None:
            return None
        passed = (self._clock() - held.since) * self._speed
        if passed >= held.lasting:
            return None
        left = int(held.lasting - passed)
        return Reply(
            held.reply.rcode,
            authoritative=False,
            answer=[_lasting(rrset, left) for rrset in held.reply.answer],
            authority=[_lasting(rrset, left) for rrset in held.reply.authority],
        )

    def _remember(self, key: _Key, reply: Reply, lasting: int) -> None:
        if lasting <= 0:
            return
        with self._lock:
            self._held[key] = _Remembered(reply, self._clock(), lasting)
            self._held.move_to_end(key)
            if len(self._held) > ENTRIES:
                self._held.popitem(last=False)


def _lasting(rrset: dns.rrset.RRset, seconds: int) -> dns.rrset.RRset:
    return dns.rrset.from_rdata_list(rrset.name, seconds, list(rrset))
