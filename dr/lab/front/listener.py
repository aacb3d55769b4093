"""A loopback HTTP/1.1 listener: reads one whole request, asks a function for the answer, keeps the connection.

It is our own thin layer over the standard library's server, and not a WSGI server, because a signature can only be
checked against the request as it came: the raw target and the raw header lines.
"""

import select
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from dr.lab.engine.ports import free_port
from dr.lab.front.exchange import Answer, Headers, Request
from dr.lab.front.watch import Lost, Watch

LARGEST_BODY = 5 * 1024**3
"""S3 takes five gigabytes in one request; nothing takes more."""

_IDLE_SECONDS = 300.0
_AT_ONCE = struct.pack("ii", 1, 0)
_GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR
_BIND_ATTEMPTS = 8


class _BadBody(Exception):  # noqa: N818 - the name says what is bad
    """The body is not what its headers say."""


class _Handler(BaseHTTPRequestHandler):
    server: "Listener"
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS

    def _serve(self) -> None:
        request = Request(self.command, self.path, Headers(self.headers.items()), b"", str(uuid4()))
        watch = self.server.watch
        try:
            if watch:
                watch.arrived(request, self._gone)
            if self._expects:
                self.send_response_only(HTTPStatus.CONTINUE)
                self.end_headers()
            request = replace(request, body=self._body())
            answer = (watch or self.server).answer(request)
            if watch:
                watch.leaving(request, self._gone)
            self._send(answer.identified(request.id))
        except _BadBody as problem:
            self.close_connection = True
            self.send_error(HTTPStatus.BAD_REQUEST, str(problem))
        except Lost:
            self.close_connection = True
            self.server.reset(self.connection)

    def handle_expect_100(self) -> bool:
        """ "Go on" is an answer too: it is given in `_serve`, once nothing is in its way."""
        self._expects = True
        return True

    def parse_request(self) -> bool:
        self._expects = False
        return super().parse_request()

    def _gone(self) -> bool:
        """Whether the client hung up, even where it left something unread."""
        look = select.poll()
        look.register(self.connection, _GONE)
        return bool(look.poll(0))

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = do_OPTIONS = _serve  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunked_body()
        declared = self.headers.get("Content-Length", "0").strip()
        if not declared.isdecimal() or int(declared) > LARGEST_BODY:
            raise _BadBody("the content length is not acceptable")
        return self._exactly(int(declared))

    def _chunked_body(self) -> bytes:
        parts: list[bytes] = []
        total = 0
        while True:
            line = self.rfile.readline(1024).split(b";", 1)[0].strip()
            try:
                size = int(line, 16)
            except ValueError as problem:
                raise _BadBody("the chunked body cannot be read") from problem
            total += size
            if size < 0 or total > LARGEST_BODY:
                raise _BadBody("the chunked body is too large")
            if size == 0:
                while self.rfile.readline(65536).strip():
                    pass
                return b"".join(parts)
            parts.append(self._exactly(size))
            self.rfile.readline(1024)

    def _exactly(self, size: int) -> bytes:
        body = self.rfile.read(size) if size else b""
        if len(body) != size:
            raise _BadBody("the connection ended before the body did")
        return body

    def _send(self, answer: Answer) -> None:
        head = [f"HTTP/1.1 {answer.status} {_phrase(answer.status)}"]
        length = str(len(answer.body))
        for name, value in answer.headers.lines:
            lower = name.lower()
            if lower == "content-length":
                length = value if self.command == "HEAD" else length
            elif lower not in ("connection", "transfer-encoding", "date", "server"):
                head.append(f"{name}: {value}")
        head.append(f"Date: {self.date_time_string()}")
        if answer.status not in (204, 304):
            head.append(f"Content-Length: {length}")
        if self.close_connection:
            head.append("Connection: close")
        raw = "\r\n".join(line.replace("\r", " ").replace("\n", " ") for line in head).encode("latin-1", "replace")
        raw += b"\r\n\r\n"
        if self.command == "HEAD" or answer.status in (204, 304) or not answer.body:
            self.wfile.write(raw)
        elif len(answer.body) < 65536:
            self.wfile.write(raw + answer.body)
        else:
            self.wfile.write(raw)
            self.wfile.write(answer.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What is not HTTP gets an AWS-like error too, and then the connection ends."""
        del message, explain
        self.close_connection = True
        name = _phrase(code).replace(" ", "")
        text = f"<Error><Code>{name}</Code><Message>this is not a request that this port knows</Message></Error>"
        self.command = getattr(self, "command", None) or "GET"
        self._send(Answer(code, Headers([("Content-Type", "application/xml")]), text.encode()))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Requests are not logged: the journal of who called what is the client's."""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


class Listener(ThreadingHTTPServer):
    """One port on the loopback address, and how many connections it has accepted."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, name: str, answer: Callable[[Request], Answer], watch: Watch | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.name = name
        self.answer = answer
        self.watch = watch
        self.accepted = 0
        self._thread: threading.Thread | None = None
        self._known: set[socket.socket] = set()
        self._lost: set[socket.socket] = set()
        self._knowing = threading.Lock()
        self._bind()
        self.server_activate()

    def _bind(self) -> None:
        """On a port asked for by its number: one that the kernel chose is lost when listening pauses."""
        for attempt in range(_BIND_ATTEMPTS):
            self.server_address = ("127.0.0.1", free_port())
            try:
                self.server_bind()
            except OSError:
                if attempt + 1 == _BIND_ATTEMPTS:
                    raise
            else:
                return

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Take connections, for the first time or again after `refuse`."""
        if self._thread is None:
            self.socket.listen(self.request_queue_size)
            self._thread = threading.Thread(
                target=self.serve_forever, args=(0.05,), name=f"listen {self.name}", daemon=True
            )
            self._thread.start()

    def refuse(self) -> None:
        """Take no more connections, but keep the port, and reset those that stand."""
        self._pause()
        with self._knowing:
            for known in self._known:
                self._lost.add(known)
                known.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                with suppress(OSError):  # its client has just hung up
                    known.shutdown(socket.SHUT_RD)  # wakes its thread, which closes it: our side says nothing

    def stop(self) -> None:
        """Accept nothing more and close the port. Requests in progress end with the process."""
        self._pause()
        self.server_close()

    def _pause(self) -> None:
        """A listening socket that is shut down refuses, keeps its port, and can listen again (Linux)."""
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
            self._thread = None
            self.socket.shutdown(socket.SHUT_RDWR)

    def reset(self, connection: socket.socket) -> None:
        """See that closing this connection resets it."""
        with self._knowing:
            self._lost.add(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.accepted += 1  # only the accepting thread comes here
        with self._knowing:
            self._known.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection: with a farewell, unless it is to be reset."""
        with self._knowing:
            self._known.discard(request)
            lost = request in self._lost
            self._lost.discard(request)
        if lost:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news; anything else is a bug and is shown in the lab's log."""
        del request, client_address
        problem = sys.exception() if sys.version_info >= (3, 12) else sys.exc_info()[1]
        if not isinstance(problem, ConnectionError | TimeoutError):
            traceback.print_exc()
