"""One look at an endpoint, as Route 53's health checkers take it.

Source of what counts as healthy: botocore's model of HealthCheckConfig: a TCP connection; for HTTP and HTTPS a status
of 2xx or 3xx; for a string match the string within the first 5,120 bytes of the body. Assumed: the seconds within which
each of them must come, that a string match needs such a status too, that no certificate is validated, and the wording
of what is told of a look.

Nothing but loopback is connected to. AWS's checkers refuse local and private addresses; the lab must not reach others.
"""

import asyncio
import ipaddress
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from dr.lab.dns.records import Unreadable

CONNECT_TCP, CONNECT_HTTP, ANSWER = 10.0, 4.0, 2.0
"""AWS's seconds. Assumed: ten for a TCP check to connect; four for an HTTP check, and two more for its answer."""
SHORTEST = 0.5
"""Seconds here that any endpoint is given, however fast the lab's time passes: the endpoint lives in real time."""
SEARCHED = 5120
_HEAD = 16_384
"""Bytes of an answer's head that are read at most."""


@dataclass(frozen=True)
class Target:
    """What to look at. `kind` is one of HTTP, HTTPS, HTTP_STR_MATCH, HTTPS_STR_MATCH and TCP."""

    kind: str
    address: str | None
    host: str | None
    port: int
    path: str
    search: str

    @property
    def encrypted(self) -> bool:
        return self.kind.startswith("HTTPS")


@dataclass(frozen=True)
class Seen:
    """What one look found; `told` is the status as GetHealthCheckStatus words it."""

    well: bool
    told: str


async def look(target: Target, address_of: Callable[[str], str | None], speed: float) -> Seen:
    """Connect to the target and judge it. Whatever goes wrong at the other end is a finding, not an error."""
    try:
        address = target.address or (address_of(target.host) if target.host else None)
    except Unreadable:
        address = None
    if address is None:
        return Seen(False, "Failure: DNS resolution failed: there is no such name")
    if not ipaddress.ip_address(address).is_loopback:
        return Seen(False, f"Failure: {address} is not on this machine, and the lab connects to nothing else")
    try:
        return await _judge(target, address, speed)
    except TimeoutError:
        return Seen(False, "Failure: Connection timed out. The endpoint or the internet connection is down")
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as problem:
        return Seen(False, f"Failure: {problem or type(problem).__name__}")


async def _judge(target: Target, address: str, speed: float) -> Seen:
    patience = max(SHORTEST, (CONNECT_TCP if target.kind == "TCP" else CONNECT_HTTP) / speed)
    async with asyncio.timeout(patience):
        reader, writer = await asyncio.open_connection(
            address, target.port, limit=_HEAD, ssl=_unvalidated() if target.encrypted else None
        )
    try:
        if target.kind == "TCP":
            return Seen(True, f"Success: Connected to {address} on port {target.port}")
        async with asyncio.timeout(max(SHORTEST, ANSWER / speed)):
            writer.write(_request(target, address))
            return await _read(target, address, reader)
    finally:
        writer.transport.abort()


def _unvalidated() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _request(target: Target, address: str) -> bytes:
    host = target.host or address
    shown = host if target.port in (80, 443) else f"{host}:{target.port}"
    path = target.path if target.path.startswith("/") else f"/{target.path}"
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {shown}",
        "Connection: close",
        "User-Agent: Amazon-Route53-Health-Check-Service (lab)",
    )
    return ("\r\n".join(line.replace("\r", "").replace("\n", "") for line in lines) + "\r\n\r\n").encode()


async def _read(target: Target, address: str, reader: asyncio.StreamReader) -> Seen:
    head = await reader.readuntil(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
    if not words[0].startswith("HTTP/") or len(words) < 2 or not re.fullmatch("[0-9]{3}", words[1]):
        return Seen(False, "Failure: The endpoint did not answer with HTTP")
    status = int(words[1])
    told = f"HTTP Status Code {status}, {words[2] if len(words) > 2 else ''}. Resolved IP: {address}"
    if not 200 <= status < 400:
        return Seen(False, f"Failure: {told}")
    if target.kind.endswith("STR_MATCH"):
        body = await _beginning(reader)
        if target.search.encode() not in body:
            return Seen(False, f"Failure: {told}. The string was not in the first {SEARCHED} bytes")
    return Seen(True, f"Success: {told}")


async def _beginning(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while len(body) < SEARCHED and (more := await reader.read(SEARCHED - len(body))):
        body += more
    return body
