"""One port for all endpoint names of a DB cluster: the name in a client's TLS handshake decides where it goes.

On AWS every endpoint has an address of its own, and they share a port number. Here they share the address as well.
libpq names the host that it wants before anything is encrypted, as browsers do; the bytes then pass through to the
server, which speaks TLS itself.
"""

import asyncio
import ssl
import struct
from collections.abc import Callable

from dr.errors import Unable
from dr.lab.engine.cluster import PORT_ATTEMPTS
from dr.lab.engine.ports import free_port
from dr.lab.engine.tls_front import CANCEL_REQUEST, CHUNK, HANDSHAKE_SECONDS, SSL_REQUEST, Listener, join, opening

LONGEST_HELLO = 1 << 16


class Door(Listener):
    """Takes clients to the server that serves the name they ask for, and hangs up where there is none."""

    def __init__(self, port: int, choose: Callable[[str], int | None], everyone: Callable[[], list[int]]) -> None:
        self._choose = choose
        self._everyone = everyone
        super().__init__(port)

    @classmethod
    def open(cls, choose: Callable[[str], int | None], everyone: Callable[[], list[int]]) -> "Door":
        """A door at a free port. `choose` answers a host name with a server's port, `everyone` with all of them."""
        for _ in range(PORT_ATTEMPTS):
            try:
                return cls(free_port(), choose, everyone)
            except OSError:
                # Somebody took the port between the look and the call.
                continue
        raise Unable("no free port for a cluster's endpoints", hint="something takes ports faster than the lab")

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            length, code = await opening(reader, writer)
            if code == CANCEL_REQUEST:
                await self._cancel(struct.pack("!II", length, code) + await reader.readexactly(8))
                return
            if code != SSL_REQUEST:
                return
            writer.write(b"S")
            await writer.drain()
            name, hello = await _hello(reader)
            port = self._choose(name)
            if port is None:
                return
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
            server_writer.write(struct.pack("!II", 8, SSL_REQUEST))
            await server_writer.drain()
            if await server_reader.readexactly(1) != b"S":
                server_writer.close()
                return
            server_writer.write(hello)
        await join(reader, writer, server_reader, server_writer)

    async def _cancel(self, request: bytes) -> None:
        """A request to cancel names no host, only a process: every server hears it, and all but one ignore it."""
        for port in self._everyone():
            _, server_writer = await asyncio.open_connection("127.0.0.1", port)
            server_writer.write(request)
            await server_writer.drain()
            server_writer.close()


async def _hello(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """The host name that a client asks for (empty where it names none), and the bytes in which it said so."""
    asked: list[str] = []

    def note(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> int:
        asked.append(name or "")
        return int(ssl.AlertDescription.ALERT_DESCRIPTION_USER_CANCELLED)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = note
    heard, said = ssl.MemoryBIO(), b""
    listening = context.wrap_bio(heard, ssl.MemoryBIO(), server_side=True)
    while not asked:
        chunk = await reader.read(CHUNK)
        said += chunk
        if not chunk or len(said) > LONGEST_HELLO:
            raise ssl.SSLError("no client hello")
        heard.write(chunk)
        try:
            listening.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLError:
            # Ours: the name is all that we wanted of this handshake. Without it the bytes were no TLS.
            if not asked:
                raise
    return asked[0], said
