"""Ask the lab's resolver, or its name server, one question over the wire: what `dr lab resolve` does."""

from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from dr.errors import Refused, Unable

_PATIENCE = 5.0


def ask(dns_addresses: dict[str, str], name: str, type_: str, *, fresh: bool) -> dict[str, Any]:
    """The answer as plain data. With `fresh` it is the name server that is asked, which remembers nothing.

    Raises Refused for what is no name or type, Unable when there is no answer at all.
    """
    server = dns_addresses["authority" if fresh else "resolver"]
    host, _, port = server.rpartition(":")
    try:
        query = dns.message.make_query(name, dns.rdatatype.from_text(type_), use_edns=0, payload=1232)
    except (dns.exception.DNSException, ValueError, UnicodeError) as problem:
        raise Refused(f"{name!r} {type_!r} is no question for DNS: {problem}", hint="try `NAME --type A`") from problem
    try:
        answer, _ = dns.query.udp_with_fallback(query, host, timeout=_PATIENCE, port=int(port))
    except (dns.exception.DNSException, OSError) as problem:
        raise Unable(
            f"{server} does not answer: {problem or type(problem).__name__}", hint="is the lab up? see `dr lab status`"
        ) from problem
    return {
        "name": query.question[0].name.to_text(),
        "type": dns.rdatatype.to_text(query.question[0].rdtype),
        "server": server,
        "status": dns.rcode.to_text(answer.rcode()),
        "cached": not fresh and answer.rcode() != dns.rcode.SERVFAIL and not answer.flags & dns.flags.AA,
        "answers": [
            {
                "name": rrset.name.to_text(),
                "type": dns.rdatatype.to_text(rrset.rdtype),
                "ttl": rrset.ttl,
                "value": rdata.to_text(),
            }
            for rrset in answer.answer
            for rdata in rrset
        ],
    }
