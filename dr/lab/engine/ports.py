"""Ports that nobody listens on."""

import socket
import threading

_choosing = threading.Lock()
_recent: set[int] = set()


def free_port() -> int:
    """A port that nobody listened on a moment ago, and that was not handed out just before."""
    with _choosing:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            if port not in _recent:
                _recent.add(port)
                return port
