"""Speaks TLS for a server that was built without it, as the PostgreSQL of the Python wheels is.

A client asks for TLS with a packet of its own before anything else; after the handshake the bytes are PostgreSQL's and
pass through untouched. Clients that do not ask are turned away, as `hostssl` would, unless told otherwise.
"""

import asyncio
import ssl
import struct
import threading
from pathlib import Path

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
CHUNK = 1 << 16
HANDSHAKE_SECONDS = 30
TURNED_AWAY = b"SFATAL\0C28000\0Mconnections without TLS are not accepted\0\0"


class Listener:
    """A port with a thread of its own; each connection is one conversation."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._loop = asyncio.new_event_loop()
        self._connections: set[asyncio.Task[None]] = set()
        try:
            self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", port))
        except OSError:
            self._loop.close()
            raise
        self._thread = threading.Thread(
            target=self._loop.run_forever, name=f"{type(self).__name__} {port}", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening and drop every connection."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(timeout=30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=30)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served by a task")
        self._connections.add(task)
        try:
            await self._converse(reader, writer)
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError):
            # The client or the server hung up, or the front closes, which is how conversations end.
            return
        finally:
            self._connections.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError


class TlsFront(Listener):
    """Speaks TLS with clients, and with the one server behind it without."""

    def __init__(self, port: int, behind: int, certificate: Path, key: Path) -> None:
        self.behind = behind
        self.required = True
        """Whether clients that do not ask for TLS are turned away."""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        super().__init__(port)

    def certify(self, certificate: Path, key: Path) -> None:
        """Use another certificate for connections from now on."""
        self._context.load_cert_chain(certificate, key)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            length, code = await opening(reader, writer)
            if code == CANCEL_REQUEST:
                first = struct.pack("!II", length, code) + await reader.readexactly(8)
            elif code == SSL_REQUEST:
                writer.write(b"S")
                await writer.drain()
                await writer.start_tls(self._context)
                first = b""
            elif not self.required:
                first = struct.pack("!II", length, code)
            else:
                writer.write(b"E" + struct.pack("!I", len(TURNED_AWAY) + 4) + TURNED_AWAY)
                await writer.drain()
                return
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.behind)
            server_writer.write(first)
        await join(reader, writer, server_reader, server_writer)


async def opening(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, int]:
    """The length and the code of a client's first packet; encryption by GSS is declined."""
    length, code = await _packet(reader)
    if code == GSS_REQUEST:
        writer.write(b"N")
        await writer.drain()
        length, code = await _packet(reader)
    return length, code


async def join(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    server_reader: asyncio.StreamReader,
    server_writer: asyncio.StreamWriter,
) -> None:
    """Carry bytes between a client and a server until one of them hangs up."""
    try:
        ways = [
            asyncio.create_task(_pump(reader, server_writer)),
            asyncio.create_task(_pump(server_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
    finally:
        server_writer.close()


async def _packet(reader: asyncio.StreamReader) -> tuple[int, int]:
    length, code = struct.unpack("!II", await reader.readexactly(8))
    return length, code


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while chunk := await source.read(CHUNK):
        sink.write(chunk)
        await sink.drain()
