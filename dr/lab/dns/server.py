"""The sockets of the name server and of the resolver, and the one thread that serves them and looks at endpoints.

Both answer over UDP and TCP on one number each, on the loopback address only.
"""

import asyncio
import errno
import socket
import struct
import sys
import threading
import traceback
from typing import cast

import dns.rcode

from dr.lab.dns import wire
from dr.lab.dns.answering import Answers
from dr.lab.dns.health import Health
from dr.lab.dns.resolver import Resolver

_HOST = "127.0.0.1"
_IDLE_SECONDS = 30.0
_MOST_STREAMS = 200
_TRIES = 50


class _Port:
    """One number, for datagrams and for streams."""

    def __init__(self, name: str, ask: wire.Asked, *, recursive: bool) -> None:
        self.name = name
        self._ask = ask
        self._recursive = recursive
        self.streams, self.datagrams = _pair()
        self.open_streams: set[asyncio.StreamWriter] = set()

    @property
    def number(self) -> int:
        return int(self.streams.getsockname()[1])

    def respond(self, packet: bytes, *, stream: bool) -> bytes | None:
        """The answer to a packet; whatever breaks inside, the next packet is answered."""
        try:
            return wire.respond(packet, self._ask, stream=stream, recursive=self._recursive)
        except Exception:  # noqa: BLE001 - the edge of the server: the client hears of a failure, the log says why
            traceback.print_exc(file=sys.stderr)
            return wire.bare(packet, dns.rcode.SERVFAIL)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client over TCP until it ends, idles, or there are too many of them (RFC 7766)."""
        self.open_streams.add(writer)
        try:
            while len(self.open_streams) <= _MOST_STREAMS:
                async with asyncio.timeout(_IDLE_SECONDS):
                    (size,) = struct.unpack("!H", await reader.readexactly(2))
                    answer = self.respond(await reader.readexactly(size), stream=True)
                    if answer is None:
                        return
                    writer.write(struct.pack("!H", len(answer)) + answer)
                    await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            return  # the client went away, or says nothing
        finally:
            self.open_streams.discard(writer)
            writer.close()

    def close(self) -> None:
        self.streams.close()
        self.datagrams.close()


def _pair() -> tuple[socket.socket, socket.socket]:
    """A free port number that both kinds of sockets get."""
    for _ in range(_TRIES):
        streams = socket.create_server((_HOST, 0))
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            datagrams.bind((_HOST, streams.getsockname()[1]))
        except OSError as problem:
            streams.close()
            datagrams.close()
            if problem.errno != errno.EADDRINUSE:
                raise
        else:
            return streams, datagrams
    raise OSError(errno.EADDRINUSE, "no port number is free for UDP and TCP together")


class _Datagrams(asyncio.DatagramProtocol):
    """Answers each packet to where it came from."""

    def __init__(self, port: _Port) -> None:
        self._port = port
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Python 3.11's own transport for datagrams does not say by its class that it is one.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._port.respond(data, stream=False)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


class DnsServer:
    """The name server and the resolver. The ports are bound from the start; `start` begins to answer."""

    def __init__(self, answers: Answers, health: Health, speed: float) -> None:
        self._answers = answers
        self._health = health
        self._ports = (
            _Port("authority", answers.reply, recursive=False),
            _Port("resolver", Resolver(answers, speed).reply, recursive=True),
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._work, name="dns", daemon=True)

    def addresses(self) -> dict[str, str]:
        """`authority` and `resolver`, each as host:port for UDP and TCP alike."""
        return {port.name: f"{_HOST}:{port.number}" for port in self._ports}

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Answer nothing more, and close every socket."""
        if self._loop is not None and self._end is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join()
        for port in self._ports:
            port.close()

    def _work(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._health.attend(self._loop, self._answers.address)
        servers, transports = [], []
        for port in self._ports:
            servers.append(await asyncio.start_server(port.converse, sock=port.streams))
            made, _ = await self._loop.create_datagram_endpoint(lambda port=port: _Datagrams(port), sock=port.datagrams)  # type: ignore[misc]
            transports.append(made)
        self._ready.set()
        await self._end.wait()
        for server in servers:
            server.close()
        for transport in transports:
            transport.abort()
        for stream in [stream for port in self._ports for stream in port.open_streams]:
            stream.transport.abort()
        await asyncio.sleep(0)  # a transport closes its socket in the loop's next round
