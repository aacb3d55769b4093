"""The control port: what the lab is doing, and how to end it, for whoever can read the token in its home."""

import json
import secrets
from collections.abc import Callable
from typing import Any

from dr.lab.front.exchange import Answer, Headers, Request


class Control:
    """Answers `GET /status` and `POST /stop` to a bearer of the token."""

    def __init__(self, token: str, status: Callable[[], dict[str, Any]], stop: Callable[[], None]) -> None:
        self._token = token
        self._status = status
        self._stop = stop

    def answer(self, request: Request) -> Answer:
        given = request.headers.get("Authorization").encode("latin-1", "replace")
        if not secrets.compare_digest(given, f"Bearer {self._token}".encode()):
            return _json(403, {"error": "the token is missing or wrong"})
        if (request.method, request.path) == ("GET", "/status"):
            return _json(200, self._status())
        if (request.method, request.path) == ("POST", "/stop"):
            self._stop()
            return _json(202, {"stopping": True})
        return _json(404, {"error": "there is GET /status and POST /stop"})


def _json(status: int, body: dict[str, Any]) -> Answer:
    return Answer(status, Headers([("Content-Type", "application/json")]), json.dumps(body, default=str).encode())
