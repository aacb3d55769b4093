"""A port in front of a server, where packets can be lost: bytes pass untouched while the road is open.

TLS is not ended here, so nothing can be said to a client, only withheld. All gates of a lab share one thread: what
passes costs one copy in and one out.
"""

import asyncio
import errno
import select
import socket
import threading
from collections.abc import Callable

from dr.lab.engine.passage import Passage, Road, reset
from dr.lab.engine.ports import free_port

LOOK_AGAIN = 0.1
BACKLOG = 256
_GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR


class Gatehouse:
    """The thread that all gates live in. What touches sockets runs there, and nowhere else."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="gates", daemon=True)
        self._thread.start()

    def set(self, road: Road, mode: str, delay: float = 0.0) -> None:
        """Change what holds on a road, for established connections too."""

        def change() -> None:
            road.mode, road.delay = mode, delay
            for follow in list(road.followers):
                follow()

        self.call(change)

    def call(self, work: Callable[[], None]) -> None:
        """Run in the thread of the gates and wait for it; errors come back."""

        async def job() -> None:
            work()

        asyncio.run_coroutine_threadsafe(job(), self.loop).result(timeout=30)

    def close(self) -> None:
        """End the thread, and with it every connection. Servers are stopped before."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=30)
        self.loop.close()


class Gate:
    """One port, and whoever came through it. `admits` says of a peer's address whether a *new* connection may pass."""

    def __init__(self, house: Gatehouse, road: Road) -> None:
        self.port = 0
        self.accepted = 0
        self.admits: Callable[[str], bool] = lambda address: True  # noqa: ARG005
        self._house = house
        self._road = road
        self._behind = 0
        self._listener: socket.socket | None = None
        self._open = False
        self._waiting: list[tuple[socket.socket, str]] = []
        self._looking: asyncio.TimerHandle | None = None
        self._passages: set[Passage] = set()

    def open(self, behind: int) -> int:
        """Let clients through to a port; returns the gate's own, which it keeps until it is closed for good."""

        def work() -> None:
            if self._listener is None:
                self._listener, self.port = _bound()
            self._behind = behind
            self._road.followers.add(self.follow)
            self._listen(not self._road.closed)

        self._house.call(work)
        return self.port

    def shut(self) -> None:
        """Refuse new connections and keep the port: the server stops, and says goodbye to its clients itself."""
        if self._listener is not None:
            self._house.call(lambda: self._forget(close=False))

    def close(self) -> None:
        """End everything and give the port back."""
        if self._listener is not None:
            self._house.call(lambda: self._forget(close=True))

    def follow(self) -> None:
        """Do to every connection what the road's mode says. Call it in the thread of the gates."""
        self._listen(bool(self._behind) and not self._road.closed)
        for passage in list(self._passages):
            passage.follow()
        if self._road.closed:
            self._drop_waiting()
        else:
            self._look()

    def _forget(self, *, close: bool) -> None:
        self._behind = 0
        self._road.followers.discard(self.follow)
        self._listen(False)
        self._drop_waiting()
        if close:
            for passage in list(self._passages):
                passage.reset()
            if self._listener is not None:
                self._listener.close()
            self._listener = None

    def _listen(self, wanted: bool) -> None:
        """A listening socket that is shut down refuses, keeps its port, and can listen again (Linux)."""
        if self._listener is None or wanted == self._open:
            return
        self._open = wanted
        if wanted:
            self._listener.listen(BACKLOG)
            self._house.loop.add_reader(self._listener, self._accept)
        else:
            self._house.loop.remove_reader(self._listener)
            self._listener.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        if self._listener is None:
            return
        try:
            client, address = self._listener.accept()
        except OSError:
            return  # it went away between the packet and us
        client.setblocking(False)
        self.accepted += 1
        self._road.accepted += 1
        self._waiting.append((client, address[0]))
        self._look()

    def _look(self) -> None:
        """Let in who may come in now. The others wait, as for packets that are dropped, until they give up."""
        if self._looking:
            self._looking.cancel()
            self._looking = None
        waiting, self._waiting = self._waiting, []
        for client, address in waiting:
            if _gone(client):
                client.close()
            elif self._road.mode != "blackhole" and self.admits(address):
                passage = Passage(self._road, self._passages)
                passage.task = self._house.loop.create_task(passage.begin(client, self._behind))
            else:
                self._waiting.append((client, address))
        if self._waiting:
            self._looking = self._house.loop.call_later(LOOK_AGAIN, self._look)

    def _drop_waiting(self) -> None:
        while self._waiting:
            reset(self._waiting.pop()[0])


def _bound() -> tuple[socket.socket, int]:
    """A socket on a port that was asked for by its number: one that the kernel chose is lost when listening ends."""
    while True:
        port = free_port()
        bound = socket.socket()
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.setblocking(False)
            bound.bind(("127.0.0.1", port))
        except OSError as problem:
            bound.close()
            if problem.errno != errno.EADDRINUSE:
                raise
        else:
            return bound, port


def _gone(client: socket.socket) -> bool:
    """Whether a client hung up, even where it left something unread."""
    look = select.poll()
    look.register(client, _GONE)
    return bool(look.poll(0))
