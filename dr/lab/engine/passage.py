"""One client and its connection to the server: bytes go both ways, late, or not at all, as the road has it."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

HIGH_WATER = 1 << 20
"""Bytes that may wait for one slow reader before the other side is asked to pause."""
_AT_ONCE = struct.pack("ii", 1, 0)


@dataclass
class Road:
    """What holds for all gates of one region, and what has come along. Changed in the thread of the gates only."""

    mode: str = "open"
    """open, blackhole, refuse, error (refuses, and lets established connections end by themselves) or slow."""
    delay: float = 0.0
    accepted: int = 0
    """Connections that any gate of this road took, also those that were then left without an answer."""
    followers: set[Callable[[], None]] = field(default_factory=set)
    """What to call when the mode has changed."""

    @property
    def closed(self) -> bool:
        return self.mode in ("refuse", "error")


class Passage:
    """One client and its server. `everyone` holds the passage for as long as it lasts."""

    def __init__(self, road: Road, everyone: "set[Passage]") -> None:
        self.task: asyncio.Task[None] | None = None
        self._road = road
        self._everyone = everyone
        everyone.add(self)
        self._client = _End(self, road, answers=False)
        self._server = _End(self, road, answers=True)
        self._client.other, self._server.other = self._server, self._client

    async def begin(self, client: socket.socket, behind: int) -> None:
        """Connect to the server, and then hand over the client: a PostgreSQL server never speaks first."""
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self._server, "127.0.0.1", behind)
            await loop.connect_accepted_socket(lambda: self._client, client)
        except OSError:
            # The server is not up: the client sees what it would see without a gate.
            self.ended()
            self._server.abort()
            reset(client)
        else:
            self.follow()

    def follow(self) -> None:
        """Read on, fall silent, or end, as the road has it now."""
        if self._road.mode == "refuse":
            self.reset()
            return
        for end in (self._client, self._server):
            end.hold(self._road.mode == "blackhole")

    def reset(self) -> None:
        """End both connections at once."""
        self._client.abort()
        self._server.abort()

    def ended(self) -> None:
        self._everyone.discard(self)


class _End(asyncio.Protocol):
    """One side of a passage: what it reads goes to the other side."""

    def __init__(self, passage: Passage, road: Road, *, answers: bool) -> None:
        self.other = self
        self._passage = passage
        self._road = road
        self._answers = answers
        self._transport: asyncio.Transport | None = None
        self._silent = self._full = self._paused = self._over = False
        self._late: deque[tuple[float, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a gate passes streams")
        self._transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER)
        if self.other._over:
            self.close()

    def data_received(self, data: bytes) -> None:
        if self._answers and (self._late or self._road.mode == "slow"):
            loop = asyncio.get_running_loop()
            self._late.append((loop.time() + self._road.delay, data))
            self._deliver()
        else:
            self.other.send(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        self._passage.ended()
        if exc is not None:
            self.other.abort()
        elif not self._late:
            self.other.close()

    def pause_writing(self) -> None:
        self.other.choke(True)

    def resume_writing(self) -> None:
        self.other.choke(False)

    def send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Hang up, after what was sent has left."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Reset the connection, and forget what was to be sent."""
        self._late.clear()
        if self._transport is not None and not self._over:
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            self._transport.abort()

    def hold(self, silent: bool) -> None:
        self._silent = silent
        self._adjust()
        if self._late and not silent:
            self._deliver()

    def choke(self, full: bool) -> None:
        """The other side cannot take more, or can again."""
        self._full = full
        self._adjust()

    def _adjust(self) -> None:
        wanted = self._silent or self._full
        if self._transport is None or wanted == self._paused or self._transport.is_closing():
            return
        self._paused = wanted
        if wanted:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _deliver(self) -> None:
        """Send on what is due; all of it once the road is open again."""
        loop = asyncio.get_running_loop()
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._silent:
            return
        while self._late and (self._late[0][0] <= loop.time() or self._road.mode == "open"):
            self.other.send(self._late.popleft()[1])
        if self._late:
            self._timer = loop.call_at(self._late[0][0], self._deliver)
        elif self._over:
            self.other.close()


def reset(client: socket.socket) -> None:
    """Close a socket so that its peer learns it by a reset."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    client.close()
